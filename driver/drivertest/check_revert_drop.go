package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func revertDropChecks() []check {
	return []check{
		{
			"revert/keeps-every-snapshot",
			"going back must not cost the way forward: the younger snapshots stay unless the facts say otherwise",
			revertKeeps,
		},
		{
			"revert/drops-exactly-the-younger",
			"the records of what a revert dropped are deleted by its result; one too many or too few and they are wrong",
			revertDrops,
		},
		{
			"revert/undeclared-drop-is-refused",
			"a snapshot that somebody made after the plan must stop the revert, not vanish with it",
			revertUndeclared,
		},
	}
}

func revertKeeps(p *probe) {
	p.need(!p.facts.RevertDropsYounger, "a revert drops the younger here (Facts.RevertDropsYounger)")
	v := p.volume()
	snaps := p.states(v, 4)
	for _, to := range []int{1, 0, 3} {
		res := p.revert(v, snaps[to])
		v = res.Volume
		p.check(len(res.Dropped) == 0, "Revert says that it dropped %+v, Facts.RevertDropsYounger is false", res.Dropped)
		for _, s := range snaps {
			p.there(s, "after a revert")
		}
	}
	all := p.list("")
	for _, s := range snaps {
		p.check(count(all, s.Ref) == 1, "after three reverts snapshot %s is in the backend's list %d times",
			s.Ref.ID, count(all, s.Ref))
	}
}

func revertDrops(p *probe) {
	p.need(p.facts.RevertDropsYounger, "a revert keeps the younger here")
	v := p.volume()
	snaps := p.states(v, 4)
	res := p.revert(v, snaps[1])
	v = res.Volume
	for i, s := range snaps {
		younger := i > 1
		p.check(slices.ContainsFunc(res.Dropped, same(s)) == younger, "snapshot %d of 4 is younger than the second: %t; Dropped is %+v",
			i+1, younger, res.Dropped)
		if younger {
			p.gone(s.Ref, "after the revert that dropped it")
		} else {
			p.there(s, "after a revert to the second")
		}
	}
	p.check(len(res.Dropped) >= 2, "Dropped is %+v, want the two younger ones", res.Dropped)
	res = p.revert(v, snaps[1])
	p.check(!slices.ContainsFunc(res.Dropped, same(snaps[0])), "the older snapshot was dropped: %+v", res.Dropped)
	p.holds(res.Volume, 2, "after both reverts")
}

func same(s driver.Snapshot) func(driver.SnapshotRef) bool {
	return func(r driver.SnapshotRef) bool { return r.ID == s.Ref.ID && r.Volume == s.Ref.Volume }
}

func revertUndeclared(p *probe) {
	p.need(p.facts.RevertDropsYounger, "a revert drops nothing here")
	v := p.volume()
	snaps := p.states(v, 3)
	all := p.others(v, snaps[0])
	before := p.picture(v)
	for what, may := range map[string][]driver.SnapshotRef{
		"nothing":     nil,
		"another one": {{Volume: v, Token: p.token()}},
		"all but one": slices.DeleteFunc(slices.Clone(all), same(snaps[2])),
	} {
		req := p.unplanned(v, snaps[0].Ref)
		req.MayDrop = may
		p.wantNamed(p.tryRevert(req), "Revert that may drop "+what, driver.ErrConflict)
		p.unchanged(before, "the refused revert")
	}
	res := p.revert(v, snaps[0])
	p.holds(res.Volume, 1, "after the revert that may drop them all")
}
