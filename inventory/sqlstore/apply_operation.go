package sqlstore

import (
	"context"

	"github.com/storagesnap/storagesnap/inventory"
)

func (a *application) changeOperation(ctx context.Context) error {
	values := a.operation
	values[len(values)-1] = a.now
	if a.sql.operationCount.text != "" {
		if _, err := a.exec(ctx, a.sql.operationCount, values); err != nil {
			return err
		}
	}
	c := a.Operation
	if c.IfEpoch == 0 {
		return a.insertOperation(ctx, c)
	}
	mode := operationMode{c.TakeOver, c.Restart}
	done, err := one(a.exec(ctx, a.sql.operationTouch[mode], values))
	if err != nil {
		return err
	}
	if done {
		_, err := a.exec(ctx, a.sql.linkUpdate, a.linkKey())
		return err
	}
	done, err = one(a.exec(ctx, a.sql.operationUpdate[mode], values))
	if err != nil {
		return err
	}
	if !done {
		return a.explainOperation(ctx)
	}
	if _, err := a.exec(ctx, a.sql.linkDelete, a.linkKey()); err != nil {
		return err
	}
	return a.insertLinks(ctx, c)
}

func (a *application) insertOperation(ctx context.Context, c *inventory.OperationChange) error {
	done, err := one(a.exec(ctx, a.sql.operationInsert, a.operation))
	if err != nil {
		return err
	}
	if !done {
		return a.explainOperation(ctx)
	}
	return a.insertLinks(ctx, c)
}

func (a *application) insertLinks(ctx context.Context, c *inventory.OperationChange) error {
	for _, id := range c.Operation.Volumes {
		if _, err := a.exec(ctx, a.sql.linkInsert, append(a.linkKey(), idValue(id), nil)); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) linkKey() []any { return []any{idValue(a.Operation.Operation.ID)} }

// explainOperation says why a statement did not meet its operation.
func (a *application) explainOperation(ctx context.Context) error {
	c := a.Operation
	id := c.Operation.ID
	stored, err := a.storedOperation(ctx)
	if err != nil {
		return err
	}
	switch {
	case stored.epoch == 0:
		return stale("operation %s: not there, want epoch %d", id, c.IfEpoch)
	case c.IfEpoch == 0:
		return stale("operation %s: exists already", id)
	case stored.epoch != c.IfEpoch:
		return stale("operation %s: has epoch %d, not %d: another process took it over", id, stored.epoch, c.IfEpoch)
	case c.Restart:
		return stale("operation %s: is %s; only a failed one begins anew", id, stored.state)
	}
	if !inventory.OperationState(stored.state).Open() {
		return stale("operation %s: is %s and has ended", id, stored.state)
	}
	if c.IfSeq > 0 && stored.seq != c.IfSeq {
		return stale("operation %s: was written since it was read", id)
	}
	return stale("operation %s: leased by %s for now", id, stored.leaseOwner)
}

// storedOperation is what the database has of the change's operation; epoch 0 stands for "not there".
type storedOperation struct {
	epoch             int64
	change            []byte
	state, leaseOwner string
	seq               int64
}

func (a *application) storedOperation(ctx context.Context) (storedOperation, error) {
	var s storedOperation
	_, err := a.find(ctx, a.sql.operationRead, a.operation, &s.epoch, &s.change, &s.state, &s.leaseOwner, &s.seq)
	return s, err
}
