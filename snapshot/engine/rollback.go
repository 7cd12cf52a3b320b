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

func doKeep(ctx context.Context, r *run, at driver.Attempt) error {
	row, err := r.rowNow(ctx, r.p.Keep)
	if err != nil {
		return classified(err)
	}
	r.p.Kept, err = r.takeSnapshot(ctx, r.p.KeepRef.Token, row, at)
	return r.withCandidates(ctx, err)
}

func tellKeep(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("the array takes a snapshot of %s as it is now, %q", r.theVolume(), r.fore.kept),
		Undo: "that snapshot is deleted", Calls: r.sends("CreateSnapshot"),
	}
}

func undoKeep(ctx context.Context, r *run, at driver.Attempt) error {
	return r.discardSnapshot(ctx, r.p.KeepRef.Token, at)
}

func doRevert(ctx context.Context, r *run, at driver.Attempt) error {
	touched := r.rolledBack()
	for _, m := range touched {
		if err := r.with(m, func() error { return r.fence(ctx, at) }); err != nil {
			return err
		}
		if at.Resume && !m.fenced() {
			// Only a person's word stood for the fence, and it was given for the first attempt.
			return &driver.Error{
				Class: driver.ErrConflict, Effect: driver.EffectUnknown,
				Err: errors.New("whether the content was replaced is unknown, and nothing proves that it was not used since"),
			}
		}
	}
	res, err := ask(ctx, r, "Revert", func(ctx context.Context) (driver.RevertResult, error) {
		return r.b.drv.Revert(ctx, driver.RevertRequest{
			Volume: r.p.Native, Snapshot: r.p.Ref, Token: r.p.Token, MayDrop: r.p.MayDrop, Attempt: at, Notes: r.notes(),
		})
	})
	if err != nil {
		return err
	}
	r.p.Now = &volumeNow{Native: res.Volume, Serial: r.vol.Serial, Size: res.Size, Name: r.vol.Name, Container: r.vol.Container}
	r.p.Dropped = res.Dropped
	if at.Resume {
		r.p.Dropped, err = r.gone(ctx, r.p.MayDrop)
	}
	return err
}

func tellRevert(r *run) PlannedStep {
	var calls []PlannedCall
	for _, m := range r.rolledBack() {
		_ = r.with(m, func() error { calls = append(calls, r.fenceCalls()...); return nil })
	}
	does := "the array replaces the content by that of the snapshot"
	if len(r.members) > 1 {
		does += " " + r.p.Snapshot.Short()
	}
	if len(calls) > 0 {
		does = "once nobody has it open, " + does
	}
	if n := len(r.rolledBack()); n > 1 {
		does += fmt.Sprintf(", for all %d volumes of the container", n)
	}
	return PlannedStep{Does: does, Calls: append(calls, r.sends("Revert")...)}
}

// rolledBack returns the members that the revert of the one in focus rolls back: itself and, by container, its siblings.
func (r *run) rolledBack() []*member {
	if r.desc.Facts.RevertUnit != driver.UnitContainer {
		return []*member{r.member}
	}
	return slices.DeleteFunc(slices.Clone(r.members), func(m *member) bool {
		return m.p.Backend != r.p.Backend || m.vol.Container != r.vol.Container
	})
}

// fenced: something that we hold, or the array itself, proves that nobody writes.
func (m *member) fenced() bool {
	return m.p.Attachment != nil || m.b.able.Access != nil || m.desc.Facts.RevertFenced
}

// with calls f with the member in focus.
func (r *run) with(m *member, f func() error) error {
	defer func(was *member) { r.member = was }(r.member)
	r.member = m
	return f()
}

// gone returns those of the snapshots that the array has no more: a repeated revert need not know what the first dropped.
func (r *run) gone(ctx context.Context, refs []driver.SnapshotRef) ([]driver.SnapshotRef, error) {
	var gone []driver.SnapshotRef
	for _, ref := range refs {
		m, err := r.lookUp(ctx, ref, driver.Attempt{})
		if err != nil {
			return nil, err
		}
		if m == nil {
			gone = append(gone, ref)
		}
	}
	return gone, nil
}

func doReread(ctx context.Context, r *run, _ driver.Attempt) error {
	native := r.p.Native
	if r.p.Now != nil {
		native = r.p.Now.Native
	}
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, native) })
	if err != nil {
		return err
	}
	r.p.Now = nowOf(v)
	if r.assumed() && len(r.p.Dropped) == 0 { // the array never told what it dropped
		r.p.Dropped, err = r.gone(ctx, r.p.MayDrop)
	}
	return err
}

// assumeReverted: the volumes are still known by their ids, unless the array changes those with a revert.
func assumeReverted(r *run) bool {
	r.p.Now = &volumeNow{Native: r.p.Native}
	return !slices.ContainsFunc(r.members, func(m *member) bool { return m.p.ChangesID })
}

func tellReread(r *run) PlannedStep {
	return PlannedStep{Does: "id, serial number and size of " + r.theVolume() + " are read again", Calls: r.sends("Volume")}
}

func revertedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	res := Result{Volume: r.vol.ID, Snapshot: r.p.Snapshot, Kept: r.p.Keep}
	change, dropped, err := r.rolledBackOutcome(ctx)
	res.Dropped = dropped
	return change, res, err
}

// rolledBackOutcome returns what the rollbacks of all members mean for their trees.
func (r *run) rolledBackOutcome(ctx context.Context) (inventory.Change, []snapshot.ID, error) {
	var change inventory.Change
	var refs []driver.SnapshotRef
	err := r.each(func() error {
		refs = append(refs, r.p.Dropped...)
		if r.p.Keep.IsZero() {
			return nil
		}
		row, err := r.madeRow(ctx, r.p.Keep, r.p.Kept)
		change.Put = append(change.Put, row)
		return err
	})
	if err != nil {
		return change, nil, err
	}
	change.Volumes = r.headers(r.afterRollback)
	dropped, err := r.dropRows(ctx, refs, &change)
	return change, dropped, err
}

// afterRollback is a member's header once it was rolled back.
func (r *run) afterRollback(m *member) inventory.Volume {
	vol := r.released(m)
	vol.Head, vol.HeadUnknown = m.p.Snapshot, m.p.Snapshot.IsZero()
	if now := m.p.Now; now != nil {
		if now.Native != vol.Native {
			vol.Former = append(slices.Clone(vol.Former), vol.Native)
		}
		vol.Native, vol.Serial, vol.Size, vol.Container = now.Native, now.Serial, now.Size, now.Container
	}
	if m.p.Disk != "" {
		vol.Disk = m.p.Disk
	}
	return vol
}

func revertFailed(_ context.Context, r *run) (inventory.Change, error) {
	change := inventory.Change{Volumes: r.headers(r.released)}
	for _, m := range r.members {
		if !m.p.Keep.IsZero() {
			change.Drop = append(change.Drop, m.p.Keep)
		}
	}
	return change, nil
}
