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
	if !r.touchedAny() {
		return "the snapshot's record is dropped; the array has nothing"
	}
	return fmt.Sprintf("the snapshot's record is dropped; if the array has the snapshot (token %s), it stays there until an audit "+
		"adopts or deletes it", r.p.Token)
}

// touchedAny: a pivot may have had its effect, on whichever member.
func (r *run) touchedAny() bool {
	return slices.ContainsFunc(r.op.Steps, func(s inventory.Step) bool {
		return slices.Contains(r.kind.pivots, s.Name) && (s.State == inventory.StepSent || s.State == inventory.StepDone)
	})
}

// sent: a pivot about the member in focus, or about all of them, may have had its effect.
func (r *run) sent() bool {
	return slices.ContainsFunc(r.op.Steps, func(s inventory.Step) bool {
		return slices.Contains(r.kind.pivots, s.Name) && (s.State == inventory.StepSent || s.State == inventory.StepDone) &&
			(s.Volume.IsZero() || s.Volume == r.p.Volume || r.atOnceWith(s.Volume))
	})
}

// atOnceWith: one call is about the volume and the member in focus.
func (r *run) atOnceWith(volume snapshot.VolumeID) bool {
	return slices.ContainsFunc(r.d.Shots, func(s shot) bool {
		return slices.Contains(s.Volumes, volume) && slices.Contains(s.Volumes, r.p.Volume)
	})
}

// abandonDelete keeps the record: as it was if the array was never asked, else missing.
func abandonDelete(ctx context.Context, r *run) (inventory.Change, error) {
	change, err := deleteFailed(ctx, r)
	if err == nil && r.sent() {
		change.Put[0].State = snapshot.Missing
	}
	return change, err
}

func deleteLeaves(r *run) string {
	if !r.sent() {
		return "{snapshot} is as it was"
	}
	return "{snapshot} is marked missing, since the array may have deleted it; an audit finds out, and it can be deleted again"
}

// abandonDeleteGroup does so for each member by itself.
func abandonDeleteGroup(ctx context.Context, r *run) (inventory.Change, error) {
	change, err := deleteGroupFailed(ctx, r)
	for i := range change.Put {
		r.focus(change.Put[i].Volume)
		if r.sent() {
			change.Put[i].State = snapshot.Missing
		}
	}
	return change, err
}

// abandonRevert says of each volume's content what is known: that of the snapshot once the rollback is known to have taken
// place, that of before if it was never sent, and else nothing.
func abandonRevert(ctx context.Context, r *run) (inventory.Change, error) {
	if err := r.settleYounger(ctx); err != nil {
		return inventory.Change{}, err
	}
	if r.allRolledBack() {
		change, _, err := r.kind.outcome(ctx, r)
		return change, err
	}
	change := inventory.Change{Volumes: r.headers(func(m *member) inventory.Volume {
		switch vol := r.released(m); r.rolled(m) {
		case inventory.StepDone:
			return r.afterRollback(m)
		case inventory.StepSent:
			vol.Head, vol.HeadUnknown = snapshot.ID{}, true
			return vol
		default:
			return vol
		}
	})}
	err := r.each(func() error { return r.abandonKept(ctx, &change) })
	return change, err
}

// abandonKept adds what becomes of the record of the content before.
func (r *run) abandonKept(ctx context.Context, change *inventory.Change) error {
	if r.p.Keep.IsZero() {
		return nil
	}
	if !r.keptForSure() {
		change.Drop = append(change.Drop, r.p.Keep)
		return nil
	}
	row, err := r.madeRow(ctx, r.p.Keep, r.p.Kept)
	change.Put = append(change.Put, row)
	return err
}

// rolled is how far the rollback is that changes the member: its own, or that of the one that leads its container.
func (r *run) rolled(m *member) inventory.StepState {
	if m.p.Follows {
		i := slices.IndexFunc(r.members, func(o *member) bool {
			return !o.p.Follows && o.p.Backend == m.p.Backend && o.vol.Container == m.vol.Container
		})
		m = r.members[max(i, 0)]
	}
	state := inventory.StepPlanned
	_ = r.with(m, func() error { state = r.stateOf(stepRevert); return nil })
	return state
}

func (r *run) allRolledBack() bool {
	return !slices.ContainsFunc(r.members, func(m *member) bool { return r.rolled(m) != inventory.StepDone })
}

