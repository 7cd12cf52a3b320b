package drivertest

import (
	"github.com/storagesnap/storagesnap/driver"
)

func attachChecks() []hostCheck {
	return []hostCheck{
		{
			"attach/brings-it-back",
			"after a revert the machine finds its disk under the id that its settings name",
			attachBack,
		},
		{
			"attach/again-is-success",
			"a take-over attaches again; attached twice must not be attached two times",
			attachAgain,
		},
		{
			"attach/reads-anew",
			"a host that goes on with what it had cached writes old blocks over the reverted volume",
			attachAnew,
		},
		{
			"attach/another-identity-is-a-conflict",
			"another LUN behind the same path is somebody else's data",
			attachImpostor,
		},
		{
			"attach/another-size-is-a-conflict",
			"a disk of another size than it should have is cut off or read beyond its end",
			attachSize,
		},
		{
			"attach/what-was-not-attached-stays-so",
			"bringing back means as it was, not always on",
			attachNotAttached,
		},
		{
			"attach/of-an-unknown-lun-attaches-nothing",
			"the record of a host that did not know the LUN brings back nothing",
			attachUnknown,
		},
	}
}

func attachBack(p *hostProbe) {
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.detach(a)
	disk := p.attach(a, t.Path)
	p.check(disk == t.LUN.Disk, "Attach returned disk %q, it was %q", disk, t.LUN.Disk)
	p.attached(t.LUN, "after Attach")
	now := p.attachment(t.LUN)
	p.check(now.Size == a.Size, "Size was %d, is %d", a.Size, now.Size)
	p.same(a, now, "Detach and Attach")
}

func attachAgain(p *hostProbe) {
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.detach(a)
	for _, d := range []driver.Host{p.d, p.d, p.login()} {
		disk, err := d.Attach(p.ctx(), a, t.Path)
		p.ok(err, "Attach, three times in all")
		p.check(disk == t.LUN.Disk, "Attach returned disk %q, want %q", disk, t.LUN.Disk)
	}
	p.same(a, p.attachment(t.LUN), "a detach and three attaches")
	p.detach(a)
	p.detached(t.LUN, "after one detach that follows three attaches")
}

func attachAnew(p *hostProbe) {
	t := p.lun()
	p.fill(t.LUN, 1)
	req := p.request(t)
	disk, err := p.d.Introduce(p.ctx(), req)
	p.ok(err, "Introduce")
	t.LUN.Disk = disk
	p.reads(disk, 1, "the disk after Introduce")
	a := p.attachment(t.LUN)
	p.detach(a)
	p.fill(t.LUN, 2) // as a revert does
	disk = p.attach(a, t.Path)
	p.reads(disk, 2, "the disk after Detach, a change at the array, and Attach")
}

func attachImpostor(p *hostProbe) {
	p.need(p.h.Impostor != nil, "no HostHarness.Impostor")
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.detach(a)
	p.h.Impostor(p, t)
	_, err := p.d.Attach(p.ctx(), a, t.Path)
	p.want(err, "Attach of a LUN that has another identity", driver.ErrConflict)
	p.detached(t.LUN, "after the refused attach")
}

func attachSize(p *hostProbe) {
	p.need(p.h.Grow != nil, "no HostHarness.Grow")
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.detach(a)
	grown := p.h.Grow(p, t)
	p.must(grown.LUN.Size > t.LUN.Size, "HostHarness.Grow returned %d bytes, before %d", grown.LUN.Size, t.LUN.Size)
	_, err := p.d.Attach(p.ctx(), a, grown.Path)
	p.want(err, "Attach of a LUN that has another size", driver.ErrConflict)
	p.detached(t.LUN, "after the refused attach")
	// With the size that it should have now, it is right.
	a.LUN.Size = grown.LUN.Size
	p.attach(a, grown.Path)
	p.attached(t.LUN, "after Attach with the new size")
	p.check(p.attachment(t.LUN).Size == grown.LUN.Size, "the host believes %d bytes, the LUN has %d",
		p.attachment(t.LUN).Size, grown.LUN.Size)
}

func attachNotAttached(p *hostProbe) {
	t, _ := p.disk()
	whole := p.attachment(t.LUN)
	p.detach(whole)
	a := p.attachment(t.LUN)
	p.must(a.Known && !a.Attached, "after Detach: Known %t, Attached %t", a.Known, a.Attached)
	p.attach(a, t.Path)
	p.detached(t.LUN, "after Attach of an Attachment that was not attached")
	p.attach(whole, t.Path)
	p.attached(t.LUN, "after Attach of the Attachment that was")
}

func attachUnknown(p *hostProbe) {
	t := p.lun()
	p.attach(p.attachment(t.LUN), t.Path)
	p.unknown(t.LUN, "after Attach of what the host did not know")
}
