package drivertest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

func attachmentChecks() []hostCheck {
	return []hostCheck{
		{
			"attachments/unknown-lun-is-no-error",
			"a plan asks every host; one that has nothing to do with the volume says so and does not fail",
			attachmentsUnknown,
		},
		{
			"attachments/of-an-attached-disk",
			"what is read here is all that brings the disk back after the revert",
			attachmentsOf,
		},
		{
			"attachments/changes-nothing",
			"dashboards and plans read it at any time, under running machines",
			attachmentsRead,
		},
		{
			"attachments/survive-storage",
			"the record is written to a journal, and another process reads it after a crash",
			attachmentsStored,
		},
		{
			"attachments/name-the-holders",
			"a person must be told which machine to stop",
			attachmentsHolders,
		},
	}
}

// same fails the check unless two readings of one LUN agree. The host's own document need only have the same shape, as
// many members attached as before: what the host made anew has new ids.
func (p *hostProbe) same(a, b driver.Attachment, when string) {
	was, is := shape(a.State), shape(b.State)
	p.check(was == is, "%s changed what the host keeps of the LUN:\n  before: %s\n  after:  %s", when, a.State, b.State)
	a.State, b.State = nil, nil
	x, err := json.Marshal(a)
	p.ok(err, "json.Marshal of an Attachment")
	y, err := json.Marshal(b)
	p.ok(err, "json.Marshal of an Attachment")
	p.check(bytes.Equal(x, y), "%s changed the attachment:\n  before: %s\n  after:  %s", when, x, y)
}

// shape is a JSON document without its values: names of fields, lengths of lists.
func shape(doc json.RawMessage) string {
	var v any
	if len(doc) > 0 && json.Unmarshal(doc, &v) != nil {
		return "no JSON"
	}
	return shapeOf(v)
}

