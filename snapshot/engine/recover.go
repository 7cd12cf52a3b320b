package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// recoverLoop finds, again and again, operations that wait for time or that a dead process left.
func (e *Engine) recoverLoop() {
	for pause(e.base, e.opts.Poll) == nil {
		if err := e.heedWishes(e.base); err != nil && e.base.Err() == nil {
			e.log.Error("wishes about operations cannot be listed; tried again", "error", err)
		}
		if err := e.recoverOnce(e.base, false); err != nil && e.base.Err() == nil {
			e.log.Error("open operations cannot be listed; tried again", "error", err)
		}
	}
}

// recoverOnce takes up every open operation that nobody works on: whose lease has ended, or that this owner left when it
// died or lost its grip. starting: operations that wait for a retry are retried at once.
func (e *Engine) recoverOnce(ctx context.Context, starting bool) error {
	seen := make(map[inventory.OperationID]bool)
	for _, q := range []inventory.OperationQuery{
		{Open: true, LeaseExpired: true}, {Open: true, LeaseOwner: e.opts.Owner},
	} {
		for op, err := range e.inv.Operations(ctx, q) {
			switch {
			case err != nil:
				return err
			case seen[op.ID] || e.running(op.ID) != nil || !e.mine(op.ID) || !e.due(op, starting):
				continue
			}
			seen[op.ID] = true
			if err := e.takeUp(ctx, op, nil); err != nil && !errors.Is(err, errLost) {
				e.log.WarnContext(ctx, "operation cannot be taken up", "operation", op.ID.String(), "kind", op.Kind, "error", err)
			}
		}
	}
	return nil
}

// mine reports whether this process may take the operation up without being told to.
func (e *Engine) mine(id inventory.OperationID) bool {
	if !e.opts.ManualRecovery {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.own[id]
}

func (e *Engine) due(op inventory.Operation, starting bool) bool {
	if op.State != inventory.Waiting {
		return true
	}
	if op.NextAt.IsZero() {
		return false // a person's turn
	}
	return starting || !op.NextAt.After(e.now())
}

// takeUp makes the operation this process's and goes on with it in the background. decide, if not nil, is what a person said:
// it changes the journal, and what it changes is committed together with the take-over. Errors: errLost when somebody else was
// faster, ErrUnsupported for a kind and ErrNotFound for a backend that this process does not know; the operation is then
// left alone.
func (e *Engine) takeUp(ctx context.Context, op inventory.Operation, decide func(*run)) error {
	r, err := e.journalOf(op)
	if err != nil {
		return err
	}
	close(r.begun)
	r.op.Steps = slices.Clone(op.Steps)
	if decide != nil {
		decide(r)
	}
	if op.CancelAsked || op.State == inventory.Queued && r.last() == ChoiceUndo {
		r.cancelAsked.Store(true)
	}
	if r.lacks != nil && r.callsLeft() && !r.wished.Load() {
		return r.lacks
	}
	if other, err := e.adopt(r); other != nil || err != nil {
		return err // under way already, or closing
	}
	if op.State == inventory.Queued {
		return e.requeue(ctx, r)
	}
	if err := e.claim(ctx, r); err != nil {
		e.unlock(r)
		r.err = errLost // whoever waits for the operation goes on waiting
		e.release(r)
		return err
	}
	r.inherit(op)
	e.log.InfoContext(ctx, "operation taken up", "operation", op.ID.String(), "kind", op.Kind, "state", string(op.State),
		"left_by", op.LeaseOwner, "undoing", op.Undoing, "cursor", op.Cursor)
	r.takenUp(ctx, op.State)
	e.wg.Go(func() { e.finish(r, r.goOn(r.spanned(e.base))) })
	return nil
}

// takeUpNow is takeUp because a person asked for it.
func (e *Engine) takeUpNow(ctx context.Context, op inventory.Operation, decide func(*run)) error {
	err := e.takeUp(ctx, op, decide)
	if errors.Is(err, errLost) {
		return driver.Errorf(driver.ErrBusy, "operation %s was taken up by somebody else in this moment; look again", op.ID)
	}
	return err
}

// requeue takes up an operation that never began.
func (e *Engine) requeue(ctx context.Context, r *run) error {
	if err := r.commit(ctx, inventory.Change{}); err != nil {
		r.err = errLost
		e.release(r)
		return fmt.Errorf("%w: %w", errLost, err)
	}
	r.takenUp(ctx, inventory.Queued)
	e.wg.Go(func() { e.finish(r, e.whenFree(r, e.lockKeys(ctx, r.op.Volumes))) })
	return nil
}

// claim takes the operation over, with its epoch, and every volume of it, with its version: what its former owner may still
// try to commit is stale from now on.
func (e *Engine) claim(ctx context.Context, r *run) error {
	if !e.tryLock(r, e.lockKeys(ctx, r.op.Volumes)) {
		return driver.Errorf(driver.ErrBusy, "a volume of operation %s is being worked on", r.id)
	}
	if err := r.reload(ctx); err != nil {
		return fmt.Errorf("%w: volume of operation %s", err, r.id)
	}
	r.op.State = inventory.Running
	if err := r.commit(ctx, inventory.Change{Volumes: r.headers(r.pended)}); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	r.wrote()
	return nil
}

// goOn continues from the journal. An effect that was sent before may still be under way at the array; the contracts of
// the steps know that from Resume and SentAt.
func (r *run) goOn(ctx context.Context) error {
	r.thawFirst(ctx)
	if r.abandoned() {
		return r.endAbandoned(ctx)
	}
	if err := r.heed(ctx); err != nil {
		return err
	}
	if err := r.reopen(ctx); err != nil {
		if ctx.Err() != nil {
			return errLost
		}
		return r.park(ctx, err, true, "it goes on as soon as the backend and host can be reached")
	}
	if !r.op.Undoing && r.kind.goBack && r.mayTurnBack() {
		cause := driver.Errorf(driver.ErrUnavailable, "the process that worked on it ended before the effect")
		if r.last() == choiceResume {
			cause = driver.Errorf(driver.ErrUnavailable, "it was suspended before the effect, and nobody kept watch meanwhile")
		}
		if r.cancelAsked.Load() {
			cause = driver.Errorf(driver.ErrUnavailable, "cancelled: %w", context.Canceled)
		}
		if err := r.turnBack(ctx, cause); err != nil {
			return err
		}
	}
	return r.execute(ctx)
}

// reopen reaches the backends and hosts again, if there is anything left to ask them. Where a person's word stands for the
// outcome of a call, it waits until that call can have no effect any more.
func (r *run) reopen(ctx context.Context) error {
	if !r.callsLeft() {
		return nil
	}
	if r.lacks != nil {
		return r.lacks
	}
	return r.each(func() error {
		var err error
		if r.desc, err = r.e.describe(ctx, r.b, false); err != nil {
			return err
		}
		if r.assumed() {
			if err := r.settle(ctx); err != nil {
				return err
			}
		}
		if r.p.Host != "" {
			return r.useHost(ctx, r.p.Host)
		}
		return nil
	})
}
