package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// hostProbe is what one check of a host works with.
type hostProbe struct {
	claims

	h     HostHarness
	d     driver.Host // watched for what the checks of group "errors" judge
	raw   driver.Host
	desc  driver.HostDescription
	can   driver.HostAbilities
	suite *hostSuite
	proxy Proxy

	mu   sync.Mutex
	docs map[driver.Token]json.RawMessage
}

func newHostProbe(r *recorder, s *hostSuite) *hostProbe {
	p := &hostProbe{
		claims: claims{r, r, s.h.Timeout, s.h.Installation},
		h:      s.h, suite: s, docs: map[driver.Token]json.RawMessage{},
	}
	if s.h.Proxy != nil {
		p.proxy = s.h.Proxy(p)
	}
	p.raw = s.h.Open(p)
	p.d = p.watch(p.raw)
	p.can = p.d.Abilities()
	desc, err := p.d.Describe(p.ctx())
	p.ok(err, "Describe")
	p.desc = desc
	s.desc, s.can = desc, p.can
	return p
}

// login opens the host anew, as another process would.
func (p *hostProbe) login() driver.Host { return p.watch(p.h.Open(p)) }

// watch observes the errors of a host and closes it when the check is over.
func (p *hostProbe) watch(raw driver.Host) driver.Host {
	d := driver.WrapHost(raw, func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		err := next(ctx)
		p.suite.seen.note(ctx, call.Method, err, p.timeout)
		return err
	})
	p.Cleanup(func() { p.ok(d.Close(), "Close") })
	return d
}

func (p *hostProbe) notes(token driver.Token) driver.Notes {
	p.mu.Lock()
	defer p.mu.Unlock()
	return driver.Notes{Noted: p.docs[token], Note: func(_ context.Context, doc json.RawMessage) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.docs[token] = doc
		return nil
	}}
}

// lun returns a LUN that the host has never seen.
func (p *hostProbe) lun() Target {
	t := p.h.NewLUN(p, p.h.Size)
	p.must(t.LUN.Serial != "" && t.LUN.Size >= p.h.Size, "HostHarness.NewLUN returned %+v", t.LUN)
	return t
}

// request asks to introduce the LUN, and undoes that at the end of the check.
func (p *hostProbe) request(t Target) driver.IntroduceRequest {
	token := p.token()
	p.Cleanup(func() {
		if p.proxy.Reset != nil {
			p.proxy.Reset()
		}
		if err := p.withdraw(p.d, t, token, ""); err != nil {
			p.rec.remark("left behind: LUN " + t.LUN.Serial + ": " + err.Error())
		}
	})
	return driver.IntroduceRequest{LUN: t.LUN, Path: t.Path, Token: token, Name: "suite", Notes: p.notes(token)}
}

func (p *hostProbe) withdraw(d driver.Host, t Target, token driver.Token, disk driver.Disk) error {
	return d.Withdraw(p.ctx(), driver.WithdrawRequest{
		LUN: t.LUN, Token: token, Disk: disk, Attempt: again(time.Now()), Notes: p.notes(token),
	})
}

// disk returns a LUN that is attached, with the host's id of it in LUN.Disk, and the request that attached it.
func (p *hostProbe) disk() (Target, driver.IntroduceRequest) {
	t := p.lun()
	req := p.request(t)
	disk, err := p.d.Introduce(p.ctx(), req)
	p.ok(err, "Introduce")
	p.must(disk != "", "Introduce returned no disk id")
	t.LUN.Disk = disk
	return t, req
}

// attachment reads how the LUN is attached.
func (p *hostProbe) attachment(lun driver.LUN) driver.Attachment {
	a, err := p.d.Attachments(p.ctx(), lun)
	p.ok(err, "Attachments")
	return a
}

// attached fails the check unless the LUN is attached as that disk.
func (p *hostProbe) attached(lun driver.LUN, when string) {
	a := p.attachment(lun)
	p.check(a.Known && a.Attached, "%s: Known is %t and Attached is %t, want both", when, a.Known, a.Attached)
	p.check(a.Disk == lun.Disk, "%s: the disk is %q, was %q", when, a.Disk, lun.Disk)
}

// detached fails the check unless the host knows the LUN and has let it go.
func (p *hostProbe) detached(lun driver.LUN, when string) {
	a := p.attachment(lun)
	p.check(a.Known && !a.Attached, "%s: Known is %t and Attached is %t, want true and false", when, a.Known, a.Attached)
}

// unknown fails the check unless the host has no record of the LUN.
func (p *hostProbe) unknown(lun driver.LUN, when string) {
	lun.Disk = ""
	a := p.attachment(lun)
	p.check(!a.Known && !a.Attached, "%s: Known is %t and Attached is %t, want neither", when, a.Known, a.Attached)
}

func (p *hostProbe) detach(a driver.Attachment) { p.ok(p.d.Detach(p.ctx(), a), "Detach") }

func (p *hostProbe) attach(a driver.Attachment, path driver.Path) driver.Disk {
	disk, err := p.d.Attach(p.ctx(), a, path)
	p.ok(err, "Attach")
	return disk
}

// fill writes the seed's pattern at the array, behind the host's back.
func (p *hostProbe) fill(lun driver.LUN, seed uint64) {
	p.need(p.h.ArrayIO != nil, "no HostHarness.ArrayIO")
	p.put(p.h.ArrayIO(p, lun), seed, p.h.Size)
}

// reads fails the check unless the host reads the seed's pattern.
func (p *hostProbe) reads(disk driver.Disk, seed uint64, what string) {
	p.need(p.h.HostIO != nil, "no HostHarness.HostIO")
	p.expect(p.h.HostIO(p, disk), seed, p.h.Size, what)
}

// supported skips the check if the host cannot do the call here, and says why; any other error ends it.
func (p *hostProbe) supported(err error, what string) {
	if !errors.Is(err, driver.ErrUnsupported) {
		p.ok(err, what)
		return
	}
	e, ok := errors.AsType[*driver.Error](err)
	p.must(ok && e.Err != nil && e.Err.Error() != "", "%s: ErrUnsupported without a reason: %v", what, err)
	p.Skipf("%s is unsupported here: %v", what, err)
}
