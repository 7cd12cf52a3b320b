package drivertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// group is a group snapshot.
type group struct {
	id      string
	volumes []driver.VolumeID
	members []*snap // those that are left
}

// CheckGroup implements [driver.GroupSnapshotter].
func (d *backendDriver) CheckGroup(ctx context.Context, volumes []driver.VolumeID) error {
	_, err := trip(ctx, d, route{method: "CheckGroup", ability: "Groups"}, func() (struct{}, error) {
		_, err := d.b.groupable(volumes)
		return struct{}{}, err
	})
	return err
}

// groupable returns the volumes, or says which do not fit into one group.
func (b *Backend) groupable(ids []driver.VolumeID) ([]*volume, error) {
	if most := b.opts.Limits.GroupSize; most > 0 && len(ids) > most {
		return nil, driver.Blocked(driver.ErrExhausted, volumeBlockers(ids[most:]),
			"GroupSize: %d volumes, at most %d", len(ids), most)
	}
	if len(ids) == 0 {
		return nil, driver.Errorf(driver.ErrInvalid, "a group of no volumes")
	}
	var vols []*volume
	var full []driver.VolumeID
	for _, id := range ids {
		v, err := b.live(id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(vols, v) {
			return nil, driver.Errorf(driver.ErrInvalid, "volume %s is named twice", id)
		}
		vols = append(vols, v)
		if b.room(v, b.membersIn(vols, v)) != nil {
			full = append(full, id)
		}
	}
	if len(full) > 0 {
		return nil, driver.Blocked(driver.ErrExhausted, volumeBlockers(full), "no room for more snapshots")
	}
	if most := b.opts.Limits.SnapshotsPerBackend; most > 0 && b.countAll(b.order)+len(ids) > most {
		return nil, driver.Errorf(driver.ErrExhausted, "SnapshotsPerBackend: %d of %d are used", b.countAll(b.order), most)
	}
	return vols, nil
}

// membersIn is how many of the volumes count against the same limit as v.
func (b *Backend) membersIn(vols []*volume, v *volume) int {
	n := 0
	for _, o := range b.scope(v, b.facts.LimitUnit) {
		if slices.Contains(vols, o) {
			n++
		}
	}
	return n
}

func volumeBlockers(ids []driver.VolumeID) []driver.Blocker {
	out := make([]driver.Blocker, len(ids))
	for i, id := range ids {
		out[i] = driver.Blocker{Kind: "volume", ID: string(id)}
	}
	return out
}

// CreateGroup implements [driver.GroupSnapshotter].
func (d *backendDriver) CreateGroup(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error) {
	via := route{method: "CreateGroup", ability: "Groups"}
	if req.Resume {
		g, err := settled(ctx, d, req.Attempt, func(again bool) (driver.Group, error) {
			via.again = again
			return trip(ctx, d, via, func() (driver.Group, error) { return d.b.lookupGroup("", req.Token, req.Volumes) })
		})
		if driver.ClassOf(err) != driver.ErrNotFound {
			return g, err
		}
		via.again = true
	}
	return trip(ctx, d, via, func() (driver.Group, error) { return d.b.createGroup(req) })
}

func (b *Backend) createGroup(req driver.CreateGroupRequest) (driver.Group, error) {
	vols, err := b.groupable(req.Volumes)
	if err != nil {
		return driver.Group{}, err
	}
	if err := b.checkName(req.Name, req.Token); err != nil {
		return driver.Group{}, err
	}
	g := &group{id: fmt.Sprintf("group-%d", b.next()), volumes: slices.Clone(req.Volumes)}
	at := b.tick()
	for i, v := range vols {
		if i > 0 && b.facts.GroupNonAtomic {
			at = b.betweenMembers()
		}
		// A volume may go while the array is unlocked; then no member may stay.
		if v.gone {
			b.drop(g)
			return driver.Group{}, driver.Errorf(driver.ErrNotFound, "volume %q", string(v.id))
		}
		g.members = append(g.members, b.member(g, v, req, at))
	}
	b.groups[req.Token] = g
	return g.view(), nil
}

func (b *Backend) member(g *group, v *volume, req driver.CreateGroupRequest, at time.Time) *snap {
	s := b.snapshot(v, req.Token, req.Name, at)
	s.Group, s.Labels = g.id, maps.Clone(req.Labels)
	b.expire(s, req.Expires)
	return s
}

// betweenMembers lets a guest write, and returns the next member's instant.
func (b *Backend) betweenMembers() time.Time {
	if f := b.opts.BetweenMembers; f != nil {
		b.mu.Unlock()
		f()
		b.mu.Lock()
	}
	return b.tick()
}

func (g *group) view() driver.Group {
	out := driver.Group{ID: g.id}
	for _, s := range g.members {
		out.Members = append(out.Members, s.view())
	}
	return out
}

// LookupGroup implements [driver.GroupSnapshotter].
func (d *backendDriver) LookupGroup(ctx context.Context, req driver.LookupGroupRequest) (driver.Group, error) {
	return settled(ctx, d, req.Attempt, func(again bool) (driver.Group, error) {
		via := route{method: "LookupGroup", ability: "Groups", again: again}
		return trip(ctx, d, via, func() (driver.Group, error) { return d.b.lookupGroup(req.ID, req.Token, req.Volumes) })
	})
}

func (b *Backend) lookupGroup(id string, token driver.Token, volumes []driver.VolumeID) (driver.Group, error) {
	g := b.groups[token]
	if g == nil {
		return driver.Group{}, driver.Errorf(driver.ErrNotFound, "group of token %q", string(token))
	}
	sorted := func(ids []driver.VolumeID) []driver.VolumeID { return slices.Sorted(slices.Values(ids)) }
	if (id != "" && g.id != id) || (len(volumes) > 0 && !slices.Equal(sorted(volumes), sorted(g.volumes))) {
		return driver.Group{}, driver.Errorf(driver.ErrConflict, "token %q has group %s of %v", string(token), g.id, g.volumes)
	}
	return g.view(), nil
}

// DeleteGroup implements [driver.GroupSnapshotter].
func (d *backendDriver) DeleteGroup(ctx context.Context, req driver.DeleteGroupRequest) error {
	_, err := trip(ctx, d, route{method: "DeleteGroup", ability: "Groups"}, func() (struct{}, error) {
		b := d.b
		g := b.groups[req.Token]
		if g == nil {
			return struct{}{}, nil
		}
		if req.ID != "" && req.ID != g.id {
			return struct{}{}, driver.Errorf(driver.ErrConflict, "token %q has group %s, not %s", string(req.Token), g.id, req.ID)
		}
		for _, s := range g.members {
			if err := b.removable(s); err != nil {
				return struct{}{}, err
			}
		}
		b.drop(g)
		return struct{}{}, nil
	})
	return err
}

// drop deletes every member.
func (b *Backend) drop(g *group) {
	for _, s := range slices.Clone(g.members) {
		b.delete(s)
	}
}

// leaveGroup takes a snapshot that goes out of its group, with what that does to the others.
func (b *Backend) leaveGroup(s *snap) {
	for token, g := range b.groups {
		if !slices.Contains(g.members, s) {
			continue
		}
		g.members = slices.DeleteFunc(g.members, func(o *snap) bool { return o == s })
		if b.facts.GroupMemberDelete == driver.MemberDeleteBreaksGroup {
			for _, o := range g.members {
				o.Group = ""
			}
		}
		if len(g.members) == 0 {
			delete(b.groups, token)
		}
		return
	}
}
