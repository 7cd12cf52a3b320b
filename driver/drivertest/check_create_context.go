package drivertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func createContextChecks() []check {
	return []check{
		{
			"create/with-a-canceled-context",
			"a caller that gave up before the call must not get a snapshot that nobody knows of",
			createCanceled,
		},
		{
			"create/canceled-under-way",
			"giving up in the middle leaves one snapshot that its token finds, or none: never two, never a nameless one",
			createCanceledUnderWay,
		},
		{
			"create/keeps-to-its-deadline",
			"the engine's lease ends with the deadline; a call that goes on beyond it races with its own successor",
			createDeadline,
		},
	}
}

func createCanceled(p *probe) {
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	ctx, cancel := p.cancelable()
	cancel()
	sent := time.Now()
	_, err := p.d.CreateSnapshot(ctx, req)
	p.check(err != nil, "CreateSnapshot succeeded although its context had ended before")
	p.converges(req, sent, err)
}

// converges proves that after a create of whatever outcome there is one snapshot of the token or none, that Lookup can
// tell, and that Resume ends with exactly one.
func (p *probe) converges(req driver.CreateSnapshotRequest, sent time.Time, outcome error) {
	ref := driver.SnapshotRef{Volume: req.Volume, Token: req.Token}
	found, err := p.d.Lookup(p.ctx(), driver.LookupRequest{Snapshot: ref, Attempt: again(sent)})
	if err == nil {
		p.check(driver.EffectOf(outcome) != driver.EffectNone,
			"the call said that it had no effect (%v), but snapshot %s exists", outcome, found.Ref.ID)
	} else {
		p.want(err, "Lookup after a create of unknown outcome", driver.ErrNotFound)
		p.check(outcome != nil, "CreateSnapshot succeeded, but Lookup says the snapshot is not there")
	}
	before := count(p.list(req.Volume), ref)
	p.check(before <= 1, "the token has %d snapshots", before)
	p.check((before == 1) == (err == nil), "Lookup said %v, but the listing has %d of the token", err, before)
	req.Attempt = again(sent)
	s := p.createAs(req)
	p.check(found.Ref.ID == "" || s.Ref == found.Ref, "Resume returned %+v, Lookup had found %+v", s.Ref, found.Ref)
	after := count(p.list(req.Volume), ref)
	p.check(after == 1, "after Resume the token has %d snapshots, not one", after)
}

func createCanceledUnderWay(p *probe) {
	v := p.volume()
	for _, after := range []time.Duration{0, 10 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
		ctx, cancel := p.cancelable()
		sent := time.Now()
		var timer sync.WaitGroup
		timer.Go(func() {
			select {
			case <-time.After(after):
				cancel()
			case <-ctx.Done():
			}
		})
		_, err := p.d.CreateSnapshot(ctx, req)
		cancel()
		timer.Wait()
		p.converges(req, sent, err)
		p.delete(driver.SnapshotRef{Volume: v, Token: req.Token})
	}
}

func createDeadline(p *probe) {
	v := p.volume()
	ctx, cancel := context.WithDeadline(p.ctx(), time.Now().Add(-time.Second))
	defer cancel()
	began := time.Now()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	_, err := p.d.CreateSnapshot(ctx, req)
	took := time.Since(began)
	p.check(err != nil, "CreateSnapshot succeeded although its deadline was over before")
	p.check(took <= p.h.Timeout, "CreateSnapshot took %v beyond its deadline", took)
	p.check(err == nil || errors.Is(err, context.DeadlineExceeded) || driver.EffectOf(err) == driver.EffectNone,
		"the error is neither the context's nor one without effect: %v", err)
	p.converges(req, began, err)
}
