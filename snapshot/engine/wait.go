package engine

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Wait returns the operation once it has ended or waits for something, by whichever process; and, unless it succeeded, the
// error that says why. ctx ends the waiting, not the operation. Errors: ErrNotFound for an unknown id, ctx's.
func (e *Engine) Wait(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	for {
		if r := e.running(id); r != nil {
			select {
			case <-r.done:
				if r.err == nil || !errors.Is(r.err, errLost) {
					return r.op, r.err
				}
			case <-ctx.Done():
				return inventory.Operation{}, ctx.Err()
			}
		}
		op, err := e.inv.Operation(ctx, id)
		switch {
		case err != nil:
			return inventory.Operation{}, classified(err)
		case op.State == inventory.Succeeded:
			return op, nil
		case op.State != inventory.Queued && op.State != inventory.Running:
			return op, journaled(op)
		}
		if err := pause(ctx, e.opts.Poll/10); err != nil {
			return inventory.Operation{}, err
		}
	}
}

// Retry takes up an operation that waits, or that nobody works on any more, at once. It does not wait for it.
// Errors: ErrNotFound; ErrInvalid when the operation has ended, or was suspended by a person (resume it); ErrBusy when
// another process works on it.
func (e *Engine) Retry(ctx context.Context, id inventory.OperationID) error {
	if e.running(id) != nil {
		return nil
	}
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return classified(err)
	}
	if w := suspension(op); w != nil {
		return driver.Errorf(driver.ErrInvalid, "operation %s was suspended %s; resume it", id, w)
	}
	if !op.State.Open() {
		return driver.Errorf(driver.ErrInvalid, "operation %s has ended: it is %s", id, op.State)
	}
	free, err := e.unattended(ctx, op)
	switch {
	case err != nil:
		return err
	case !free:
		return driver.Errorf(driver.ErrBusy, "operation %s is being worked on by %q", id, op.LeaseOwner)
	}
	return e.takeUpNow(ctx, op, nil)
}

// cancel makes the run turn back at the next step, and interrupts a call that can be undone.
func (r *run) cancel() {
	r.cancelAsked.Store(true)
	interrupt(&r.endUndoable)
}

// do is a synchronous verb: Submit and Wait. If ctx ends first, the operation is cancelled; what can be undone is, before do
// returns, and what cannot is completed.
func (e *Engine) do(ctx context.Context, req Request) (Result, error) {
	r, prior, err := e.submit(ctx, req)
	if err != nil {
		return Result{}, err
	}
	id := prior.ID
	if r != nil {
		id = r.id
		select {
		case <-r.done:
		case <-ctx.Done():
			r.cancel()
			if err := e.grace(r); err != nil {
				return Result{}, err
			}
		}
		if r.err == nil || !errors.Is(r.err, errLost) {
			return resultOf(r.op, r.err)
		}
	}
	op, err := e.Wait(ctx, id)
	return resultOf(op, goesOn(req.kind(), id, err))
}

// goesOn is the error of a verb that could not wait for its operation's end: it goes on without the caller.
func goesOn(kind string, id inventory.OperationID, err error) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	return &Error{
		Operation: id, Kind: kind, State: inventory.Running, Err: &driver.Error{Class: driver.ErrIndeterminate, Err: err},
		Next: "it goes on without the caller; wait for the operation by its id",
	}
}

// grace gives a cancelled operation the time to be undone.
func (e *Engine) grace(r *run) error {
	timer := time.NewTimer(e.opts.Grace)
	defer timer.Stop()
	select {
	case <-r.done:
		return nil
	case <-timer.C:
		return &Error{
			Operation: r.id, Kind: r.kind.name, State: inventory.Running,
			Err:  &driver.Error{Class: driver.ErrIndeterminate, Err: context.Canceled},
			Next: "it was told to go back and still works on that; wait for the operation by its id",
		}
	}
}

// Result is what an operation made or changed; which fields are set depends on its kind.
type Result struct {
	operation inventory.OperationID // whose result it is

	Volume   snapshot.VolumeID `json:"volume,omitzero"`
	Snapshot snapshot.ID       `json:"snapshot,omitzero"`
	Group    snapshot.GroupID  `json:"group,omitzero"`
	// Kept is the snapshot of the content before a revert.
	Kept snapshot.ID `json:"kept,omitzero"`
	// Dropped are the snapshots that went with a revert.
	Dropped []snapshot.ID `json:"dropped,omitempty"`
	// RecoverableUntil is when the array's trash gives up what was deleted.
	RecoverableUntil time.Time `json:"recoverable_until,omitzero"`
}

// ResultOf returns what an operation made or changed, once it has succeeded; the zero Result until then. It reads the journal
// that [Engine.Wait] returned, nothing else. Error: ErrInvalid for a journal that cannot be read.
func ResultOf(op inventory.Operation) (Result, error) { return resultOf(op, nil) }
