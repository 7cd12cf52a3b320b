package engine

import (
	"context"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const kindDrop = "drop"

// DropRequest asks to end a difference between the inventory and the array by removing the one side that is left: the record
// of a snapshot that the array does not have, or an orphan at the array. Exactly one of Snapshot and Orphan is set.
type DropRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
	// Snapshot is the record to remove.
	Snapshot snapshot.ID `json:"snapshot,omitzero"`
	// Orphan is the snapshot to delete at the array; with the token.
	Orphan driver.SnapshotRef `json:"orphan,omitzero"`
}

func (DropRequest) kind() string { return kindDrop }

func (r DropRequest) validate() error {
	orphan := r.Orphan != driver.SnapshotRef{}
	switch {
	case r.Volume.IsZero():
		return needs("volume")
	case orphan == !r.Snapshot.IsZero():
		return driver.Errorf(driver.ErrInvalid, "name either the snapshot's record or the orphan")
	case orphan:
		return validOrphan(r.Orphan)
	}
	return nil
}

// Drop removes the record of a snapshot that is conclusively not at the array: its children move up to its parent, and the
// head too if it was it. Or it deletes an orphan at the array; only one with a token of this installation that no
// record has, and nothing else ever.
// Errors: ErrConflict if it is there after all, or no orphan; ErrInUse while a hold or an operation forbids it, or
// dependants at the array do; ErrNotFound.
func (e *Engine) Drop(ctx context.Context, req DropRequest) error {
	_, err := e.do(ctx, req)
	return err
}

// dropKind: of a record, one commit. Of an orphan: intent (its token in the journal) → DeleteSnapshot → outcome.
func dropKind() *kind {
	return &kind{
		name: kindDrop, format: 1, decode: decodeAs[DropRequest],
		locate:  locateVolume(func(r DropRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareDrop, outcome: droppedOutcome, failed: dropFailed,
		abandon: dropFailed, leaves: dropLeaves, aim: "delete a snapshot of {volume} that no record has",
		steps:  map[string]step{stepDelete: {do: doDelete, find: findDeleted, repeat: true, late: true, tell: tellDelete}},
		pivots: []string{stepDelete},
		ends:   endsDrop,
	}
}

func prepareDrop(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(DropRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if err := r.openVolume(ctx, req.Volume); err != nil {
		return inventory.Change{}, err
	}
	if !req.Snapshot.IsZero() {
		return r.prepareDropRecord(ctx, req.Snapshot)
	}
	found, err := r.orphan(ctx, req.Orphan)
	if err != nil {
		return inventory.Change{}, err
	}
	r.p.Ref, r.p.Token = found.Ref, found.Ref.Token
	r.plan(stepDelete)
	r.fore.loseForeign(*found, "no record has it")
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol))}, nil
}

func (r *run) prepareDropRecord(ctx context.Context, id snapshot.ID) (inventory.Change, error) {
	var none inventory.Change
	row, err := r.rowOfVolume(ctx, id)
	if err != nil {
		return none, err
	}
	if b := kept(row, r.e.now()); len(b) > 0 {
		return none, driver.Blocked(driver.ErrInUse, b, "the record of snapshot %s must be kept", id)
	}
	if _, found, err := r.examine(ctx, row); err != nil {
		return none, err
	} else if found != nil {
		return none, driver.Errorf(driver.ErrConflict, "the array has snapshot %s: delete it, and the record goes with it", id)
	}
	r.p.Snapshot = id
	return r.without(ctx, row)
}

// rowOfVolume loads a snapshot's record, which must be of the operation's volume.
func (r *run) rowOfVolume(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	row, err := r.e.inv.Snapshot(ctx, id)
	if err == nil && row.Volume != r.vol.ID {
		err = driver.Errorf(driver.ErrInvalid, "snapshot %s is of volume %s, not of %s", id, row.Volume, r.vol.ID)
	}
	return row, classified(err)
}

// without is the change that takes a record out of the tree, and its group with the last member.
func (r *run) without(ctx context.Context, row snapshot.Snapshot) (inventory.Change, error) {
	vol := r.unpend()
	if vol.Head == row.ID {
		vol.Head = row.Parent
	}
	r.fore.loseRecord(row, "the array does not have the snapshot")
	change := inventory.Change{
		Volumes:  r.volumeChange(vol),
		Reparent: []inventory.Reparent{{Volume: vol.ID, From: row.ID, To: row.Parent}},
		Drop:     []snapshot.ID{row.ID},
	}
	var err error
	change.Records, err = r.lastOfGroup(ctx, row)
	return change, err
}

func endsDrop(r *run) string {
	if r.has(stepDelete) {
		return "nothing changes: the inventory never knew it"
	}
	return "the snapshot is not in the tree any more, and its children are its parent's"
}

func droppedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	if len(r.op.Steps) == 0 {
		return inventoryOnly(ctx, r)
	}
	return inventory.Change{Volumes: r.volumeChange(r.unpend())}, Result{Volume: r.vol.ID, RecoverableUntil: r.p.Recoverable}, nil
}

func dropFailed(_ context.Context, r *run) (inventory.Change, error) {
	return inventory.Change{Volumes: r.volumeChange(r.unpend())}, nil
}
