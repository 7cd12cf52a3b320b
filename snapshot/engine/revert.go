package engine

import (
	"context"
	"errors"
	"maps"

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
		locate: locateRevert, prepare: prepareRevert,
		outcome: revertedOutcome, failed: revertFailed,
		abandon: abandonRevert, leaves: revertLeaves, explain: explainRevert, aim: "put {volume} back to {snapshot}",
		steps: map[string]step{
			stepDetach: {do: doDetach, undo: undoDetach, tell: tellDetach},
			stepRevoke: {do: doRevoke, undo: undoRevoke, late: true, tell: tellRevoke},
			stepKeep:   {do: doKeep, undo: undoKeep, late: true, tell: tellKeep},
			stepRevert: {do: doRevert, repeat: true, late: true, assume: assumeReverted, tell: tellRevert},
			stepReread: {do: doReread, read: true, tell: tellReread},
			stepGrant:  {do: doGrant, late: true, tell: tellGrant},
			stepAttach: {do: doAttach, tell: tellAttach},

			stepCondemnYounger: {do: doCondemnYounger, undo: undoCondemnYounger, tell: tellCondemnYounger},
			stepSpareYounger:   {do: doSpareYounger, tell: tellSpareYounger},
		},
		pivots: []string{stepRevert}, goBack: true,
		ends: says("the content descends from the snapshot; the next one becomes its child"),
		after: func(r *run, _ inventory.Change, v *PlannedVolume) {
			v.HeadAfter = headOf(r.afterRollback(r.member))
		},
	}
}

func locateRevert(_ context.Context, _ *Engine, req Request) ([]snapshot.VolumeID, error) {
	rev := req.(RevertRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	return sortedIDs(append([]snapshot.VolumeID{rev.Volume}, rev.Siblings...)), nil
}

func prepareRevert(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(RevertRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openLive(ctx, req.Volume); err != nil {
		return none, err
	}
	target, err := r.readySnapshot(ctx, req.Snapshot)
	if err != nil {
		return none, err
	}
	if target.Volume != r.vol.ID {
		return none, driver.Errorf(driver.ErrInvalid, "snapshot %s is of volume %s, not of %s", target.ID, target.Volume, r.vol.ID)
	}
	r.p.Snapshot, r.p.Ref = target.ID, refOf(target)
	if err := r.enlistSiblings(ctx, req.Siblings, target); err != nil {
		return none, err
	}
	if err := r.mayDrop(ctx, req.KeepCurrent, req.DropYounger); err != nil {
		return none, err
	}
	return r.prepareRollback(ctx, rollback{
		asserted: req.AssertDetached, keep: req.KeepCurrent, keepName: req.KeepName, keepLabels: req.KeepLabels,
	})
}

// rollback is what the reverts of one volume and of a group have in common.
type rollback struct {
	asserted   *Assertion
	keep       bool
	keepName   string
	keepLabels map[string]string
}

// prepareRollback plans the steps for all members: everybody lets go, what is wanted is kept, each that leads is rolled back,
// and everybody is given back what they had.
func (r *run) prepareRollback(ctx context.Context, rb rollback) (inventory.Change, error) {
	var change inventory.Change
	if err := r.each(func() error { return r.prepareLetGo(ctx, rb.asserted) }); err != nil {
		return change, err
	}
	r.planLetGo()
	if !rb.keep {
		_ = r.each(func() error {
			r.fore.loseOf(lossContent, r.vol, "it is replaced by that of a snapshot, and nothing keeps it")
			return nil
		})
	}
	if rb.keep {
		err := r.each(func() error {
			row, err := r.prepareKeep(ctx, rb)
			change.Put = append(change.Put, row)
			return err
		})
		if err != nil {
			return change, err
		}
	}
	_ = r.each(func() error { r.planIf(len(r.p.MayDrop) > 0, stepCondemnYounger); return nil })
	_ = r.each(func() error { r.planIf(!r.p.Follows, stepRevert); return nil })
	_ = r.each(func() error { r.plan(stepReread); return nil }) // which also learns what was dropped, if nobody knows
	_ = r.each(func() error { r.planIf(len(r.p.MayDrop) > 0, stepSpareYounger); return nil })
	r.planGiveBack()
	change.Volumes = r.headers(r.pended)
	return change, nil
}

// prepareLetGo finds out how the member is attached, refuses one that nothing would keep writers away from, and chooses the
// tokens of what will be done to it.
func (r *run) prepareLetGo(ctx context.Context, asserted *Assertion) error {
	if err := errors.Join(r.openHost(ctx), r.unused()); err != nil {
		return err
	}
	if err := r.fenceable(asserted); err != nil {
		return err
	}
	return r.chooseTokens(ctx)
}

// prepareKeep makes the record of the snapshot of the member's content now.
func (r *run) prepareKeep(ctx context.Context, rb rollback) (snapshot.Snapshot, error) {
	if err := r.snapshotLimit(ctx, 1); err != nil {
		return snapshot.Snapshot{}, err
	}
	row, err := r.newRow(ctx, rb.keepName)
	if err != nil {
		return row, err
	}
	row.Labels = maps.Clone(rb.keepLabels)
	r.p.Keep, r.p.KeepRef = row.ID, refOf(row)
	r.fore.keep(row)
	r.plan(stepKeep)
	return row, nil
}

// planLetGo plans the steps after which nothing has the volumes open, planGiveBack those that give them back.
func (r *run) planLetGo() {
	_ = r.each(func() error { r.planIf(r.p.Attachment != nil, stepDetach); return nil })
	_ = r.each(func() error { r.planIf(r.b.able.Access != nil, stepRevoke); return nil })
}

func (r *run) planGiveBack() {
	_ = r.each(func() error { r.planIf(r.b.able.Access != nil, stepGrant); return nil })
	_ = r.each(func() error { r.planIf(r.p.Attachment != nil, stepAttach); return nil })
}

func (r *run) planIf(wanted bool, step string) {
	if wanted {
		r.plan(step)
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
