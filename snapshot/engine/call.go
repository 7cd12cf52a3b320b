package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// ask makes one call of a driver or host for the run: within the backend's number of calls at once, only while the lease
// holds and no longer, with a deadline, and with its error classified and logged.
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
	r.checked(op)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.hold(ctx); err != nil { // directly before sending
		return none, err
	}
	ctx, end := r.leased(ctx)
	defer end()
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

// interrupt ends the context of the call under way, if there is one.
func interrupt(call *atomic.Pointer[context.CancelFunc]) {
	if end := call.Load(); end != nil {
		(*end)()
	}
}
