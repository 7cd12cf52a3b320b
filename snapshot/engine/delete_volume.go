package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	stepCondemn       = "CondemnSnapshots"
	stepDropSnapshots = "DeleteSnapshots"
	stepDeleteVolume  = "DeleteVolume"
)

// deleteVolumeKind: checks → intent → Detach → Revoke → [CondemnSnapshots → DeleteSnapshots] → DeleteVolume → outcome.
// What is deleted first, the snapshots or the volume, is the pivot.
func deleteVolumeKind() *kind {
	return &kind{
		name: kindDeleteVolume, format: 1, decode: decodeAs[DeleteVolumeRequest],
		locate:  locateVolume(func(r DeleteVolumeRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareDeleteVolume, outcome: volumeDeletedOutcome, failed: deleteVolumeFailed,
		abandon: abandonDeleteVolume, leaves: deleteVolumeLeaves, explain: explainDeleteVolume, aim: "delete {volume}",
		steps: map[string]step{
			stepDetach:        {do: doDetach, undo: undoDetach, tell: tellDetach},
			stepRevoke:        {do: doRevoke, undo: undoRevoke, late: true, tell: tellRevoke},
			stepCondemn:       {do: doCondemn, undo: undoCondemn, tell: tellCondemn},
			stepDropSnapshots: {do: doDropSnapshots, repeat: true, late: true, several: true, tell: tellDropSnapshots},
			stepDeleteVolume: {
				do: doDeleteVolume, find: findVolumeDeleted, repeat: true, late: true, assume: wordSuffices, tell: tellDeleteVolume,
			},
		},
		pivots: []string{stepDropSnapshots, stepDeleteVolume}, goBack: true,
		ends:  endsDeleteVolume,
		after: func(_ *run, _ inventory.Change, v *PlannedVolume) { v.Gone = true },
	}
}

func prepareDeleteVolume(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(DeleteVolumeRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openVolume(ctx, req.Volume); err != nil {
		return none, err
	}
	if err := r.live(); err != nil {
		return none, err
	}
	if r.b.able.Volumes == nil {
		return none, driver.Errorf(driver.ErrUnsupported, "backend %q cannot delete volumes", r.b.name)
	}
	r.fore.loseOf(lossVolume, r.vol, "it is deleted at the array, with its content")
	if err := r.snapshotsLeft(ctx, req.Snapshots); err != nil {
		return none, err
	}
	if err := errors.Join(r.openHost(ctx), r.unused()); err != nil {
		return none, err
	}
	if err := r.chooseTokens(ctx); err != nil {
		return none, err
	}
	r.planLetGo()
	if req.Snapshots == SnapshotsDelete {
		r.plan(stepCondemn)
		if !r.desc.Facts.SnapshotsDieWithVolume {
			r.plan(stepDropSnapshots)
		}
	}
	r.plan(stepDeleteVolume)
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol))}, nil
}

// snapshotsLeft refuses what the policy does not allow, or cannot be done, with the snapshots that the volume has.
func (r *run) snapshotsLeft(ctx context.Context, policy SnapshotsPolicy) error {
	var all, stuck []driver.Blocker
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: r.vol.ID}) {
		if err != nil {
			return classified(err)
		}
		if len(all) < 10 {
			all = append(all, driver.Blocker{Kind: "snapshot", ID: s.ID.String(), Name: s.Name, Since: s.CreatedAt})
		}
		clones, err := r.clonesOf(ctx, s)
		if err != nil {
			return err
		}
		stuck = append(append(stuck, kept(s, r.e.now())...), clones...)
		if policy == SnapshotsDelete {
			if err := r.foreseeDropped(ctx, s); err != nil {
				return err
			}
		}
	}
	n := r.vol.SnapshotCount
	switch {
	case len(all) == 0:
		return nil
	case policy == SnapshotsDelete && len(stuck) > 0:
		return driver.Blocked(driver.ErrInUse, stuck, "snapshots of volume %s must be kept", r.vol.ID)
	case policy == SnapshotsDelete:
		return nil
	case policy == SnapshotsKeep && r.desc.Facts.SnapshotsDieWithVolume:
		return driver.Blocked(driver.ErrUnsupported, all, "backend %q deletes a volume's snapshots with it, and volume %s has %d",
			r.b.name, r.vol.ID, n)
	case policy == SnapshotsKeep:
		return nil
	}
	return driver.Blocked(driver.ErrInUse, all, "volume %s has %d snapshots; say whether to keep or to delete them", r.vol.ID, n)
}

