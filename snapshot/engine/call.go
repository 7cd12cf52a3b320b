package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// ask makes one call of a driver or host for the run: within the backend's number of calls at once, only while the lease
// holds, with a deadline, and with its error classified and logged.
func ask[T any](ctx context.Context, r *run, op string, f func(ctx context.Context) (T, error)) (T, error) {
	return askFor(ctx, r, op, r.e.opts.CallTimeout, f)
}

// askLong is ask for calls that last as long as a job at the array.
func askLong[T any](ctx context.Context, r *run, op string, f func(ctx context.Context) (T, error)) (T, error) {
	return askFor(ctx, r, op, r.e.opts.LongCallTimeout, f)
}

func askFor[T any](
	ctx context.Context, r *run, op string, timeout time.Duration, f func(ctx context.Context) (T, error),
) (T, error) {
	var none T
	if r.b.slots != nil {
		select {
		case r.b.slots <- struct{}{}:
			defer func() { <-r.b.slots }()
		case <-ctx.Done():
			return none, &driver.Error{Class: driver.ErrUnavailable, Op: op, Effect: driver.EffectNone, Err: ctx.Err()}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.hold(ctx); err != nil { // directly before sending
		return none, err
	}
	ctx, over := r.callSpan(ctx, op)
	began := time.Now()
	result, err := f(ctx)
	over(err)
	log := r.e.log.With("operation", r.id.String(), "kind", r.op.Kind, "call", op, "backend", r.b.name, "took", time.Since(began))
	if err != nil {
		err = driver.In(op, err)
		log.WarnContext(ctx, "call failed", "class", driver.ClassOf(err).Error(), "effect", driver.EffectOf(err).String(), "error", err)
		return none, err
	}
	log.DebugContext(ctx, "call done")
	return result, nil
}

// badAnswer is a driver's success that breaks its contract: what took place is unknown.
func badAnswer(op, what string) error {
	return &driver.Error{Class: driver.ErrIndeterminate, Op: op, Err: errors.New(what)}
}

// act is ask for calls without a result.
func act(ctx context.Context, r *run, op string, f func(ctx context.Context) error) error {
	_, err := ask(ctx, r, op, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// hold makes sure that the operation is ours for a while longer: half of the lease, so that a call that is sent now and the
// next heartbeat both fall into it.
func (r *run) hold(ctx context.Context) error {
	r.mu.Lock()
	begun, left := r.enter == entryOwned, time.Until(r.leaseUntil)
	r.mu.Unlock()
	if !begun || left > r.e.opts.LeaseTTL/2 { // before the intent there are only reads
		return nil
	}
	return r.renew(ctx)
}

// heartbeatLoop renews the leases of all that runs, and interrupts the call of a run that lost its own.
func (e *Engine) heartbeatLoop() {
	for pause(e.base, e.opts.LeaseTTL/3) == nil {
		for _, r := range e.allRuns() {
			r.mu.Lock()
			left := time.Until(r.leaseUntil)
			r.mu.Unlock()
			if left > e.opts.LeaseTTL/2 || r.finished() {
				continue
			}
			if err := r.renew(e.base); errors.Is(err, inventory.ErrStale) || err != nil && left < e.opts.LeaseTTL/6 {
				e.log.Error("lease lost; the call under way is interrupted", "operation", r.id.String(), "error", err)
				interrupt(&r.endCall)
			}
		}
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

// interrupt ends the context of the call under way, if there is one.
func interrupt(call *atomic.Pointer[context.CancelFunc]) {
	if end := call.Load(); end != nil {
		(*end)()
	}
}

func (r *run) finished() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.enter != entryOwned || r.saved.State != inventory.Running && r.saved.State != inventory.Queued
}
