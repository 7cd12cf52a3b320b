package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func deleteOrderChecks() []check {
	return []check{
		{
			"delete/middle-one",
			"retention deletes out of the middle; where the array forbids that, it must say which ones stand in the way",
			deleteMiddle,
		},
		{
			"delete/newest-leaves-the-older",
			"deleting the newest must not take the chain below it",
			deleteNewest,
		},
		{
			"delete/leaves-other-content",
			"the content of a deleted snapshot is merged into its neighbours; one wrong block there is a lost backup",
			deleteContent,
		},
		{
			"delete/one-that-was-reverted-to",
			"the snapshot that the content descends from is deleted like any other, and the content stays",
			deleteReverted,
		},
	}
}

// deleteOrRefuse deletes a snapshot that has younger ones: it must go, or be refused if the facts say that they depend.
func (p *probe) deleteOrRefuse(s driver.Snapshot) (deleted bool) {
	_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	if p.facts.SnapshotsDependent {
		p.wantNamed(err, "DeleteSnapshot of one with younger ones (Facts.SnapshotsDependent)", driver.ErrInUse)
		p.there(s, "after its refused delete")
		return false
	}
	p.ok(err, "DeleteSnapshot of one with younger ones")
	p.gone(s.Ref, "after its delete")
	return true
}

func deleteMiddle(p *probe) {
	v := p.volume()
	snaps := p.states(v, 3)
	if !p.deleteOrRefuse(snaps[1]) {
		p.lists(v, "after the refused delete", snaps...)
		p.delete(snaps[2].Ref)
		p.delete(snaps[1].Ref)
		p.lists(v, "after deleting the youngest first", snaps[0])
		return
	}
	p.lists(v, "after deleting the middle one", snaps[0], snaps[2])
	p.delete(snaps[0].Ref)
	p.lists(v, "after deleting the oldest too", snaps[2])
}

func deleteNewest(p *probe) {
	v := p.volume()
	snaps := p.states(v, 4)
	for n := 3; n > 0; n-- {
		p.delete(snaps[n].Ref)
		p.lists(v, "after deleting the newest", snaps[:n]...)
	}
	now := p.revert(v, snaps[0]).Volume
	p.holds(now, 1, "after deleting all but the oldest and reverting to it")
}

func deleteContent(p *probe) {
	p.needIO()
	v := p.volume()
	snaps := p.states(v, 4)
	left := []uint64{1, 2, 4}
	if p.facts.SnapshotsDependent {
		p.delete(snaps[3].Ref)
		left = []uint64{1, 2, 3}
	} else {
		p.delete(snaps[2].Ref)
	}
	p.holds(v, 5, "after a delete")
	for _, state := range slices.Backward(left) {
		v = p.revert(v, snaps[state-1]).Volume
		p.holds(v, state, "after a delete and a revert to one that was left")
	}
}

func deleteReverted(p *probe) {
	v := p.volume()
	snaps := p.states(v, 2)
	v = p.revert(v, snaps[1]).Volume
	p.delete(snaps[1].Ref)
	p.gone(snaps[1].Ref, "after its delete")
	p.holds(v, 2, "after deleting the snapshot that was reverted to")
	p.there(snaps[0], "after the other's delete")
}
