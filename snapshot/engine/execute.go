package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// errParked ends a run whose operation waits: for time, or for a person.
var errParked = errors.New("the operation waits")

// execute drives the operation from wherever its journal is until it has ended or waits. This is all of the executor:
// forward step by step, at an error back or on as the pivot says, and one commit for each change of direction or step.
func (r *run) execute(ctx context.Context) error {
	if !r.op.State.Open() {
		return nil // it was done at once
	}
	ctx = r.spanned(ctx)
	for !r.op.Undoing {
		if err := r.listen(ctx); err != nil {
			return err
		}
		switch {
		case r.cancelAsked.Load() && r.mayTurnBack():
			if r.unsent() {
				r.op.Steps[r.op.Cursor].State = inventory.StepPlanned // marked, but never sent
			}
			if err := r.turnBack(ctx, driver.Errorf(driver.ErrUnavailable, "cancelled: %w", context.Canceled)); err != nil {
				return err
			}
		case r.op.Cursor == len(r.op.Steps):
			return r.end(ctx, inventory.Succeeded)
		default:
			if err := r.forward(ctx); err != nil {
				return err
			}
		}
	}
	for ; r.op.Cursor >= 0; r.op.Cursor-- {
		if err := r.listen(ctx); err != nil {
			return err
		}
		if err := r.backward(ctx); err != nil {
			return err
		}
	}
	r.op.Cursor = 0
	return r.end(ctx, inventory.Failed)
}

// pivot returns the index of the pivot among the operation's steps; behind the last step, it is the outcome.
func (r *run) pivot() int {
	i := slices.IndexFunc(r.op.Steps, func(s inventory.Step) bool { return slices.Contains(r.kind.pivots, s.Name) })
	if i < 0 {
		return len(r.op.Steps)
	}
	return i
}

// mayTurnBack: the pivot was not sent.
func (r *run) mayTurnBack() bool {
	i, p := r.op.Cursor, r.pivot()
	return i < p || i == p && (p == len(r.op.Steps) || r.op.Steps[p].State == inventory.StepPlanned || r.unsent())
}

// unsent: this process marked the step at the cursor as sent, and has not sent it.
func (r *run) unsent() bool { return r.fresh && r.tries == 0 }

// forward does the step at the cursor.
func (r *run) forward(ctx context.Context) error {
	i := r.op.Cursor
	rec, st := &r.op.Steps[i], r.kind.steps[r.op.Steps[i].Name]
	r.focus(rec.Volume)
	if rec.State == inventory.StepPlanned && !st.read {
		r.mark(i)
		if err := r.progress(ctx); err != nil {
			return err
		}
	}
	var at driver.Attempt
	first := r.unsent()
	if !first {
		at = r.again(rec)
	}
	r.tries++
	rec.Attempts++
	r.event(inventory.Running, rec.Name, nil)
	if at.Resume && i == r.pivot() && !st.repeat {
		return r.resolve(ctx, at, nil)
	}
	err := r.call(ctx, at, func(ctx context.Context) error { return st.do(ctx, r, at) })
	if err == nil {
		return r.stepDone(ctx, at)
	}
	r.unanswered(err)
	rec.Error = err.Error()
	return r.stepFailed(ctx, err, first)
}

// call lets a lost lease end the call under way, and a cancellation if the call can be undone.
func (r *run) call(ctx context.Context, at driver.Attempt, f func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	r.endCall.Store(&end)
	defer r.endCall.Store(nil)
	if !r.op.Undoing && r.op.Cursor < r.pivot() {
		r.endUndoable.Store(&end)
		defer r.endUndoable.Store(nil)
		if r.cancelAsked.Load() { // before there was a call to interrupt
			end()
		}
	}
	ctx, over := r.stepSpan(ctx, r.doing(), at)
	err := f(ctx)
	over(err)
	return err
}

// mark writes down, in memory, that the step is about to be sent; the caller commits before it is.
func (r *run) mark(i int) {
	rec := &r.op.Steps[i]
	rec.State, rec.SentAt = inventory.StepSent, r.e.now()
	r.fresh, r.tries, r.sentBy = true, 0, time.Time{}
}

