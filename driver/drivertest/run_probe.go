package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// probe is what one check works with: the harness, a driver opened for it, and what the array says about itself now.
type probe struct {
	claims

	h     Harness
	d     driver.Driver // watched, see watch
	raw   driver.Driver
	desc  driver.Description
	facts driver.Facts
	can   driver.Abilities
	suite *suite
	made  *ledger
	proxy Proxy
}

func newProbe(r *recorder, s *suite) *probe {
	p := &probe{claims: claims{r, r, s.h.Timeout, s.h.Installation}, h: s.h, suite: s, made: &ledger{}}
	if s.h.Proxy != nil {
		p.proxy = s.h.Proxy(p)
	}
	p.raw = s.h.Open(p)
	p.d = p.watch(p.raw)
	p.Cleanup(func() { p.ok(p.d.Close(), "Close") })
	p.can = p.d.Abilities()
	desc, err := p.d.Describe(p.ctx())
	p.ok(err, "Describe")
	p.desc, p.facts = desc, desc.Facts
	s.desc, s.can = desc, p.can
	return p
}

// open opens another driver on the same array, as a second process would.
func (p *probe) open() driver.Driver {
	d := p.watch(p.h.Open(p))
	p.Cleanup(func() { p.ok(d.Close(), "Close of the second driver") })
	return d
}

// again is the attempt of a call that was first sent at that time.
func again(sentAt time.Time) driver.Attempt { return driver.Attempt{Resume: true, SentAt: sentAt} }

func (p *probe) needIO() { p.need(p.h.IO != nil, "no Harness.IO") }

// act makes a call that this instance may not support. Whatever answers ErrUnsupported must say why and have had no
// effect; then the check is skipped. Any other error ends the check.
func (p *probe) act(what string, over []driver.VolumeID, call func(context.Context) error) {
	before := p.pictureOf(p.h.IO != nil && !p.suite.proven[what], over...)
	err := call(p.ctx())
	if !errors.Is(err, driver.ErrUnsupported) {
		p.ok(err, what)
		p.suite.proven[what] = true
		return
	}
	e, ok := errors.AsType[*driver.Error](err)
	p.must(ok && e.Err != nil && e.Err.Error() != "", "%s: ErrUnsupported without a reason: %v", what, err)
	p.unchanged(before, what+", which answered ErrUnsupported,")
	p.Skipf("%s is unsupported here: %v", what, err)
}
