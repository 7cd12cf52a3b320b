package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	kindDeleteGroup = "delete-group"
	stepDropGroup   = "DeleteGroup"
)

// DeleteGroupRequest asks to delete all snapshots of a group that are left, and the group.
type DeleteGroupRequest struct {
	_ [0]func()

	Common
	Group snapshot.GroupID `json:"group"`
	// IfExpiresAt, if not zero, deletes the group only if each member has an expiry, none after that time; else the request is
	// ErrConflict.
	IfExpiresAt time.Time `json:"if_expires_at,omitzero"`
}

func (DeleteGroupRequest) kind() string { return kindDeleteGroup }

func (r DeleteGroupRequest) validate() error {
	if r.Group.IsZero() {
		return needs("group")
	}
	return nil
}

// deleteGroupKind: everything in the way of any member named → one intent over all volumes → a call for each group that the
// array knows as one and is whole, and for each other member → outcome. The first call is the pivot.
func deleteGroupKind() *kind {
	return &kind{
		name: kindDeleteGroup, format: 1, decode: decodeAs[DeleteGroupRequest],
		locate: func(ctx context.Context, e *Engine, req Request) ([]snapshot.VolumeID, error) {
			return locateGroup(ctx, e, req.(DeleteGroupRequest).Group) //nolint:forcetypeassert,errcheck // its own
		},
		prepare: prepareDeleteGroup, outcome: groupDeletedOutcome, failed: deleteGroupFailed,
		abandon: abandonDeleteGroup, leaves: deleteLeaves, explain: explainDelete, aim: "delete the snapshots of a group",
		steps: map[string]step{
			stepDropGroup: {
				do: doDeleteGroup, find: findGroupDeleted, repeat: true, late: true, several: true, tell: tellDeleteGroup,
			},
			stepDelete: {do: doDelete, find: findDeleted, repeat: true, late: true, tell: tellDelete},
		},
		pivots: []string{stepDropGroup, stepDelete},
		ends:   says("the group and its snapshots are not in the inventory any more; their children are their parents'"),
		after:  afterDelete,
	}
}