// stepDone moves the cursor on. The commit that says so also marks the next step as sent; before a read and before the
// outcome there is none, since doing the step again with Resume would find it done.
func (r *run) stepDone(ctx context.Context, at driver.Attempt) error {
	i := r.op.Cursor
	if at.Resume && r.kind.steps[r.op.Steps[i].Name].late {
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
	r.op.Steps[i].State = inventory.StepDone
	r.op.Steps[i].Error = ""
	r.op.Cursor++
	r.fresh, r.tries = false, 0
	if r.op.Cursor == len(r.op.Steps) || r.kind.steps[r.op.Steps[r.op.Cursor].Name].read {
		return nil
	}
	if r.wished.Load() || r.cancelAsked.Load() && r.mayTurnBack() {
		return nil // before the next step is marked as sent
	}
	r.mark(r.op.Cursor)
	return r.progress(ctx)
}

// stepFailed decides what an error means, by where the pivot is and by what is known of the effect.
func (r *run) stepFailed(ctx context.Context, err error, first bool) error {
	if errors.Is(err, errLost) || ctx.Err() != nil {
		return errLost
	}
	i, p := r.op.Cursor, r.pivot()
	rec, st := &r.op.Steps[i], r.kind.steps[r.op.Steps[i].Name]
	// A driver that has noted something has begun, whatever it says of its last call.
	untouched := first && driver.EffectOf(err) == driver.EffectNone && len(rec.Note) == 0
	if i >= p && driver.EffectOf(err) == driver.EffectPartial {
		r.memberOf(rec.Volume).p.Partial = true
	}
	again := driver.ClassOf(err).Transient() && r.tries < r.e.opts.Attempts
	r.event(inventory.Running, rec.Name, err)
	switch {
	case untouched && i <= p:
		rec.State = inventory.StepPlanned // nothing to take back
		return r.turnBack(ctx, err)
	case i < p && again && !r.cancelAsked.Load():
		return r.backOff(ctx, err)
	case i < p:
		return r.turnBack(ctx, err)
	case i == p && !st.repeat:
		return r.resolve(ctx, r.again(rec), err)
	case again:
		return r.backOff(ctx, err)
	case driver.ClassOf(err).Transient():
		return r.park(ctx, err, true, "it is tried again by itself")
	case i == p && st.find != nil:
		return r.confirm(ctx, err)
	}
	return r.park(ctx, err, false, "somebody must remove what stands in the way, then retry the operation")
}

// resolve finds out whether the pivot's effect took place, after its reply was lost or its process died.
func (r *run) resolve(ctx context.Context, at driver.Attempt, cause error) error {
	rec, st := &r.op.Steps[r.op.Cursor], r.kind.steps[r.op.Steps[r.op.Cursor].Name]
	if cause == nil {
		cause = r.cause
	}
	if r.cause = cause; cause == nil {
		cause = driver.Errorf(driver.ErrUnavailable, "%s was interrupted before it reached the array", rec.Name)
	}
	finding, over := r.stepSpan(ctx, SpanFind, at)
	done, err := st.find(finding, r, at)
	over(err)
	switch {
	case errors.Is(err, errLost) || err != nil && ctx.Err() != nil:
		return errLost
	case err != nil && r.tries < r.e.opts.Attempts:
		return r.backOff(ctx, err)
	case err != nil:
		return r.park(ctx, err, true, "whether "+rec.Name+" took place is looked up again by itself")
	case done:
		return r.stepDone(ctx, driver.Attempt{})
	}
	rec.State = inventory.StepPlanned // it certainly did not, and will not
	return r.turnBack(ctx, cause)
}

// confirm is for a pivot that is refused for certain now but was sent before without a reply: once an earlier send can
// have no effect any more, find says which it is.
func (r *run) confirm(ctx context.Context, cause error) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	return r.resolve(ctx, r.again(&r.op.Steps[r.op.Cursor]), cause)
}

