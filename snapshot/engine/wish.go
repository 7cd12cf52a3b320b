package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// recordWish is the kind of the records by which one process tells another what is wanted of an operation. The id is the
// operation's. Whoever works on the operation looks for it between steps; whoever takes it up, before it does anything.
const recordWish = "operation-wish"

// wish is the content of such a record. It is deleted once the journal itself says so, or the operation has ended.
type wish struct {
	Cancel  *word `json:"cancel,omitempty"`
	Suspend *word `json:"suspend,omitempty"`
}

// wishOf returns version 0 if nothing is wished.
func (e *Engine) wishOf(ctx context.Context, id inventory.OperationID) (wish, int64, error) {
	for rec, err := range e.inv.Records(ctx, inventory.RecordQuery{Kind: recordWish, ID: id.String()}) {
		if err != nil {
			return wish{}, 0, classified(err)
		}
		w, err := readWish(rec)
		return w, rec.Version, err
	}
	return wish{}, 0, nil
}

func readWish(rec inventory.Record) (wish, error) {
	var w wish
	if err := json.Unmarshal(rec.Data, &w); err != nil {
		return w, driver.Errorf(driver.ErrInvalid, "record %s %q cannot be read: %w", recordWish, rec.ID, err)
	}
	return w, nil
}

// wish makes a wish durable, beside what is wished already; change returns false if there is nothing to add.
func (e *Engine) wish(ctx context.Context, id inventory.OperationID, change func(*wish) bool) error {
	var last error
	for range 5 { // others may write it too, and a reply may be lost
		w, version, err := e.wishOf(ctx, id)
		if err != nil {
			return err
		}
		if !change(&w) {
			return nil
		}
		doc, err := json.Marshal(w)
		if err != nil {
			return err
		}
		rec := inventory.Record{Kind: recordWish, ID: id.String(), Data: doc}
		if last = e.commitRecord(ctx, inventory.RecordChange{Record: rec, IfVersion: version}); last == nil {
			return nil
		}
		if !errors.Is(last, inventory.ErrStale) && !errors.Is(last, inventory.ErrIndeterminate) {
			break
		}
	}
	return classified(last)
}

// unwish forgets all that is wished of an operation.
func (e *Engine) unwish(ctx context.Context, id inventory.OperationID) error {
	var last error
	for range 5 {
		_, version, err := e.wishOf(ctx, id)
		if err != nil || version == 0 {
			return err
		}
		if last = e.dropWish(ctx, id.String(), version); last == nil {
			return nil
		}
		if !errors.Is(last, inventory.ErrStale) && !errors.Is(last, inventory.ErrIndeterminate) {
			break
		}
	}
	return classified(last)
}

func (e *Engine) dropWish(ctx context.Context, id string, version int64) error {
	rec := inventory.Record{Kind: recordWish, ID: id}
	return e.commitRecord(ctx, inventory.RecordChange{Record: rec, IfVersion: version, Delete: true})
}

func (e *Engine) commitRecord(ctx context.Context, rec inventory.RecordChange) error {
	return e.inv.Commit(ctx, inventory.Change{ID: snapshot.NewID[inventory.ChangeID](), Records: []inventory.RecordChange{rec}})
}

// heedWishes looks at all wishes, of which there are few: it tells the runs of this process of theirs, takes up what waits
// and is wished to turn back or to stay, and drops what the journals say already.
func (e *Engine) heedWishes(ctx context.Context) error {
	for rec, err := range e.inv.Records(ctx, inventory.RecordQuery{Kind: recordWish}) {
		if err != nil {
			return err
		}
		w, err := readWish(rec)
		id, bad := snapshot.ParseID[inventory.OperationID](rec.ID)
		if err != nil || bad != nil {
			e.log.WarnContext(ctx, "a wish cannot be read", "operation", rec.ID, "error", errors.Join(err, bad))
			continue
		}
		if err := e.heedWish(ctx, id, w, rec.Version); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) heedWish(ctx context.Context, id inventory.OperationID, w wish, version int64) error {
	op, err := e.inv.Operation(ctx, id)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return e.dropHeeded(ctx, id, version)
	case err != nil:
		return err
	case !op.State.Open() || (w.Cancel == nil || op.CancelAsked) && (w.Suspend == nil || suspension(op) != nil):
		return e.dropHeeded(ctx, id, version)
	}
	if r := e.running(id); r != nil {
		r.hear(w)
		return nil
	}
	if op.State != inventory.Waiting || !e.mine(id) {
		return nil // its owner hears of it, or whoever takes it up
	}
	if w.Suspend != nil {
		err = e.takeUp(ctx, op, func(r *run) { r.wished.Store(true) })
	} else {
		err = e.turnBack(ctx, op)
	}
	if driver.ClassOf(err) == driver.ErrConflict {
		return e.dropHeeded(ctx, id, version) // it can only go forward
	}
	if err != nil && !errors.Is(err, errLost) {
		e.log.WarnContext(ctx, "a wish cannot be heeded", "operation", id.String(), "error", err)
	}
	return nil
}

func (e *Engine) dropHeeded(ctx context.Context, id inventory.OperationID, version int64) error {
	err := e.dropWish(ctx, id.String(), version)
	if errors.Is(err, inventory.ErrStale) {
		return nil // somebody wished something new, or dropped it
	}
	return err
}

// hear tells a run that something is wished. A cancellation may interrupt its call; for the rest it looks at the record itself
// when it comes to the end of its step.
func (r *run) hear(w wish) {
	if w.Cancel != nil {
		r.cancel()
	}
	if w.Suspend != nil {
		r.wished.Store(true)
	}
}

// Cancel asks that an operation be undone. Before the pivot it is, and ends as Failed; after it the operation goes on, since
// it can only be completed. One that another live process works on is told through the inventory, durably, and turns back
// there. One that waits, or whose process has died, is taken up here and undone, if its journal allows; a suspended one that
// can only go forward stays as it is. Cancel does not wait. Repeatable; an operation that has ended is success.
// Errors: ErrNotFound, ErrConflict for a suspended operation past its pivot, the inventory's.
func (e *Engine) Cancel(ctx context.Context, id inventory.OperationID) error {
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return classified(err)
	}
	if !op.State.Open() {
		return nil
	}
	free, err := e.unattended(ctx, op)
	if err != nil {
		return err
	}
	if free {
		if err := e.turnBack(ctx, op); !errors.Is(err, errLost) {
			return err
		}
	}
	if r := e.running(id); r != nil {
		r.cancel()
	}
	return e.wish(ctx, id, func(w *wish) bool { // durable: whoever works on it may die, or let it wait, before it turns back
		asked := w.Cancel != nil
		w.Cancel = &word{By: e.opts.Owner, At: e.now()}
		return !asked
	})
}

// turnBack takes up a cancelled operation that nobody works on.
func (e *Engine) turnBack(ctx context.Context, op inventory.Operation) error {
	r, err := e.journalOf(op)
	if err != nil {
		return err
	}
	if suspension(op) != nil {
		if r.op.Undoing || !r.mayTurnBack() {
			return driver.Errorf(driver.ErrConflict,
				"operation %s is suspended and cannot turn back any more; resume or resolve it", op.ID)
		}
		if err := e.forgetSuspend(ctx, op.ID); err != nil {
			return err
		}
	}
	return e.takeUp(ctx, op, func(r *run) {
		r.cancelAsked.Store(true)
		r.d.Suspended = nil
	})
}
