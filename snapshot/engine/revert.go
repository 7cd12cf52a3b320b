package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	stepDetach = "Detach"
	stepRevoke = "Revoke"
	stepKeep   = "KeepCurrent"
	stepRevert = "Revert"
	stepReread = "Volume"
	stepGrant  = "Grant"
	stepAttach = "Attach"
)

// revertKind: checks → intent (how it is attached) → Detach → Revoke → [keep current] → fence, Revert → Volume → Grant →
// Attach → outcome. Before the revert it goes back, giving the volume back as it was; after it, only forward.
func revertKind() *kind {
	return &kind{
		name: kindRevert, format: 1, decode: decodeAs[RevertRequest],
		locate:  locateVolume(func(r RevertRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareRevert, outcome: revertedOutcome, failed: revertFailed,
		abandon: abandonRevert, leaves: revertLeaves, explain: explainRevert, aim: "put {volume} back to {snapshot}",
		steps: map[string]step{
			stepDetach: {do: doDetach, undo: undoDetach},
			stepRevoke: {do: doRevoke, undo: undoRevoke},
			stepKeep:   {do: doKeep, undo: undoKeep},
			stepRevert: {do: doRevert, repeat: true, assume: assumeReverted},
			stepReread: {do: doReread, read: true},
			stepGrant:  {do: doGrant},
			stepAttach: {do: doAttach},
		},
		pivots: []string{stepRevert}, goBack: true,
	}
}

func prepareRevert(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(RevertRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openVolume(ctx, req.Volume); err != nil {
		return none, err
	}
	if err := r.live(); err != nil {
		return none, err
	}
	target, err := r.readySnapshot(ctx, req.Snapshot)
	if err != nil {
		return none, err
	}
	if target.Volume != r.vol.ID {
		return none, driver.Errorf(driver.ErrInvalid, "snapshot %s is of volume %s, not of %s", target.ID, target.Volume, r.vol.ID)
	}
	if err := r.alone(ctx); err != nil {
		return none, err
	}
	if err := r.openHost(ctx); err != nil {
		return none, err
	}
	if err := r.fenceable(req.AssertDetached); err != nil {
		return none, err
	}
	if err := r.mayDrop(ctx, req, target); err != nil {
		return none, err
	}
	if err = r.chooseTokens(ctx); err != nil {
		return none, err
	}
	r.p.Snapshot, r.p.Ref = target.ID, refOf(target)
	change := inventory.Change{Volumes: r.volumeChange(r.pend(r.vol))}
	r.planLetGo()
	if req.KeepCurrent {
		if err := r.snapshotLimit(ctx, 1); err != nil {
			return none, err
		}
		row, err := r.newRow(ctx, req.KeepName)
		if err != nil {
			return none, err
		}
		row.Labels = maps.Clone(req.KeepLabels)
		r.p.Keep, r.p.KeepRef = row.ID, refOf(row)
		change.Put = append(change.Put, row)
		r.plan(stepKeep)
	}
	r.plan(stepRevert, stepReread)
	if r.b.able.Access != nil {
		r.plan(stepGrant)
	}
	if r.p.Attachment != nil {
		r.plan(stepAttach)
	}
	return change, nil
}

// planLetGo plans the steps after which nothing has the volume open.
func (r *run) planLetGo() {
	if r.p.Attachment != nil {
		r.plan(stepDetach)
	}
	if r.b.able.Access != nil {
		r.plan(stepRevoke)
	}
}

// fenceable refuses an operation that nothing would keep writers away from.
func (r *run) fenceable(a *Assertion) error {
	r.p.WordOnly = !r.desc.Facts.RevertFenced && r.b.able.Access == nil && r.p.Attachment == nil
	r.p.ChangesID = r.desc.Facts.RevertChangesID
	if r.desc.Facts.RevertFenced || r.b.able.Access != nil || r.p.Attachment != nil || a != nil {
		return nil
	}
	return driver.Errorf(driver.ErrUnsupported, "neither backend %q controls access nor a host is known for volume %s, so nothing "+
		"would keep a writer away; detach it and assert that, or add the host", r.b.name, r.vol.ID)
}

// alone refuses a revert that would roll back other volumes too.
func (r *run) alone(ctx context.Context) error {
	if r.desc.Facts.RevertUnit != driver.UnitContainer {
		return nil
	}
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, r.p.Native) })
	if err != nil || len(v.Siblings) == 0 {
		return err
	}
	siblings := make([]driver.Blocker, len(v.Siblings))
	for i, id := range v.Siblings {
		siblings[i] = driver.Blocker{Kind: "volume", ID: string(id)}
	}
	return driver.Blocked(driver.ErrUnsupported, siblings,
		"backend %q rolls back all volumes of container %s together; clone the snapshot instead", r.b.name, v.Container)
}

