package drivertest

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func revertIdentityChecks() []check {
	return []check{
		{
			"revert/same-token-same-answer",
			"the reply of a revert may be lost; asked again by its token the array must say the same, even of an id that is gone",
			revertSameToken,
		},
		{
			"revert/fenced-token-applies-once",
			"where the array itself is the fence, a late second send must not roll back what was written since",
			revertFencedOnce,
		},
		{
			"revert/old-references-stay-valid",
			"a revert that changes the id must not orphan the snapshots that were made under the old one",
			revertOldRefs,
		},
		{
			"revert/new-snapshots-after-a-changed-id",
			"the volume lives on under its new id, and so does its history",
			revertNewRefs,
		},
	}
}

func revertSameToken(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	req := p.revertRequest(v, snaps[0])
	sent := time.Now()
	first := p.revertAs(req)
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	for _, d := range []driver.Driver{p.d, p.open()} {
		back := p.seal(first.Volume)
		res, err := d.Revert(p.ctx(), req)
		p.ok(err, "Revert with Resume after it was done")
		back(res.Volume)
		p.check(res.Volume == first.Volume && res.Size == first.Size, "Resume says %s of %d bytes, the first call said %s of %d",
			res.Volume, res.Size, first.Volume, first.Size)
	}
	p.holds(first.Volume, 1, "after the same revert three times")
	p.there(snaps[0], "after the same revert three times")
}

func revertFencedOnce(p *probe) {
	p.need(p.facts.RevertFenced, "the array is no fence (Facts.RevertFenced)")
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.revertRequest(v, s)
	sent := time.Now()
	first := p.revertAs(req)
	p.fill(first.Volume, 9)
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	back := p.seal(first.Volume)
	res, err := p.open().Revert(p.ctx(), req)
	p.ok(err, "Revert with Resume after it was done")
	back(res.Volume)
	p.check(res.Volume == first.Volume, "Resume says %s, the first call said %s", res.Volume, first.Volume)
	p.holds(first.Volume, 9, "after a second send of a token that a fenced array applies once")
}

func revertOldRefs(p *probe) {
	p.need(p.facts.RevertChangesID, "a revert keeps the id here")
	v := p.volume()
	snaps := p.states(v, 3)
	newest := snaps[2]
	now := p.revert(v, newest).Volume
	p.must(now != v, "Facts.RevertChangesID, but the id is still %s", v)
	all := p.list("")
	for _, s := range snaps {
		p.check(count(all, s.Ref) == 1, "snapshot %s of the old id is in the backend's list %d times",
			s.Ref.ID, count(all, s.Ref))
		p.there(s, "after the id changed")
		_, err := p.lookup(driver.SnapshotRef{Volume: v, Token: s.Ref.Token})
		p.ok(err, "Lookup by the old id and token")
	}
	older := p.revert(now, snaps[1]).Volume
	p.holds(older, 2, "after a revert to a snapshot of the old id")
	p.delete(newest.Ref)
	p.gone(newest.Ref, "after the delete of a snapshot of the old id")
	p.there(snaps[0], "after the delete of another")
}

func revertNewRefs(p *probe) {
	p.need(p.facts.RevertChangesID, "a revert keeps the id here")
	v := p.volume()
	s := p.states(v, 1)[0]
	now := p.revert(v, s).Volume
	fresh := p.create(now)
	p.check(fresh.Ref.Volume == now, "a snapshot of the reverted volume has Ref.Volume %s, the volume is %s",
		fresh.Ref.Volume, now)
	p.check(count(p.list(now), fresh.Ref) == 1, "the new snapshot is in its volume's list %d times",
		count(p.list(now), fresh.Ref))
	p.fill(now, 5)
	last := p.revert(now, fresh).Volume
	p.holds(last, 1, "after a second revert")
	p.check(p.info(last).Serial != "", "the volume has no Serial after two reverts")
}
