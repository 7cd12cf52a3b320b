package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func quiesceChecks() []hostCheck {
	return []hostCheck{
		{
			"quiesce/and-thaw",
			"a guest that stays frozen is an outage, made by the tool that should protect it",
			quiesceThaw,
		},
		{
			"quiesce/same-token-is-one-freeze",
			"a take-over asks again; a second freeze would survive the first one's thaw",
			quiesceAgain,
		},
		{
			"quiesce/thawed-by-another-process",
			"the process that froze the guest may be dead; the freeze is a lease, not a closure",
			quiesceOther,
		},
		{
			"quiesce/thaw-of-nothing-is-success",
			"thaw is the first step of every take-over, whatever became of the freeze",
			quiesceNothing,
		},
	}
}

// quiesce freezes the LUNs for at most a minute, and thaws them when the check is over.
func (p *hostProbe) quiesce(luns ...driver.LUN) (driver.QuiesceRequest, driver.QuiesceResult) {
	req := driver.QuiesceRequest{LUNs: luns, Token: p.token(), Max: time.Minute}
	p.Cleanup(func() { p.ok(p.can.Quiescer.Thaw(p.ctx(), req.Token), "Thaw") })
	res, err := p.can.Quiescer.Quiesce(p.ctx(), req)
	p.supported(err, "Quiesce")
	return req, res
}

func (p *hostProbe) needQuiescer() { p.need(p.can.Quiescer != nil, "the host has no Quiescer") }

func quiesceThaw(p *hostProbe) {
	p.needQuiescer()
	t, _ := p.disk()
	for range 2 { // the second freeze begins only if the first is over
		req, res := p.quiesce(t.LUN)
		if !res.Until.IsZero() {
			p.check(time.Until(res.Until) < req.Max+time.Hour, "the host thaws by itself at %v; Max is %v", res.Until, req.Max)
		}
		p.ok(p.can.Quiescer.Thaw(p.ctx(), req.Token), "Thaw")
		p.ok(p.can.Quiescer.Thaw(p.ctx(), req.Token), "Thaw again")
	}
	p.attached(t.LUN, "after two freezes and thaws")
	if p.h.HostIO != nil {
		p.put(p.h.HostIO(p, t.LUN.Disk), 1, p.h.Size)
	}
}

func quiesceAgain(p *hostProbe) {
	p.needQuiescer()
	t, _ := p.disk()
	req, first := p.quiesce(t.LUN)
	req.Attempt = again(time.Now())
	for _, d := range []driver.Host{p.d, p.login()} {
		res, err := d.Abilities().Quiescer.Quiesce(p.ctx(), req)
		p.ok(err, "Quiesce again with the same token")
		p.check(res.Consistent == first.Consistent, "Consistent was %t, is %t for the same token",
			first.Consistent, res.Consistent)
		p.check(res.Until.Equal(first.Until), "Until was %v, is %v for the same token: a freeze must not grow",
			first.Until, res.Until)
	}
	p.ok(p.can.Quiescer.Thaw(p.ctx(), req.Token), "Thaw")
	if p.h.HostIO != nil {
		p.put(p.h.HostIO(p, t.LUN.Disk), 1, p.h.Size)
	}
	fresh, _ := p.quiesce(t.LUN)
	p.ok(p.can.Quiescer.Thaw(p.ctx(), fresh.Token), "Thaw")
}

func quiesceOther(p *hostProbe) {
	p.needQuiescer()
	one, _ := p.disk()
	two, _ := p.disk()
	req, _ := p.quiesce(one.LUN, two.LUN)
	p.ok(p.login().Abilities().Quiescer.Thaw(p.ctx(), req.Token), "Thaw by another login")
	if p.h.HostIO != nil {
		p.put(p.h.HostIO(p, one.LUN.Disk), 1, p.h.Size)
		p.put(p.h.HostIO(p, two.LUN.Disk), 2, p.h.Size)
	}
}

func quiesceNothing(p *hostProbe) {
	p.needQuiescer()
	p.ok(p.can.Quiescer.Thaw(p.ctx(), p.token()), "Thaw of a token that was never sent")
	t, _ := p.disk()
	ctx, cancel := context.WithCancel(p.ctx())
	cancel()
	req := driver.QuiesceRequest{LUNs: []driver.LUN{t.LUN}, Token: p.token(), Max: time.Minute}
	if _, err := p.can.Quiescer.Quiesce(ctx, req); err == nil {
		p.rec.remark("a freeze began although its context had ended")
	}
	p.ok(p.can.Quiescer.Thaw(p.ctx(), req.Token), "Thaw of a freeze that was given up")
	if p.h.HostIO != nil {
		p.put(p.h.HostIO(p, t.LUN.Disk), 1, p.h.Size)
	}
}
