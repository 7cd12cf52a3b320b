package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Where a revert drops younger snapshots, their records say that they are going before the array is asked, so that nobody
// begins to use or hold one while the revert is under way.

const (
	stepCondemnYounger = "CondemnYounger"
	stepSpareYounger   = "SpareYounger"
)

// doCondemnYounger is refused for what is held or used by now.
func doCondemnYounger(ctx context.Context, r *run, _ driver.Attempt) error {
	return partly(r.setYounger(ctx, snapshot.Deleting, r.unkept))
}

// undoCondemnYounger, and doSpareYounger for what the array has kept after all. What it has dropped leaves the tree with the
// outcome.
func undoCondemnYounger(ctx context.Context, r *run, _ driver.Attempt) error {
	return r.setYounger(ctx, snapshot.Ready, anyway)
}

func doSpareYounger(ctx context.Context, r *run, at driver.Attempt) error {
	return undoCondemnYounger(ctx, r, at)
}

// setYounger sets the state of what the revert of the member in focus may drop and has not, in its tree and its siblings'.
func (r *run) setYounger(ctx context.Context, state snapshot.State, allow func(snapshot.Snapshot) error) error {
	may, dropped := r.p.MayDrop, r.p.Dropped
	those := func(s snapshot.Snapshot) bool {
		same := func(ref driver.SnapshotRef) bool { return ref.ID == s.Native && string(ref.Volume) == s.NativeVolume }
		return slices.ContainsFunc(may, same) && !slices.ContainsFunc(dropped, same)
	}
	for _, m := range r.rolledBack() {
		if err := r.with(m, func() error { return r.setStates(ctx, state, those, allow) }); err != nil {
			return err
		}
	}
	return nil
}

func tellCondemnYounger(*run) PlannedStep {
	return PlannedStep{
		Does: "the younger snapshots that the array may drop are marked, so that nobody begins to use or hold one",
		Undo: "they can be used again", Calls: []PlannedCall{some()},
	}
}

func tellSpareYounger(*run) PlannedStep {
	return PlannedStep{Does: "what the array has not dropped can be used again", Calls: []PlannedCall{some()}}
}

// some is as many commits as are needed.
func some() PlannedCall {
	c := commits(0)
	c.AtLeast = true
	return c
}

// unkept refuses a snapshot that is held or used by now.
func (r *run) unkept(s snapshot.Snapshot) error {
	if b := kept(s, r.e.now()); len(b) > 0 {
		return driver.Blocked(driver.ErrInUse, b, "snapshot %s must be kept", s.ID)
	}
	return nil
}

func anyway(snapshot.Snapshot) error { return nil }
