package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// end commits how the operation ended, together with what that means for the tree. Metadata may have changed meanwhile
// (a hold, a label), so a stale outcome is computed and committed again as long as the volume and the operation are ours.
func (r *run) end(ctx context.Context, state inventory.OperationState) error {
	if state == inventory.Failed {
		r.cause = certain(r.cause)
		if r.op.ErrorClass == driver.ErrIndeterminate {
			r.op.ErrorClass = driver.ErrUnavailable
		}
	}
	for {
		change, result, err := r.ending(ctx, state)
		if err == nil {
			err = r.commitEnd(ctx, change, state, result)
		}
		switch {
		case err == nil:
			r.ended(ctx, state)
			return nil
		case errors.Is(err, inventory.ErrStale) && r.owned(ctx):
			if err := r.reload(ctx); err != nil {
				return errLost
			}
		case errors.Is(err, inventory.ErrConflict) && state == inventory.Succeeded && r.op.Cursor == r.pivot() && len(r.op.Steps) > 0:
			// The outcome is the pivot, and something that must be unique was taken meanwhile.
			r.op.State = inventory.Running
			if err := r.turnBack(ctx, classified(err)); err != nil {
				return err
			}
			return r.execute(ctx)
		default:
			r.e.log.ErrorContext(ctx, "outcome cannot be written; it is left to recovery", "operation", r.id.String(), "error", err)
			return errLost
		}
		if pause(ctx, time.Millisecond) != nil {
			return errLost
		}
	}
}

// certain is the cause of a failure, once everything is undone: whatever was unknown when it came is known by now to have left
// nothing behind.
func certain(cause error) error {
	if driver.ClassOf(cause) != driver.ErrIndeterminate {
		return cause
	}
	known := &record{text: cause.Error() + "; by now it is certain that nothing of it is left"}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(cause, end) {
			known.cause = end
		}
	}
	return &driver.Error{Class: driver.ErrUnavailable, Effect: driver.EffectNone, Err: known}
}

func (r *run) ending(ctx context.Context, state inventory.OperationState) (inventory.Change, any, error) {
	r.focus(snapshot.VolumeID{})
	switch state { //nolint:exhaustive // the ends
	case inventory.Succeeded:
		return r.kind.outcome(ctx, r)
	case inventory.Abandoned:
		change, err := r.kind.abandon(ctx, r)
		return change, nil, err
	}
	change, err := r.kind.failed(ctx, r)
	return change, nil, err
}

func (r *run) commitEnd(ctx context.Context, change inventory.Change, state inventory.OperationState, result any) error {
	if result != nil {
		doc, err := json.Marshal(result)
		if err != nil {
			return err
		}
		r.op.Result = doc
	}
	if err := r.unlockContainers(ctx, &change); err != nil {
		return err
	}
	r.op.State, r.op.NextAt, r.op.Reason = state, time.Time{}, r.leaving
	if state == inventory.Succeeded {
		r.op.Error, r.op.ErrorClass = "", 0
	}
	return r.commit(ctx, change)
}

func (r *run) ended(ctx context.Context, state inventory.OperationState) {
	log := r.e.log.With("operation", r.id.String(), "kind", r.op.Kind, "state", string(state))
	if state == inventory.Succeeded {
		log.InfoContext(ctx, "operation ended")
	} else {
		if r.cause == nil {
			r.cause = recorded(r.op)
		}
		log.WarnContext(ctx, "operation ended", "error", r.cause)
	}
	r.e.tel.ended(ctx, r, state)
	r.event(state, "", r.cause)
}
