package engine

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// Suspend stops one operation: it is not recovered and not retried until [Engine.Resume], [Engine.Resolve] or
// [Engine.Cancel]. It keeps its volume. The wish is durable when Suspend returns. One that waits, or whose process has died,
// is suspended at once; one that runs, here or in another process, when the step under way is finished: never between the
// sending of a call and its outcome. Then it is Waiting without a time, and [Engine.ExplainOperation] says who suspended it
// and why. An operation that ends before it comes to that has ended. Repeatable; the first word stays.
//
// A queued operation is refused with ErrInvalid: it has not begun, so cancel it instead. Other errors: ErrNotFound,
// ErrInvalid without by or reason and for an operation that has ended, the inventory's.
func (e *Engine) Suspend(ctx context.Context, id inventory.OperationID, by, reason string) error {
	said := word{By: by, Reason: reason, At: e.now()}
	if err := said.validate(); err != nil {
		return err
	}
	op, err := e.inv.Operation(ctx, id)
	switch {
	case err != nil:
		return classified(err)
	case suspension(op) != nil:
		return nil
	case op.State == inventory.Queued:
		return driver.Errorf(driver.ErrInvalid, "operation %s has not begun; cancel it instead", id)
	case !op.State.Open():
		return driver.Errorf(driver.ErrInvalid, "operation %s has ended: it is %s", id, op.State)
	}
	err = e.wish(ctx, id, func(w *wish) bool {
		asked := w.Suspend != nil
		w.Suspend = &said
		return !asked
	})
	if err != nil {
		return err
	}
	if r := e.running(id); r != nil {
		r.wished.Store(true)
		return nil
	}
	free, err := e.unattended(ctx, op)
	if err != nil || !free {
		return nil //nolint:nilerr // the wish is durable: whoever works on it, or takes it up, finds it
	}
	err = e.takeUp(ctx, op, func(r *run) { r.wished.Store(true) })
	if errors.Is(err, errLost) || driver.ClassOf(err) == driver.ErrUnsupported {
		return nil // likewise
	}
	return err
}

// Resume lets a suspended operation go on, here and now. It does not wait for it. Repeatable: one that is not suspended any
// more, or not yet, goes on as it would have. Errors: ErrNotFound, ErrInvalid for an operation that has ended, those of
// a backend that this engine does not know, the inventory's.
func (e *Engine) Resume(ctx context.Context, id inventory.OperationID) error {
	for {
		op, err := e.inv.Operation(ctx, id)
		switch {
		case err != nil:
			return classified(err)
		case !op.State.Open():
			return driver.Errorf(driver.ErrInvalid, "operation %s has ended: it is %s", id, op.State)
		}
		if err := e.forgetSuspend(ctx, id); err != nil { // first, so that whoever goes on does not find it
			return err
		}
		if suspension(op) == nil {
			return nil
		}
		r := e.running(id)
		if r == nil {
			return e.resume(ctx, op)
		}
		select { // it has just been suspended
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *Engine) resume(ctx context.Context, op inventory.Operation) error {
	err := e.takeUp(ctx, op, func(r *run) {
		r.resolved(decision{Choice: choiceResume, word: word{At: e.now()}})
		r.d.Suspended = nil
	})
	if errors.Is(err, errLost) {
		return nil // somebody else was faster
	}
	return err
}

// forgetSuspend takes back a wish to suspend, and leaves one to cancel.
func (e *Engine) forgetSuspend(ctx context.Context, id inventory.OperationID) error {
	w, version, err := e.wishOf(ctx, id)
	if err != nil || version == 0 || w.Suspend == nil {
		return err
	}
	if w.Cancel == nil {
		return e.unwish(ctx, id)
	}
	return e.wish(ctx, id, func(w *wish) bool {
		was := w.Suspend
		w.Suspend = nil
		return was != nil
	})
}

// suspension returns who suspended the operation and why, or nil.
func suspension(op inventory.Operation) *word {
	if op.State != inventory.Waiting {
		return nil
	}
	d, err := decodeDetail(op.Detail)
	if err != nil {
		return nil
	}
	return d.Suspended
}

// listen is heed for a run that was told that something is wished; before the outcome there is nothing left to stop, and while
// guests are frozen they come first.
func (r *run) listen(ctx context.Context) error {
	if !r.wished.Load() || r.op.Cursor == len(r.op.Steps) || !r.unsent() && r.d.Freeze.inForce(r.op) {
		return nil
	}
	return r.heed(ctx)
}

// heed looks at what is wished of the operation, between two steps. It returns errParked if the operation is suspended now.
func (r *run) heed(ctx context.Context) error {
	r.wished.Store(false)
	w, version, err := r.e.wishOf(ctx, r.id)
	if err != nil {
		r.e.log.WarnContext(ctx, "what is wished of an operation cannot be read", "operation", r.id.String(), "error", err)
		return errLost // not known, so nothing is done
	}
	if w.Cancel != nil {
		r.cancelAsked.Store(true)
	}
	if w.Suspend == nil {
		return nil
	}
	if err := r.suspend(ctx, *w.Suspend); !errors.Is(err, errParked) {
		return err
	}
	if err := r.e.dropHeeded(ctx, r.id, version); err != nil {
		r.e.log.WarnContext(ctx, "a wish that was heeded is dropped later", "operation", r.id.String(), "error", err)
	}
	return errParked
}

// suspend lets the operation wait for a person, where it is.
func (r *run) suspend(ctx context.Context, w word) error {
	if !r.op.Undoing && r.op.Cursor < len(r.op.Steps) && r.unsent() {
		r.op.Steps[r.op.Cursor].State = inventory.StepPlanned // marked, but never sent
	}
	r.d.Suspended = &w
	r.op.State, r.op.Reason = inventory.Waiting, "suspended "+w.String()
	r.op.NextAt = time.Time{}
	if r.op.Error == "" {
		r.op.Error, r.op.ErrorClass = r.op.Reason, driver.ErrIndeterminate
	}
	if r.cause == nil {
		r.cause = recorded(r.op)
	}
	if err := r.progress(ctx); err != nil {
		return err
	}
	r.e.log.WarnContext(ctx, "operation suspended", "operation", r.id.String(), "kind", r.op.Kind, "by", w.By, "reason", w.Reason)
	r.event(inventory.Waiting, "", r.cause)
	return errParked
}
