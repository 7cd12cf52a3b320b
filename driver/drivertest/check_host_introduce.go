package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func introduceChecks() []hostCheck {
	return []hostCheck{
		{
			"introduce/attaches-a-new-lun",
			"a volume that no machine can use is of no use",
			introduceNew,
		},
		{
			"introduce/two-luns-two-disks",
			"two volumes under one id would be written over one another",
			introduceTwo,
		},
		{
			"introduce/wrong-size-is-a-conflict",
			"a LUN that is not the one that was made must not become a machine's disk",
			introduceSize,
		},
		{
			"introduce/wrong-identity-is-a-conflict",
			"another LUN behind the path is somebody else's data",
			introduceImpostor,
		},
	}
}

func introduceNew(p *hostProbe) {
	t, _ := p.disk()
	p.attached(t.LUN, "after Introduce")
	if p.h.ArrayIO != nil && p.h.HostIO != nil {
		p.put(p.h.HostIO(p, t.LUN.Disk), 3, p.h.Size)
		p.reads(t.LUN.Disk, 3, "the new disk after a write by the host")
		p.expect(p.h.ArrayIO(p, t.LUN), 3, p.h.Size, "the LUN at the array after a write by the host")
	}
}

func introduceTwo(p *hostProbe) {
	one, _ := p.disk()
	two, _ := p.disk()
	p.check(one.LUN.Disk != two.LUN.Disk, "two LUNs are disk %q", one.LUN.Disk)
	p.attached(one.LUN, "after another LUN was introduced")
	p.attached(two.LUN, "after Introduce")
}

func introduceSize(p *hostProbe) {
	t := p.lun()
	req := p.request(t)
	req.LUN.Size += 1 << 20
	_, err := p.d.Introduce(p.ctx(), req)
	p.want(err, "Introduce of a LUN that has another size", driver.ErrConflict)
	p.ok(p.withdraw(p.d, t, req.Token, ""), "Withdraw after the refused Introduce")
	p.unknown(t.LUN, "after the refused Introduce and Withdraw")
}

func introduceImpostor(p *hostProbe) {
	p.need(p.h.Impostor != nil, "no HostHarness.Impostor")
	t := p.lun()
	p.h.Impostor(p, t)
	req := p.request(t)
	_, err := p.d.Introduce(p.ctx(), req)
	p.want(err, "Introduce of a LUN that has another identity", driver.ErrConflict)
	p.ok(p.withdraw(p.d, t, req.Token, ""), "Withdraw after the refused Introduce")
	p.unknown(t.LUN, "after the refused Introduce and Withdraw")
}

func introduceResumeChecks() []hostCheck {
	return []hostCheck{
		{
			"introduce/resume-is-one-disk",
			"an Introduce whose reply was lost is asked for again; a second record of one LUN is a disaster to come",
			introduceResume,
		},
		{
			"introduce/goes-on-after-its-maker-died",
			"the process may die as soon as it has noted what it does; another goes on, or undoes it",
			introduceTakeOver,
		},
		{
			"introduce/stops-if-its-note-fails",
			"what could not be noted is found by nobody: no further effect without it",
			introduceNoteFails,
		},
	}
}

func introduceResume(p *hostProbe) {
	t, req := p.disk()
	req.Attempt, req.Notes = again(time.Now()), p.notes(req.Token)
	for _, d := range []driver.Host{p.d, p.login()} {
		disk, err := d.Introduce(p.ctx(), req)
		p.ok(err, "Introduce with Resume after it was done")
		p.check(disk == t.LUN.Disk, "Resume returned disk %q, the first call %q", disk, t.LUN.Disk)
	}
	p.attached(t.LUN, "after Introduce and two repetitions with Resume")
	p.ok(p.withdraw(p.d, t, req.Token, t.LUN.Disk), "Withdraw")
	p.unknown(t.LUN, "after three introduces and one withdraw")
}

// dying introduces a LUN with a context that ends as soon as something is noted.
func (p *hostProbe) dying(t Target) (driver.IntroduceRequest, driver.Disk, error) {
	req := p.request(t)
	ctx, die := p.cancelable()
	defer die()
	note := req.Note
	noted := false
	req.Note = func(ctx context.Context, doc json.RawMessage) error {
		noted = true
		p.check(json.Valid(doc), "Note was given what is not JSON: %q", doc)
		defer die()
		return note(ctx, doc)
	}
	disk, err := p.d.Introduce(ctx, req)
	if !noted {
		p.rec.remark("Introduce notes nothing: it must find its disk by the token alone")
	}
	return req, disk, err
}

func introduceTakeOver(p *hostProbe) {
	t := p.lun()
	req, first, err := p.dying(t)
	req.Attempt, req.Notes = again(time.Now()), p.notes(req.Token)
	disk, resumed := p.login().Introduce(p.ctx(), req)
	p.ok(resumed, "Introduce with Resume and Noted")
	p.check(err != nil || disk == first, "Resume returned disk %q, the first call %q", disk, first)
	t.LUN.Disk = disk
	p.attached(t.LUN, "after the take-over")

	undone := p.lun()
	req, _, _ = p.dying(undone) // whatever became of it, Withdraw undoes it
	p.ok(p.withdraw(p.login(), undone, req.Token, ""), "Withdraw by the successor")
	p.unknown(undone.LUN, "after the successor's Withdraw")
}

