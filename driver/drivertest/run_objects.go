package drivertest

import (
	"context"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
)

// size is that of the volumes that the suite asks for.
func (p *probe) size() int64 {
	if p.h.Size != 0 {
		return p.h.Size
	}
	least, grain := max(p.desc.Limits.MinVolumeSize, 1<<20), max(p.desc.Limits.VolumeGranularity, 2*ioBlock)
	return (least + grain - 1) / grain * grain
}

// volume returns a fresh volume, whose snapshots and clones go when the check is over.
func (p *probe) volume() driver.VolumeID {
	v := p.h.NewVolume(p, p.size())
	p.Cleanup(p.sweep)
	return v
}

// ghost is an id that no volume has.
func (p *probe) ghost() driver.VolumeID {
	if p.h.Absent != nil {
		return p.h.Absent(p)
	}
	return p.volume() + "999999"
}

// info reads the volume.
func (p *probe) info(v driver.VolumeID) driver.Volume {
	vol, err := p.d.Volume(p.ctx(), v)
	p.ok(err, fmt.Sprintf("Volume(%s)", v))
	return vol
}

// create makes a snapshot under a fresh token.
func (p *probe) create(v driver.VolumeID) driver.Snapshot {
	return p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: "suite"})
}

func (p *probe) createAs(req driver.CreateSnapshotRequest) driver.Snapshot {
	s, err := p.d.CreateSnapshot(p.ctx(), req)
	p.ok(err, "CreateSnapshot")
	return s
}

// states takes n snapshots of the volume, of states 1 to n of its content, and leaves it in state n+1.
func (p *probe) states(v driver.VolumeID, n int) []driver.Snapshot {
	var snaps []driver.Snapshot
	for i := range uint64(n) {
		p.fill(v, i+1)
		snaps = append(snaps, p.create(v))
	}
	p.fill(v, uint64(n)+1)
	return snaps
}

// list returns the suite's snapshots of the volume, or of the whole backend for "". It fails the check if one comes twice.
func (p *probe) list(v driver.VolumeID) []driver.Snapshot {
	var mine []driver.Snapshot
	for _, s := range p.listAll(v) {
		if s.Ref.Token.Of(p.h.Installation) && (v == "" || s.Ref.Volume == v || p.facts.SnapshotUnit == driver.UnitVolume) {
			mine = append(mine, s)
		}
	}
	return mine
}

// listAll returns every snapshot that is listed, foreign ones too.
func (p *probe) listAll(v driver.VolumeID) []driver.Snapshot {
	type key struct {
		volume driver.VolumeID
		id     string
	}
	seen := map[key]bool{}
	var all []driver.Snapshot
	for s, err := range p.d.Snapshots(p.ctx(), driver.ListRequest{Volume: v}) {
		p.ok(err, "Snapshots")
		k := key{s.Ref.Volume, s.Ref.ID}
		p.check(!seen[k], "Snapshots yielded snapshot %s of volume %s twice", s.Ref.ID, s.Ref.Volume)
		seen[k] = true
		all = append(all, s)
	}
	return all
}

// count returns how many of the listed snapshots have the reference's volume and token.
func count(list []driver.Snapshot, ref driver.SnapshotRef) int {
	n := 0
	for _, s := range list {
		if s.Ref.Volume == ref.Volume && s.Ref.Token == ref.Token {
			n++
		}
	}
	return n
}

// lists fails the check unless exactly these of the suite's snapshots of the volume are listed.
func (p *probe) lists(v driver.VolumeID, when string, want ...driver.Snapshot) {
	got := p.list(v)
	for _, w := range want {
		p.check(count(got, w.Ref) == 1, "%s: snapshot %s is listed %d times, not once", when, w.Ref.ID, count(got, w.Ref))
	}
	if len(got) > len(want) {
		p.Errorf("%s: %d snapshots are listed, want %d: %v", when, len(got), len(want), refs(got))
	}
}

func refs(list []driver.Snapshot) []driver.SnapshotRef {
	out := make([]driver.SnapshotRef, len(list))
	for i, s := range list {
		out[i] = s.Ref
	}
	return out
}

func (p *probe) lookup(ref driver.SnapshotRef) (driver.Snapshot, error) {
	return p.d.Lookup(p.ctx(), driver.LookupRequest{Snapshot: ref})
}

