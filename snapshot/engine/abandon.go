package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// What an abandoned operation leaves in the inventory: what is known, and nothing that is only hoped. What the array may
// still have beyond it is told to the person, with its token, and found by an audit.

// stateOf returns the state of the step about the member in focus; StepPlanned if there is none of that name.
func (r *run) stateOf(name string) inventory.StepState {
	for _, s := range r.op.Steps {
		if s.Name == name && (s.Volume.IsZero() || s.Volume == r.p.Volume) {
			return s.State
		}
	}
	return inventory.StepPlanned
}

// touched: the step may have had its effect, and it was not undone.
func (r *run) touched(name string) bool {
	s := r.stateOf(name)
	return s == inventory.StepSent || s == inventory.StepDone
}

// abandonCreate drops the record: a snapshot that may not exist must not be offered.
func abandonCreate(ctx context.Context, r *run) (inventory.Change, error) {
	return createFailed(ctx, r)
}

func createLeaves(r *run) string {
	if !r.touched(stepCreate) {
		return "the snapshot's record is dropped; the array has nothing"
	}
	return fmt.Sprintf("the snapshot's record is dropped; if the array has the snapshot (token %s), it stays there until an audit "+
		"adopts or deletes it", r.p.Token)
}

// abandonDelete keeps the record: as it was if the array was never asked, else missing.
func abandonDelete(ctx context.Context, r *run) (inventory.Change, error) {
	change, err := deleteFailed(ctx, r)
	if err == nil && r.touched(stepDelete) {
		change.Put[0].State = snapshot.Missing
	}
	return change, err
}

func deleteLeaves(r *run) string {
	if !r.touched(stepDelete) {
		return "{snapshot} is as it was"
	}
	return "{snapshot} is marked missing, since the array may have deleted it; an audit finds out, and it can be deleted again"
}

// abandonRevert says of the content what is known: that of the snapshot once the revert is known to have taken place, that
// of before if it was never sent, and else nothing.
func abandonRevert(ctx context.Context, r *run) (inventory.Change, error) {
	if r.stateOf(stepRevert) == inventory.StepDone {
		change, _, err := revertedOutcome(ctx, r)
		return change, err
	}
	vol := r.unpend()
	if r.touched(stepRevert) {
		vol.Head, vol.HeadUnknown = snapshot.ID{}, true
		if err := r.missing(ctx, r.p.MayDrop); err != nil {
			return inventory.Change{}, err
		}
	}
	change := inventory.Change{Volumes: r.volumeChange(vol)}
	switch {
	case r.p.Keep.IsZero():
	case r.keptForSure():
		row, err := r.madeRow(ctx, r.p.Keep, r.p.Kept)
		if err != nil {
			return inventory.Change{}, err
		}
		change.Put = []snapshot.Snapshot{row}
	default:
		change.Drop = []snapshot.ID{r.p.Keep}
	}
	return change, nil
}

// keptForSure: the array has the snapshot of the content before, and nobody began to delete it.
func (r *run) keptForSure() bool {
	return !r.op.Undoing && r.p.Kept != nil && r.stateOf(stepKeep) == inventory.StepDone
}

// missing marks what the array may have dropped. It may take several commits; repeated, it does what is left.
func (r *run) missing(ctx context.Context, refs []driver.SnapshotRef) error {
	var rows []snapshot.Snapshot
	for _, ref := range refs {
		row, found, err := r.rowOf(ctx, ref)
		if err != nil {
			return err
		}
		if found && row.State != snapshot.Missing {
			row.State = snapshot.Missing
			rows = append(rows, row)
		}
	}
	for chunk := range slices.Chunk(rows, inventory.MaxChange-1) {
		if err := r.commit(ctx, inventory.Change{Put: chunk}); err != nil {
			return err
		}
	}
	return nil
}

