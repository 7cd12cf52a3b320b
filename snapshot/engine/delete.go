package engine

import (
	"context"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const stepDelete = "DeleteSnapshot"

// deleteKind: holds, pins and dependants named → intent (Deleting) → DeleteSnapshot → outcome (children move up).
func deleteKind() *kind {
	return &kind{
		name: kindDelete, format: 1, decode: decodeAs[DeleteRequest], locate: locateDelete,
		prepare: prepareDelete, outcome: deletedOutcome, failed: deleteFailed,
		abandon: abandonDelete, leaves: deleteLeaves, explain: explainDelete, aim: "delete {snapshot} of {volume}",
		steps: map[string]step{
			stepDelete: {do: doDelete, find: findDeleted, repeat: true, late: true, assume: wordSuffices, tell: tellDelete},
		},
		pivots: []string{stepDelete},
		ends:   says("the snapshot is not in the tree any more, and its children are its parent's"),
		after:  afterDelete,
	}
}

func locateDelete(ctx context.Context, e *Engine, req Request) ([]snapshot.VolumeID, error) {
	s, err := e.Snapshot(ctx, req.(DeleteRequest).Snapshot) //nolint:forcetypeassert,errcheck // the kind's own request
	return []snapshot.VolumeID{s.Volume}, err
}

func prepareDelete(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(DeleteRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	row, err := r.e.inv.Snapshot(ctx, req.Snapshot)
	if err != nil {
		return inventory.Change{}, classified(err)
	}
	if err := r.openVolume(ctx, row.Volume); err != nil {
		return inventory.Change{}, err
	}
	if !req.IfExpiresAt.IsZero() && !row.ExpiresAt.Equal(micro(req.IfExpiresAt)) {
		return inventory.Change{}, driver.Errorf(driver.ErrConflict, "the expiry of snapshot %s was changed meanwhile", row.ID)
	}
	if err := r.deletable(ctx, row); err != nil {
		return inventory.Change{}, err
	}
	r.p.Snapshot, r.p.Ref, r.p.Was = row.ID, refOf(row), row.State
	r.plan(stepDelete)
	if err := r.foreseeDelete(ctx, row); err != nil {
		return inventory.Change{}, err
	}
	row.State = snapshot.Deleting
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol)), Put: []snapshot.Snapshot{row}}, nil
}

// deletable refuses, naming it, whatever stands in the way of a snapshot's deletion and can be known without the array.
func (r *run) deletable(ctx context.Context, s snapshot.Snapshot) error {
	if !s.Group.IsZero() && r.desc.Facts.GroupMemberDelete == driver.MemberDeleteRefused {
		whole := driver.Blocker{Kind: "group", ID: s.Group.String(), Name: s.Name, Since: s.CreatedAt}
		return driver.Blocked(driver.ErrUnsupported, []driver.Blocker{whole},
			"backend %q deletes no single members of a group; delete the group", r.b.name)
	}
	blockers, err := r.inTheWay(ctx, s)
	switch {
	case err != nil:
		return err
	case len(blockers) > 0:
		return driver.Blocked(driver.ErrInUse, blockers, "snapshot %s cannot be deleted", s.ID)
	}
	return nil
}

// inTheWay lists holds, pins, younger snapshots and clones that need the snapshot.
func (r *run) inTheWay(ctx context.Context, s snapshot.Snapshot) ([]driver.Blocker, error) {
	blockers := kept(s, r.e.now())
	if r.desc.Facts.SnapshotsDependent {
		for o, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: s.Volume, State: snapshot.Ready}) {
			if err != nil {
				return nil, classified(err)
			}
			if isYounger(o, s) { // whatever its parent is: the array goes by time
				blockers = append(blockers, driver.Blocker{Kind: "snapshot", ID: o.ID.String(), Name: o.Name, Since: o.CreatedAt})
			}
		}
	}
	clones, err := r.clonesOf(ctx, s)
	return append(blockers, clones...), err
}

// isYounger reports whether o was taken after s of the same volume. Many arrays count seconds; of one instant, what we asked
// for later is younger. Of what was there before us nobody can tell.
func isYounger(o, s snapshot.Snapshot) bool {
	if !o.TakenAt.Equal(s.TakenAt) {
		return o.TakenAt.After(s.TakenAt)
	}
	return o.Lineage == snapshot.Recorded && o.ID.String() > s.ID.String()
}

// clonesOf lists the clones that need the snapshot.
func (r *run) clonesOf(ctx context.Context, s snapshot.Snapshot) ([]driver.Blocker, error) {
	if r.desc.Facts.CloneDependence == driver.CloneIndependent {
		return nil, nil
	}
	var clones []driver.Blocker
	for v, err := range r.e.inv.Volumes(ctx, inventory.VolumeQuery{Origin: s.ID}) {
		if err != nil {
			return nil, classified(err)
		}
		if v.DeletedAt.IsZero() && !v.Independent {
			clones = append(clones, driver.Blocker{Kind: "clone", ID: v.ID.String(), Name: v.Name, Since: v.CreatedAt})
		}
	}
	return clones, nil
}

