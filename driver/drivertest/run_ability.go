package drivertest

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// cloner returns the ability, or skips the check. The same for the others below.
func (p *probe) cloner() driver.Cloner {
	p.need(p.can.Cloner != nil, "the driver has no Cloner")
	return p.can.Cloner
}

func (p *probe) groups() driver.GroupSnapshotter {
	p.need(p.can.Groups != nil, "the driver has no GroupSnapshotter")
	return p.can.Groups
}

func (p *probe) volumes() driver.VolumeManager {
	p.need(p.can.Volumes != nil, "the driver has no VolumeManager")
	return p.can.Volumes
}

func (p *probe) access() driver.AccessController {
	p.need(p.can.Access != nil, "the driver has no AccessController")
	return p.can.Access
}

// cloneRequest asks for a clone of the snapshot under a fresh token.
func (p *probe) cloneRequest(s driver.Snapshot) driver.CloneRequest {
	token := p.token()
	return driver.CloneRequest{Snapshot: s.Ref, Token: token, Name: "suite clone", Notes: p.notes(token)}
}

// clone makes a volume of the snapshot, which goes when the check is over.
func (p *probe) clone(s driver.Snapshot) driver.Volume { return p.cloneAs(p.cloneRequest(s)) }

func (p *probe) cloneAs(req driver.CloneRequest) driver.Volume {
	c := p.cloner()
	var v driver.Volume
	p.act("Clone", nil, func(ctx context.Context) (err error) {
		v, err = c.Clone(ctx, req)
		return err
	})
	p.must(v.ID != "", "Clone returned no volume id")
	return v
}

// findClone asks for the volume of the request's token.
func (p *probe) findClone(req driver.CloneRequest) (driver.Volume, error) {
	return p.cloner().FindClone(p.ctx(), driver.FindCloneRequest{
		Snapshot: req.Snapshot, Token: req.Token, Attempt: req.Attempt, Notes: p.notes(req.Token),
	})
}

// discard removes what the request's token made, however often the array says that it is busy.
func (p *probe) discard(req driver.CloneRequest) {
	discard := driver.DiscardRequest{Snapshot: req.Snapshot, Token: req.Token, Attempt: req.Attempt, Notes: p.notes(req.Token)}
	p.ok(p.patiently(func(ctx context.Context) error { return p.cloner().Discard(ctx, discard) }), "Discard")
}

// madeBy fails the check unless the token has made exactly these volumes, as far as the driver can list volumes.
func (p *probe) madeBy(token driver.Token, when string, want ...driver.VolumeID) {
	if p.can.Volumes == nil {
		return
	}
	var got []driver.VolumeID
	for v, err := range p.can.Volumes.Volumes(p.ctx()) {
		if errors.Is(err, driver.ErrUnsupported) {
			return
		}
		p.ok(err, "Volumes")
		if v.Token == token {
			got = append(got, v.ID)
		}
	}
	p.check(slices.Equal(got, want), "%s: token %s has the volumes %v, want %v", when, token, got, want)
}

func (p *probe) listVolumes() []driver.Volume {
	var all []driver.Volume
	seen := map[driver.VolumeID]bool{}
	for v, err := range p.volumes().Volumes(p.ctx()) {
		p.ok(err, "Volumes")
		p.check(!seen[v.ID], "Volumes yielded volume %s twice", v.ID)
		seen[v.ID] = true
		all = append(all, v)
	}
	return all
}

// oneClone fails the check unless the token has this one volume; without a VolumeManager FindClone has to do.
func (p *probe) oneClone(req driver.CloneRequest, want driver.VolumeID, when string) {
	found, err := p.findClone(req)
	p.ok(err, when+": FindClone")
	p.check(found.ID == want, "%s: FindClone returned volume %s, want %s", when, found.ID, want)
	p.madeBy(req.Token, when, want)
}

// noClone fails the check unless the token has no volume.
func (p *probe) noClone(req driver.CloneRequest, when string) {
	_, err := p.findClone(req)
	p.want(err, when+": FindClone", driver.ErrNotFound, driver.ErrUnsupported)
	p.madeBy(req.Token, when)
}

// newVolume makes a volume by the driver.
func (p *probe) newVolume(req driver.CreateVolumeRequest) driver.Volume {
	m := p.volumes()
	p.Cleanup(p.sweep)
	var v driver.Volume
	p.act("CreateVolume", nil, func(ctx context.Context) (err error) {
		v, err = m.CreateVolume(ctx, req)
		return err
	})
	p.must(v.ID != "", "CreateVolume returned no id")
	return v
}

// grow makes the volume larger by the least step.
func (p *probe) grow(v driver.VolumeID) driver.Volume {
	m := p.volumes()
	to := p.info(v).Size + max(p.desc.Limits.VolumeGranularity, 1<<20)
	var grown driver.Volume
	p.act("ResizeVolume", []driver.VolumeID{v}, func(ctx context.Context) (err error) {
		grown, err = m.ResizeVolume(ctx, driver.ResizeVolumeRequest{Volume: v, Size: to})
		return err
	})
	p.check(grown.Size >= to, "ResizeVolume to %d bytes says %d", to, grown.Size)
	return grown
}

// openTo grants the first of the harness's initiators access, where the array controls it.
func (p *probe) openTo(v driver.VolumeID) driver.Path {
	if p.can.Access == nil || len(p.h.Initiators) == 0 {
		return driver.Path{}
	}
	var path driver.Path
	p.act("Grant", []driver.VolumeID{v}, func(ctx context.Context) (err error) {
		path, err = p.can.Access.Grant(ctx, driver.GrantRequest{Volume: v, Token: p.token(), Initiators: p.h.Initiators[:1]})
		return err
	})
	return path
}