func revertLeaves(r *run) string {
	var all []string
	switch r.stateOf(stepRevert) {
	case inventory.StepDone:
		all = append(all, "the tree says that the content is that of {snapshot}")
	case inventory.StepSent:
		all = append(all, "the tree says that nobody knows what the content descends from (head unknown), until the next revert")
		if len(r.p.MayDrop) > 0 {
			all = append(all, "the younger snapshots are marked missing, since the array may have dropped them; an audit finds out")
		}
		if r.p.ChangesID {
			all = append(all, "the array may know the volume by another id now; then forget it and import that one")
		}
	case inventory.StepPlanned, inventory.StepUndone:
		all = append(all, "the tree says that the content is what it was")
	}
	if !r.p.Keep.IsZero() && r.touched(stepKeep) && !r.keptForSure() && r.stateOf(stepRevert) != inventory.StepDone {
		all = append(all, fmt.Sprintf("a snapshot of the content before may be at the array (token %s) until an audit adopts or "+
			"deletes it", r.p.KeepRef.Token))
	}
	return strings.Join(append(all, r.letGoLeaves()...), "; ")
}

// letGoLeaves tells what a volume lacks that was taken from its users and not given back.
func (r *run) letGoLeaves() []string {
	var all []string
	if r.touched(stepRevoke) && r.stateOf(stepGrant) != inventory.StepDone {
		all = append(all, "access at the array stays taken away: give it back by hand"+r.accessBefore())
	}
	if r.touched(stepDetach) && r.stateOf(stepAttach) != inventory.StepDone && r.p.Attachment != nil && r.p.Attachment.Attached {
		all = append(all, "{host} stays without {volume}: attach it by hand")
	}
	return all
}

// accessBefore is who had access, as the array's driver wrote it down.
func (r *run) accessBefore() string {
	if len(r.p.Access) == 0 || string(r.p.Access) == "null" {
		return ""
	}
	return " (before, it was " + string(r.p.Access) + ")"
}

// abandonClone drops the new volume's record and takes the pin off the source.
func abandonClone(ctx context.Context, r *run) (inventory.Change, error) { return cloneFailed(ctx, r) }

func cloneLeaves(r *run) string {
	all := []string{"the clone's record is dropped, and {snapshot} can be deleted again"}
	if !r.touched(stepClone) {
		return all[0] + "; the array has nothing"
	}
	name := ""
	if r.p.Now != nil {
		name = ", id " + string(r.p.Now.Native)
	}
	all = append(all, fmt.Sprintf("if the array has the new volume (token %s%s), it stays there: delete it by hand",
		r.p.Token, name))
	if r.touched(stepIntroduce) {
		all = append(all, fmt.Sprintf("{host} may have its disk (token %s): make it forget that one first", r.p.HostToken))
	}
	return strings.Join(all, "; ")
}

// abandonDeleteVolume keeps the volume's record: whether the array still has it, the next operation on it tells. Its snapshots
// are as they were, or missing once the array was told to delete something.
func abandonDeleteVolume(ctx context.Context, r *run) (inventory.Change, error) {
	state := snapshot.Ready
	if r.deleting() {
		state = snapshot.Missing
	}
	err := r.setStates(ctx, state, func(s snapshot.Snapshot) (bool, error) { return s.State == snapshot.Deleting, nil })
	if err != nil {
		return inventory.Change{}, err
	}
	if err := r.reload(ctx); err != nil {
		return inventory.Change{}, err
	}
	return deleteVolumeFailed(ctx, r)
}

// deleting: the array was told to delete snapshots, or the volume with them.
func (r *run) deleting() bool { return r.touched(stepDropSnapshots) || r.touched(stepDeleteVolume) }

func deleteVolumeLeaves(r *run) string {
	all := []string{"{volume} stays in the inventory"}
	switch {
	case r.touched(stepDeleteVolume):
		all = append(all, "if the array has deleted it, forget it",
			"snapshots that were to go are marked missing until an audit has looked")
	case r.deleting():
		all = append(all, "snapshots that were to go and are left are marked missing until an audit has looked")
	default:
		all = append(all, "its snapshots are as they were")
	}
	return strings.Join(append(all, r.letGoLeaves()...), "; ")
}

// endAbandoned ends the operation as a person decided.
func (r *run) endAbandoned(ctx context.Context) error {
	r.cause = recorded(r.op)
	d := r.d.Decisions[len(r.d.Decisions)-1]
	r.leaving = "abandoned " + d.String()
	if err := r.end(ctx, inventory.Abandoned); err != nil && !errors.Is(err, errLost) {
		return err
	} else if err != nil {
		return errLost
	}
	return nil
}
