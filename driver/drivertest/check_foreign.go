package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func foreignChecks() []check {
	return []check{
		{
			"foreign/listed-without-our-token",
			"operators make snapshots with the array's own tools; we show them, and must not take them for ours",
			foreignListed,
		},
		{
			"foreign/survives-what-we-do",
			"retention that removes other people's snapshots is the worst thing that such a program can do",
			foreignUntouched,
		},
		{
			"foreign/found-and-deleted-by-id",
			"an imported snapshot has no token; a person must still be able to look at it and remove it",
			foreignByID,
		},
		{
			"foreign/can-be-reverted-to",
			"an imported snapshot is of use only if one can go back to it",
			foreignRevert,
		},
		{
			"foreign/younger-ones-need-consent",
			"where a revert drops the younger, it drops other people's too: only if the request names them",
			foreignDropped,
		},
	}
}

func (p *probe) foreign(v driver.VolumeID) driver.SnapshotRef {
	p.need(p.h.Foreign != nil, "no Harness.Foreign")
	ref := p.h.Foreign(p, v)
	p.must(ref.ID != "" && ref.Token == "", "Harness.Foreign returned %+v; want an id and no token", ref)
	p.made.found(ref)
	return ref
}

func foreignListed(p *probe) {
	v := p.volume()
	ours := p.create(v)
	ref := p.foreign(v)
	for _, of := range []driver.VolumeID{v, ""} {
		found := 0
		for _, s := range p.listAll(of) {
			if s.Ref.ID != ref.ID || s.Ref.Volume != ref.Volume {
				continue
			}
			found++
			p.check(s.Ref.Token == "", "the foreign snapshot is listed with token %q", s.Ref.Token)
		}
		p.check(found == 1, "the foreign snapshot is listed %d times (volume %q)", found, of)
	}
	p.lists(v, "beside a foreign one", ours)
}

func foreignUntouched(p *probe) {
	v := p.volume()
	p.fill(v, 1)
	ref := p.foreign(v)
	snaps := p.states(v, 3)
	now := p.revert(v, snaps[1]).Volume
	for _, s := range slices.Backward(snaps) {
		p.delete(s.Ref) // youngest first, for arrays where they depend on each other
	}
	got, err := p.lookup(ref)
	p.ok(err, "Lookup of the foreign snapshot after creates, a revert and deletes of ours")
	p.check(got.Ref.Token == "", "the foreign snapshot now has token %q", got.Ref.Token)
	p.holds(now, 2, "after deleting all of our snapshots")
}

func foreignByID(p *probe) {
	v := p.volume()
	ours := p.create(v)
	ref := p.foreign(v)
	got, err := p.lookup(ref)
	p.ok(err, "Lookup of the foreign snapshot")
	p.check(got.Ref.ID == ref.ID && got.Size == p.info(v).Size, "Lookup returned %+v of %d bytes", got.Ref, got.Size)
	res := p.delete(ref)
	p.check(!res.Absent, "DeleteSnapshot says that the foreign snapshot was absent")
	p.gone(ref, "after its delete")
	p.there(ours, "after the foreign one's delete")
}

func foreignRevert(p *probe) {
	v := p.volume()
	p.fill(v, 1)
	ref := p.foreign(v)
	p.fill(v, 2)
	s, err := p.lookup(ref)
	p.ok(err, "Lookup of the foreign snapshot")
	now := p.revert(v, s).Volume
	p.holds(now, 1, "after a revert to a foreign snapshot")
}

func foreignDropped(p *probe) {
	p.need(p.facts.RevertDropsYounger, "a revert drops nothing here")
	v := p.volume()
	p.fill(v, 1)
	s := p.create(v)
	p.fill(v, 2)
	ref := p.foreign(v)
	before := p.picture(v)
	req := p.unplanned(v, s.Ref)
	p.wantNamed(p.tryRevert(req), "Revert below a foreign snapshot that MayDrop does not name", driver.ErrConflict)
	p.unchanged(before, "the refused revert")
	if _, err := p.lookup(ref); err != nil {
		p.Errorf("the refused revert took the foreign snapshot: %v", err)
	}
	res := p.revert(v, s)
	named := false
	for _, d := range res.Dropped {
		named = named || d.ID == ref.ID
	}
	p.check(named, "the foreign snapshot was dropped, but Dropped is %+v", res.Dropped)
	p.gone(ref, "after the revert that dropped it")
}