// foreseeDropped finds out for a plan whether the array's snapshot goes with the volume.
func (r *run) foreseeDropped(ctx context.Context, s snapshot.Snapshot) error {
	if r.fore == nil {
		return nil
	}
	if !r.desc.Facts.SnapshotsDieWithVolume {
		shared, err := r.shared(ctx, refOf(s))
		if err != nil {
			return err
		}
		if shared {
			r.fore.shared = append(r.fore.shared, s.ID)
			r.fore.loseRecord(s, "the array keeps the snapshot, since it is another volume's too")
			return nil
		}
	}
	r.fore.lose(s, "the volume's snapshots are deleted with it")
	return nil
}

// doCondemn marks every snapshot as going, so that nothing begins to use one. It is refused for one that is used by now.
func doCondemn(ctx context.Context, r *run, _ driver.Attempt) error {
	return partly(r.setStates(ctx, snapshot.Deleting, every, r.unkept))
}

func tellCondemn(r *run) PlannedStep {
	most := inventory.MaxChange - 1
	return PlannedStep{
		Does: "the volume's snapshots are marked, so that nothing begins to use one", Undo: "they can be used again",
		Calls: []PlannedCall{commits((r.vol.SnapshotCount + most - 1) / most)},
	}
}

// partly is the error of a step that has several effects: whatever its last call says, others may have taken place.
func partly(err error) error {
	if err == nil || errors.Is(err, errLost) {
		return err
	}
	return &driver.Error{
		Class: driver.ClassOf(err), Effect: driver.EffectUnknown, Blockers: driver.BlockersOf(err), Err: err,
	}
}

func undoCondemn(ctx context.Context, r *run, _ driver.Attempt) error {
	return r.setStates(ctx, snapshot.Ready, every, anyway)
}

func every(snapshot.Snapshot) bool { return true }

// setStates sets the state of those of the volume's snapshots, in as few commits as fit.
func (r *run) setStates(
	ctx context.Context, state snapshot.State, those func(snapshot.Snapshot) bool, allow func(snapshot.Snapshot) error,
) error {
	for {
		var rows []snapshot.Snapshot
		for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: r.vol.ID}) {
			if err != nil {
				return classified(err)
			}
			if s.State == state || s.State == snapshot.Missing || !those(s) {
				continue
			}
			if err := allow(s); err != nil {
				return err
			}
			s.State = state
			rows = append(rows, s)
		}
		if len(rows) == 0 {
			return nil
		}
		for chunk := range slices.Chunk(rows, inventory.MaxChange-1) {
			if err := r.commit(ctx, inventory.Change{Put: chunk}); err != nil && !errors.Is(err, inventory.ErrStale) {
				return errors.Join(errLost, err)
			} else if err != nil && !r.owned(ctx) {
				return errLost
			}
		}
	}
}

// doDropSnapshots deletes them youngest first, as an array wants it where they depend on each other. Times may be equal, or
// be another's order than the array's, so one that is refused has its turn again as long as others go.
func doDropSnapshots(ctx context.Context, r *run, at driver.Attempt) error {
	rows, err := r.e.Snapshots(ctx, r.vol.ID)
	if err != nil {
		return err
	}
	slices.Reverse(rows)
	slices.SortStableFunc(rows, func(a, b snapshot.Snapshot) int { return b.TakenAt.Compare(a.TakenAt) })
	gone := 0
	for len(rows) > 0 {
		var again []snapshot.Snapshot
		var refusal error
		for _, s := range rows {
			err := r.dropSnapshot(ctx, s, at)
			switch {
			case err == nil:
				gone++
			case driver.ClassOf(err) == driver.ErrInUse:
				again, refusal = append(again, s), err
			default:
				return afterSome(gone, err)
			}
		}
		if len(again) == len(rows) {
			return afterSome(gone, refusal)
		}
		rows = again
	}
	return nil
}

// afterSome is the error of a step whose calls had effects until one failed. If none had, the last one's error is all.
func afterSome(effects int, err error) error {
	if effects == 0 {
		return err
	}
	return partly(err)
}

