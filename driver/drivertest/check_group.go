package drivertest

import (
	"context"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func groupChecks() []check {
	return []check{
		{
			"group/check-accepts-what-create-does",
			"a plan that says yes and a create that says no leave a machine frozen for nothing",
			groupCheck,
		},
		{
			"group/one-token-one-snapshot-each",
			"a group is found by its token on each of its volumes",
			groupCreate,
		},
		{
			"group/resume-returns-the-same",
			"a group whose reply was lost is asked for again; a second one would be orphans on every volume",
			groupResume,
		},
		{
			"group/lookup",
			"take-over must know for certain whether the group was made",
			groupLookup,
		},
		{
			"group/unknown-volume-makes-none",
			"half a group is a database without its log, and its members can be left behind for ever",
			groupAllOrNone,
		},
		{
			"group/delete-takes-every-member",
			"a group deleted in part leaves members that nobody lists any more; deleting again must be harmless",
			groupDelete,
		},
		{
			"group/one-member-deleted",
			"what becomes of the rest when one member goes is a fact that retention relies on",
			groupMember,
		},
		{
			"group/content-of-each",
			"each volume of a group goes back to its own content of that moment",
			groupContent,
		},
	}
}

// group makes a snapshot of several volumes together.
func (p *probe) group(volumes ...driver.VolumeID) (driver.CreateGroupRequest, driver.Group) {
	req := driver.CreateGroupRequest{Volumes: volumes, Token: p.token(), Name: "suite group"}
	return req, p.groupAs(req)
}

func (p *probe) groupAs(req driver.CreateGroupRequest) driver.Group {
	g := p.groups()
	var made driver.Group
	p.act("CreateGroup", req.Volumes, func(ctx context.Context) (err error) {
		made, err = g.CreateGroup(ctx, req)
		return err
	})
	return made
}

func groupCheck(p *probe) {
	g := p.groups()
	a, b := p.volume(), p.volume()
	both := []driver.VolumeID{a, b}
	p.act("CheckGroup", both, func(ctx context.Context) error { return g.CheckGroup(ctx, both) })
	p.lists(a, "after CheckGroup")
	p.group(a, b)
	if most := p.desc.Limits.GroupSize; most > 0 && most <= p.h.MaxLimitProbe {
		var volumes []driver.VolumeID
		for range most + 1 {
			volumes = append(volumes, p.volume())
		}
		err := g.CheckGroup(p.ctx(), volumes)
		p.want(err, "CheckGroup above Limits.GroupSize", driver.ErrExhausted, driver.ErrUnsupported)
		_, err = g.CreateGroup(p.ctx(), driver.CreateGroupRequest{Volumes: volumes, Token: p.token()})
		p.want(err, "CreateGroup above Limits.GroupSize", driver.ErrExhausted, driver.ErrUnsupported)
		p.lists(volumes[0], "after a group that is too large")
	}
}

func groupCreate(p *probe) {
	a, b := p.volume(), p.volume()
	req, g := p.group(a, b)
	p.must(len(g.Members) == 2, "the group of 2 volumes has %d members: %+v", len(g.Members), refs(g.Members))
	p.check(g.ID != "", "the group has no id")
	for _, v := range req.Volumes {
		found := count(g.Members, driver.SnapshotRef{Volume: v, Token: req.Token})
		p.check(found == 1, "the group has %d members of volume %s with its token: %+v", found, v, refs(g.Members))
		s, err := p.lookup(driver.SnapshotRef{Volume: v, Token: req.Token})
		p.ok(err, "Lookup of a member by the group's token")
		p.check(s.Group == g.ID, "Snapshot.Group is %q, the group's id %q", s.Group, g.ID)
		p.lists(v, "of the group", s)
	}
	x, y := g.Members[0].CreatedAt, g.Members[1].CreatedAt
	p.check(p.facts.GroupNonAtomic || x.Equal(y), "the members are of %v and %v, but no Facts.GroupNonAtomic", x, y)
}

func groupResume(p *probe) {
	a, b := p.volume(), p.volume()
	sent := time.Now()
	req, first := p.group(a, b)
	req.Attempt = again(sent)
	for _, d := range []driver.Driver{p.d, p.open()} {
		g, err := d.Abilities().Groups.CreateGroup(p.ctx(), req)
		p.ok(err, "CreateGroup with Resume")
		p.check(g.ID == first.ID && len(g.Members) == 2, "Resume returned group %s of %d, the first call %s of %d",
			g.ID, len(g.Members), first.ID, len(first.Members))
	}
	for _, m := range first.Members {
		p.lists(m.Ref.Volume, "after a group and two repetitions with Resume", m)
	}
	fresh := driver.CreateGroupRequest{Volumes: req.Volumes, Token: p.token(), Attempt: again(time.Now())}
	g := p.groupAs(fresh)
	p.check(g.ID != first.ID && len(g.Members) == 2, "Resume of a token that was never sent returned group %s of %d",
		g.ID, len(g.Members))
}

func groupLookup(p *probe) {
	a, b := p.volume(), p.volume()
	look := func(token driver.Token) (driver.Group, error) {
		return p.groups().LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: token, Volumes: []driver.VolumeID{a, b}})
	}
	_, err := look(p.token())
	p.want(err, "LookupGroup of a token that was never sent", driver.ErrNotFound, driver.ErrUnsupported)
	req, made := p.group(a, b)
	found, err := look(req.Token)
	p.ok(err, "LookupGroup")
	p.check(found.ID == made.ID && len(found.Members) == 2, "LookupGroup returned %s of %d, want %s of 2",
		found.ID, len(found.Members), made.ID)
	for _, m := range made.Members {
		p.check(count(found.Members, m.Ref) == 1, "LookupGroup lacks %+v: %+v", m.Ref, refs(found.Members))
	}
}

