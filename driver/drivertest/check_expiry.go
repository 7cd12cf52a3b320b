package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func expiryChecks() []check {
	return []check{
		{
			"expiry/set-and-cleared",
			"an expiry that cannot be seen or taken back deletes a snapshot that somebody decided to keep",
			expirySet,
		},
		{
			"expiry/at-creation",
			"a snapshot that is its own safety net must have its expiry from the first moment",
			expiryAtCreation,
		},
		{
			"expiry/unknown-snapshot",
			"an expiry set on nothing is a snapshot that stays for ever",
			expiryUnknown,
		},
	}
}

func (p *probe) setExpiry(s driver.Snapshot, at time.Time) {
	p.need(p.can.Expiry != nil, "the driver has no ExpirySetter")
	p.act("SetExpiry", []driver.VolumeID{s.Ref.Volume}, func(ctx context.Context) error {
		return p.can.Expiry.SetExpiry(ctx, s.Ref, at)
	})
}

// later is a time by the array's clock that this run will not see.
func (p *probe) later() time.Time {
	now := p.desc.Time
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(48 * time.Hour).UTC().Truncate(time.Second)
}

func (p *probe) expires(s driver.Snapshot) time.Time {
	got, err := p.lookup(s.Ref)
	p.ok(err, "Lookup")
	return got.Expires
}

func expirySet(p *probe) {
	v := p.volume()
	s, other := p.create(v), p.create(v)
	at := p.later()
	for range 2 {
		p.setExpiry(s, at)
		// Arrays keep hours or minutes, so the time is compared roughly.
		p.check(!p.expires(s).Before(at.Add(-time.Hour)) && p.expires(s).Before(at.Add(2*time.Hour)),
			"Expires is %v, was set to %v", p.expires(s), at)
	}
	p.check(p.expires(other).IsZero(), "another snapshot's Expires is %v", p.expires(other))
	err := p.can.Expiry.SetExpiry(p.ctx(), s.Ref, time.Time{})
	if errors.Is(err, driver.ErrUnsupported) {
		p.rec.remark("an expiry cannot be cleared here: " + err.Error())
		return
	}
	p.ok(err, "SetExpiry to never")
	p.check(p.expires(s).IsZero(), "Expires is %v after it was cleared", p.expires(s))
}

func expiryAtCreation(p *probe) {
	p.need(p.can.Expiry != nil, "the driver has no ExpirySetter")
	v := p.volume()
	p.setExpiry(p.create(v), p.later()) // skips where it is unsupported
	at := p.later()
	s := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Expires: at})
	p.check(!p.expires(s).IsZero() && !p.expires(s).Before(at.Add(-time.Hour)), "Expires is %v, was asked to be %v",
		p.expires(s), at)
}

func expiryUnknown(p *probe) {
	p.need(p.can.Expiry != nil, "the driver has no ExpirySetter")
	ref := driver.SnapshotRef{Volume: p.volume(), Token: p.token()}
	err := p.can.Expiry.SetExpiry(p.ctx(), ref, p.later())
	p.want(err, "SetExpiry of an unknown snapshot", driver.ErrNotFound, driver.ErrUnsupported)
}
