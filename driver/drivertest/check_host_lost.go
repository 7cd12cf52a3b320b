package drivertest

import (
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func hostLostChecks() []hostCheck {
	return []hostCheck{
		{
			"lost/detach-and-attach-converge",
			"a reply is lost between two members of the pool; the same call again must end where it should",
			hostLost,
		},
		{
			"lost/introduce-then-again",
			"an Introduce whose reply was lost is asked for again by its token",
			hostLostIntroduce,
		},
		{
			"torn/detach-and-attach-converge",
			"one member has let go and another not: half detached is attached, half attached must be finished",
			hostTorn,
		},
		{
			"torn/introduce-is-undone",
			"an Introduce that stopped half way is undone wholly, or finished to one disk",
			hostTornIntroduce,
		},
		{
			"errors/have-a-class",
			"the engine decides by the class alone; an error without one is taken for an unknown effect and waits for a person",
			hostClasses,
		},
		{
			"errors/name-what-stands-in-the-way",
			"'in use' without by whom is a machine that nobody can find",
			func(p *hostProbe) {
				seen := p.suite.seen.read(&p.suite.seen.anonymous)
				p.check(len(seen) == 0, "refusals with ErrInUse that name no Blockers:\n  %s", strings.Join(seen, "\n  "))
			},
		},
	}
}

func (p *hostProbe) lost(err error, what string) {
	if err != nil {
		p.want(err, what+" whose reply was lost", driver.ErrIndeterminate)
	}
}

func hostLost(p *hostProbe) {
	p.need(p.proxy.LoseReply != nil, "no Proxy.LoseReply")
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.proxy.LoseReply()
	p.lost(p.d.Detach(p.ctx(), a), "Detach")
	p.detach(a)
	p.detached(t.LUN, "after the repeated detach")
	p.proxy.LoseReply()
	_, err := p.d.Attach(p.ctx(), a, t.Path)
	p.lost(err, "Attach")
	disk := p.attach(a, t.Path)
	p.check(disk == t.LUN.Disk, "Attach returned disk %q, want %q", disk, t.LUN.Disk)
	p.same(a, p.attachment(t.LUN), "a detach and an attach whose replies were lost")
}

func hostLostIntroduce(p *hostProbe) {
	p.need(p.proxy.LoseReply != nil, "no Proxy.LoseReply")
	t := p.lun()
	req := p.request(t)
	p.proxy.LoseReply()
	sent := time.Now()
	_, err := p.d.Introduce(p.ctx(), req)
	p.lost(err, "Introduce")
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	disk, err := p.login().Introduce(p.ctx(), req)
	p.ok(err, "Introduce with Resume after its reply was lost")
	t.LUN.Disk = disk
	p.attached(t.LUN, "after the repeated Introduce")
	p.proxy.LoseReply()
	p.lost(p.withdraw(p.d, t, req.Token, disk), "Withdraw")
	p.ok(p.withdraw(p.d, t, req.Token, disk), "Withdraw again")
	p.unknown(t.LUN, "after one disk's Withdraw")
}

// torn fails the check unless a call that was torn says so. A host with one member has nothing to tear.
func (p *hostProbe) torn(err error, what string) {
	if err == nil {
		p.rec.remark(what + " was not torn")
		p.must(p.proxy.Reset != nil, "a Proxy with Tear needs Reset")
		p.proxy.Reset()
		return
	}
	p.want(err, what+" that was torn", driver.ErrIndeterminate, driver.ErrPartial)
}

func hostTorn(p *hostProbe) {
	p.need(p.proxy.Tear != nil, "no Proxy.Tear")
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.proxy.Tear()
	p.torn(p.d.Detach(p.ctx(), a), "Detach")
	p.ok(p.login().Detach(p.ctx(), a), "Detach after it was torn")
	p.detached(t.LUN, "after the completed detach")
	p.proxy.Tear()
	_, err := p.d.Attach(p.ctx(), a, t.Path)
	p.torn(err, "Attach")
	_, err = p.login().Attach(p.ctx(), a, t.Path)
	p.ok(err, "Attach after it was torn")
	p.same(a, p.attachment(t.LUN), "a detach and an attach that were torn and completed")
}

func hostTornIntroduce(p *hostProbe) {
	p.need(p.proxy.Tear != nil, "no Proxy.Tear")
	for _, undo := range []bool{true, false} {
		t := p.lun()
		req := p.request(t)
		p.proxy.Tear()
		sent := time.Now()
		_, err := p.d.Introduce(p.ctx(), req)
		p.torn(err, "Introduce")
		if undo {
			p.ok(p.withdraw(p.login(), t, req.Token, ""), "Withdraw after Introduce was torn")
			p.unknown(t.LUN, "after the undo")
			continue
		}
		req.Attempt, req.Notes = again(sent), p.notes(req.Token)
		disk, err := p.login().Introduce(p.ctx(), req)
		p.ok(err, "Introduce with Resume after it was torn")
		t.LUN.Disk = disk
		p.attached(t.LUN, "after the completed Introduce")
	}
}

func hostClasses(p *hostProbe) {
	t := p.lun()
	ctx, cancel := p.cancelable()
	cancel()
	failures := map[string]error{}
	_, failures["Describe"] = p.d.Describe(ctx)
	_, failures["Attachments"] = p.d.Attachments(ctx, t.LUN)
	failures["Detach"] = p.d.Detach(ctx, driver.Attachment{LUN: t.LUN})
	req := p.request(t)
	_, failures["Introduce"] = p.d.Introduce(ctx, req)
	_, failures["Initiators"] = p.d.Initiators(ctx)
	for what, err := range failures {
		p.check(err == nil || classified(err), "%s with a canceled context: the error has no class: %v (%T)", what, err, err)
		p.check(driver.ClassOf(err) != driver.ErrNotFound,
			"%s with a canceled context says ErrNotFound, which is a conclusion", what)
	}
	if driver.EffectOf(failures["Introduce"]) == driver.EffectNone {
		p.unknown(t.LUN, "after an Introduce with a canceled context that said it had no effect")
	}
	seen := p.suite.seen.read(&p.suite.seen.unclassified)
	p.check(len(seen) == 0, "in this run there were errors without a class:\n  %s", strings.Join(seen, "\n  "))
}

func hostCloseChecks() []hostCheck {
	return []hostCheck{
		{
			"close/twice",
			"every path that ends a program closes; the second time must be harmless",
			func(p *hostProbe) {
				d := p.h.Open(p)
				_, err := d.Describe(p.ctx())
				p.ok(err, "Describe")
				p.ok(d.Close(), "Close")
				p.ok(d.Close(), "Close again")
				p.ok(p.h.Open(p).Close(), "Close of a host that was never used")
				_, err = p.d.Describe(p.ctx())
				p.ok(err, "Describe by another login after one was closed")
			},
		},
		{
			"close/leaves-disks-attached",
			"logging out of the management interface is not detaching",
			func(p *hostProbe) {
				t := p.lun()
				d := p.h.Open(p)
				req := p.request(t)
				disk, err := d.Introduce(p.ctx(), req)
				p.ok(err, "Introduce")
				p.ok(d.Close(), "Close")
				t.LUN.Disk = disk
				p.attached(t.LUN, "after the login that introduced it was closed")
			},
		},
	}
}