func groupAllOrNone(p *probe) {
	g := p.groups()
	a, b := p.volume(), p.volume()
	req := driver.CreateGroupRequest{Volumes: []driver.VolumeID{a, p.ghost(), b}, Token: p.token()}
	_, err := g.CreateGroup(p.ctx(), req)
	p.want(err, "CreateGroup with an unknown volume", driver.ErrNotFound, driver.ErrUnsupported)
	p.lists(a, "after a group that was refused")
	p.lists(b, "after a group that was refused")
	_, err = g.LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: req.Token, Volumes: req.Volumes})
	p.want(err, "LookupGroup of a group that was refused", driver.ErrNotFound, driver.ErrUnsupported)
	err = g.CheckGroup(p.ctx(), req.Volumes)
	p.check(err != nil, "CheckGroup accepts an unknown volume")
}

func groupDelete(p *probe) {
	a, b := p.volume(), p.volume()
	kept := p.create(a)
	sent := time.Now()
	req, made := p.group(a, b)
	del := driver.DeleteGroupRequest{ID: made.ID, Token: req.Token, Members: refs(made.Members)}
	p.ok(p.can.Groups.DeleteGroup(p.ctx(), del), "DeleteGroup")
	p.lists(a, "after DeleteGroup", kept)
	p.lists(b, "after DeleteGroup")
	del.Attempt = again(sent)
	p.ok(p.can.Groups.DeleteGroup(p.ctx(), del), "DeleteGroup again")
	p.ok(p.open().Abilities().Groups.DeleteGroup(p.ctx(), del), "DeleteGroup by another driver")
	_, err := p.can.Groups.LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: req.Token, Volumes: req.Volumes})
	p.want(err, "LookupGroup of a deleted group", driver.ErrNotFound)
	never := driver.DeleteGroupRequest{Token: p.token(), Members: []driver.SnapshotRef{{Volume: a, Token: p.token()}}}
	p.ok(p.can.Groups.DeleteGroup(p.ctx(), never), "DeleteGroup of a token that was never sent")
	p.lists(a, "after all deletes", kept)
}

func groupMember(p *probe) {
	a, b := p.volume(), p.volume()
	p.fill(a, 1)
	p.fill(b, 2)
	req, made := p.group(a, b)
	p.must(len(made.Members) == 2, "the group has %d members", len(made.Members))
	gone, left := made.Members[1], made.Members[0]
	_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: gone.Ref})
	if p.facts.GroupMemberDelete == driver.MemberDeleteRefused {
		p.want(err, "DeleteSnapshot of a member (Facts.GroupMemberDelete)", driver.ErrUnsupported)
		p.there(gone, "after its refused delete")
		return
	}
	p.ok(err, "DeleteSnapshot of a member")
	p.gone(gone.Ref, "after its delete")
	p.there(left, "after the other member's delete")
	if p.facts.GroupMemberDelete == driver.MemberDeleteOK {
		g, err := p.can.Groups.LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: req.Token, Volumes: req.Volumes})
		p.ok(err, "LookupGroup with one member left")
		p.check(len(g.Members) == 1, "the group has %d members after one was deleted", len(g.Members))
	}
	del := driver.DeleteGroupRequest{ID: made.ID, Token: req.Token, Members: refs(made.Members)}
	p.ok(p.can.Groups.DeleteGroup(p.ctx(), del), "DeleteGroup with one member left")
	p.gone(left.Ref, "after DeleteGroup")
}

func groupContent(p *probe) {
	p.needIO()
	a, b := p.volume(), p.volume()
	p.fill(a, 1)
	p.fill(b, 2)
	_, made := p.group(a, b)
	p.fill(a, 3)
	p.fill(b, 4)
	want := map[driver.VolumeID]uint64{a: 1, b: 2}
	for _, m := range slices.Backward(made.Members) { // the youngest first, in case a revert drops what is younger
		now := p.revert(m.Ref.Volume, m).Volume
		p.holds(now, want[m.Ref.Volume], "after a revert to a member of a group")
	}
}
