package drivertest

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func closeChecks() []check {
	return []check{
		{
			"close/twice",
			"every path that ends a program closes; the second time must be harmless",
			closeTwice,
		},
		{
			"close/leaves-the-array-alone",
			"closing is about this machine; what was made stays made",
			closeLeaves,
		},
		{
			"close/a-call-afterwards-does-no-harm",
			"no engine calls a closed driver; should a program do it while it ends, that must not take it down or hang it",
			closeAfterwards,
		},
		{
			"close/stops-its-goroutines",
			"a driver that is opened and closed a thousand times must not fill the process",
			closeGoroutines,
		},
	}
}

func closeTwice(p *probe) {
	d := p.h.Open(p)
	_, err := d.Describe(p.ctx())
	p.ok(err, "Describe")
	p.ok(d.Close(), "Close")
	p.ok(d.Close(), "Close again")
	unused := p.h.Open(p)
	p.ok(unused.Close(), "Close of a driver that was never used")
	_, err = p.d.Describe(p.ctx())
	p.ok(err, "Describe by another driver after one was closed")
}

func closeLeaves(p *probe) {
	v := p.volume()
	p.fill(v, 1)
	d := p.watch(p.h.Open(p))
	s, err := d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: p.token()})
	p.ok(err, "CreateSnapshot")
	before := p.picture(v)
	p.ok(d.Close(), "Close")
	p.unchanged(before, "Close")
	p.there(s, "after the driver that made it was closed")
}

func closeAfterwards(p *probe) {
	v := p.volume()
	d := p.h.Open(p)
	p.ok(d.Close(), "Close")
	_, err := d.Volume(p.ctx(), v)
	p.check(err == nil || classified(err), "Volume after Close: got %v, want a classified error", err)
	if err == nil {
		p.rec.remark("a closed driver still reads")
	}
	for _, err := range d.Snapshots(p.ctx(), driver.ListRequest{Volume: v}) {
		p.check(err == nil || classified(err), "Snapshots after Close: got %v, want a classified error", err)
	}
}

func closeGoroutines(p *probe) {
	v := p.volume()
	p.info(v)
	before := goroutines()
	for range 3 {
		d := p.h.Open(p)
		_, err := d.Describe(p.ctx())
		p.ok(err, "Describe")
		_, err = d.Volume(p.ctx(), v)
		p.ok(err, "Volume")
		for _, err := range d.Snapshots(p.ctx(), driver.ListRequest{Volume: v}) {
			p.ok(err, "Snapshots")
			break
		}
		p.ok(d.Close(), "Close")
	}
	var left []string
	for pause := time.Millisecond; pause < 3*time.Second; pause *= 2 {
		left = slices.DeleteFunc(goroutines(), func(id string) bool { return slices.Contains(before, id) })
		if len(left) < 3 { // one for each opened driver would be a leak; others may come and go
			return
		}
		wait(p.ctx(), pause)
	}
	p.Errorf("%d goroutines are left after 3 drivers were closed:\n%s", len(left), strings.Join(stacksOf(left), "\n\n"))
}

// goroutines returns the ids of all goroutines, "goroutine 12".
func goroutines() []string {
	return mapped(stacks(), id)
}

func stacksOf(ids []string) []string {
	return slices.DeleteFunc(stacks(), func(s string) bool { return !slices.Contains(ids, id(s)) })
}

func stacks() []string {
	buf := make([]byte, 1<<20)
	return strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
}

func id(stack string) string {
	name, _, _ := strings.Cut(stack, " [")
	return name
}
