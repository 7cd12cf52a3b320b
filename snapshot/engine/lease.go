package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
)

// lease is what this process knows of its right to work on an operation. The store's clock decides when it ends; counted
// from before the commit that asked for it, it ends a little earlier here.
type lease struct {
	// asked is when, by the monotonic clock, which nobody sets but which may stand still while the machine is suspended;
	// wall is the same by the engine's clock, which goes on meanwhile but may be set.
	asked, wall time.Time
	ttl         time.Duration
}

// left is for how long it lasts, by whichever clock says less.
func (l lease) left(now, wall time.Time) time.Duration {
	return l.ttl - max(now.Sub(l.asked), wall.Sub(l.wall))
}

func (e *Engine) newLease(ttl time.Duration) *lease {
	return &lease{asked: time.Now(), wall: e.now(), ttl: ttl}
}

// left is for how long the operation is ours; nothing without a lease.
func (r *run) left() time.Duration {
	if l := r.lease.Load(); l != nil {
		return l.left(time.Now(), r.e.now())
	}
	return 0
}

// margin is how long before its lease ends a call is cut off, so that it has ended here when another process may begin.
func (e *Engine) margin() time.Duration { return e.opts.LeaseTTL / 6 }

// hold makes sure that the operation is ours for a while longer: half of the lease, so that a call that is sent now and the
// next heartbeat both fall into it.
func (r *run) hold(ctx context.Context) error {
	if r.lease.Load() == nil || r.left() > r.e.opts.LeaseTTL/2 { // before the intent there are only reads
		return nil
	}
	return r.renew(ctx)
}

// leased returns a context for one call that ends shortly before the lease does, whatever keeps the heartbeat from renewing
// it: a store that does not answer must not leave us at work on what another process may take over.
func (r *run) leased(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(ctx)
	if r.lease.Load() == nil {
		return inner, cancel
	}
	c := &leasedContext{Context: inner, r: r, cancel: cancel}
	go func() {
		for c.look() {
			if pause(inner, min(r.left()-r.e.margin(), r.e.margin())) != nil { // no longer: after a suspend there may be less left
				return
			}
		}
	}()
	return c, cancel
}

// leasedContext looks at the lease whenever it is asked, so that a driver which looks directly before it sends is told at
// once: in a process that was stopped, no timer has fired yet when it goes on.
type leasedContext struct {
	context.Context //nolint:containedctx // it is one

	r      *run
	cancel context.CancelFunc
}

// Done is the inner context's, ended first if the lease has.
func (c *leasedContext) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

// Err is the inner context's, ended first if the lease has.
func (c *leasedContext) Err() error {
	c.look()
	return c.Context.Err()
}

// look reports whether the call may go on, and ends it if not.
func (c *leasedContext) look() bool {
	if c.Context.Err() != nil {
		return false
	}
	if c.r.left() > c.r.e.margin() {
		return true
	}
	c.cancel()
	c.r.e.log.ErrorContext(c.Context, "the lease ends and is not renewed; the call under way is interrupted",
		"operation", c.r.id.String())
	return false
}

// renew extends the lease and changes nothing else; errLost if it cannot. Any goroutine may call it.
func (r *run) renew(ctx context.Context) error {
	ctx, done, err := r.writing(ctx)
	if err != nil {
		return fmt.Errorf("%w: the lease could not be renewed: %w", errLost, err)
	}
	defer done()
	if !r.works() {
		return nil // it has ended meanwhile
	}
	// What is written is read in the same turn: an older journal must not go over what the run has committed since.
	if _, err := r.write(ctx, inventory.Change{}, r.saved); err != nil {
		return fmt.Errorf("%w: the lease could not be renewed: %w", errLost, err)
	}
	return nil
}

// works reports whether the journal has the operation as one that we work on. It is the caller's turn to commit.
func (r *run) works() bool {
	return r.enter == entryOwned && (r.saved.State == inventory.Running || r.saved.State == inventory.Queued)
}

// heartbeatLoop renews the leases of all that runs, each by itself, so that none waits for another's commit.
func (e *Engine) heartbeatLoop() {
	for pause(e.base, e.margin()) == nil {
		for _, r := range e.allRuns() {
			if r.lease.Load() == nil || r.left() > e.opts.LeaseTTL/2 || !r.beating.CompareAndSwap(false, true) {
				continue
			}
			e.wg.Go(func() {
				defer r.beating.Store(false)
				r.beat()
			})
		}
	}
}

// beat renews the lease once, and interrupts the call of a run that has lost it.
func (r *run) beat() {
	if err := r.renew(r.e.base); errors.Is(err, inventory.ErrStale) {
		r.e.log.Error("lease lost; the call under way is interrupted", "operation", r.id.String(), "error", err)
		interrupt(&r.endCall)
	}
}

func (e *Engine) allRuns() []*run {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*run, 0, len(e.runs))
	for _, r := range e.runs {
		all = append(all, r)
	}
	return all
}