// kept lists the holds and pins that forbid a snapshot's deletion.
func kept(s snapshot.Snapshot, now time.Time) []driver.Blocker {
	var blockers []driver.Blocker
	for _, h := range s.Holds {
		if h.Active(now) {
			blockers = append(blockers, driver.Blocker{Kind: "hold", ID: h.Name, Name: h.Reason, Since: h.Since})
		}
	}
	for _, p := range s.Pins {
		blockers = append(blockers, driver.Blocker{Kind: "operation", ID: p.Operation, Name: p.Reason, Since: p.Since})
	}
	return blockers
}

func doDelete(ctx context.Context, r *run, at driver.Attempt) error {
	shared, err := r.shared(ctx, r.p.Ref)
	if shared || err != nil {
		return err
	}
	res, err := r.deleteSnapshot(ctx, r.p.Ref, at)
	r.p.Recoverable = res.RecoverableUntil
	return absentIsDone(err) // the volume itself may be gone, with its snapshots
}

func tellDelete(r *run) PlannedStep {
	var calls []PlannedCall
	if r.desc.Facts.SnapshotUnit == driver.UnitContainer && r.p.Native != "" {
		calls = r.sends("Volume")
	}
	if slices.Contains(r.fore.shared, r.p.Snapshot) {
		return PlannedStep{Does: "the array keeps the snapshot, since it is another volume's too", Calls: calls}
	}
	return PlannedStep{Does: "the array deletes the snapshot", Calls: append(calls, r.sends("DeleteSnapshot")...)}
}

// foreseeDelete finds out for a plan whether the array's snapshot goes too.
func (r *run) foreseeDelete(ctx context.Context, row snapshot.Snapshot) (err error) {
	if r.fore == nil {
		return nil
	}
	shared := false
	if r.has(stepDelete) {
		if shared, err = r.shared(ctx, r.p.Ref); err != nil {
			return err
		}
	}
	if shared {
		r.fore.shared = append(r.fore.shared, row.ID)
		r.fore.loseRecord(row, "the array keeps the snapshot, since it is another volume's too")
		return nil
	}
	r.fore.lose(row, "it is what is deleted")
	return nil
}

// afterDelete: the head moves up if it was the snapshot.
func afterDelete(_ *run, intent inventory.Change, v *PlannedVolume) {
	for _, row := range intent.Put {
		if row.ID == v.HeadBefore.Snapshot {
			v.HeadAfter = PlannedHead{Snapshot: row.Parent}
		}
	}
}

// shared reports whether another volume's record stands for the same snapshot of their container: then the array keeps it
// until the last of them is deleted. The container is locked, so that nobody else deletes that one meanwhile.
func (r *run) shared(ctx context.Context, ref driver.SnapshotRef) (bool, error) {
	if r.desc.Facts.SnapshotUnit != driver.UnitContainer || r.p.Native == "" {
		return false, nil
	}
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, r.p.Native) })
	if err != nil {
		return false, absentIsDone(err)
	}
	for _, native := range v.Siblings {
		sibling, found, err := r.e.managed(ctx, r.b.name, native)
		if err != nil {
			return false, err
		}
		if !found || r.memberOf(sibling.ID).p.Volume == sibling.ID {
			continue // what this operation deletes too keeps nothing
		}
		for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: sibling.ID, Token: string(ref.Token)}) {
			if err != nil {
				return false, classified(err)
			}
			if s.Native == ref.ID && s.State == snapshot.Ready {
				return true, nil
			}
		}
	}
	return false, nil
}

func findDeleted(ctx context.Context, r *run, at driver.Attempt) (bool, error) {
	if shared, err := r.shared(ctx, r.p.Ref); shared || err != nil {
		return shared, err
	}
	m, err := r.lookUp(ctx, r.p.Ref, at)
	return m == nil, err
}

func deletedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	row, err := r.rowNow(ctx, r.p.Snapshot)
	if err != nil {
		return inventory.Change{}, nil, err
	}
	change, err := r.without(ctx, row)
	if err != nil {
		return change, nil, err
	}
	return change, Result{Volume: r.vol.ID, Snapshot: row.ID, RecoverableUntil: r.p.Recoverable}, nil
}

func deleteFailed(ctx context.Context, r *run) (inventory.Change, error) {
	row, err := r.rowNow(ctx, r.p.Snapshot)
	if err != nil {
		return inventory.Change{}, err
	}
	row.State = r.p.Was
	return inventory.Change{Volumes: r.volumeChange(r.unpend()), Put: []snapshot.Snapshot{row}}, nil
}
