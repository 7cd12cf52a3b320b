package drivertest

import (
	"context"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func manageChecks() []check {
	return []check{
		{
			"volumes/create-reads-as-zeros",
			"a new disk with somebody's old data in it is a leak between tenants",
			manageCreate,
		},
		{
			"volumes/resume-returns-the-same",
			"a volume whose reply was lost is asked for again; a second one is paid for and never found",
			manageResume,
		},
		{
			"volumes/bad-sizes-are-invalid",
			"a size that the array cannot make must be refused, not rounded down",
			manageSizes,
		},
		{
			"volumes/listed-once-each",
			"the audit compares this list with the inventory; what it lacks is taken for lost",
			manageList,
		},
		{
			"volumes/grow",
			"the new part reads as zeros, the old part stays, and asking twice grows once",
			manageGrow,
		},
		{
			"volumes/shrink-is-refused",
			"a smaller size cuts off data that nobody can bring back",
			manageShrink,
		},
		{
			"volumes/delete-and-again",
			"a deletion whose reply was lost is repeated, and must then be success",
			manageDelete,
		},
		{
			"volumes/delete-with-snapshots",
			"whether a volume's history outlives it is a fact that people are told before they delete it",
			manageDeleteHistory,
		},
		{
			"volumes/delete-while-open",
			"a disk that vanishes under a running machine destroys its data",
			manageDeleteOpen,
		},
	}
}

func (p *probe) volumeRequest() driver.CreateVolumeRequest {
	return driver.CreateVolumeRequest{Token: p.token(), Name: "suite volume", Size: p.size()}
}

func (p *probe) deleteVolume(v driver.VolumeID) (res driver.DeleteResult) {
	p.act("DeleteVolume", []driver.VolumeID{v}, func(ctx context.Context) (err error) {
		res, err = p.volumes().DeleteVolume(ctx, driver.DeleteVolumeRequest{Volume: v, Token: p.token()})
		return err
	})
	return res
}

func manageCreate(p *probe) {
	req := p.volumeRequest()
	v := p.newVolume(req)
	p.check(v.Token == req.Token, "the volume has token %q, want %q", v.Token, req.Token)
	p.check(v.Size >= req.Size, "the volume has %d bytes, %d were asked for", v.Size, req.Size)
	p.check(p.info(v.ID).Serial != "", "the volume has no serial")
	p.lists(v.ID, "of a new volume")
	if p.h.IO != nil {
		p.zeros(v.ID, 0, v.Size, "a new volume")
		p.fill(v.ID, 1)
		p.holds(v.ID, 1, "a new volume after it was written")
	}
	s := p.create(v.ID)
	p.fill(v.ID, 2)
	now := p.revert(v.ID, s).Volume
	p.holds(now, 1, "a new volume after a revert")
}

func manageResume(p *probe) {
	req := p.volumeRequest()
	sent := time.Now()
	first := p.newVolume(req)
	req.Attempt = again(sent)
	for _, d := range []driver.Driver{p.d, p.open()} {
		v, err := d.Abilities().Volumes.CreateVolume(p.ctx(), req)
		p.ok(err, "CreateVolume with Resume")
		p.check(v.ID == first.ID, "Resume returned %s, the first call %s", v.ID, first.ID)
	}
	p.madeBy(req.Token, "after a CreateVolume and two repetitions with Resume", first.ID)
}

func manageSizes(p *probe) {
	p.newVolume(p.volumeRequest()) // skips where it is unsupported
	sizes := map[string]int64{}
	if least := p.desc.Limits.MinVolumeSize; least > 1 && p.desc.Limits.VolumeGranularity < least {
		sizes["a size below Limits.MinVolumeSize"] = least - max(p.desc.Limits.VolumeGranularity, 1)
	}
	if most := p.desc.Limits.MaxVolumeSize; most > 0 {
		sizes["a size above Limits.MaxVolumeSize"] = most + max(p.desc.Limits.VolumeGranularity, 1)
	}
	p.need(len(sizes) > 0, "Limits tell no sizes that the array cannot make")
	for what, size := range sizes {
		req := p.volumeRequest()
		req.Size = size
		_, err := p.can.Volumes.CreateVolume(p.ctx(), req)
		p.want(err, "CreateVolume with "+what, driver.ErrInvalid, driver.ErrExhausted)
		p.madeBy(req.Token, "after CreateVolume with "+what)
	}
}

func manageList(p *probe) {
	plain := p.volume()
	a, b := p.newVolume(p.volumeRequest()), p.newVolume(p.volumeRequest())
	listed := map[driver.VolumeID]driver.Volume{}
	for _, v := range p.listVolumes() {
		listed[v.ID] = v
	}
	for _, want := range []driver.Volume{a, b} {
		got := listed[want.ID]
		p.check(got.Token == want.Token && got.Size == want.Size && got.Serial == want.Serial,
			"Volumes says %+v, CreateVolume said %+v", got, want)
	}
	got, ok := listed[plain]
	p.check(ok, "Volumes lacks volume %s, which the harness made", plain)
	p.check(!got.Token.Of(p.h.Installation), "Volumes gives the harness's volume a token of the suite, %q", got.Token)
	seen := 0
	for _, err := range p.raw.Abilities().Volumes.Volumes(p.ctx()) {
		p.ok(err, "Volumes")
		seen++
		break
	}
	p.check(seen == 1, "Volumes yielded %d times before it was left, want 1", seen)
}

func manageGrow(p *probe) {
	m := p.volumes()
	v := p.volume()
	p.fill(v, 1)
	before := p.info(v)
	grown := p.grow(v)
	p.check(p.info(v).Size == grown.Size && grown.Serial == before.Serial, "Volume says %+v, ResizeVolume said %+v",
		p.info(v), grown)
	p.holds(v, 1, "after the volume grew")
	if p.h.IO != nil {
		p.zeros(v, before.Size, grown.Size, "the new part")
	}
	for _, d := range []driver.Driver{p.d, p.open()} {
		same, err := d.Abilities().Volumes.ResizeVolume(p.ctx(), driver.ResizeVolumeRequest{
			Volume: v, Size: grown.Size, Attempt: again(time.Now()),
		})
		p.ok(err, "ResizeVolume to the size that it has")
		p.check(same.Size == grown.Size, "ResizeVolume to %d bytes again says %d", grown.Size, same.Size)
	}
	_, err := m.ResizeVolume(p.ctx(), driver.ResizeVolumeRequest{Volume: p.ghost(), Size: grown.Size})
	p.want(err, "ResizeVolume of an unknown volume", driver.ErrNotFound)
}

func manageShrink(p *probe) {
	m := p.volumes()
	v := p.volume()
	p.fill(v, 1)
	before := p.picture(v)
	_, err := m.ResizeVolume(p.ctx(), driver.ResizeVolumeRequest{Volume: v, Size: p.info(v).Size / 2})
	p.want(err, "ResizeVolume to half the size", driver.ErrInvalid, driver.ErrUnsupported)
	p.unchanged(before, "the refused resize")
}

func manageDelete(p *probe) {
	v := p.newVolume(p.volumeRequest())
	res := p.deleteVolume(v.ID)
	p.check(!res.Absent, "DeleteVolume says that the volume was absent")
	_, err := p.d.Volume(p.ctx(), v.ID)
	p.want(err, "Volume of a deleted volume", driver.ErrNotFound)
	p.madeBy(v.Token, "after DeleteVolume")
	for _, d := range []driver.Driver{p.d, p.open()} {
		res, err := d.Abilities().Volumes.DeleteVolume(p.ctx(), driver.DeleteVolumeRequest{
			Volume: v.ID, Token: p.token(), Attempt: again(time.Now()),
		})
		p.ok(err, "DeleteVolume of what is deleted")
		p.check(res.Absent, "DeleteVolume of what is deleted does not say Absent")
	}
	_, err = p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: v.ID, Token: p.token()})
	p.want(err, "CreateSnapshot of a deleted volume", driver.ErrNotFound)
}

