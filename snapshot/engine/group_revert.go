package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const kindRevertGroup = "revert-group"

// RevertGroupRequest asks to roll all volumes of a group back to its members. Their contents now are lost unless KeepCurrent.
type RevertGroupRequest struct {
	_ [0]func()

	Common
	Group snapshot.GroupID `json:"group"`
	// Partial agrees to roll back only the volumes that are left and whose members are; without it a degraded group is
	// refused.
	Partial bool `json:"partial,omitempty"`
	// KeepCurrent, KeepName, KeepLabels, DropYounger and AssertDetached are as in [RevertRequest], for each volume. Siblings
	// are volumes outside the group that the array rolls back too; all must be named.
	KeepCurrent    bool                `json:"keep_current,omitempty"`
	KeepName       string              `json:"keep_name,omitempty"`
	KeepLabels     map[string]string   `json:"keep_labels,omitempty"`
	DropYounger    bool                `json:"drop_younger,omitempty"`
	Siblings       []snapshot.VolumeID `json:"siblings,omitempty"`
	AssertDetached *Assertion          `json:"assert_detached,omitempty"`
}

func (RevertGroupRequest) kind() string { return kindRevertGroup }

func (r RevertGroupRequest) validate() error {
	switch {
	case r.Group.IsZero():
		return needs("group")
	case r.KeepCurrent:
		return errors.Join(validName("keep name", r.KeepName), validLabels(r.KeepLabels), r.AssertDetached.validate())
	case r.KeepName != "" || len(r.KeepLabels) > 0:
		return driver.Errorf(driver.ErrInvalid, "a keep name or labels without keep current")
	}
	return r.AssertDetached.validate()
}

// revertGroupKind is a revert over several volumes: everybody lets go of all of them before the first is rolled back, and they
// are given back after the last. The first rollback is the pivot.
func revertGroupKind() *kind {
	k := revertKind()
	k.name, k.decode = kindRevertGroup, decodeAs[RevertGroupRequest]
	k.locate = func(ctx context.Context, e *Engine, req Request) ([]snapshot.VolumeID, error) {
		rev := req.(RevertGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
		return locateGroup(ctx, e, rev.Group, rev.Siblings...)
	}
	k.prepare, k.aim = prepareRevertGroup, "put several volumes back to the snapshots of a group"
	k.outcome = func(ctx context.Context, r *run) (inventory.Change, any, error) {
		change, dropped, err := r.rolledBackOutcome(ctx)
		return change, Result{Group: r.d.Group, Dropped: dropped}, err
	}
	return k
}

func prepareRevertGroup(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(RevertGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	g, err := r.e.Group(ctx, req.Group)
	if err != nil {
		return none, err
	}
	r.d.Group = g.ID
	targets, err := r.revertible(ctx, g, req.Partial)
	if err != nil {
		return none, err
	}
	if g.Degraded && !req.Partial || len(targets) == 0 {
		return none, driver.Errorf(driver.ErrConflict, "group %s is degraded: %d of %d members are left; agree to roll back only those",
			g.ID, len(targets), len(g.Volumes))
	}
	for i, s := range targets {
		if i > 0 {
			r.enlist()
		}
		if err := r.openTarget(ctx, s); err != nil {
			return none, err
		}
	}
	if err := r.enlistContainers(ctx, req.Siblings); err != nil {
		return none, err
	}
	err = r.each(func() error {
		if r.p.Follows {
			return nil
		}
		return r.mayDrop(ctx, req.KeepCurrent, req.DropYounger)
	})
	if err != nil {
		return none, err
	}
	r.member = r.members[0]
	return r.prepareRollback(ctx, rollback{
		asserted: req.AssertDetached, keep: req.KeepCurrent, keepName: req.KeepName, keepLabels: req.KeepLabels,
	})
}

// revertible returns the members that are left. Those of volumes that were deleted, with their snapshots kept, are left out
// only if a part is agreed to.
func (r *run) revertible(ctx context.Context, g Group, partial bool) ([]snapshot.Snapshot, error) {
	var targets []snapshot.Snapshot
	for _, s := range g.Members {
		if s.State == snapshot.Missing {
			continue
		}
		vol, err := r.e.Volume(ctx, s.Volume)
		if err != nil {
			return nil, err
		}
		if vol.DeletedAt.IsZero() || !partial {
			targets = append(targets, s)
		}
	}
	return targets, nil
}

// openTarget opens the member in focus on the volume of a snapshot that it is to be rolled back to.
func (r *run) openTarget(ctx context.Context, s snapshot.Snapshot) error {
	if err := r.openLive(ctx, s.Volume); err != nil {
		return err
	}
	target, err := r.readySnapshot(ctx, s.ID)
	r.p.Snapshot, r.p.Ref = target.ID, refOf(target)
	return err
}

// enlistContainers: where the array rolls back containers, the first member of each leads and the others follow it, which is
// right only if they are of one instant. Volumes outside the group follow too, if the request names them.
func (r *run) enlistContainers(ctx context.Context, agreed []snapshot.VolumeID) error {
	group := slices.Clone(r.members)
	var outside []inventory.Volume
	for _, m := range group {
		r.member = m
		if m.p.Follows || m.desc.Facts.RevertUnit != driver.UnitContainer {
			continue
		}
		siblings, err := r.siblings(ctx)
		if err != nil {
			return err
		}
		for _, v := range siblings {
			i := slices.IndexFunc(group, func(o *member) bool { return o.p.Volume == v.ID })
			switch {
			case i < 0:
				outside = append(outside, v)
			case m.desc.Facts.GroupNonAtomic:
				return driver.Errorf(driver.ErrUnsupported, "backend %q rolls back containers as a whole, and volumes %s and %s of "+
					"container %s were not taken at one instant", r.b.name, m.p.Volume, v.ID, v.Container)
			default:
				group[i].p.Follows = true
			}
		}
	}
	return r.follow(ctx, outside, agreed)
}
