package memory

import (
	"fmt"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
)

// operation writes the operation if its epoch, its lease and its state allow that.
func (t *transaction) operation(c *inventory.OperationChange) error {
	before, _ := t.operations.byID.get(c.Operation.ID)
	if err := t.checkEpoch(c, before); err != nil {
		return err
	}
	after := copyOperation(&c.Operation)
	t.seq++
	after.Seq = t.seq
	after.LeaseUntil = time.Time{}
	if c.LeaseTTL > 0 {
		after.LeaseUntil = stored(t.now.Add(c.LeaseTTL))
	}
	t.operations.replace(t.edit, before, &after)
	return nil
}

func (t *transaction) checkEpoch(c *inventory.OperationChange, before *inventory.Operation) error {
	id := c.Operation.ID
	switch {
	case before == nil && c.IfEpoch == 0:
		return nil
	case before == nil:
		return fmt.Errorf("inventory: operation %s: not there, want epoch %d: %w", id, c.IfEpoch, inventory.ErrStale)
	case before.Epoch != c.IfEpoch:
		return fmt.Errorf("inventory: operation %s: has epoch %d, not %d: %w", id, before.Epoch, c.IfEpoch, inventory.ErrStale)
	case c.Restart && before.State != inventory.Failed:
		return fmt.Errorf("inventory: operation %s: is %s; only a failed one begins anew: %w", id, before.State, inventory.ErrStale)
	case c.TakeOver && !before.State.Open():
		return fmt.Errorf("inventory: operation %s: is %s and has ended: %w", id, before.State, inventory.ErrStale)
	case c.IfSeq > 0 && before.Seq != c.IfSeq:
		return fmt.Errorf("inventory: operation %s: was written since it was read: %w", id, inventory.ErrStale)
	case c.TakeOver && before.LeaseOwner != c.Operation.LeaseOwner && !leaseExpired(before, t.now):
		return fmt.Errorf("inventory: operation %s: leased by %s until %s: %w",
			id, before.LeaseOwner, before.LeaseUntil, inventory.ErrStale)
	}
	return nil
}