func prepareDeleteGroup(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(DeleteGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var change inventory.Change
	doc, version, err := r.e.groupDoc(ctx, req.Group)
	if err != nil {
		return change, err
	}
	rows, err := r.e.groupRows(ctx, req.Group)
	if err != nil {
		return change, err
	}
	r.d.Group = req.Group
	if len(rows) == 0 { // deleted one by one
		change.Records = append(change.Records, r.dropGroup(version)...)
		return change, nil
	}
	var blockers []driver.Blocker
	for i, row := range rows {
		if at := req.IfExpiresAt; !at.IsZero() && (row.ExpiresAt.IsZero() || row.ExpiresAt.After(micro(at))) {
			return change, driver.Errorf(driver.ErrConflict, "snapshot %s of group %s has not expired", row.ID, req.Group)
		}
		if i > 0 {
			r.enlist()
		}
		if err := r.openVolume(ctx, row.Volume); err != nil {
			return change, err
		}
		in, err := r.inTheWay(ctx, row)
		if err != nil {
			return change, err
		}
		blockers = append(blockers, in...)
		r.p.Snapshot, r.p.Ref, r.p.Was = row.ID, refOf(row), row.State
		row.State = snapshot.Deleting
		change.Put = append(change.Put, row)
	}
	if len(blockers) > 0 {
		return change, driver.Blocked(driver.ErrInUse, blockers, "group %s cannot be deleted", req.Group)
	}
	r.planDeletions(doc)
	r.member = r.members[0]
	for i, row := range rows {
		if err := r.with(r.members[i], func() error { return r.foreseeDelete(ctx, row) }); err != nil {
			return change, err
		}
	}
	change.Volumes = r.headers(r.pended)
	return change, nil
}

// planDeletions: what the array took as one and still has wholly goes as one, the rest one by one, the youngest first.
func (r *run) planDeletions(doc groupDoc) {
	planned := make(map[snapshot.VolumeID]bool)
	for _, s := range doc.Shots {
		whole := !slices.ContainsFunc(s.Volumes, func(id snapshot.VolumeID) bool {
			return !slices.ContainsFunc(r.members, func(m *member) bool { return m.p.Volume == id && m.p.Was == snapshot.Ready })
		})
		if !s.Grouped || !whole || r.memberOf(s.Volumes[0]).b.able.Groups == nil {
			continue
		}
		r.d.Shots = append(r.d.Shots, s)
		r.focus(s.Volumes[0])
		r.planFor(stepDropGroup)
		for _, id := range s.Volumes {
			planned[id] = true
		}
	}
	for _, m := range slices.Backward(r.members) {
		if r.member = m; !planned[m.p.Volume] {
			r.planFor(stepDelete)
		}
	}
}

// dropGroup removes the group's record, if it is there.
func (r *run) dropGroup(version int64) []inventory.RecordChange {
	if version == 0 {
		return nil
	}
	return []inventory.RecordChange{{
		Record: inventory.Record{Kind: recordGroup, ID: r.d.Group.String()}, IfVersion: version, Delete: true,
	}}
}

// lastOfGroup removes the record of the snapshot's group with its last member.
func (r *run) lastOfGroup(ctx context.Context, s snapshot.Snapshot) ([]inventory.RecordChange, error) {
	if s.Group.IsZero() {
		return nil, nil
	}
	rows, err := r.e.groupRows(ctx, s.Group)
	if err != nil || len(rows) > 1 {
		return nil, err
	}
	_, version, err := r.e.groupDoc(ctx, s.Group)
	r.d.Group = s.Group
	return r.dropGroup(version), err
}

// shotInFocus is the group whose first volume is in focus.
func (r *run) shotInFocus() *shot {
	i := slices.IndexFunc(r.d.Shots, func(s shot) bool { return s.Volumes[0] == r.p.Volume })
	return &r.d.Shots[i]
}

func doDeleteGroup(ctx context.Context, r *run, at driver.Attempt) error {
	s := r.shotInFocus()
	req := driver.DeleteGroupRequest{ID: s.Native, Token: s.Token, Attempt: at}
	for _, id := range s.Volumes {
		req.Members = append(req.Members, r.memberOf(id).p.Ref)
	}
	return r.deleteGroup(ctx, req)
}

func tellDeleteGroup(r *run) PlannedStep {
	return PlannedStep{
		Does:  fmt.Sprintf("the array deletes the snapshots of %d volumes together", len(r.shotInFocus().Volumes)),
		Calls: r.sends("DeleteGroup"),
	}
}

func findGroupDeleted(ctx context.Context, r *run, at driver.Attempt) (bool, error) {
	for _, id := range r.shotInFocus().Volumes {
		m, err := r.lookUp(ctx, r.memberOf(id).p.Ref, at)
		if m != nil || err != nil {
			return false, err
		}
	}
	return true, nil
}

func groupDeletedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	_, version, err := r.e.groupDoc(ctx, r.d.Group)
	if err != nil {
		return inventory.Change{}, nil, err
	}
	change := inventory.Change{Records: r.dropGroup(version)}
	res := Result{Group: r.d.Group}
	if len(r.op.Steps) == 0 {
		return change, res, nil
	}
	change.Volumes = r.headers(r.released)
	for i, m := range r.members {
		row, err := r.rowNow(ctx, m.p.Snapshot)
		if err != nil {
			return change, nil, err
		}
		if v := &change.Volumes[i].Volume; v.Head == row.ID {
			v.Head = row.Parent
		}
		change.Reparent = append(change.Reparent, inventory.Reparent{Volume: row.Volume, From: row.ID, To: row.Parent})
		change.Drop = append(change.Drop, row.ID)
		if m.p.Recoverable.After(res.RecoverableUntil) {
			res.RecoverableUntil = m.p.Recoverable
		}
	}
	return change, res, nil
}

func deleteGroupFailed(ctx context.Context, r *run) (inventory.Change, error) {
	change := inventory.Change{Volumes: r.headers(r.released)}
	for _, m := range r.members {
		row, err := r.rowNow(ctx, m.p.Snapshot)
		if err != nil {
			return change, err
		}
		row.State = m.p.Was
		change.Put = append(change.Put, row)
	}
	return change, nil
}
