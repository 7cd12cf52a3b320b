package engine_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// groupRequests are about several volumes.
func (c *chance) groupRequests() map[string]func() engine.Request {
	return map[string]func() engine.Request{
		"create-group": func() engine.Request {
			req := engine.CreateGroupRequest{Volumes: []snapshot.VolumeID{c.volume()}, Name: c.name("group"), Quiesce: c.quiesce()}
			if other := c.volume(); other != req.Volumes[0] {
				req.Volumes = append(req.Volumes, other)
			}
			return req
		},
		"revert-group": func() engine.Request {
			req := engine.RevertGroupRequest{Group: c.group(), DropYounger: c.coin(), Partial: c.coin()}
			if c.coin() {
				req.KeepCurrent, req.KeepName = true, c.name("kept")
			}
			return req
		},
		"delete-group": func() engine.Request { return engine.DeleteGroupRequest{Group: c.group()} },
	}
}

// keepingRequests are about what the inventory knows.
func (c *chance) keepingRequests() map[string]func() engine.Request {
	return map[string]func() engine.Request{
		"hold": func() engine.Request {
			return engine.HoldRequest{Snapshot: c.snapshot(snapshot.VolumeID{}), Name: pick(c, []string{"one", "two"})}
		},
		"release": func() engine.Request {
			id := c.snapshot(snapshot.VolumeID{})
			_, _ = c.try(engine.HoldRequest{Snapshot: id, Name: "one"}) // it may have one
			return engine.ReleaseRequest{Snapshot: id, Name: pick(c, []string{"one", "one", "two"})}
		},
		"set-expiry": func() engine.Request {
			return engine.SetExpiryRequest{
				Snapshot: c.snapshot(snapshot.VolumeID{}), At: pick(c, []time.Time{{}, day(1), day(9), day(-1)}),
			}
		},
		"edit": func() engine.Request {
			name := c.name("edited")
			return engine.EditRequest{Snapshot: c.snapshot(snapshot.VolumeID{}), Name: &name}
		},
		"edit-volume": func() engine.Request {
			name := c.name("edited")
			return engine.EditVolumeRequest{Volume: c.volume(), Name: &name}
		},
	}
}

// auditRequests are what an audit asks for.
func (c *chance) auditRequests() map[string]func() engine.Request {
	return map[string]func() engine.Request{
		"adopt": func() engine.Request {
			v, ref := c.orphan()
			return engine.AdoptRequest{Volume: v, Snapshot: ref}
		},
		"drop": func() engine.Request {
			if c.coin() {
				v, ref := c.orphan()
				return engine.DropRequest{Volume: v, Orphan: ref}
			}
			s := c.lost()
			return engine.DropRequest{Volume: s.Volume, Snapshot: s.ID}
		},
		"repair": func() engine.Request {
			if c.IntN(3) == 0 {
				return c.regrown()
			}
			s := c.lost()
			return engine.RepairRequest{
				Finding: pick(c, []engine.FindingKind{engine.FindingMissing, engine.FindingMissing, engine.FindingReappeared}),
				Volume:  s.Volume, Snapshot: s.ID,
			}
		},
	}
}

// orphan takes away the record of a snapshot of ours, if there is one; the array keeps the snapshot.
func (c *chance) orphan() (snapshot.VolumeID, driver.SnapshotRef) {
	all := slices.DeleteFunc(c.snapshots(), func(s snapshot.Snapshot) bool { return s.Token == "" || s.State != snapshot.Ready })
	if len(all) == 0 {
		token, err := driver.NewToken("abcdefgh")
		require.NoError(c.w.t, err)
		return c.volume(), driver.SnapshotRef{Volume: "none", Token: token}
	}
	s := pick(c, all)
	v, err := c.w.inv.Volume(ctx(c.w.t), s.Volume)
	require.NoError(c.w.t, err)
	change := inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Drop: []snapshot.ID{s.ID},
		Volumes:  []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
		Reparent: []inventory.Reparent{{Volume: v.ID, From: s.ID, To: s.Parent}},
	}
	if v.Head == s.ID {
		change.Volumes[0].Volume.Head = s.Parent
	}
	require.NoError(c.w.t, c.w.inv.Commit(ctx(c.w.t), change))
	return v.ID, driver.SnapshotRef{Volume: driver.VolumeID(s.NativeVolume), ID: s.Native, Token: driver.Token(s.Token)}
}

// lost is a snapshot that, mostly, somebody removes at the array's console.
func (c *chance) lost() snapshot.Snapshot {
	all := c.snapshots()
	if len(all) == 0 {
		return snapshot.Snapshot{ID: snapshot.NewID[snapshot.ID](), Volume: snapshot.NewID[snapshot.VolumeID]()}
	}
	s := pick(c, all)
	if c.IntN(4) > 0 {
		_ = c.w.array.RemoveSnapshot(driver.SnapshotRef{Volume: driver.VolumeID(s.NativeVolume), ID: s.Native}) // or was before
	}
	return s
}

// regrown is the repair of a volume that, perhaps, somebody has made larger.
func (c *chance) regrown() engine.Request {
	v := c.volume()
	if vol, err := c.w.inv.Volume(ctx(c.w.t), v); err == nil && vol.Host == "" && vol.Native != "" && c.coin() {
		_ = c.w.array.Grow(vol.Native, vol.Size+10) // one that was removed cannot
	}
	return engine.RepairRequest{Finding: engine.FindingSizeChanged, Volume: v}
}

// group is any; if there is none, one is made, if that is allowed.
func (c *chance) group() snapshot.GroupID {
	for range 2 {
		var all []engine.Group
		for g, err := range c.w.eng.Groups(ctx(c.w.t), engine.GroupQuery{}) {
			require.NoError(c.w.t, err)
			all = append(all, g)
		}
		if len(all) > 0 {
			slices.SortFunc(all, func(a, b engine.Group) int { return cmp.Compare(a.Name, b.Name) })
			return pick(c, all).ID
		}
		_, _ = c.try(c.requests()["create-group"]())
	}
	return snapshot.NewID[snapshot.GroupID]()
}
