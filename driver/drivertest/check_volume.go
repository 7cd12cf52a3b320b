package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func volumeChecks() []check {
	return []check{
		{
			"volume/size-and-serial",
			"hosts find a volume by its serial and refuse one of the wrong size; a serial shared by two corrupts both",
			volumeFacts,
		},
		{
			"volume/unknown-is-not-found",
			"ErrNotFound is a conclusion; an unknown volume reported otherwise leaves an operation waiting for ever",
			volumeUnknown,
		},
		{
			"volume/counts-its-snapshots",
			"people are told how many snapshots are left by these numbers, and limits are reached silently without them",
			volumeCounts,
		},
		{
			"volume/siblings-are-mutual",
			"the engine locks a container by the siblings of any of its volumes; one that is missing is touched unlocked",
			volumeSiblings,
		},
	}
}

func volumeFacts(p *probe) {
	v := p.volume()
	a, second := p.info(v), p.info(v)
	p.check(a.ID == v, "Volume(%s) has ID %s", v, a.ID)
	p.check(a.Size >= p.size(), "Volume has %d bytes, at least %d were asked for", a.Size, p.size())
	p.check(a.Serial != "", "Volume has no Serial, so no host can recognise it")
	p.check(a.Serial == second.Serial && a.Size == second.Size, "Volume read twice: %s of %d bytes, then %s of %d bytes",
		a.Serial, a.Size, second.Serial, second.Size)
	b := p.info(p.volume())
	p.check(b.ID != a.ID && b.Serial != a.Serial, "two volumes share id or serial: %s/%s and %s/%s",
		a.ID, a.Serial, b.ID, b.Serial)
}

func volumeUnknown(p *probe) {
	_, err := p.d.Volume(p.ctx(), p.ghost())
	p.want(err, "Volume of an unknown id", driver.ErrNotFound)
}

func volumeCounts(p *probe) {
	v := p.volume()
	before := p.info(v)
	snaps := p.states(v, 2)
	after := p.info(v)
	if before.SnapshotCount == -1 {
		p.rec.remark("the array does not count snapshots")
	} else {
		p.check(after.SnapshotCount == before.SnapshotCount+2, "SnapshotCount was %d, is %d after 2 more",
			before.SnapshotCount, after.SnapshotCount)
	}
	if before.SnapshotsLeft == -1 {
		p.rec.remark("the array does not say how many are left")
	} else {
		p.check(after.SnapshotsLeft <= before.SnapshotsLeft-2, "SnapshotsLeft was %d, is %d after 2 more",
			before.SnapshotsLeft, after.SnapshotsLeft)
	}
	p.delete(snaps[1].Ref)
	if p.facts.DeleteToTrash || before.SnapshotCount == -1 {
		return // what is in the trash may count
	}
	last := p.info(v)
	p.check(last.SnapshotCount == after.SnapshotCount-1, "SnapshotCount was %d, is %d after a delete",
		after.SnapshotCount, last.SnapshotCount)
}

func volumeSiblings(p *probe) {
	shared := p.facts.SnapshotUnit == driver.UnitContainer || p.facts.RevertUnit == driver.UnitContainer
	p.need(shared, "nothing is shared in a container")
	for _, v := range []driver.VolumeID{p.volume(), p.volume()} {
		a := p.info(v)
		p.check(a.Container != "", "Volume names no Container although units are containers")
		p.check(!slices.Contains(a.Siblings, v), "volume %s is listed as its own sibling", v)
		for _, id := range a.Siblings {
			b := p.info(id)
			p.check(slices.Contains(b.Siblings, v) && b.Container == a.Container,
				"%s has sibling %s, which has siblings %v in container %s, not %s",
				v, id, b.Siblings, b.Container, a.Container)
		}
	}
}
