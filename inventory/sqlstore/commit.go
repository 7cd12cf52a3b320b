package sqlstore

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/storagesnap/storagesnap/inventory"
)

// request is a change that waits for a writer.
type request struct {
	*plan

	// claimed is set once, by the writer that takes the change or by the caller that takes it back.
	claimed atomic.Bool
	// done gets the result of a change that a writer has claimed.
	done chan error
}

func (r *request) claim() bool { return r.claimed.CompareAndSwap(false, true) }

// Commit implements [inventory.Inventory]. A caller that is cancelled while its change waits takes it back, and it is not
// written; once a writer has it, Commit returns with the result, whatever becomes of ctx.
func (s *Store) Commit(ctx context.Context, c inventory.Change) error {
	const doing = "commit"
	p, err := newPlan(c)
	if err != nil {
		return err
	}
	if err := s.check(ctx, doing); err != nil {
		return err
	}
	r := &request{plan: p, done: make(chan error, 1)}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return fmt.Errorf("inventory: %s: not written: %w", doing, ctx.Err())
	case <-s.closing:
		return errClosed(doing)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.claim() {
			return fmt.Errorf("inventory: %s: not written: %w", doing, ctx.Err())
		}
		return <-r.done
	}
}
