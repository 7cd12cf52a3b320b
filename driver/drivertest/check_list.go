package drivertest

import (
	"errors"
	"sync"

	"github.com/storagesnap/storagesnap/driver"
)

func listChecks() []check {
	return []check{
		{
			"list/one-volume",
			"retention and audit decide by this list: a foreign volume's snapshot in it may be deleted for another",
			listVolume,
		},
		{
			"list/volume-without-snapshots",
			"an empty history is not an error",
			listEmpty,
		},
		{
			"list/whole-backend",
			"the audit finds orphans only if the whole backend lists everything, each with its volume",
			listBackend,
		},
		{
			"list/unknown-volume-is-not-found",
			"an empty list of an unknown volume looks like a volume that has lost its snapshots",
			listUnknown,
		},
		{
			"list/agrees-with-lookup",
			"what is listed is imported and compared as it is; two readings of one snapshot make false alarms",
			listAgrees,
		},
		{
			"list/stops-with-its-reader",
			"a reader that has found what it looked for must not hold a page, a lock or a connection",
			listStops,
		},
		{
			"list/one-error-and-it-is-last",
			"a reader that goes on after an error, or gets none, takes half a list for the whole",
			listError,
		},
		{
			"list/once-each-while-others-change",
			"other volumes come and go during a listing; one that stays and is missed is then recreated or given up",
			listWhileChanging,
		},
	}
}

func listVolume(p *probe) {
	a, b := p.volume(), p.volume()
	onA := p.states(a, 3)
	onB := p.states(b, 1)
	p.lists(a, "of two volumes the first", onA...)
	p.lists(b, "of two volumes the second", onB...)
	if p.facts.SnapshotUnit == driver.UnitVolume {
		for _, s := range p.listAll(a) {
			p.check(s.Ref.Volume == a, "the list of %s has snapshot %s of %s", a, s.Ref.ID, s.Ref.Volume)
		}
	}
}

func listEmpty(p *probe) { p.lists(p.volume(), "of a fresh volume") }

func listBackend(p *probe) {
	a, b := p.volume(), p.volume()
	snaps := append(p.states(a, 2), p.states(b, 2)...)
	all := p.list("")
	for _, s := range snaps {
		p.check(count(all, s.Ref) == 1, "snapshot %s of %s is in the backend's list %d times",
			s.Ref.ID, s.Ref.Volume, count(all, s.Ref))
	}
	p.delete(snaps[3].Ref)
	p.check(count(p.list(""), snaps[3].Ref) == 0, "a deleted snapshot is in the backend's list")
}

func listUnknown(p *probe) {
	var last error
	for s, err := range p.raw.Snapshots(p.ctx(), driver.ListRequest{Volume: p.ghost()}) {
		p.must(err != nil, "the list of an unknown volume has snapshot %+v", s.Ref)
		last = err
	}
	p.want(last, "Snapshots of an unknown volume", driver.ErrNotFound)
}

func listAgrees(p *probe) {
	v := p.volume()
	p.states(v, 2)
	for _, s := range p.list(v) {
		got, err := p.lookup(s.Ref)
		p.ok(err, "Lookup of a listed snapshot")
		agree := got.Ref == s.Ref && got.Size == s.Size && got.CreatedAt.Equal(s.CreatedAt)
		p.check(agree && got.Name == s.Name && got.Ready == s.Ready,
			"Lookup and Snapshots disagree:\n  Lookup:    %+v\n  Snapshots: %+v", got, s)
	}
}

func listStops(p *probe) {
	v := p.volume()
	snaps := p.states(v, 3)
	for range 3 {
		seen := 0
		for _, err := range p.raw.Snapshots(p.ctx(), driver.ListRequest{Volume: v}) {
			p.ok(err, "Snapshots")
			seen++
			break
		}
		p.check(seen == 1, "the list yielded %d times before it was left, want 1", seen)
	}
	p.lists(v, "after three lists that were left early", snaps...)
	p.delete(snaps[2].Ref)
}

func listError(p *probe) {
	v := p.volume()
	p.states(v, 2)
	ctx, cancel := p.cancelable()
	cancel()
	var failures, after int
	for s, err := range p.raw.Snapshots(ctx, driver.ListRequest{Volume: v}) {
		switch {
		case err != nil:
			failures++
			p.inconclusive(err, "Snapshots with a canceled context")
			p.check(s.Ref == driver.SnapshotRef{}, "Snapshots yields %+v beside its error", s.Ref)
		case failures > 0:
			after++
		}
	}
	p.check(failures == 1, "Snapshots with a canceled context yielded %d errors, want one", failures)
	p.check(after == 0, "Snapshots yielded %d snapshots after its error", after)
}

func listWhileChanging(p *probe) {
	stable, moving := p.volume(), p.volume()
	snaps := p.states(stable, 4)
	stop := make(chan struct{})
	var churn sync.WaitGroup
	var failure error
	churn.Go(func() {
		for range 100 {
			select {
			case <-stop:
				return
			default:
			}
			if failure = p.makeAndDelete(moving); failure != nil {
				return
			}
		}
	})
	for range 5 {
		for _, v := range []driver.VolumeID{"", stable} {
			list := p.list(v)
			for _, s := range snaps {
				p.check(count(list, s.Ref) == 1, "snapshot %s is listed %d times while another volume changes",
					s.Ref.ID, count(list, s.Ref))
			}
		}
	}
	close(stop)
	churn.Wait()
	p.ok(failure, "create and delete on another volume during a listing")
}

// makeAndDelete may run beside the check: it only returns errors.
func (p *probe) makeAndDelete(v driver.VolumeID) error {
	token, err := driver.NewToken(p.h.Installation)
	if err != nil {
		return err
	}
	s, err := p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: token})
	if errors.Is(err, driver.ErrBusy) || p.facts.DeleteToTrash && errors.Is(err, driver.ErrExhausted) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	if errors.Is(err, driver.ErrBusy) {
		return nil
	}
	return err
}
