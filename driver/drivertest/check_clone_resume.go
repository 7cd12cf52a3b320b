package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func cloneResumeChecks() []check {
	return []check{
		{
			"clone/resume-returns-one-volume",
			"a clone whose reply was lost is asked for again; a second volume would be paid for and never found",
			cloneResume,
		},
		{
			"clone/find",
			"take-over looks for the clone before it does anything; absent must be certain, and found must be right",
			cloneFind,
		},
		{
			"clone/goes-on-after-its-maker-died",
			"cloning takes long; the process that began it may be gone, and another goes on with what it noted",
			cloneTakeOver,
		},
		{
			"clone/stops-if-its-note-fails",
			"a handle that could not be stored is a job that nobody will find: no further effect without it",
			cloneNoteFails,
		},
		{
			"clone/canceled-and-discarded",
			"a clone that was given up in the middle is removed wholly, however far it came",
			cloneCanceled,
		},
	}
}

func cloneResume(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	req := p.cloneRequest(s)
	sent := time.Now()
	first := p.cloneAs(req)
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	for _, d := range []driver.Driver{p.d, p.open()} {
		v, err := d.Abilities().Cloner.Clone(p.ctx(), req)
		p.ok(err, "Clone with Resume after it was done")
		p.check(v.ID == first.ID && v.Size == first.Size && v.Serial == first.Serial,
			"Resume returned %s (%d bytes), the first call %s (%d bytes)",
			v.ID, v.Size, first.ID, first.Size)
	}
	p.oneClone(req, first.ID, "after a Clone and two repetitions with Resume")
	fresh := p.cloneRequest(s)
	fresh.Attempt = again(time.Now())
	v := p.cloneAs(fresh)
	p.check(v.ID != first.ID, "Resume of a token that was never sent returned another's clone")
	p.oneClone(fresh, v.ID, "after a Clone with Resume that had no predecessor")
}

func cloneFind(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	req := p.cloneRequest(s)
	p.noClone(req, "before Clone")
	c := p.cloneAs(req)
	found, err := p.open().Abilities().Cloner.FindClone(p.ctx(), driver.FindCloneRequest{Snapshot: s.Ref, Token: req.Token})
	p.ok(err, "FindClone by another driver")
	p.check(found.ID == c.ID && found.Token == req.Token, "FindClone returned %s with token %s, want %s with %s",
		found.ID, found.Token, c.ID, req.Token)
	p.noClone(p.cloneRequest(s), "of another token")
}

// cloneTakeOver lets the context end as soon as the driver has noted its handle, as if the process had died there.
func cloneTakeOver(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	req := p.cloneRequest(s)
	ctx, die := p.cancelable()
	defer die()
	notes := 0
	req.Note = func(_ context.Context, doc json.RawMessage) error {
		notes++
		p.made.note(req.Token, doc)
		die()
		return nil
	}
	sent := time.Now()
	first, err := p.can.Cloner.Clone(ctx, req)
	if errors.Is(err, driver.ErrUnsupported) {
		p.Skipf("Clone is unsupported here: %v", err)
	}
	if notes == 0 {
		p.rec.remark("the driver notes nothing: it must find its clones by the token alone")
	}
	doc := p.made.noted(req.Token)
	p.check(len(doc) == 0 || json.Valid(doc), "Note was given what is not JSON: %q", doc)
	resumed := req
	resumed.Attempt, resumed.Notes = again(sent), p.notes(req.Token)
	var v driver.Volume
	err2 := p.patiently(func(ctx context.Context) (err error) {
		v, err = p.open().Abilities().Cloner.Clone(ctx, resumed)
		return err
	})
	p.ok(err2, "Clone with Resume and Noted")
	p.check(err != nil || v.ID == first.ID, "Resume returned %s, the first call %s", v.ID, first.ID)
	p.oneClone(resumed, v.ID, "after the take-over")
	p.holds(v.ID, 1, "the clone after the take-over")
}

func cloneNoteFails(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	req := p.cloneRequest(s)
	var notes atomic.Int32
	req.Note = func(context.Context, json.RawMessage) error {
		notes.Add(1)
		return errors.New("the journal cannot be written")
	}
	sent := time.Now()
	_, err := p.can.Cloner.Clone(p.ctx(), req)
	p.need(!errors.Is(err, driver.ErrUnsupported), "Clone is unsupported here: %v", err)
	if notes.Load() == 0 {
		p.ok(err, "Clone that noted nothing")
		p.Skipf("the driver notes nothing")
	}
	p.must(err != nil, "Clone succeeded although Note failed")
	p.check(notes.Load() == 1, "Note was called %d times although the first call failed", notes.Load())
	undo := req
	undo.Attempt, undo.Notes = again(sent), p.notes(req.Token)
	p.discard(undo)
	p.noClone(undo, "after Discard of what could not be noted")
}

func cloneCanceled(p *probe) {
	p.cloner()
	s := p.states(p.volume(), 1)[0]
	began := time.Now()
	p.clone(s) // skips where it is unsupported, and shows how long a clone takes
	took := time.Since(began)
	var given []driver.CloneRequest
	for _, after := range []time.Duration{0, 100 * time.Microsecond, 5 * time.Millisecond} {
		req := p.cloneRequest(s)
		ctx, cancel := context.WithTimeout(p.ctx(), after)
		sent := time.Now()
		_, err := p.can.Cloner.Clone(ctx, req)
		cancel()
		req.Attempt, req.Notes = again(sent), p.notes(req.Token)
		if _, absent := p.findClone(req); errors.Is(absent, driver.ErrNotFound) {
			p.check(err != nil, "Clone succeeded, but FindClone says that there is nothing")
		} else {
			p.check(driver.EffectOf(err) != driver.EffectNone, "Clone said that it had no effect (%v), but FindClone says %v",
				err, absent)
		}
		p.discard(req)
		p.noClone(req, "after a clone that was given up and discarded")
		given = append(given, req)
	}
	wait(p.ctx(), min(2*took, p.h.Timeout/2))
	for _, req := range given {
		p.noClone(req, "a while after a clone that was given up and discarded")
	}
	p.there(s, "after three clones that were given up")
}