func introduceNoteFails(p *hostProbe) {
	t := p.lun()
	req := p.request(t)
	noted := false
	req.Note = func(context.Context, json.RawMessage) error {
		noted = true
		return errors.New("the journal cannot be written")
	}
	_, err := p.d.Introduce(p.ctx(), req)
	if !noted {
		p.ok(err, "Introduce that noted nothing")
		p.Skipf("the host notes nothing")
	}
	p.must(err != nil, "Introduce succeeded although Note failed")
	p.ok(p.withdraw(p.d, t, req.Token, ""), "Withdraw")
	p.unknown(t.LUN, "after a note that failed and Withdraw")
}

func introduceCloneChecks() []hostCheck {
	return []hostCheck{
		{
			"introduce/clone-beside-its-source",
			"a clone carries its source's signatures; a host that confuses the two destroys both",
			introduceClone,
		},
		{
			"introduce/two-clones-of-one-source",
			"many test machines are started from one snapshot, on one host",
			introduceClones,
		},
		{
			"introduce/clone-without-re-signing-is-refused",
			"a host that cannot re-sign must say so before it has touched anything",
			introduceCloneUnsupported,
		},
		{
			"introduce/clone-resumed-is-one-disk",
			"a clone that is re-signed twice is a third disk",
			introduceCloneResume,
		},
	}
}

// cloneOf asks to introduce a clone of the target beside it.
func (p *hostProbe) cloneOf(source Target) (Target, driver.IntroduceRequest) {
	p.need(p.h.CloneLUN != nil, "no HostHarness.CloneLUN")
	c := p.h.CloneLUN(p, source)
	p.must(c.LUN.Serial != source.LUN.Serial, "HostHarness.CloneLUN returned the source's serial")
	req := p.request(c)
	req.Clone, req.Source = true, source.LUN
	return c, req
}

func introduceClone(p *hostProbe) {
	p.need(p.desc.Resign, "the host cannot re-sign (HostDescription.Resign)")
	source, _ := p.disk()
	c, req := p.cloneOf(source)
	disk, err := p.d.Introduce(p.ctx(), req)
	p.supported(err, "Introduce of a clone")
	p.check(disk != "" && disk != source.LUN.Disk, "the clone is disk %q, its source %q", disk, source.LUN.Disk)
	c.LUN.Disk = disk
	p.attached(c.LUN, "the clone after Introduce")
	p.attached(source.LUN, "the source after its clone's Introduce")
	a := p.attachment(source.LUN)
	p.detach(a)
	p.attached(c.LUN, "the clone after its source's detach")
	p.attach(a, source.Path)
	p.attached(source.LUN, "the source beside its clone")
	p.ok(p.withdraw(p.d, c, req.Token, disk), "Withdraw of the clone")
	p.attached(source.LUN, "the source after its clone's Withdraw")
}

func introduceClones(p *hostProbe) {
	p.need(p.desc.Resign, "the host cannot re-sign (HostDescription.Resign)")
	source, _ := p.disk()
	seen := map[driver.Disk]bool{source.LUN.Disk: true}
	for range 2 {
		c, req := p.cloneOf(source)
		disk, err := p.d.Introduce(p.ctx(), req)
		p.supported(err, "Introduce of a clone")
		p.check(!seen[disk], "disk %q is given to a second LUN", disk)
		seen[disk] = true
		c.LUN.Disk = disk
		p.attached(c.LUN, "a clone")
	}
	p.attached(source.LUN, "the source beside two clones")
}

func introduceCloneUnsupported(p *hostProbe) {
	p.need(!p.desc.Resign, "the host can re-sign")
	source, _ := p.disk()
	c, req := p.cloneOf(source)
	_, err := p.d.Introduce(p.ctx(), req)
	p.want(err, "Introduce of a clone by a host that cannot re-sign", driver.ErrUnsupported)
	p.unknown(c.LUN, "after the refused Introduce")
	p.attached(source.LUN, "the source after the refused Introduce")
}

func introduceCloneResume(p *hostProbe) {
	p.need(p.desc.Resign, "the host cannot re-sign (HostDescription.Resign)")
	source, _ := p.disk()
	c, req := p.cloneOf(source)
	first, err := p.d.Introduce(p.ctx(), req)
	p.supported(err, "Introduce of a clone")
	req.Attempt, req.Notes = again(time.Now()), p.notes(req.Token)
	disk, err := p.login().Introduce(p.ctx(), req)
	p.ok(err, "Introduce of a clone with Resume")
	p.check(disk == first, "Resume returned disk %q, the first call %q", disk, first)
	c.LUN.Disk = disk
	p.attached(c.LUN, "the clone after Resume")
	p.ok(p.withdraw(p.d, c, req.Token, disk), "Withdraw of the clone")
	p.unknown(c.LUN, "after two introduces and one withdraw")
}
