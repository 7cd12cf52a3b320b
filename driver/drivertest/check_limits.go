package drivertest

import (
	"github.com/storagesnap/storagesnap/driver"
)

func limitChecks() []check {
	return []check{
		{
			"limits/snapshots-of-a-volume",
			"a limit that is reached must be refused at once, by name and without effect; it is not a reason to wait",
			limitVolume,
		},
		{
			"limits/room-again-after-a-delete",
			"retention makes room; where that does not help, the operator must know it from the facts",
			limitRoom,
		},
	}
}

// full brings a volume to its limit and returns its snapshots.
func (p *probe) full() (driver.VolumeID, []driver.Snapshot) {
	most := p.desc.Limits.SnapshotsPerVolume
	p.need(most > 0, "Limits.SnapshotsPerVolume is zero")
	p.need(most <= p.h.MaxLimitProbe, "Limits.SnapshotsPerVolume %d is above Harness.MaxLimitProbe %d", most, p.h.MaxLimitProbe)
	v := p.volume()
	p.need(p.info(v).SnapshotsLeft != 0, "the volume has no room from the start")
	var snaps []driver.Snapshot
	for range most {
		s, err := p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: p.token()})
		if err != nil {
			// Foreign snapshots and siblings may count too, so the limit may come early; the refusal must be right all the same.
			p.want(err, "CreateSnapshot within Limits.SnapshotsPerVolume", driver.ErrExhausted)
			break
		}
		snaps = append(snaps, s)
	}
	p.must(len(snaps) > 0, "the volume takes no snapshot at all")
	return v, snaps
}

func limitVolume(p *probe) {
	v, snaps := p.full()
	before := p.picture(v)
	ref := driver.SnapshotRef{Volume: v, Token: p.token()}
	_, err := p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: ref.Token})
	p.want(err, "CreateSnapshot above Limits.SnapshotsPerVolume", driver.ErrExhausted)
	p.unchanged(before, "the refused create")
	p.gone(ref, "after the refused create")
	if left := p.info(v).SnapshotsLeft; left != -1 {
		p.check(left == 0, "SnapshotsLeft is %d although a create is refused", left)
	}
	p.lists(v, "at the limit", snaps...)
}

func limitRoom(p *probe) {
	v, snaps := p.full()
	last := snaps[len(snaps)-1]
	p.delete(last.Ref)
	s, err := p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: p.token()})
	if p.facts.DeleteToTrash && err != nil {
		p.want(err, "CreateSnapshot while the trash counts", driver.ErrExhausted)
		p.rec.remark("what is in the trash counts against the limit")
		return
	}
	p.ok(err, "CreateSnapshot after a delete at the limit")
	p.lists(v, "after a delete and a create at the limit", append(snaps[:len(snaps)-1:len(snaps)-1], s)...)
}
