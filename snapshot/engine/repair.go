package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const kindRepair = "repair"

// RepairRequest asks to make a record say what the array says. Nothing is touched at the array.
type RepairRequest struct {
	_ [0]func()

	Common
	// Finding is what an audit said. If it is no longer so, the request is refused and nothing is changed.
	Finding FindingKind       `json:"finding"`
	Volume  snapshot.VolumeID `json:"volume"`
	// Snapshot is the record to repair; none means the volume's own.
	Snapshot snapshot.ID `json:"snapshot,omitzero"`
	// Native is the volume's id now, for a volume whose native id changed.
	Native driver.VolumeID `json:"native,omitempty"`
	// Head is the snapshot that the content descends from, for a volume whose head is unknown: a person's word.
	Head snapshot.ID `json:"head,omitzero"`
}

func (RepairRequest) kind() string { return kindRepair }

func (r RepairRequest) validate() error {
	switch {
	case r.Volume.IsZero():
		return needs("volume")
	case !slices.Contains(r.Finding.actions(), ActionRepair):
		return driver.Errorf(driver.ErrInvalid, "findings of kind %q cannot be repaired", string(r.Finding))
	case r.Finding == FindingHeadUnknown && r.Head.IsZero():
		return driver.Errorf(driver.ErrInvalid,
			"nothing tells what the volume's content descends from: name the head, or leave it unknown")
	case r.Finding == FindingNativeChanged && r.Snapshot.IsZero() && r.Native == "":
		return needs("native volume id")
	}
	return nil
}

// Repair makes the record of a volume or snapshot say what the array says, after it has made sure that the finding still
// holds. A missing snapshot becomes Missing and keeps its place in the tree; one that is there again becomes Ready; a volume
// that is gone keeps the history of its snapshots, as after [SnapshotsKeep]; a volume with another native id keeps the old
// one as a former id, and its head is unknown, since only a revert that nobody remembers can have changed the id. A record
// that is stuck becomes what the array has of it, or is removed if it has nothing.
// Errors: ErrConflict if the finding does not hold any more; ErrNotFound; those of the array.
func (e *Engine) Repair(ctx context.Context, req RepairRequest) error {
	_, err := e.do(ctx, req)
	return err
}

// repairKind: the record, in one commit.
func repairKind() *kind {
	return &kind{
		name: kindRepair, format: 1, decode: decodeAs[RepairRequest],
		locate:  locateVolume(func(r RepairRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareRepair, outcome: inventoryOnly,
		ends: says("the record says what the array says"),
	}
}

func prepareRepair(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(RepairRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	stuck, err := r.openDamaged(ctx, req.Volume)
	switch {
	case err != nil:
		return none, err
	case !req.Snapshot.IsZero():
		r.p.Snapshot = req.Snapshot
		return r.repairSnapshot(ctx, req)
	case req.Finding == FindingStuck:
		lock, err := r.deadLock(ctx, r.vol.Container)
		if err == nil && !stuck && lock == 0 && (r.vol.Native != "" || !r.vol.DeletedAt.IsZero()) {
			err = r.overtaken(req)
		}
		if err != nil {
			return none, err
		}
		return r.releaseVolume(ctx)
	}
	return r.repairVolume(ctx, req)
}

// openDamaged is openVolume for a volume that may be marked as busy by an operation that is not open: it reports that, and
// leaves the mark to be removed by whatever is written.
func (r *run) openDamaged(ctx context.Context, id snapshot.VolumeID) (stuck bool, err error) {
	vol, err := r.e.inv.Volume(ctx, id)
	if err != nil {
		return false, classified(err)
	}
	if !vol.Pending.IsZero() && vol.Pending != r.id {
		open, err := r.e.operationOpen(ctx, vol.Pending)
		if err != nil {
			return false, err
		}
		if open {
			return false, r.free(ctx, vol)
		}
		stuck = true
	}
	r.vol, r.p.Volume, r.p.Native = vol, id, vol.Native
	r.op.Volumes, r.op.Owner = r.volumeIDs(), vol.Owner
	return stuck, r.openBackend(ctx, vol.Backend)
}

// overtaken is the refusal of a repair whose finding does not hold any more.
func (r *run) overtaken(req RepairRequest) error {
	what := "volume " + req.Volume.String()
	if !req.Snapshot.IsZero() {
		what = "snapshot " + req.Snapshot.String()
	}
	return driver.Errorf(driver.ErrConflict, "%s is no longer %s: audit again", what, req.Finding)
}

// repairSnapshot makes the record what the array has of the snapshot.
func (r *run) repairSnapshot(ctx context.Context, req RepairRequest) (inventory.Change, error) {
	var none inventory.Change
	row, err := r.rowOfVolume(ctx, req.Snapshot)
	if err != nil {
		return none, err
	}
	pins, err := r.e.deadPins(ctx, row)
	if err != nil {
		return none, err
	}
	kinds, found, err := r.examine(ctx, row)
	switch {
	case err != nil:
		return none, err
	case req.Finding == FindingStuck && len(pins) > 0:
		row.Pins = slices.DeleteFunc(slices.Clone(row.Pins), func(p snapshot.Pin) bool { return slices.Contains(pins, p) })
		if row.State != snapshot.Creating && row.State != snapshot.Deleting { // what else is wrong is another finding
			return inventory.Change{Volumes: r.volumeChange(r.unpend()), Put: []snapshot.Snapshot{row}}, nil
		}
	case !slices.Contains(kinds, req.Finding),
		found == nil && row.State == snapshot.Missing:
		return none, r.overtaken(req)
	}
	if found == nil && req.Finding == FindingStuck {
		return r.without(ctx, row)
	}
	return r.refresh(ctx, row, found)
}

// refresh is the change that takes over what the array says of a snapshot, or that it says nothing.
func (r *run) refresh(ctx context.Context, row snapshot.Snapshot, found *driver.Snapshot) (inventory.Change, error) {
	vol := r.unpend()
	if found == nil {
		row.State = snapshot.Missing
		return inventory.Change{Volumes: r.volumeChange(vol), Put: []snapshot.Snapshot{row}}, nil
	}
	if err := r.mayCarry(ctx, row, found.Ref); err != nil {
		return inventory.Change{}, err
	}
	if row.State == snapshot.Creating { // as the create would have done
		row.TakenAt = micro(found.CreatedAt)
		if vol.Head == row.Parent {
			vol.Head, vol.HeadUnknown = row.ID, false
		}
	}
	row.State, row.Native, row.Token = snapshot.Ready, found.Ref.ID, string(found.Ref.Token)
	if found.Size > 0 {
		row.Size = found.Size
	}
	return inventory.Change{Volumes: r.volumeChange(vol), Put: []snapshot.Snapshot{row}}, nil
}

// mayCarry refuses to take over a token that stands for another snapshot of the volume already.
func (r *run) mayCarry(ctx context.Context, row snapshot.Snapshot, ref driver.SnapshotRef) error {
	if ref.Token == "" || string(ref.Token) == row.Token {
		return nil
	}
	other, known, err := r.recordOf(ctx, r.vol.ID, ref)
	if err == nil && known {
		return driver.Errorf(driver.ErrConflict,
			"snapshot %q carries token %s at the array, which is that of snapshot %s: rename it there", ref.ID, ref.Token, other.ID)
	}
	return err
}
