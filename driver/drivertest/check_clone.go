package drivertest

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func cloneChecks() []check {
	return []check{
		{
			"clone/makes-a-volume",
			"a clone is a volume like any other: with an id, a serial of its own, and the token by which it is found",
			cloneMakes,
		},
		{
			"clone/sizes",
			"no size means the snapshot's; a smaller one would cut off data and must be refused",
			cloneSizes,
		},
		{
			"clone/of-an-unknown-snapshot",
			"a clone of a snapshot that is gone must fail for certain and leave nothing behind",
			cloneUnknown,
		},
		{
			"clone/several-of-one-snapshot",
			"many test machines are started from one snapshot",
			cloneSeveral,
		},
		{
			"clone/discard",
			"the undo of a clone removes it whether it was finished or not, and may be repeated",
			cloneDiscard,
		},
		{
			"clone/odd-names",
			"a clone's name is a person's; the driver makes it fit",
			cloneNames,
		},
		{
			"clone/and-the-end-of-its-snapshot",
			"a snapshot that a clone needs must not go, or the clone is lost; one that it does not need must not stay for ever",
			cloneDependence,
		},
		{
			"clone/leaves-its-source",
			"a clone must not cost the source a snapshot, a byte or its size",
			cloneLeaves,
		},
	}
}

func cloneMakes(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.cloneRequest(s)
	c := p.cloneAs(req)
	p.check(c.ID != v, "the clone has the id of its source")
	p.check(c.Token == req.Token, "the clone has token %q, want %q", c.Token, req.Token)
	got := p.info(c.ID)
	p.check(got.ID == c.ID && got.Size == c.Size && got.Serial == c.Serial,
		"Volume says %s, %d bytes, serial %s; Clone said %s, %d, %s",
		got.ID, got.Size, got.Serial, c.ID, c.Size, c.Serial)
	p.check(c.Serial != "" && c.Serial != p.info(v).Serial, "the clone's serial %q is no identity of its own", c.Serial)
	if (c.Origin != driver.SnapshotRef{}) {
		p.check(c.Origin.ID == s.Ref.ID && c.Origin.Volume == s.Ref.Volume, "Origin is %+v, want %+v", c.Origin, s.Ref)
	}
	p.oneClone(req, c.ID, "after one Clone")
	p.lists(c.ID, "of a fresh clone")
}

func cloneSizes(p *probe) {
	p.cloner()
	v := p.volume()
	s := p.states(v, 1)[0]
	c := p.clone(s)
	p.check(c.Size >= s.Size, "a clone without a size has %d bytes, the snapshot %d", c.Size, s.Size)
	req := p.cloneRequest(s)
	req.Size = s.Size / 2
	_, err := p.can.Cloner.Clone(p.ctx(), req)
	p.want(err, "Clone that is smaller than its snapshot", driver.ErrInvalid)
	p.noClone(req, "after the refused clone")
}

func cloneUnknown(p *probe) {
	c := p.cloner()
	v := p.volume()
	kept := p.create(v)
	s := p.create(v)
	p.delete(s.Ref)
	for what, ref := range map[string]driver.SnapshotRef{
		"a deleted snapshot":          s.Ref,
		"a token that was never sent": {Volume: v, Token: p.token()},
	} {
		req := p.cloneRequest(s)
		req.Snapshot = ref
		_, err := c.Clone(p.ctx(), req)
		p.want(err, "Clone of "+what, driver.ErrNotFound, driver.ErrUnsupported)
		p.noClone(req, "after the refused clone")
	}
	p.there(kept, "after two refused clones")
}

func cloneSeveral(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	a, b := p.cloneRequest(s), p.cloneRequest(s)
	first, second := p.cloneAs(a), p.cloneAs(b)
	p.check(first.ID != second.ID && first.Serial != second.Serial, "two tokens made one volume, %s", first.ID)
	p.oneClone(a, first.ID, "after two clones")
	p.oneClone(b, second.ID, "after two clones")
	p.discard(a)
	p.oneClone(b, second.ID, "after the other's discard")
}

func cloneDiscard(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.cloneRequest(s)
	c := p.cloneAs(req)
	before := p.picture(v)
	p.discard(req)
	_, err := p.d.Volume(p.ctx(), c.ID)
	p.want(err, "Volume of a discarded clone", driver.ErrNotFound)
	p.noClone(req, "after Discard")
	p.discard(req)
	p.discard(p.cloneRequest(s)) // never sent
	p.unchanged(before, "Discard of its clone")
	p.there(s, "after Discard of its clone")
}

func cloneNames(p *probe) {
	s := p.states(p.volume(), 1)[0]
	for _, name := range []string{"", "same", "same", "a/b 'ü' 🦊"} {
		req := p.cloneRequest(s)
		req.Name = p.cut(name)
		c := p.cloneAs(req)
		p.oneClone(req, c.ID, "with name "+name)
		p.discard(req)
	}
}

func cloneDependence(p *probe) {
	p.cloner()
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.cloneRequest(s)
	c := p.cloneAs(req)
	_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	switch {
	case p.facts.CloneDependence == driver.CloneIndependent:
		p.ok(err, "DeleteSnapshot of one with an independent clone")
	case err != nil:
		p.wantNamed(err, "DeleteSnapshot of one that a clone needs", driver.ErrInUse)
		p.there(s, "after its refused delete")
		p.discard(req)
		_, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref, Attempt: again(time.Now())})
		p.ok(err, "DeleteSnapshot once its clone is gone")
		p.gone(s.Ref, "after its delete")
		return
	}
	p.gone(s.Ref, "after its delete")
	p.holds(c.ID, 1, "the clone after its snapshot's delete")
}

func cloneLeaves(p *probe) {
	p.cloner()
	v := p.volume()
	snaps := p.states(v, 2)
	before := p.picture(v)
	req := p.cloneRequest(snaps[0])
	p.cloneAs(req)
	p.unchanged(before, "Clone")
	p.discard(req)
	p.unchanged(before, "Discard")
}