// dropSnapshot deletes one at the array and in the tree.
func (r *run) dropSnapshot(ctx context.Context, s snapshot.Snapshot, at driver.Attempt) error {
	shared, err := r.shared(ctx, refOf(s))
	if err == nil && !shared {
		_, err = r.deleteSnapshot(ctx, refOf(s), at)
	}
	if absentIsDone(err) != nil {
		return fmt.Errorf("snapshot %s: %w", s.ID, err)
	}
	if err := r.dropRow(ctx, s.ID); err != nil {
		return errors.Join(errLost, err)
	}
	return nil
}

// dropRow takes a snapshot that is gone at the array out of the tree. Somebody may edit the volume's header meanwhile.
func (r *run) dropRow(ctx context.Context, id snapshot.ID) error {
	for try := 1; ; try++ {
		now, err := r.rowNow(ctx, id) // its parent may have gone meanwhile
		if err != nil {
			return err
		}
		vol := r.vol
		if vol.Head == id {
			vol.Head = now.Parent
		}
		err = r.commit(ctx, inventory.Change{
			Volumes:  r.volumeChange(vol),
			Reparent: []inventory.Reparent{{Volume: vol.ID, From: id, To: now.Parent}},
			Drop:     []snapshot.ID{id},
		})
		switch {
		case err == nil:
			vol.Version++
			r.vol = vol
			return nil
		case !errors.Is(err, inventory.ErrStale) || try == 5 || !r.owned(ctx):
			return err
		}
		if err := r.reload(ctx); err != nil {
			return err
		}
	}
}

func tellDropSnapshots(r *run) PlannedStep {
	n, shared := r.vol.SnapshotCount, len(r.fore.shared)
	calls := []PlannedCall{r.sends("DeleteSnapshot")[0].times(n)}
	if r.desc.Facts.SnapshotUnit == driver.UnitContainer { // each is looked at first, whether it is another volume's too
		calls = nil
		for i := range n {
			calls = append(calls, r.sends("Volume")...)
			if i < n-shared {
				calls = append(calls, r.sends("DeleteSnapshot")...)
			}
		}
	}
	return PlannedStep{
		Does: fmt.Sprintf("the array deletes the snapshots of %s, youngest first: %d", r.theVolume(), n-shared),
		// One after the other, each out of the tree as soon as it is gone.
		Calls: append(calls, commits(n)),
	}
}

func doDeleteVolume(ctx context.Context, r *run, at driver.Attempt) error {
	if err := r.fence(ctx, at); absentIsDone(err) != nil {
		return err
	}
	res, err := ask(ctx, r, "DeleteVolume", func(ctx context.Context) (driver.DeleteResult, error) {
		return r.b.able.Volumes.DeleteVolume(ctx, driver.DeleteVolumeRequest{Volume: r.d.Native, Token: r.d.Token, Attempt: at})
	})
	r.d.Recoverable = res.RecoverableUntil
	return absentIsDone(err)
}

func tellDeleteVolume(r *run) PlannedStep {
	return PlannedStep{
		Does:  fmt.Sprintf("once nobody has it open, the array deletes %s", r.theVolume()),
		Calls: append(r.fenceCalls(), r.sends("DeleteVolume")...),
	}
}

func findVolumeDeleted(ctx context.Context, r *run, _ driver.Attempt) (bool, error) {
	_, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, r.d.Native) })
	if driver.ClassOf(err) == driver.ErrNotFound {
		return true, nil
	}
	return false, err
}

func volumeDeletedOutcome(_ context.Context, r *run) (inventory.Change, any, error) {
	req := r.req.(DeleteVolumeRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	res := Result{Volume: r.vol.ID, RecoverableUntil: r.d.Recoverable}
	vol := r.unpend()
	change := r.volumeChange(vol)
	if req.Snapshots != SnapshotsKeep || vol.SnapshotCount == 0 {
		change[0].Delete = true
		return inventory.Change{Volumes: change}, res, nil
	}
	return inventory.Change{Volumes: r.volumeChange(r.historyOf(vol))}, res, nil
}

func endsDeleteVolume(r *run) string {
	req := r.req.(DeleteVolumeRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if req.Snapshots == SnapshotsKeep && r.vol.SnapshotCount > 0 {
		return "the inventory has the volume as history only; its snapshots can be cloned"
	}
	return "the volume is not in the inventory any more"
}

func deleteVolumeFailed(_ context.Context, r *run) (inventory.Change, error) {
	return inventory.Change{Volumes: r.volumeChange(r.unpend())}, nil
}
