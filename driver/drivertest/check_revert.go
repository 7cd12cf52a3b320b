package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func revertChecks() []check {
	return []check{
		{
			"revert/restores-bytes",
			"a revert that reports success and changes nothing is found out on the day it is needed",
			revertRestores,
		},
		{
			"revert/to-oldest-and-newest",
			"any point of the history can be gone back to, not only the last",
			revertEnds,
		},
		{
			"revert/twice-to-one",
			"who tries a repair twice starts twice from the same state",
			revertTwice,
		},
		{
			"revert/branches",
			"revert, snapshot, revert makes a tree; each branch must keep its own content",
			revertBranches,
		},
		{
			"revert/result-says-what-is-now",
			"the engine looks for the volume under the id and of the size that the result gives",
			revertResult,
		},
		{
			"revert/after-the-volume-grew",
			"a volume of another size than the host believes is refused or, worse, cut off",
			revertGrown,
		},
		{
			"revert/leaves-other-volumes",
			"a revert of one volume that takes its neighbours back destroys their latest data",
			revertNeighbours,
		},
		{
			"revert/of-its-own-snapshots-content",
			"a snapshot taken of reverted content holds that content, so that an undone revert can be undone again",
			revertKeepCurrent,
		},
	}
}

func revertRestores(p *probe) {
	p.needIO()
	v := p.volume()
	p.fill(v, 1)
	s := p.create(v)
	p.fill(v, 2)
	p.holds(v, 2, "before the revert")
	now := p.revert(v, s).Volume
	p.holds(now, 1, "after the revert")
	p.fill(now, 3)
	p.holds(now, 3, "after writing to the reverted volume")
}

func revertEnds(p *probe) {
	p.needIO()
	v := p.volume()
	snaps := p.states(v, 3)
	v = p.revert(v, snaps[2]).Volume
	p.holds(v, 3, "after a revert to the newest")
	v = p.revert(v, snaps[0]).Volume
	p.holds(v, 1, "after a revert to the oldest")
	if p.facts.RevertDropsYounger {
		return
	}
	v = p.revert(v, snaps[1]).Volume
	p.holds(v, 2, "after a revert to the middle one")
	v = p.revert(v, snaps[2]).Volume
	p.holds(v, 3, "after a revert to the newest again")
}

func revertTwice(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	for i := range uint64(2) {
		v = p.revert(v, snaps[1]).Volume
		p.holds(v, 2, "after a revert")
		p.fill(v, 10+i)
	}
	p.there(snaps[0], "after two reverts")
	p.there(snaps[1], "after two reverts to it")
}

func revertBranches(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	v = p.revert(v, snaps[0]).Volume
	p.fill(v, 7)
	branch := p.create(v)
	p.check(branch.Ref.Volume == v, "a snapshot of the reverted volume has Ref.Volume %s, the volume is %s",
		branch.Ref.Volume, v)
	p.fill(v, 8)
	v = p.revert(v, branch).Volume
	p.holds(v, 7, "after a revert to the snapshot on the branch")
	if !p.facts.RevertDropsYounger {
		v = p.revert(v, snaps[1]).Volume
		p.holds(v, 2, "after a revert to the other branch")
		v = p.revert(v, branch).Volume
		p.holds(v, 7, "after a revert back to the first branch")
	}
	v = p.revert(v, snaps[0]).Volume
	p.holds(v, 1, "after a revert to the root of both")
}

func revertResult(p *probe) {
	v := p.volume()
	before := p.info(v)
	snaps := p.states(v, 2)
	res := p.revert(v, snaps[0])
	p.check((res.Volume != v) == p.facts.RevertChangesID, "the volume was %s, is %s; Facts.RevertChangesID is %t",
		v, res.Volume, p.facts.RevertChangesID)
	now := p.info(res.Volume)
	p.check(now.Size == res.Size, "RevertResult says %d bytes, Volume says %d", res.Size, now.Size)
	p.check(now.Size == before.Size, "the volume had %d bytes at every time, has %d after the revert", before.Size, now.Size)
	p.check(p.facts.RevertChangesID || now.Serial == before.Serial, "Serial was %s, is %s although the id stayed",
		before.Serial, now.Serial)
	if res.Volume != v {
		p.inconclusiveOrGone(v)
	}
}

// inconclusiveOrGone fails the check if an id that a revert took away still leads to a volume.
func (p *probe) inconclusiveOrGone(old driver.VolumeID) {
	if vol, err := p.d.Volume(p.ctx(), old); err == nil {
		p.rec.remark("the old id still leads to a volume: " + string(vol.ID))
	} else {
		p.want(err, "Volume of the id before the revert", driver.ErrNotFound)
	}
}

func revertGrown(p *probe) {
	v := p.volume()
	before := p.info(v)
	p.fill(v, 1)
	s := p.create(v)
	grown := p.grow(v)
	p.fillTo(v, 2, grown.Size)
	p.fill(v, 2)
	res := p.revert(v, s)
	p.check(res.Size == before.Size || res.Size == grown.Size,
		"the volume had %d, then %d bytes; after the revert RevertResult says %d",
		before.Size, grown.Size, res.Size)
	now := p.info(res.Volume)
	p.check(now.Size == res.Size, "RevertResult says %d bytes, Volume says %d", res.Size, now.Size)
	p.holds(res.Volume, 1, "after a revert below a growth")
}

func revertNeighbours(p *probe) {
	a, b := p.volume(), p.volume()
	onB := p.states(b, 1)[0]
	p.fill(b, 4)
	snaps := p.states(a, 2)
	p.fill(b, 5)
	shared := p.shared(a, b)
	p.revert(a, snaps[0])
	if shared && p.facts.RevertUnit == driver.UnitContainer {
		p.rec.remark("both are of one container, so both went back")
		p.holds(b, 4, "after a revert of its container")
		return
	}
	p.holds(b, 5, "after a revert of another volume")
	p.there(onB, "after a revert of another volume")
}

// shared reports whether a revert or a snapshot of one is about the other too.
func (p *probe) shared(a, b driver.VolumeID) bool {
	return (p.facts.RevertUnit == driver.UnitContainer || p.facts.SnapshotUnit == driver.UnitContainer) &&
		slices.Contains(p.info(a).Siblings, b)
}

func revertKeepCurrent(p *probe) {
	p.needIO()
	v := p.volume()
	snaps := p.states(v, 1)
	kept := p.create(v) // of state 2, what the revert would lose
	if p.facts.RevertDropsYounger {
		v = p.revert(v, kept).Volume
		p.holds(v, 2, "after a revert to the state kept")
		return
	}
	v = p.revert(v, snaps[0]).Volume
	reverted := p.create(v)
	p.fill(v, 3)
	v = p.revert(v, kept).Volume
	p.holds(v, 2, "after undoing the revert")
	v = p.revert(v, reverted).Volume
	p.holds(v, 1, "after a revert to the snapshot of reverted content")
}
