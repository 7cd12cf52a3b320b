package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// An array may apply a mutation for a while after its sender has given up on it, or has died: Facts.Settle after it was
// sent. Who asks too early what has become of it, or gives a volume back too early, is wrong a moment later. When it was
// sent last is known from above only: not after its call came back without an answer, and, if another process sent it, not
// after its lease had ended and the operation was taken over.

// again is what a driver is told of the earlier sends of a step.
func (r *run) again(rec *inventory.Step) driver.Attempt {
	at := driver.Attempt{Resume: true, SentAt: rec.SentAt}
	if r.sentBy.After(at.SentAt) {
		at.SentAt = micro(r.sentBy)
	}
	return at
}

// unanswered notes that the call which failed may still be on its way, unless its error says that it is not.
func (r *run) unanswered(err error) {
	if driver.EffectOf(err) != driver.EffectNone {
		r.sentBy = r.e.opts.Clock()
	}
}

// settle waits until no earlier send of the step at the cursor can take effect any more; errLost if the engine ends first.
func (r *run) settle(ctx context.Context) error {
	whole := r.desc.Facts.Settle
	if r.sentBy.IsZero() || whole <= 0 {
		return nil
	}
	left := whole - r.e.opts.Clock().Sub(r.sentBy)
	if left > 0 && pause(ctx, min(left, whole)) != nil {
		return errLost
	}
	return nil
}

// inherit sets what is known of a former owner's sends: while it ran, it may have sent until now; when it let the operation
// wait, it had ended its calls before.
func (r *run) inherit(op inventory.Operation) {
	sent := func(s inventory.Step) bool { return s.State == inventory.StepSent }
	if !op.Undoing && !slices.ContainsFunc(op.Steps, sent) {
		return
	}
	r.sentBy = r.e.opts.Clock()
	if op.State == inventory.Waiting {
		r.sentBy = op.UpdatedAt
	}
}
