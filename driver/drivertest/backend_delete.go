package drivertest

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// DeleteSnapshot implements [driver.Driver].
func (d *backendDriver) DeleteSnapshot(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	via := route{method: "DeleteSnapshot", volume: req.Snapshot.Volume}
	return trip(ctx, d, via, func() (driver.DeleteResult, error) {
		s, err := d.b.find(req.Snapshot)
		if driver.ClassOf(err) == driver.ErrNotFound {
			return driver.DeleteResult{Absent: true}, nil
		}
		if err != nil {
			return driver.DeleteResult{}, err
		}
		if err := d.b.deletable(s); err != nil {
			return driver.DeleteResult{}, err
		}
		return d.b.delete(s), nil
	})
}

// deletable says what forbids that the snapshot goes by itself.
func (b *Backend) deletable(s *snap) error {
	if b.facts.GroupMemberDelete == driver.MemberDeleteRefused && s.Group != "" {
		return driver.Errorf(driver.ErrUnsupported,
			"snapshot %s is a member of group %s, which goes as a whole", s.Ref.ID, s.Group)
	}
	return b.removable(s)
}

// removable says what depends on the snapshot.
func (b *Backend) removable(s *snap) error {
	blockers := b.clonesOf(s)
	if b.facts.SnapshotsDependent {
		blockers = append(blockers, snapBlockers(b.younger(s))...)
	}
	if len(blockers) > 0 {
		return driver.Blocked(driver.ErrInUse, blockers, "snapshot %s has dependants", s.Ref.ID)
	}
	return nil
}

// clonesOf names the clones, finished or not, that need the snapshot.
func (b *Backend) clonesOf(s *snap) []driver.Blocker {
	var out []driver.Blocker
	for _, v := range b.volumes {
		if v.needs == s {
			out = append(out, driver.Blocker{Kind: "clone", ID: string(v.id), Name: v.name, Since: v.created})
		}
	}
	for _, j := range b.jobs {
		if j.from == s {
			out = append(out, driver.Blocker{Kind: "clone", ID: string(j.vol.id), Name: j.vol.name, Since: j.vol.created})
		}
	}
	return out
}

// younger returns the snapshots of everything that s covers which the array made after it, trash left out.
func (b *Backend) younger(s *snap) []*snap {
	var out []*snap
	for _, v := range b.scope(s.vol, b.covers()) {
		for _, o := range v.snaps {
			if o.CreatedAt.After(s.CreatedAt) && o.trashed.IsZero() {
				out = append(out, o)
			}
		}
	}
	return out
}

func snapBlockers(snaps []*snap) []driver.Blocker {
	out := make([]driver.Blocker, len(snaps))
	for i, s := range snaps {
		out[i] = driver.Blocker{Kind: "snapshot", ID: s.Ref.ID, Name: s.Name, Since: s.CreatedAt}
	}
	return out
}

// delete removes a snapshot that nothing depends on, to the trash if there is one.
func (b *Backend) delete(s *snap) driver.DeleteResult {
	b.effects++
	b.leaveGroup(s)
	if !b.facts.DeleteToTrash {
		b.purge(s)
		return driver.DeleteResult{}
	}
	s.trashed = b.tick().Add(b.opts.TrashTime)
	b.timed[s] = true
	return driver.DeleteResult{RecoverableUntil: s.trashed}
}

// purge removes a snapshot for good.
func (b *Backend) purge(s *snap) {
	same := func(o *snap) bool { return o == s }
	delete(b.snaps, s.Ref.ID)
	delete(b.timed, s)
	b.order = slices.DeleteFunc(b.order, same)
	s.vol.snaps = slices.DeleteFunc(s.vol.snaps, same)
}