// backward undoes the step at the cursor, if it may have been sent.
func (r *run) backward(ctx context.Context) error {
	rec := &r.op.Steps[r.op.Cursor]
	st := r.kind.steps[rec.Name]
	r.focus(rec.Volume)
	if rec.State != inventory.StepSent && rec.State != inventory.StepDone || st.undo == nil {
		return nil
	}
	for r.tries = 1; ; r.tries++ {
		r.event(inventory.Running, rec.Name, nil)
		if err := r.settle(ctx); err != nil { // neither the step nor an earlier try to undo it may come after this one
			return err
		}
		at := r.again(rec)
		err := r.call(ctx, at, func(ctx context.Context) error { return st.undo(ctx, r, at) })
		if err == nil {
			rec.State = inventory.StepUndone
			return r.progressUndo(ctx)
		}
		if errors.Is(err, errLost) || ctx.Err() != nil {
			return errLost
		}
		r.unanswered(err)
		err = fmt.Errorf("undo of %s: %w", rec.Name, err)
		switch {
		case !driver.ClassOf(err).Transient():
			return r.park(ctx, err, false, "somebody must remove what stands in the way, then retry the operation")
		case r.tries >= r.e.opts.Attempts:
			return r.park(ctx, err, true, "it is tried again by itself")
		}
		if err := r.backOff(ctx, err); err != nil {
			return err
		}
	}
}

// progressUndo journals an undone step, unless the failure's own commit follows at once.
func (r *run) progressUndo(ctx context.Context) error {
	for i := range r.op.Cursor {
		if s := r.op.Steps[i].State; s == inventory.StepSent || s == inventory.StepDone {
			return r.progress(ctx)
		}
	}
	return nil
}

// turnBack changes the direction. If a step has something to take back, that is journaled first, so that a crash cannot
// make the operation go forward again.
func (r *run) turnBack(ctx context.Context, cause error) error {
	r.cause = cause
	r.op.Undoing = true
	r.op.Error, r.op.ErrorClass = cause.Error(), driver.ClassOf(cause)
	r.op.CancelAsked = r.cancelAsked.Load()
	r.op.Cursor = min(r.op.Cursor, len(r.op.Steps)-1)
	for _, s := range r.op.Steps {
		if s.State == inventory.StepSent || s.State == inventory.StepDone {
			return r.progress(ctx)
		}
	}
	return nil
}

// backOff pauses before the next try, longer each time or as long as the array asks.
func (r *run) backOff(ctx context.Context, err error) error {
	d := min(r.e.opts.BackOff<<min(r.tries-1, 16), r.e.opts.MaxBackOff)
	if e, ok := errors.AsType[*driver.Error](err); ok && e.RetryAfter > d {
		d = min(e.RetryAfter, r.e.opts.MaxBackOff)
	}
	if pause(ctx, d) != nil {
		return errLost
	}
	return nil
}

// progress commits the journal alone.
func (r *run) progress(ctx context.Context) error {
	if err := r.commit(ctx, inventory.Change{}); err != nil {
		r.e.log.ErrorContext(ctx, "journal cannot be written; the operation is left to recovery",
			"operation", r.id.String(), "error", err)
		return errLost
	}
	return nil
}

// park lets the operation wait, for time or for a person. It keeps its volume, and no process owns it.
func (r *run) park(ctx context.Context, cause error, retry bool, next string) error {
	r.op.State = inventory.Waiting
	r.op.Reason = next
	if r.op.Undoing { // the error stays the one that turned it back
		r.op.Reason = cause.Error() + "; " + next
	} else {
		r.cause = cause
		r.op.Error, r.op.ErrorClass = cause.Error(), driver.ClassOf(cause)
	}
	r.op.NextAt = time.Time{}
	if retry {
		r.op.NextAt = r.e.now().Add(min(r.e.opts.BackOff<<min(r.op.Attempts+r.e.opts.Attempts, 16), r.e.opts.MaxBackOff))
	}
	r.op.Attempts++
	if err := r.progress(ctx); err != nil {
		return err
	}
	r.e.log.WarnContext(ctx, "operation waits", "operation", r.id.String(), "kind", r.op.Kind, "retry", retry, "error", cause)
	r.e.tel.count(ctx, r.op.Kind, string(inventory.Waiting))
	r.event(inventory.Waiting, "", cause)
	return errParked
}
