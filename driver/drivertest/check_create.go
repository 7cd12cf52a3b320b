package drivertest

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func createChecks() []check {
	return []check{
		{
			"create/returns-what-was-asked",
			"the answer is committed to the inventory as it is; what it lacks, nobody can find again",
			createReturns,
		},
		{
			"create/resume-returns-the-same",
			"after a crash the engine asks again with the same token; a second snapshot would be an orphan for ever",
			createResume,
		},
		{
			"create/resume-of-what-was-never-sent",
			"a process may die between its record and its call; the one that takes over must still get its snapshot",
			createResumeFresh,
		},
		{
			"create/unknown-volume-is-not-found",
			"a volume deleted meanwhile must fail the create at once and for certain",
			createUnknown,
		},
		{
			"create/several-of-one-volume",
			"a volume keeps its whole history, not only its latest snapshot",
			createSeveral,
		},
		{
			"create/one-token-on-two-volumes",
			"the identity of a snapshot is volume and token: the members of a group share their token",
			createSharedToken,
		},
		{
			"create/leaves-volume-and-snapshots",
			"a snapshot that disturbs what it protects is worse than none",
			createLeaves,
		},
		{
			"create/times-follow-the-order",
			"an imported history is chained by the array's times, and younger snapshots are told by them",
			createTimes,
		},
		{
			"create/records-the-size-then",
			"a clone must be at least as large as the volume was; a size of today makes it too large or refused",
			createSize,
		},
	}
}

func createReturns(p *probe) {
	v, token := p.volume(), p.token()
	s := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: token, Name: "nightly"})
	p.check(s.Ref.Volume == v, "Ref.Volume is %q, want %q", s.Ref.Volume, v)
	p.check(s.Ref.ID != "", "Ref.ID is empty")
	p.check(s.Ref.Token == token, "Ref.Token is %q, want %q", s.Ref.Token, token)
	p.check(s.Size == p.info(v).Size, "Size is %d, the volume has %d", s.Size, p.info(v).Size)
	p.check(s.Ready, "the snapshot is not Ready when CreateSnapshot returns")
	p.check(s.Expires.IsZero(), "Expires is %v, but nobody asked for it", s.Expires)
	p.check(s.UsedBytes >= -1, "UsedBytes is %d", s.UsedBytes)
	p.lists(v, "after one create", s)
}

func createResume(p *probe) {
	v := p.volume()
	req := driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: "once"}
	sent := time.Now()
	p.fill(v, 1)
	first := p.createAs(req)
	p.fill(v, 2)
	req.Attempt = again(sent)
	for _, by := range []driver.Driver{p.d, p.d, p.open()} {
		s, err := by.CreateSnapshot(p.ctx(), req)
		p.ok(err, "CreateSnapshot with Resume")
		p.check(s.Ref == first.Ref, "Resume returned %+v, the first call %+v", s.Ref, first.Ref)
		p.check(s.CreatedAt.Equal(first.CreatedAt), "Resume returned CreatedAt %v, the first call %v",
			s.CreatedAt, first.CreatedAt)
	}
	p.lists(v, "after a create and three repetitions with Resume", first)
}

func createResumeFresh(p *probe) {
	v := p.volume()
	s := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Attempt: again(time.Now())})
	p.check(s.Ref.ID != "", "Ref.ID is empty")
	p.lists(v, "after a create with Resume that had no predecessor", s)
}

func createUnknown(p *probe) {
	ghost := p.ghost()
	_, err := p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: ghost, Token: p.token()})
	p.want(err, "CreateSnapshot of an unknown volume", driver.ErrNotFound)
}

// many is how many snapshots the suite makes of one volume without coming near its limit.
func (p *probe) many() int {
	if most := p.desc.Limits.SnapshotsPerVolume; most > 0 && most < 12 {
		return max(most-2, 1)
	}
	return 10
}

func createSeveral(p *probe) {
	v := p.volume()
	ids := map[string]bool{}
	var snaps []driver.Snapshot
	for range p.many() {
		s := p.create(v)
		p.check(!ids[s.Ref.ID], "id %s is given to a second snapshot", s.Ref.ID)
		ids[s.Ref.ID] = true
		snaps = append(snaps, s)
	}
	p.lists(v, "after several creates", snaps...)
	for _, s := range snaps {
		p.there(s, "after several creates")
	}
}

func createSharedToken(p *probe) {
	a, b, token := p.volume(), p.volume(), p.token()
	onA := p.createAs(driver.CreateSnapshotRequest{Volume: a, Token: token})
	onB := p.createAs(driver.CreateSnapshotRequest{Volume: b, Token: token, Attempt: again(time.Now().Add(-p.facts.Settle))})
	p.check(onB.Ref.Volume == b, "the token stands on %s already, so CreateSnapshot of %s returned that: %+v", a, b, onB.Ref)
	p.check(onA.Ref.Volume == a, "Ref.Volume is %s, want %s", onA.Ref.Volume, a)
	for _, s := range []driver.Snapshot{onA, onB} {
		got, err := p.lookup(driver.SnapshotRef{Volume: s.Ref.Volume, Token: token})
		p.ok(err, "Lookup by volume and token")
		p.check(got.Ref == s.Ref, "Lookup on %s returned %+v, want %+v", s.Ref.Volume, got.Ref, s.Ref)
	}
}

func createLeaves(p *probe) {
	p.needIO()
	v := p.volume()
	p.fill(v, 1)
	first := p.create(v)
	before := p.info(v)
	second := p.create(v)
	p.holds(v, 1, "after two creates")
	after := p.info(v)
	p.check(after.Size == before.Size && after.Serial == before.Serial, "the volume was %s of %d bytes, is %s of %d bytes",
		before.Serial, before.Size, after.Serial, after.Size)
	p.fill(v, 2)
	p.holds(v, 2, "after writing behind two creates")
	p.lists(v, "after writing", first, second)
}

func createTimes(p *probe) {
	snaps := p.states(p.volume(), 4)
	for i, s := range snaps {
		p.must(!s.CreatedAt.IsZero(), "snapshot %d has no CreatedAt", i+1)
		if i > 0 && s.CreatedAt.Before(snaps[i-1].CreatedAt) {
			p.Errorf("snapshot %d was made before snapshot %d by the array's times: %v, %v",
				i+1, i, s.CreatedAt, snaps[i-1].CreatedAt)
		}
	}
}

func createSize(p *probe) {
	v := p.volume()
	small := p.create(v)
	grown := p.grow(v)
	large := p.create(v)
	p.check(small.Size < grown.Size, "the first snapshot has %d bytes, the volume grew to %d", small.Size, grown.Size)
	p.check(large.Size == grown.Size, "the second snapshot has %d bytes, the volume %d", large.Size, grown.Size)
	got, err := p.lookup(small.Ref)
	p.ok(err, "Lookup")
	p.check(got.Size == small.Size, "Size of the first snapshot was %d, is %d after the volume grew", small.Size, got.Size)
}
