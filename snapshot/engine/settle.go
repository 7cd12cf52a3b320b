package engine

import (
	"context"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// A call whose reply was lost may still be on its way, and take effect within the array's settle time. Nothing that would
// meet it there comes before that is over: neither the next step, nor the undo, nor the end of the operation. So at most one
// send of a step is under way at any time.

// unheard notes that the call which failed may still take effect.
func (r *run) unheard(err error) {
	if driver.EffectOf(err) != driver.EffectNone {
		r.unsettled = r.e.now()
	}
}

// settle waits until no earlier send can take effect any more.
func (r *run) settle(ctx context.Context) error {
	last := r.unsettled
	r.unsettled = time.Time{}
	if last.IsZero() || r.desc.Facts.Settle <= 0 {
		return nil
	}
	if pause(ctx, last.Add(r.desc.Facts.Settle).Sub(r.e.now())) != nil {
		return errLost
	}
	return nil
}

// lastSent is when the step can have been sent last.
func (r *run) lastSent(step inventory.Step) time.Time {
	if r.unsettled.After(step.SentAt) {
		return r.unsettled
	}
	return step.SentAt
}

// leftAt is when whoever left the operation can have sent a call of it last; zero if none is without an answer.
func leftAt(op inventory.Operation, now time.Time) time.Time {
	sent := func(s inventory.Step) bool { return s.State == inventory.StepSent }
	switch {
	case !op.Undoing && !slices.ContainsFunc(op.Steps, sent):
		return time.Time{}
	case op.State == inventory.Waiting:
		return op.UpdatedAt
	}
	return now
}