// mayDrop lists what the array would drop with the revert, and refuses it unless the request agrees.
func (r *run) mayDrop(ctx context.Context, req RevertRequest, target snapshot.Snapshot) error {
	if !r.desc.Facts.RevertDropsYounger {
		return nil
	}
	if req.KeepCurrent {
		return driver.Errorf(driver.ErrUnsupported, "backend %q drops younger snapshots with a revert, so the one of the content now "+
			"would be lost at once; clone what is to be kept, then revert without it", r.b.name)
	}
	var younger, held []driver.Blocker
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: r.vol.ID}) {
		if err != nil {
			return classified(err)
		}
		if s.ID == target.ID || s.State == snapshot.Missing || s.TakenAt.Before(target.TakenAt) {
			continue
		}
		held = append(held, kept(s, r.e.now())...)
		younger = append(younger, driver.Blocker{Kind: "snapshot", ID: s.ID.String(), Name: s.Name, Since: s.TakenAt})
		r.p.MayDrop = append(r.p.MayDrop, refOf(s))
	}
	switch {
	case len(held) > 0:
		return driver.Blocked(driver.ErrInUse, held, "the revert would drop younger snapshots that must be kept")
	case len(younger) > 0 && !req.DropYounger:
		return driver.Blocked(driver.ErrConflict, younger,
			"backend %q drops younger snapshots with a revert; agree to that, or clone the snapshot instead", r.b.name)
	}
	return nil
}

func doKeep(ctx context.Context, r *run, at driver.Attempt) error {
	req := r.req.(RevertRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	m, err := r.takeSnapshot(ctx, r.p.KeepRef.Token, req.KeepName, req.KeepLabels, at)
	r.p.Kept = m
	return err
}

func undoKeep(ctx context.Context, r *run, at driver.Attempt) error {
	return r.discardSnapshot(ctx, r.p.KeepRef.Token, at)
}

func doRevert(ctx context.Context, r *run, at driver.Attempt) error {
	if err := r.fence(ctx, at); err != nil {
		return err
	}
	if at.Resume && r.p.Attachment == nil && r.b.able.Access == nil && !r.desc.Facts.RevertFenced {
		// Only a person's word stood for the fence, and it was given for the first attempt.
		return &driver.Error{
			Class: driver.ErrConflict, Effect: driver.EffectUnknown,
			Err: errors.New("whether the content was replaced is unknown, and nothing proves that it was not used since"),
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
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) {
		return r.b.drv.Volume(ctx, r.p.Now.Native)
	})
	if err != nil {
		return err
	}
	r.p.Now = nowOf(v)
	if r.assumed() && len(r.p.Dropped) == 0 { // the array never told what it dropped
		r.p.Dropped, err = r.gone(ctx, r.p.MayDrop)
	}
	return err
}

// assumeReverted: the volume is still known by its id, unless the array changes that with a revert.
func assumeReverted(r *run) bool {
	r.p.Now = &volumeNow{Native: r.p.Native}
	return !r.p.ChangesID
}

func revertedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	vol := r.unpend()
	vol.Head, vol.HeadUnknown = r.p.Snapshot, false
	if now := r.p.Now; now != nil {
		if now.Native != vol.Native {
			vol.Former = append(slices.Clone(vol.Former), vol.Native)
		}
		vol.Native, vol.Serial, vol.Size, vol.Container = now.Native, now.Serial, now.Size, now.Container
	}
	if r.p.Disk != "" {
		vol.Disk = r.p.Disk
	}
	change := inventory.Change{Volumes: r.volumeChange(vol)}
	res := result{Volume: vol.ID, Snapshot: r.p.Snapshot, Kept: r.p.Keep}
	if !r.p.Keep.IsZero() {
		row, err := r.madeRow(ctx, r.p.Keep, r.p.Kept)
		if err != nil {
			return inventory.Change{}, nil, err
		}
		change.Put = append(change.Put, row)
	}
	for _, ref := range r.p.Dropped {
		row, found, err := r.rowOf(ctx, ref)
		switch {
		case err != nil:
			return inventory.Change{}, nil, err
		case found:
			change.Reparent = append(change.Reparent, inventory.Reparent{Volume: vol.ID, From: row.ID, To: row.Parent})
			change.Drop = append(change.Drop, row.ID)
			res.Dropped = append(res.Dropped, row.ID)
		}
	}
	return change, res, nil
}

// rowOf finds our record of what the array calls ref.
func (r *run) rowOf(ctx context.Context, ref driver.SnapshotRef) (snapshot.Snapshot, bool, error) {
	q := inventory.SnapshotQuery{Volume: r.vol.ID, Token: string(ref.Token)}
	for s, err := range r.e.inv.Snapshots(ctx, q) {
		if err != nil {
			return s, false, err
		}
		if ref.Token != "" || s.Native == ref.ID {
			return s, true, nil
		}
	}
	return snapshot.Snapshot{}, false, nil
}

func revertFailed(_ context.Context, r *run) (inventory.Change, error) {
	change := inventory.Change{Volumes: r.volumeChange(r.unpend())}
	if !r.p.Keep.IsZero() {
		change.Drop = []snapshot.ID{r.p.Keep}
	}
	return change, nil
}
