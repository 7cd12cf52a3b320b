package engine

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func resultOf(op inventory.Operation, err error) (Result, error) {
	res := Result{operation: op.ID}
	if err != nil || len(op.Result) == 0 {
		return res, err
	}
	if err := json.Unmarshal(op.Result, &res); err != nil {
		return res, driver.Errorf(driver.ErrInvalid, "the result of operation %s cannot be read: %w", op.ID, err)
	}
	return res, nil
}

// Create takes a snapshot of the volume; it becomes the head of the volume's tree, and a child of what was the head.
// All verbs are Submit and Wait in one: they return [*Error] whose class says what happened, and when ctx ends first
// they undo what can be undone before they return.
func (e *Engine) Create(ctx context.Context, req CreateRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

// unread is the error of a verb that succeeded and cannot say any more what it made: somebody has removed it since.
func (r Result) unread(kind string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{
		Operation: r.operation, Kind: kind, State: inventory.Succeeded, Err: classified(err),
		Next: "it succeeded, and what it made was removed since, or cannot be read now",
	}
}

// Delete deletes a snapshot at the array and in the tree; its children become its parent's. It is refused, naming what
// stands in the way, while somebody holds it, an operation uses it, or clones or younger snapshots need it.
func (e *Engine) Delete(ctx context.Context, req DeleteRequest) error {
	_, err := e.do(ctx, req)
	return err
}

// Reverted is what a revert changed.
type Reverted struct {
	_ [0]func()

	// Volume is the record now: its head is the snapshot, its native id may be another.
	Volume inventory.Volume
	// Kept is the snapshot of the content before, if it was asked for.
	Kept snapshot.ID
	// Dropped are the snapshots that the array dropped with the revert.
	Dropped []snapshot.ID
}

// Revert makes the volume's content that of the snapshot, in place: access is taken away and hosts let go first, and both are
// given back after. Snapshots stay, where the array keeps them; the next one becomes a branch.
func (e *Engine) Revert(ctx context.Context, req RevertRequest) (Reverted, error) {
	res, err := e.do(ctx, req)
	if err != nil {
		return Reverted{}, err
	}
	vol, err := e.Volume(context.WithoutCancel(ctx), req.Volume)
	return Reverted{Volume: vol, Kept: res.Kept, Dropped: res.Dropped}, res.unread(req.kind(), err)
}

// Clone makes a new volume with the snapshot's content and, if asked, introduces it to a host.
func (e *Engine) Clone(ctx context.Context, req CloneRequest) (inventory.Volume, error) {
	return e.volumeVerb(ctx, req)
}

// Import puts a volume of a backend under management. The snapshots that it has become a chain by time, with assumed lineage.
func (e *Engine) Import(ctx context.Context, req ImportRequest) (inventory.Volume, error) {
	return e.volumeVerb(ctx, req)
}

// Forget drops a volume with its snapshots from the inventory; the array keeps everything.
func (e *Engine) Forget(ctx context.Context, req ForgetRequest) error {
	_, err := e.do(ctx, req)
	return err
}

// DeleteVolume deletes a volume at the array; the request says what becomes of its snapshots.
func (e *Engine) DeleteVolume(ctx context.Context, req DeleteVolumeRequest) error {
	_, err := e.do(ctx, req)
	return err
}

func (e *Engine) snapshotVerb(ctx context.Context, req Request) (snapshot.Snapshot, error) {
	res, err := e.do(ctx, req)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	s, err := e.Snapshot(context.WithoutCancel(ctx), res.Snapshot)
	return s, res.unread(req.kind(), err)
}

func (e *Engine) volumeVerb(ctx context.Context, req Request) (inventory.Volume, error) {
	res, err := e.do(ctx, req)
	if err != nil {
		return inventory.Volume{}, err
	}
	v, err := e.Volume(context.WithoutCancel(ctx), res.Volume)
	return v, res.unread(req.kind(), err)
}

// Volume returns the record of a volume. Error: ErrNotFound.
func (e *Engine) Volume(ctx context.Context, id snapshot.VolumeID) (inventory.Volume, error) {
	v, err := e.inv.Volume(ctx, id)
	return v, classified(err)
}

// Snapshot returns the record of a snapshot. Error: ErrNotFound.
func (e *Engine) Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	s, err := e.inv.Snapshot(ctx, id)
	return s, classified(err)
}

// Snapshots returns the snapshots of a volume in the order of their making by us.
func (e *Engine) Snapshots(ctx context.Context, volume snapshot.VolumeID) ([]snapshot.Snapshot, error) {
	var all []snapshot.Snapshot
	for s, err := range e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: volume}) {
		if err != nil {
			return nil, classified(err)
		}
		all = append(all, s)
	}
	return slices.Clip(all), nil
}

// Tree returns the volume's tree of snapshots: a value of the caller's own. Errors: ErrNotFound; ErrInvalid if the
// inventory's rows are no tree, which names the row.
func (e *Engine) Tree(ctx context.Context, volume snapshot.VolumeID) (*snapshot.Tree, error) {
	for range 5 { // the header and the rows are read one after the other
		v, err := e.Volume(ctx, volume)
		if err != nil {
			return nil, err
		}
		rows, err := e.Snapshots(ctx, volume)
		if err != nil {
			return nil, err
		}
		again, err := e.Volume(ctx, volume)
		if err != nil {
			return nil, err
		}
		if again.Version != v.Version {
			continue
		}
		tree, err := snapshot.NewTree(v.ID, snapshot.Head{Snapshot: v.Head, Unknown: v.HeadUnknown}, rows)
		if err != nil {
			return nil, driver.Errorf(driver.ErrInvalid, "volume %s: %w", volume, err)
		}
		return tree, nil
	}
	return nil, driver.Errorf(driver.ErrBusy, "volume %s keeps changing; try again", volume)
}