func manageDeleteHistory(p *probe) {
	v := p.newVolume(p.volumeRequest())
	snaps := p.states(v.ID, 2)
	p.deleteVolume(v.ID)
	all := p.list("")
	for _, s := range slices.Backward(snaps) {
		if p.facts.SnapshotsDieWithVolume {
			p.gone(s.Ref, "after its volume's delete (Facts.SnapshotsDieWithVolume)")
			p.check(count(all, s.Ref) == 0, "snapshot %s of a deleted volume is in the backend's list", s.Ref.ID)
			continue
		}
		p.there(s, "after its volume's delete (no Facts.SnapshotsDieWithVolume)")
		p.check(count(all, s.Ref) == 1, "snapshot %s of a deleted volume is in the backend's list %d times",
			s.Ref.ID, count(all, s.Ref))
		p.delete(s.Ref)
		p.gone(s.Ref, "after its delete")
	}
	res, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: snaps[0].Ref, Attempt: again(time.Now())})
	p.ok(err, "DeleteSnapshot of what is gone, of a volume that is gone")
	p.check(res.Absent, "DeleteSnapshot of what is gone does not say Absent")
}

func manageDeleteOpen(p *probe) {
	p.need(p.h.HoldOpen != nil, "no Harness.HoldOpen")
	v := p.newVolume(p.volumeRequest())
	p.openTo(v.ID)
	release, err := p.h.HoldOpen(p, v.ID)
	p.ok(err, "Harness.HoldOpen")
	_, err = p.can.Volumes.DeleteVolume(p.ctx(), driver.DeleteVolumeRequest{Volume: v.ID, Token: p.token()})
	p.wantNamed(err, "DeleteVolume of a volume that is open", driver.ErrInUse)
	p.check(p.info(v.ID).Size == v.Size, "the volume is not what it was")
	release()
	p.deleteVolume(v.ID)
}