func shapeOf(v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+": "+shapeOf(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, shapeOf(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "value"
}

func attachmentsUnknown(p *hostProbe) {
	t := p.lun()
	a := p.attachment(t.LUN)
	p.check(!a.Known && !a.Attached && a.Disk == "" && len(a.Holders) == 0,
		"the host knows a LUN that it has never seen: %+v", a)
	p.check(a.LUN.Serial == t.LUN.Serial, "the Attachment is of LUN %q, want %q", a.LUN.Serial, t.LUN.Serial)
}

func attachmentsOf(p *hostProbe) {
	t, _ := p.disk()
	byDisk := p.attachment(t.LUN)
	p.check(byDisk.Known && byDisk.Attached, "an introduced LUN has Known %t and Attached %t", byDisk.Known, byDisk.Attached)
	p.check(byDisk.Disk == t.LUN.Disk, "Disk is %q, Introduce returned %q", byDisk.Disk, t.LUN.Disk)
	p.check(byDisk.Size == t.LUN.Size, "Size is %d, the LUN has %d", byDisk.Size, t.LUN.Size)
	p.check(byDisk.LUN.Serial == t.LUN.Serial && byDisk.LUN.Volume == t.LUN.Volume, "the Attachment is of %+v, want %+v",
		byDisk.LUN, t.LUN)
	bySerial := t.LUN
	bySerial.Disk = ""
	a := p.attachment(bySerial)
	p.check(a.Known && a.Disk == t.LUN.Disk, "found by its serial alone: Known %t, disk %q; want %q",
		a.Known, a.Disk, t.LUN.Disk)
}

func attachmentsRead(p *hostProbe) {
	t, _ := p.disk()
	first := p.attachment(t.LUN)
	other, err := p.login().Attachments(p.ctx(), t.LUN)
	p.ok(err, "Attachments by another login")
	p.same(first, other, "Attachments")
	p.same(first, p.attachment(t.LUN), "Attachments")
	p.attached(t.LUN, "after three Attachments")
}

func attachmentsStored(p *hostProbe) {
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	doc, err := json.Marshal(a)
	p.ok(err, "json.Marshal of an Attachment")
	var read driver.Attachment
	p.ok(json.Unmarshal(doc, &read), "json.Unmarshal of an Attachment")
	p.check(reflect.DeepEqual(jsonOf(read), jsonOf(a)), "an Attachment does not survive JSON: %s", doc)
	p.detach(a)
	// Another process, that has nothing but the journal, brings it back.
	disk, err := p.login().Attach(p.ctx(), read, t.Path)
	p.ok(err, "Attach of a stored Attachment by another login")
	p.check(disk == t.LUN.Disk, "Attach returned disk %q, want %q", disk, t.LUN.Disk)
	p.attached(t.LUN, "after Attach of a stored Attachment")
}

func jsonOf(a driver.Attachment) any {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	var out any
	if err := json.Unmarshal(doc, &out); err != nil {
		return err
	}
	return out
}

func attachmentsHolders(p *hostProbe) {
	p.need(p.h.RunOn != nil, "no HostHarness.RunOn")
	t, _ := p.disk()
	stop := p.h.RunOn(p, t.LUN.Disk)
	a := p.attachment(t.LUN)
	running := 0
	for _, h := range a.Holders {
		p.check(h.Kind != "" && h.ID != "", "a holder without kind or id: %+v", h)
		if h.Running {
			running++
		}
	}
	p.check(running > 0, "a machine runs on the disk, but the holders are %+v", a.Holders)
	stop()
	for _, h := range p.attachment(t.LUN).Holders {
		p.check(!h.Running, "the machine has stopped, but holder %s is running", h.Blocker)
	}
}

func detachChecks() []hostCheck {
	return []hostCheck{
		{
			"detach/lets-go",
			"a session that stays open writes into the reverted volume",
			detachLetsGo,
		},
		{
			"detach/again-is-success",
			"a take-over detaches again, by a record that was read before the first time",
			detachAgain,
		},
		{
			"detach/of-an-unknown-lun-is-success",
			"a host that has nothing to do with the volume must not stop its revert",
			detachUnknown,
		},
		{
			"detach/refuses-under-a-running-machine",
			"pulling the disk from under a machine destroys its data; the refusal must say whose",
			detachInUse,
		},
		{
			"detach/leaves-other-disks",
			"one volume is reverted, not the host",
			detachOthers,
		},
	}
}

func detachLetsGo(p *hostProbe) {
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	p.detach(a)
	p.detached(t.LUN, "after Detach")
	now := p.attachment(t.LUN)
	p.check(now.Disk == t.LUN.Disk, "Detach lost the host's record: the disk was %q, is %q", t.LUN.Disk, now.Disk)
}

func detachAgain(p *hostProbe) {
	t, _ := p.disk()
	a := p.attachment(t.LUN)
	for _, d := range []driver.Host{p.d, p.d, p.login()} {
		p.ok(d.Detach(p.ctx(), a), "Detach, three times in all")
	}
	p.detached(t.LUN, "after three detaches")
	p.detach(p.attachment(t.LUN))
	p.detached(t.LUN, "after a detach of what was not attached")
}

func detachUnknown(p *hostProbe) {
	t := p.lun()
	p.detach(p.attachment(t.LUN))
	p.unknown(t.LUN, "after Detach of an unknown LUN")
}

func detachInUse(p *hostProbe) {
	p.need(p.h.RunOn != nil, "no HostHarness.RunOn")
	t, _ := p.disk()
	a := p.attachment(t.LUN) // read before the machine started, as a journal may have it
	stop := p.h.RunOn(p, t.LUN.Disk)
	p.wantNamed(p.d.Detach(p.ctx(), a), "Detach under a running machine", driver.ErrInUse)
	p.attached(t.LUN, "after the refused detach")
	p.wantNamed(p.d.Detach(p.ctx(), p.attachment(t.LUN)), "Detach under a running machine", driver.ErrInUse)
	stop()
	p.detach(a)
	p.detached(t.LUN, "after Detach once the machine had stopped")
}

func detachOthers(p *hostProbe) {
	one, _ := p.disk()
	two, _ := p.disk()
	p.detach(p.attachment(one.LUN))
	p.attached(two.LUN, "after another LUN's detach")
	p.detached(one.LUN, "after its detach")
}
