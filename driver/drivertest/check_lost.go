package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func lostChecks() []check {
	return []check{
		{
			"lost/create-is-indeterminate-then-found",
			"a create whose reply was lost did happen: called a failure it is an orphan, sent again it is two",
			lostCreate,
		},
		{
			"lost/create-then-resume",
			"the engine resumes by token; the snapshot must be the one that the lost reply was about",
			lostCreateResume,
		},
		{
			"lost/delete-then-again",
			"a delete whose reply was lost is repeated and then finds nothing: success",
			lostDelete,
		},
		{
			"lost/revert-then-again",
			"the most dangerous reply to lose: asked again, the array must say where the volume is now",
			lostRevert,
		},
		{
			"lost/clone-then-again",
			"a clone whose reply was lost must be found by its token, not made twice",
			lostClone,
		},
		{
			"lost/group-then-again",
			"a group whose reply was lost must be found by its token on every volume",
			lostGroup,
		},
		{
			"lost/refused-is-unavailable",
			"what the array never saw had no effect and is safe to send again; saying less costs a look-up, saying more a snapshot",
			lostRefused,
		},
		{
			"lost/stalled-ends-with-the-deadline",
			"an array that accepts and never answers must not hold the engine longer than it asked for",
			lostStalled,
		},
	}
}

// lose makes the next reply get lost.
func (p *probe) lose() {
	p.need(p.proxy.LoseReply != nil, "no Proxy.LoseReply")
	p.proxy.LoseReply()
}

// lost fails the check unless a call whose reply was lost says so. A driver that found out by itself may also succeed.
func (p *probe) lost(err error, what string) {
	if err != nil {
		p.want(err, what+" whose reply was lost", driver.ErrIndeterminate)
		p.check(driver.EffectOf(err) == driver.EffectUnknown, "%s whose reply was lost says that the effect is %q",
			what, driver.EffectOf(err))
	}
}

func lostCreate(p *probe) {
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	p.lose()
	sent := time.Now()
	_, err := p.d.CreateSnapshot(p.ctx(), req)
	p.lost(err, "CreateSnapshot")
	ref := driver.SnapshotRef{Volume: v, Token: req.Token}
	s, err := p.d.Lookup(p.ctx(), driver.LookupRequest{Snapshot: ref, Attempt: again(sent)})
	p.ok(err, "Lookup after the reply of CreateSnapshot was lost")
	p.lists(v, "after the reply of CreateSnapshot was lost", s)
}

func lostCreateResume(p *probe) {
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	p.lose()
	sent := time.Now()
	_, err := p.d.CreateSnapshot(p.ctx(), req)
	p.lost(err, "CreateSnapshot")
	p.converges(req, sent, err)
}

func lostDelete(p *probe) {
	v := p.volume()
	kept := p.create(v)
	s := p.create(v)
	p.lose()
	sent := time.Now()
	_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	p.lost(err, "DeleteSnapshot")
	_, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref, Attempt: again(sent)})
	p.ok(err, "DeleteSnapshot again")
	p.gone(s.Ref, "after the repeated delete")
	p.lists(v, "after the repeated delete", kept)
}

func lostRevert(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	req := p.revertRequest(v, snaps[0])
	back := p.seal(v)
	p.lose()
	sent := time.Now()
	_, err := p.d.Revert(p.ctx(), req)
	p.lost(err, "Revert")
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	res, err := p.open().Revert(p.ctx(), req)
	p.ok(err, "Revert with Resume after its reply was lost")
	back(res.Volume)
	p.check(p.info(res.Volume).Size == res.Size, "RevertResult says %d bytes, Volume says %d", res.Size, p.info(res.Volume).Size)
	p.check((res.Volume != v) == p.facts.RevertChangesID, "the volume was %s, is %s; Facts.RevertChangesID is %t",
		v, res.Volume, p.facts.RevertChangesID)
	p.holds(res.Volume, 1, "after the revert whose reply was lost")
	p.there(snaps[0], "after the revert whose reply was lost")
}

func lostClone(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	p.clone(s) // skips where it is unsupported
	req := p.cloneRequest(s)
	p.lose()
	sent := time.Now()
	_, err := p.can.Cloner.Clone(p.ctx(), req)
	p.lost(err, "Clone")
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	var v driver.Volume
	err = p.patiently(func(ctx context.Context) (err error) {
		v, err = p.can.Cloner.Clone(ctx, req)
		return err
	})
	p.ok(err, "Clone with Resume after its reply was lost")
	p.oneClone(req, v.ID, "after the reply of Clone was lost")
	p.holds(v.ID, 1, "the clone whose reply was lost")
}

func lostGroup(p *probe) {
	g := p.groups()
	a, b := p.volume(), p.volume()
	p.act("CheckGroup", nil, func(ctx context.Context) error { return g.CheckGroup(ctx, []driver.VolumeID{a, b}) })
	req := driver.CreateGroupRequest{Volumes: []driver.VolumeID{a, b}, Token: p.token()}
	p.lose()
	sent := time.Now()
	_, err := g.CreateGroup(p.ctx(), req)
	p.lost(err, "CreateGroup")
	found, err := g.LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: req.Token, Volumes: req.Volumes, Attempt: again(sent)})
	p.ok(err, "LookupGroup after the reply of CreateGroup was lost")
	req.Attempt = again(sent)
	same, err := g.CreateGroup(p.ctx(), req)
	p.ok(err, "CreateGroup with Resume after its reply was lost")
	p.check(same.ID == found.ID && len(same.Members) == 2, "Resume returned group %s of %d, LookupGroup %s",
		same.ID, len(same.Members), found.ID)
	for _, m := range same.Members {
		p.lists(m.Ref.Volume, "after the reply of CreateGroup was lost", m)
	}
}

func lostRefused(p *probe) {
	p.need(p.proxy.Refuse != nil, "no Proxy.Refuse")
	v := p.volume()
	kept := p.create(v)
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	p.proxy.Refuse()
	sent := time.Now()
	_, err := p.d.CreateSnapshot(p.ctx(), req)
	if err != nil { // a driver may also have sent it again, since it had no effect
		p.want(err, "CreateSnapshot that the array never saw", driver.ErrUnavailable, driver.ErrBusy)
		p.check(driver.EffectOf(err) == driver.EffectNone,
			"CreateSnapshot that the array never saw says that the effect is %q", driver.EffectOf(err))
		p.lists(v, "after a create that the array never saw", kept)
	}
	p.converges(req, sent, err)
	p.proxy.Refuse()
	if _, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: kept.Ref}); err != nil {
		p.want(err, "DeleteSnapshot that the array never saw", driver.ErrUnavailable, driver.ErrBusy)
		p.there(kept, "after a delete that the array never saw")
	}
}

func lostStalled(p *probe) {
	p.need(p.proxy.Stall != nil, "no Proxy.Stall")
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	p.proxy.Stall()
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(p.ctx(), patience)
	defer cancel()
	sent := time.Now()
	_, err := p.d.CreateSnapshot(ctx, req)
	took := time.Since(sent)
	p.lost(err, "CreateSnapshot")
	p.check(took < patience+p.h.Timeout, "CreateSnapshot returned %v after it was sent; its deadline was %v", took, patience)
	p.converges(req, sent, err)
}
