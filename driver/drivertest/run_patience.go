package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// patiently repeats a call while the array is busy, as the engine does, until the time of one call is over.
func (p *probe) patiently(call func(context.Context) error) error {
	ctx := p.ctx()
	pause := time.Millisecond
	for {
		err := call(ctx)
		if !errors.Is(err, driver.ErrBusy) {
			return err
		}
		if e, ok := errors.AsType[*driver.Error](err); ok && e.RetryAfter > 0 {
			pause = e.RetryAfter
		}
		if !wait(ctx, pause) {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// wait returns true after d, or false when ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
