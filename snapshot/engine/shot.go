package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// shot is one call that takes snapshots: of one volume, or of several volumes of a backend at one instant. A group whose
// volumes do not fit into one call has several, and an operation with a quiesce has at least one.
type shot struct {
	Token   driver.Token        `json:"token"`
	Volumes []snapshot.VolumeID `json:"volumes"`
	// Grouped: the array takes them together, and Native is its id of the group.
	Grouped bool   `json:"grouped,omitempty"`
	Native  string `json:"native,omitempty"`
}

// doShots takes everything while writes are held, if they are to be. It is a pivot that is resolved by findShots: what is sent
// again is looked for first.
func doShots(ctx context.Context, r *run, at driver.Attempt) error {
	row, err := r.rowNow(ctx, r.d.Snapshot) // all have its name and labels
	if err != nil {
		return classified(err)
	}
	err = r.freezing(ctx, func(ctx context.Context) error {
		began := time.Now()
		defer func() { r.d.Skew = time.Since(began) }()
		for i := range r.d.Shots {
			if err := r.shoot(ctx, &r.d.Shots[i], row, at); err != nil {
				if i > 0 {
					return partly(err)
				}
				return err
			}
		}
		return nil
	})
	return r.withCandidates(ctx, err) // only now: nobody is frozen any more
}

// tellShots: the calls that take the snapshots, between those that hold the writes and let them go on.
func tellShots(r *run) PlannedStep {
	does := "the array takes a snapshot of " + r.theVolume()
	if len(r.members) > 1 {
		does = fmt.Sprintf("the snapshots of %d volumes are taken, in %d calls", len(r.members), len(r.d.Shots))
	}
	calls := r.freezeCalls("Quiesce")
	if len(calls) > 0 {
		does += fmt.Sprintf(", while hosts hold the writes, for at most %s", r.d.Freeze.Max)
	}
	for _, s := range r.d.Shots {
		method := "CreateSnapshot"
		if s.Grouped {
			method = "CreateGroup"
		}
		_ = r.with(r.memberOf(s.Volumes[0]), func() error { calls = append(calls, r.sends(method)...); return nil })
	}
	return PlannedStep{Does: does, Calls: append(calls, r.freezeCalls("Thaw")...)}
}

// shoot takes one.
func (r *run) shoot(ctx context.Context, s *shot, row snapshot.Snapshot, at driver.Attempt) (err error) {
	r.focus(s.Volumes[0])
	if !s.Grouped {
		r.p.Made, err = r.takeSnapshot(ctx, s.Token, row, at)
		return err
	}
	g, err := ask(ctx, r, "CreateGroup", func(ctx context.Context) (driver.Group, error) {
		return r.b.able.Groups.CreateGroup(ctx, driver.CreateGroupRequest{
			Volumes: r.natives(s), Token: s.Token, Name: fitted(row.Name, r.desc.Limits), Labels: row.Labels,
			Expires: r.safetyNet(row.ExpiresAt), Attempt: at,
		})
	})
	if err != nil {
		return err
	}
	if n := r.assign(s, g); n < len(s.Volumes) {
		return badAnswer("CreateGroup", fmt.Sprintf("the driver answered with %d of %d members", n, len(s.Volumes)))
	}
	return nil
}

// assign gives every member of the shot what the array has made of it, and returns how many have something.
func (r *run) assign(s *shot, g driver.Group) int {
	n := 0
	s.Native = g.ID
	for _, id := range s.Volumes {
		m := r.memberOf(id)
		i := slices.IndexFunc(g.Members, func(o driver.Snapshot) bool {
			return o.Ref.Volume == m.p.Native && o.Ref.ID != "" && o.Ref.Token == s.Token
		})
		if m.p.Made = nil; i >= 0 {
			m.p.Made = madeOf(g.Members[i])
			n++
		}
	}
	return n
}

// findShots ends the freeze and tells whether everything was taken. If only a part was, or without the freeze that was
// required, it is removed: then nothing was.
func findShots(ctx context.Context, r *run, at driver.Attempt) (bool, error) {
	if err := r.thaw(ctx); err != nil {
		return false, err
	}
	found, wanted := 0, 0
	for i := range r.d.Shots {
		n, err := r.findShot(ctx, &r.d.Shots[i], at)
		if err != nil {
			return false, err
		}
		found, wanted = found+n, wanted+len(r.d.Shots[i].Volumes)
	}
	f := r.d.Freeze
	if f != nil && f.Outcome == snapshot.QuiesceSkipped { // the process that took them is dead: nobody can tell
		f.Outcome, f.For, f.Flushed = snapshot.QuiesceFellBack, 0, false
	}
	if found == wanted && (f == nil || !f.Required || f.Outcome == snapshot.QuiesceFrozen) {
		return true, nil
	}
	for i := range r.d.Shots {
		if err := r.discardShot(ctx, &r.d.Shots[i], at); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (r *run) findShot(ctx context.Context, s *shot, at driver.Attempt) (int, error) {
	r.focus(s.Volumes[0])
	if !s.Grouped {
		var err error
		if r.p.Made, err = r.lookUp(ctx, driver.SnapshotRef{Volume: r.p.Native, Token: s.Token}, at); r.p.Made == nil {
			return 0, err
		}
		return 1, nil
	}
	g, err := ask(ctx, r, "LookupGroup", func(ctx context.Context) (driver.Group, error) {
		return r.b.able.Groups.LookupGroup(ctx, driver.LookupGroupRequest{Token: s.Token, Volumes: r.natives(s), Attempt: at})
	})
	switch {
	case driver.ClassOf(err) == driver.ErrNotFound:
		return 0, nil
	case err != nil:
		return 0, err
	}
	return r.assign(s, g), nil
}

// discardShot removes what the shot has made, now or later.
func (r *run) discardShot(ctx context.Context, s *shot, at driver.Attempt) error {
	r.focus(s.Volumes[0])
	if !s.Grouped {
		return r.discardSnapshot(ctx, s.Token, at)
	}
	return r.deleteGroup(ctx, driver.DeleteGroupRequest{ID: s.Native, Token: s.Token, Members: r.refs(s), Attempt: at})
}

func (r *run) deleteGroup(ctx context.Context, req driver.DeleteGroupRequest) error {
	return absentIsDone(act(ctx, r, "DeleteGroup", func(ctx context.Context) error {
		return r.b.able.Groups.DeleteGroup(ctx, req)
	}))
}

// natives are the array's ids of the shot's volumes, refs what it calls their snapshots as far as that is known.
func (r *run) natives(s *shot) []driver.VolumeID {
	ids := make([]driver.VolumeID, len(s.Volumes))
	for i, id := range s.Volumes {
		ids[i] = r.memberOf(id).p.Native
	}
	return ids
}

func (r *run) refs(s *shot) []driver.SnapshotRef {
	refs := make([]driver.SnapshotRef, len(s.Volumes))
	for i, id := range s.Volumes {
		m := r.memberOf(id)
		refs[i] = driver.SnapshotRef{Volume: m.p.Native, Token: s.Token}
		if m.p.Made != nil {
			refs[i].ID = m.p.Made.Native
		}
	}
	return refs
}

// memberOf returns the member of a volume, which there is.
func (r *run) memberOf(id snapshot.VolumeID) *member {
	i := slices.IndexFunc(r.members, func(m *member) bool { return m.p.Volume == id })
	return r.members[max(i, 0)]
}