// keptForSure: the array has the snapshot of the content before, and nobody began to delete it.
func (r *run) keptForSure() bool {
	return !r.op.Undoing && r.p.Kept != nil && r.stateOf(stepKeep) == inventory.StepDone
}

// settleYounger says of the younger snapshots what is known: those that the array has dropped, or may have, are missing,
// unless the outcome takes them out of the tree; the others are ready again. It may take several commits; repeated, it does
// what is left.
func (r *run) settleYounger(ctx context.Context) error {
	all := r.allRolledBack()
	for _, m := range r.members {
		lost, sent := m.p.Dropped, r.rolled(m) == inventory.StepSent
		if sent {
			lost = m.p.MayDrop
		}
		spared := func(s snapshot.Snapshot) bool {
			return s.State == snapshot.Deleting && isOneOf(s, m.p.MayDrop) && !isOneOf(s, lost)
		}
		missing := func(s snapshot.Snapshot) bool { return !all && isOneOf(s, lost) }
		err := r.each(func() error {
			return errors.Join(r.setStates(ctx, snapshot.Ready, spared, anyway), r.setStates(ctx, snapshot.Missing, missing, anyway))
		})
		if err != nil {
			return err
		}
	}
	return r.reload(ctx)
}

func isOneOf(s snapshot.Snapshot, refs []driver.SnapshotRef) bool {
	return slices.ContainsFunc(refs, func(ref driver.SnapshotRef) bool {
		return ref.ID == s.Native && string(ref.Volume) == s.NativeVolume
	})
}

func revertLeaves(r *run) string {
	var all []string
	unknown := "the tree says that nobody knows what the content of {volume} descends from (head unknown), until the next revert"
	switch r.rolled(r.member) {
	case inventory.StepDone:
		if r.p.Snapshot.IsZero() {
			all = append(all, unknown)
			break
		}
		all = append(all, "the tree says that the content of {volume} is that of {snapshot}")
	case inventory.StepSent:
		all = append(all, unknown)
		if len(r.p.MayDrop) > 0 {
			all = append(all, "the younger snapshots are marked missing, since the array may have dropped them; an audit finds out")
		}
		if r.p.ChangesID {
			all = append(all, "the array may know the volume by another id now; then forget it and import that one")
		}
	case inventory.StepPlanned, inventory.StepUndone:
		all = append(all, "the tree says that the content of {volume} is what it was")
	}
	if len(r.p.Dropped) > 0 && !r.allRolledBack() {
		all = append(all, "the younger snapshots that the array has dropped are marked missing")
	}
	if !r.p.Keep.IsZero() && r.touched(stepKeep) && !r.keptForSure() && !r.allRolledBack() {
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
	err := r.setStates(ctx, state, func(s snapshot.Snapshot) bool { return s.State == snapshot.Deleting }, anyway)
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

func splitLeaves(r *run) string {
	if !r.sent() {
		return "{volume} depends on {snapshot} as before"
	}
	return "{volume} counts as dependent on {snapshot}, although it may not be any more; it can be split again"
}

func dropLeaves(r *run) string {
	return fmt.Sprintf("the array may still have the snapshot (token %s); the next audit tells", r.p.Token)
}

// abandonKeeping leaves a record that is true whatever the array was told: once it may have been, an expiry that the intent wrote
// stays, since the tree is to know first, and a hold that was to be released is gone, since it would promise too much.
func abandonKeeping(ctx context.Context, r *run, apply func(*run, *snapshot.Snapshot)) (inventory.Change, error) {
	switch {
	case !r.sent():
		return keepingFailed(ctx, r)
	case r.op.Kind == kindRelease:
		change, _, err := keptOutcome(ctx, r, apply)
		return change, err
	}
	return inventory.Change{Volumes: r.volumeChange(r.unpend())}, nil
}

func keepingLeaves(r *run) string {
	const unknown = "when the array deletes {snapshot} by itself is not known: set its expiry again"
	switch {
	case !r.sent():
		return "{snapshot} is kept as long as before"
	case r.op.Kind == kindRelease:
		return unknown + "; the hold is released"
	case r.op.Kind == kindHold:
		return unknown + "; the hold is not set"
	}
	return unknown
}

// leftovers lists what an abandonment leaves, for all members.
func (r *run) leftovers() []string {
	var all []string
	_ = r.each(func() error {
		for text := range strings.SplitSeq(r.named(r.kind.leaves(r)), "; ") {
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
		return nil
	})
	return all
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
