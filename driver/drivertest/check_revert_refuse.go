package drivertest

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func revertRefusalChecks() []check {
	return []check{
		{
			"revert/while-open",
			"a revert under a running machine destroys its file system",
			revertOpen,
		},
		{
			"revert/unknown-snapshot",
			"going back to a snapshot that is gone must fail before anything is lost",
			revertUnknown,
		},
		{
			"revert/unknown-volume",
			"a volume deleted meanwhile must fail the revert for certain",
			revertUnknownVolume,
		},
		{
			"revert/another-volumes-snapshot",
			"a volume that comes back with another one's content is silent corruption",
			revertOther,
		},
		{
			"revert/two-snapshots-are-a-conflict",
			"a stale id beside another's token would roll back to the wrong day",
			revertConflict,
		},
		{
			"revert/torn-one-is-completed",
			"a revert that stopped half way leaves content that is neither; it must say so, and Resume must finish it",
			revertTorn,
		},
	}
}

func revertOpen(p *probe) {
	p.need(p.h.HoldOpen != nil, "no Harness.HoldOpen")
	p.need(p.facts.RevertFenced,
		"the array does not refuse a revert of an open volume (no Facts.RevertFenced): the engine holds the fence")
	v := p.volume()
	s := p.states(v, 1)[0]
	p.openTo(v)
	release, err := p.h.HoldOpen(p, v)
	p.ok(err, "Harness.HoldOpen")
	before := p.picture(v)
	req := p.revertRequest(v, s)
	_, err = p.d.Revert(p.ctx(), req)
	p.wantNamed(err, "Revert of a volume that is open (Facts.RevertFenced)", driver.ErrInUse)
	p.unchanged(before, "the refused revert")
	release()
	p.holds(p.revert(v, s).Volume, 1, "after a revert once the volume was closed")
}

func revertUnknown(p *probe) {
	v := p.volume()
	p.fill(v, 1)
	kept := p.create(v)
	s := p.create(v)
	p.delete(s.Ref)
	before := p.picture(v)
	for what, ref := range map[string]driver.SnapshotRef{
		"a deleted snapshot":          s.Ref,
		"a deleted snapshot's id":     {Volume: v, ID: s.Ref.ID},
		"a token that was never sent": {Volume: v, Token: p.token()},
	} {
		req := p.revertRequest(v, s)
		req.Snapshot, req.MayDrop = ref, []driver.SnapshotRef{kept.Ref}
		err := p.tryRevert(req)
		p.want(err, "Revert to "+what, driver.ErrNotFound)
		p.unchanged(before, "the refused revert")
	}
}

func revertUnknownVolume(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	before := p.picture(v)
	ghost := p.ghost()
	ref := driver.SnapshotRef{Volume: ghost, Token: p.token()}
	_, err := p.d.Revert(p.ctx(), p.unplanned(ghost, ref))
	p.want(err, "Revert of an unknown volume", driver.ErrNotFound)
	_, err = p.d.Revert(p.ctx(), p.unplanned(ghost, s.Ref))
	p.want(err, "Revert of an unknown volume to a known snapshot", driver.ErrNotFound, driver.ErrConflict, driver.ErrInvalid)
	p.unchanged(before, "the refused revert")
}

func revertOther(p *probe) {
	a, b := p.volume(), p.volume()
	p.need(!p.shared(a, b), "the volumes share a container, and so their snapshots")
	p.fill(a, 1)
	p.fill(b, 2)
	onA, onB := p.create(a), p.create(b)
	before := p.picture(a, b)
	req := p.unplanned(a, onB.Ref)
	req.MayDrop = []driver.SnapshotRef{onA.Ref}
	err := p.tryRevert(req)
	p.want(err, "Revert to another volume's snapshot", driver.ErrNotFound, driver.ErrConflict, driver.ErrInvalid)
	p.unchanged(before, "the refused revert")
	p.holds(b, 2, "after a refused revert of another volume")
}

func revertConflict(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	before := p.picture(v)
	mixed := driver.SnapshotRef{Volume: v, ID: snaps[0].Ref.ID, Token: snaps[1].Ref.Token}
	req := p.unplanned(v, mixed)
	p.want(p.tryRevert(req), "Revert to the id of one and the token of another", driver.ErrConflict)
	p.unchanged(before, "the refused revert")
}

func revertTorn(p *probe) {
	p.need(p.facts.RevertNonAtomic, "a revert is atomic here")
	p.need(p.proxy.Tear != nil, "no Proxy.Tear")
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.revertRequest(v, s)
	p.proxy.Tear()
	sent := time.Now()
	back := p.seal(v)
	_, err := p.d.Revert(p.ctx(), req)
	p.want(err, "Revert that was torn", driver.ErrPartial, driver.ErrIndeterminate)
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	res, err := p.open().Revert(p.ctx(), req)
	p.ok(err, "Revert with Resume after it was torn")
	back(res.Volume)
	p.holds(res.Volume, 1, "after the revert was completed")
	p.there(s, "after the revert was completed")
}
