package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func lookupChecks() []check {
	return []check{
		{
			"lookup/by-id-by-token-and-by-both",
			"after a crash only the token is known; later the id, and the two must lead to one snapshot",
			lookupWays,
		},
		{
			"lookup/two-snapshots-are-a-conflict",
			"a stale id beside another's token must never pick one of the two by chance",
			lookupConflict,
		},
		{
			"lookup/absent-is-conclusive",
			"ErrNotFound lets the engine forget a token; anything else said of an absent snapshot keeps it for ever",
			lookupAbsent,
		},
		{
			"lookup/keeps-volumes-apart",
			"a token on another volume is another snapshot; finding that one would attach the wrong history",
			lookupOtherVolume,
		},
		{
			"lookup/waits-until-no-send-can-land",
			"a create whose reply was lost may land after a look-up that did not wait, and is then an orphan",
			lookupSettles,
		},
		{
			"lookup/running-out-of-time-is-not-absence",
			"a look-up that could not wait long enough knows nothing and must not say ErrNotFound",
			lookupShort,
		},
		{
			"lookup/with-a-canceled-context",
			"'I could not ask' taken for 'it is not there' makes the engine create a second snapshot",
			lookupCanceled,
		},
	}
}

func lookupWays(p *probe) {
	v := p.volume()
	s := p.states(v, 3)[1]
	for how, ref := range map[string]driver.SnapshotRef{
		"id":           {Volume: v, ID: s.Ref.ID},
		"token":        {Volume: v, Token: s.Ref.Token},
		"id and token": s.Ref,
	} {
		for _, by := range []driver.Driver{p.d, p.open()} {
			got, err := by.Lookup(p.ctx(), driver.LookupRequest{Snapshot: ref})
			p.ok(err, "Lookup by "+how)
			p.check(got.Ref == s.Ref, "Lookup by %s returned %+v, want %+v", how, got.Ref, s.Ref)
			p.check(got.Size == s.Size && got.CreatedAt.Equal(s.CreatedAt), "Lookup by %s: %d bytes of %v; CreateSnapshot: %d bytes of %v",
				how, got.Size, got.CreatedAt, s.Size, s.CreatedAt)
		}
	}
}

func lookupConflict(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	_, err := p.lookup(driver.SnapshotRef{Volume: v, ID: snaps[0].Ref.ID, Token: snaps[1].Ref.Token})
	p.want(err, "Lookup with the id of one snapshot and the token of another", driver.ErrConflict)
	p.lists(v, "after the conflict", snaps...)
}

func lookupAbsent(p *probe) {
	v := p.volume()
	p.gone(driver.SnapshotRef{Volume: v, Token: p.token()}, "a token that was never sent")
	kept := p.create(v)
	s := p.create(v)
	p.delete(s.Ref)
	for how, ref := range map[string]driver.SnapshotRef{
		"by id":           {Volume: v, ID: s.Ref.ID},
		"by token":        {Volume: v, Token: s.Ref.Token},
		"by id and token": s.Ref,
	} {
		p.gone(ref, "after a delete, "+how)
	}
	p.gone(driver.SnapshotRef{Volume: p.ghost(), Token: p.token()}, "on an unknown volume")
	p.there(kept, "after the other's delete")
}

func lookupOtherVolume(p *probe) {
	a, b := p.volume(), p.volume()
	s := p.create(a)
	p.gone(driver.SnapshotRef{Volume: b, Token: s.Ref.Token}, "the token of another volume's snapshot")
	p.there(s, "on its own volume")
}

func lookupSettles(p *probe) {
	settle := p.facts.Settle
	p.need(settle > 0, "Facts.Settle is zero")
	p.need(settle < p.h.Timeout, "Facts.Settle %v is longer than Harness.Timeout", settle)
	v := p.volume()
	sent := time.Now()
	_, err := p.d.Lookup(p.ctx(), driver.LookupRequest{
		Snapshot: driver.SnapshotRef{Volume: v, Token: p.token()}, Attempt: again(sent),
	})
	p.want(err, "Lookup of what was never made", driver.ErrNotFound)
	waited := time.Since(sent)
	p.check(waited >= settle, "ErrNotFound came after %v, but a send may take effect for %v", waited, settle)

	began := time.Now()
	p.gone(driver.SnapshotRef{Volume: v, Token: p.token()}, "without Resume")
	p.check(time.Since(began) < settle, "Lookup without Resume waited %v for nothing", time.Since(began))

	s := p.create(v)
	began = time.Now()
	_, err = p.d.Lookup(p.ctx(), driver.LookupRequest{Snapshot: s.Ref, Attempt: again(began)})
	p.ok(err, "Lookup with Resume")
	p.check(time.Since(began) < settle, "Lookup waited %v although the snapshot was there", time.Since(began))
}

func lookupShort(p *probe) {
	settle := p.facts.Settle
	p.need(settle > 0, "Facts.Settle is zero")
	v := p.volume()
	ctx, cancel := context.WithTimeout(p.ctx(), min(settle, p.h.Timeout)/2)
	defer cancel()
	_, err := p.d.Lookup(ctx, driver.LookupRequest{
		Snapshot: driver.SnapshotRef{Volume: v, Token: p.token()}, Attempt: again(time.Now()),
	})
	p.inconclusive(err, "Lookup with a deadline before Facts.Settle")
}

// inconclusive ends the check if the error says that the object is not there.
func (p *probe) inconclusive(err error, what string) {
	p.must(err != nil, "%s: succeeded", what)
	p.must(driver.ClassOf(err) != driver.ErrNotFound, "%s: says ErrNotFound, which is a conclusion: %v", what, err)
}

func lookupCanceled(p *probe) {
	v := p.volume()
	s := p.create(v)
	ctx, cancel := p.cancelable()
	cancel()
	if _, err := p.d.Lookup(ctx, driver.LookupRequest{Snapshot: s.Ref}); err != nil {
		p.inconclusive(err, "Lookup with a canceled context")
	}
	if _, err := p.d.Volume(ctx, v); err != nil {
		p.inconclusive(err, "Volume with a canceled context")
	}
}
