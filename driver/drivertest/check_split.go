package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func splitChecks() []check {
	return []check{
		{
			"split/frees-the-snapshot",
			"a snapshot that a clone holds for ever fills the array; Split is the way out",
			splitFrees,
		},
		{
			"split/again-is-success",
			"a split whose reply was lost is asked for again, also of a clone that is independent by now",
			splitAgain,
		},
		{
			"split/unknown-volume",
			"a clone deleted meanwhile must fail the split for certain",
			splitUnknown,
		},
	}
}

// splitClone makes a clone and splits it.
func (p *probe) splitClone(s driver.Snapshot) (driver.Volume, driver.SplitRequest) {
	p.need(p.can.Splitter != nil, "the driver has no Splitter")
	c := p.clone(s)
	req := p.splitRequest(c.ID)
	p.act("Split", []driver.VolumeID{c.ID}, func(ctx context.Context) error { return p.can.Splitter.Split(ctx, req) })
	return c, req
}

func (p *probe) splitRequest(v driver.VolumeID) driver.SplitRequest {
	token := p.token()
	return driver.SplitRequest{Volume: v, Token: token, Notes: p.notes(token)}
}

func splitFrees(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	c, _ := p.splitClone(s)
	p.holds(c.ID, 1, "the clone after Split")
	p.delete(s.Ref)
	p.gone(s.Ref, "after Split of its clone and its delete")
	p.holds(c.ID, 1, "the clone after its snapshot's delete")
	p.holds(v, 2, "the source after its snapshot's delete")
}

func splitAgain(p *probe) {
	s := p.states(p.volume(), 1)[0]
	c, req := p.splitClone(s)
	req.Attempt, req.Notes = again(time.Now()), p.notes(req.Token)
	p.ok(p.can.Splitter.Split(p.ctx(), req), "Split with Resume")
	p.ok(p.open().Abilities().Splitter.Split(p.ctx(), p.splitRequest(c.ID)), "Split of an independent clone")
	p.holds(c.ID, 1, "the clone after three splits")
}

func splitUnknown(p *probe) {
	p.need(p.can.Splitter != nil, "the driver has no Splitter")
	err := p.can.Splitter.Split(p.ctx(), p.splitRequest(p.ghost()))
	p.want(err, "Split of an unknown volume", driver.ErrNotFound, driver.ErrUnsupported)
}
