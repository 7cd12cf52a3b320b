package drivertest

import (
	"errors"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func concurrencyChecks() []check {
	return []check{
		{
			"concurrency/many-volumes-at-once",
			"at two in the morning every volume is snapshotted at once, from many goroutines, by one driver",
			concurrentVolumes,
		},
		{
			"concurrency/two-drivers-one-token",
			"a process that was thought dead sends once more while its successor resumes: one snapshot, whoever wins",
			concurrentDrivers,
		},
		{
			"concurrency/reads-during-mutations",
			"dashboards read all the time; they must neither disturb nor see what never was",
			concurrentReads,
		},
	}
}

// together runs f for each of n, all at once, and returns what failed.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func concurrentVolumes(p *probe) {
	const n = 8
	var volumes []driver.VolumeID
	var tokens []driver.Token
	for range n {
		volumes, tokens = append(volumes, p.volume()), append(tokens, p.token())
	}
	if p.facts.SnapshotUnit == driver.UnitContainer || p.facts.RevertUnit == driver.UnitContainer {
		// The engine has one mutation per container under way.
		p.need(len(p.info(volumes[0]).Siblings) == 0, "the volumes share a container, where the engine is sequential")
	}
	snaps := make([]driver.Snapshot, n)
	err := together(n, func(i int) error {
		s, err := p.insist(driver.CreateSnapshotRequest{Volume: volumes[i], Token: tokens[i], Name: "together"})
		snaps[i] = s
		return err
	})
	p.ok(err, "CreateSnapshot of several volumes at once")
	ids := map[driver.SnapshotRef]bool{}
	for i, v := range volumes {
		p.check(snaps[i].Ref.Volume == v && snaps[i].Ref.Token == tokens[i], "create %d returned %+v, want %s with %s",
			i, snaps[i].Ref, v, tokens[i])
		ids[snaps[i].Ref] = true
		p.lists(v, "after creates at once", snaps[i])
	}
	p.check(len(ids) == n, "%d creates returned %d snapshots", n, len(ids))
	err = together(n, func(i int) error {
		_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: snaps[i].Ref})
		if errors.Is(err, driver.ErrBusy) {
			return nil // the sweep repeats it
		}
		return err
	})
	p.ok(err, "DeleteSnapshot of several volumes at once")
}

// insist creates a snapshot, again while the array is busy; it may run beside the check.
func (p *probe) insist(req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	ctx := p.ctx()
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		s, err := p.d.CreateSnapshot(ctx, req)
		if !errors.Is(err, driver.ErrBusy) || !wait(ctx, pause) {
			return s, err
		}
	}
}

func concurrentDrivers(p *probe) {
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	first := p.createAs(req)
	req.Attempt = again(time.Now())
	drivers := []driver.Driver{p.d, p.open(), p.open()}
	got := make([]driver.Snapshot, len(drivers))
	err := together(len(drivers), func(i int) error {
		s, err := drivers[i].CreateSnapshot(p.ctx(), req)
		got[i] = s
		return err
	})
	p.ok(err, "CreateSnapshot with Resume by three drivers at once")
	for _, s := range got {
		p.check(s.Ref == first.Ref, "Resume returned %+v, the first call %+v", s.Ref, first.Ref)
	}
	p.lists(v, "after three repetitions at once", first)
}

func concurrentReads(p *probe) {
	stable, moving := p.volume(), p.volume()
	s := p.create(stable)
	const readers = 4
	err := together(readers+1, func(i int) error {
		for range 5 {
			if i == readers {
				if err := p.makeAndDelete(moving); err != nil {
					return err
				}
				continue
			}
			if err := p.readAll(s); err != nil && !errors.Is(err, driver.ErrBusy) {
				return err
			}
		}
		return nil
	})
	p.ok(err, "reads by four while one creates and deletes")
	p.lists(stable, "after reads and mutations at once", s)
}

// readAll reads everything about a snapshot's volume; it may run beside the check.
func (p *probe) readAll(s driver.Snapshot) error {
	if _, err := p.d.Describe(p.ctx()); err != nil {
		return err
	}
	if _, err := p.d.Volume(p.ctx(), s.Ref.Volume); err != nil {
		return err
	}
	got, err := p.lookup(s.Ref)
	if err != nil {
		return err
	}
	if got.Ref != s.Ref {
		return errors.New("Lookup returned another snapshot")
	}
	return nil
}