// there fails the check unless the snapshot can be looked up.
func (p *probe) there(s driver.Snapshot, when string) {
	if _, err := p.lookup(s.Ref); err != nil {
		p.Errorf("%s: Lookup of snapshot %s: %v", when, s.Ref.ID, err)
	}
}

// gone ends the check unless the snapshot is conclusively absent.
func (p *probe) gone(ref driver.SnapshotRef, when string) {
	_, err := p.lookup(ref)
	p.want(err, when+": Lookup of snapshot "+ref.ID, driver.ErrNotFound)
}

func (p *probe) delete(ref driver.SnapshotRef) driver.DeleteResult {
	res, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: ref})
	p.ok(err, "DeleteSnapshot")
	return res
}

// others lists what a revert to s may drop by the widest reading: every snapshot of the volume, under each id that it has
// had, and of its siblings, but s.
func (p *probe) others(v driver.VolumeID, s driver.Snapshot) []driver.SnapshotRef {
	if !p.facts.RevertDropsYounger {
		return nil
	}
	of := map[driver.VolumeID]bool{p.made.origin(v): true}
	if p.facts.RevertUnit == driver.UnitContainer {
		for _, sibling := range p.info(v).Siblings {
			of[p.made.origin(sibling)] = true
		}
	}
	var out []driver.SnapshotRef
	for _, r := range refs(p.listAll("")) {
		if of[p.made.origin(r.Volume)] && r != s.Ref {
			out = append(out, r)
		}
	}
	return out
}

// revertRequest asks to roll the volume back, agreeing to whatever the facts make necessary.
func (p *probe) revertRequest(v driver.VolumeID, s driver.Snapshot) driver.RevertRequest {
	token := p.token()
	return driver.RevertRequest{Volume: v, Snapshot: s.Ref, Token: token, MayDrop: p.others(v, s), Notes: p.notes(token)}
}

// unplanned asks to roll the volume back to what was not planned for: nothing may be dropped.
func (p *probe) unplanned(v driver.VolumeID, ref driver.SnapshotRef) driver.RevertRequest {
	token := p.token()
	return driver.RevertRequest{Volume: v, Snapshot: ref, Token: token, Notes: p.notes(token)}
}

// revert rolls the volume back and returns what it is now.
func (p *probe) revert(v driver.VolumeID, s driver.Snapshot) driver.RevertResult {
	return p.revertAs(p.revertRequest(v, s))
}

// revertAs reverts as the engine does: where the array wants it, nobody has access meanwhile.
func (p *probe) revertAs(req driver.RevertRequest) driver.RevertResult {
	var res driver.RevertResult
	p.act("Revert", []driver.VolumeID{req.Volume}, func(ctx context.Context) error {
		back := p.seal(req.Volume)
		r, err := p.d.Revert(ctx, req)
		if err != nil {
			back(req.Volume)
			return err
		}
		back(r.Volume)
		res = r
		return nil
	})
	p.must(res.Volume != "", "Revert returned no volume id")
	return res
}

// tryRevert reverts and returns the error; the volume keeps its id.
func (p *probe) tryRevert(req driver.RevertRequest) error {
	back := p.seal(req.Volume)
	_, err := p.d.Revert(p.ctx(), req)
	p.must(err != nil || !p.facts.RevertChangesID, "Revert succeeded although it should have been refused")
	back(req.Volume)
	return err
}

func (p *probe) revokeRequest(v driver.VolumeID) driver.RevokeRequest {
	token := p.token()
	return driver.RevokeRequest{Volume: v, Token: token, Notes: p.notes(token)}
}

// seal takes all access away where a revert needs that, and returns what brings it back.
func (p *probe) seal(v driver.VolumeID) (back func(now driver.VolumeID)) {
	if !p.facts.RevertNeedsDetach || p.can.Access == nil {
		return func(driver.VolumeID) {}
	}
	record, err := p.d.Abilities().Access.Revoke(p.ctx(), p.revokeRequest(v))
	p.ok(err, "Revoke before Revert")
	return func(now driver.VolumeID) {
		_, err := p.d.Abilities().Access.Grant(p.ctx(), driver.GrantRequest{Volume: now, Token: p.token(), Record: record})
		p.ok(err, "Grant after Revert")
	}
}
