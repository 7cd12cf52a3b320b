package engine_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// transcript is the calls that reached array and host, in order.
type transcript struct {
	mu    sync.Mutex
	calls []sent
}

type sent struct {
	method  string
	mutates bool
}

func (tr *transcript) record(call *driver.Call) {
	if call.Method == "Describe" || call.Method == "Close" { // no part of an operation
		return
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.calls = append(tr.calls, sent{call.Method, call.Mutation})
}

// take returns what was recorded since the last time.
func (tr *transcript) take() []sent {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	calls := tr.calls
	tr.calls = nil
	return calls
}

func mutating(calls []sent) []sent {
	return slices.DeleteFunc(slices.Clone(calls), func(c sent) bool { return !c.mutates })
}

// sendsOf is the transcript that a plan promises.
func sendsOf(t *testing.T, calls []engine.PlannedCall) (all []sent) {
	t.Helper()
	for _, c := range calls {
		if c.Target == engine.TargetInventory {
			continue
		}
		require.False(t, c.AtLeast, "all calls of array and host are counted")
		require.Equal(t, map[string]string{engine.TargetArray: "array", engine.TargetHost: "pool"}[c.Target], c.Name)
		for range c.Count {
			all = append(all, sent{c.Method, c.Mutates})
		}
	}
	return all
}

func stepSends(t *testing.T, p engine.Plan) (all []sent) {
	t.Helper()
	for _, s := range p.Steps {
		all = append(all, sendsOf(t, s.Calls)...)
	}
	return all
}

// chance makes a world, and whatever happens in it, from one seed.
type chance struct {
	*rand.Rand

	w    *world
	made int
}

func (c *chance) coin() bool { return c.IntN(2) == 0 }

func (c *chance) name(what string) string {
	c.made++
	return fmt.Sprintf("%s %d", what, c.made)
}

func pick[T any](c *chance, all []T) T { return all[c.IntN(len(all))] }

// randomSettings shape an array that behaves in any of the ways that the facts know, and perhaps a host.
func randomSettings(c *chance) settings {
	rare := func() bool { return c.IntN(4) == 0 }
	s := settings{host: c.coin()}
	s.facts = driver.Facts{
		RevertFenced: rare(), RevertDropsYounger: rare(), RevertChangesID: rare(), RevertNeedsDetach: rare(),
		SnapshotsDependent: rare(), SnapshotsDieWithVolume: rare(), DeleteToTrash: rare(), TokenInName: rare(),
		CloneDependence: driver.CloneDependence(c.IntN(3)), GroupNonAtomic: rare(),
	}
	if rare() {
		s.facts.RevertUnit, s.facts.SnapshotUnit = driver.Unit(c.IntN(2)), driver.UnitContainer
		s.container = "box"
	}
	if c.coin() {
		s.limits.SnapshotsPerVolume = 2 + c.IntN(4)
	}
	if rare() {
		s.limits.MaxVolumeSize = size + 10
	}
	for _, ability := range []string{"Access", "Cloner", "Volumes", "Groups", "Splitter"} {
		if ability == "Access" && s.facts.RevertChangesID {
			continue // without a path to its new id no host finds the volume again, and the revert waits
		}
		if rare() {
			s.without = append(s.without, ability)
		}
	}
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	s.now = func() time.Time { // snapshots of one instant would have no order
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(time.Second)
		return clock
	}
	return s
}

func (c *chance) volumes() []inventory.Volume {
	var all []inventory.Volume
	for v, err := range c.w.inv.Volumes(ctx(c.w.t), inventory.VolumeQuery{}) {
		require.NoError(c.w.t, err)
		all = append(all, v)
	}
	// The ids differ in each run; one seed must make one world.
	slices.SortFunc(all, func(a, b inventory.Volume) int {
		return cmp.Or(cmp.Compare(a.Native, b.Native), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func (c *chance) snapshots() []snapshot.Snapshot {
	var all []snapshot.Snapshot
	for s, err := range c.w.inv.Snapshots(ctx(c.w.t), inventory.SnapshotQuery{}) {
		require.NoError(c.w.t, err)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b snapshot.Snapshot) int {
		return cmp.Or(cmp.Compare(a.Native, b.Native), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func (c *chance) volume() snapshot.VolumeID {
	all := c.volumes()
	if len(all) == 0 || c.IntN(50) == 0 {
		return snapshot.NewID[snapshot.VolumeID]()
	}
	return pick(c, all).ID
}

// snapshot is any, or one of the volume.
func (c *chance) snapshot(of snapshot.VolumeID) snapshot.ID {
	all := c.snapshots()
	if !of.IsZero() && c.IntN(20) > 0 {
		all = slices.DeleteFunc(all, func(s snapshot.Snapshot) bool { return s.Volume != of })
	}
	if len(all) == 0 || c.IntN(50) == 0 {
		return snapshot.NewID[snapshot.ID]()
	}
	return pick(c, all).ID
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

func (c *chance) quiesce() *engine.Quiesce {
	if c.IntN(3) > 0 {
		return nil
	}
	return &engine.Quiesce{Required: c.coin()}
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

// clone is any volume that was cloned; if there is none, one is made, if that is allowed.
func (c *chance) clone() snapshot.VolumeID {
	for range 2 {
		all := slices.DeleteFunc(c.volumes(), func(v inventory.Volume) bool { return v.Origin.IsZero() })
		if len(all) > 0 {
			return pick(c, all).ID
		}
		_, _ = c.try(c.requests()["clone"]())
	}
	return c.volume()
}

// siblings are the other volumes of the volume's container.
func (c *chance) siblings(of snapshot.VolumeID) (all []snapshot.VolumeID) {
	v, err := c.w.inv.Volume(ctx(c.w.t), of)
	if err != nil || v.Container == "" {
		return nil
	}
	for _, o := range c.volumes() {
		if o.ID != of && o.Container == v.Container && o.DeletedAt.IsZero() {
			all = append(all, o.ID)
		}
	}
	return all
}

func (c *chance) host() string {
	if c.w.host == nil || c.coin() {
		return ""
	}
	return "pool"
}

// requests makes a random request of each kind. A kind that is missing here fails the test.
func (c *chance) requests() map[string]func() engine.Request {
	all := map[string]func() engine.Request{
		"create": func() engine.Request {
			return engine.CreateRequest{Volume: c.volume(), Name: c.name("snapshot"), Quiesce: c.quiesce()}
		},
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
		"split":        func() engine.Request { return engine.SplitRequest{Volume: c.clone()} },
		"delete":       func() engine.Request { return engine.DeleteRequest{Snapshot: c.snapshot(snapshot.VolumeID{})} },
		"revert": func() engine.Request {
			v := c.volume()
			req := engine.RevertRequest{Volume: v, Snapshot: c.snapshot(v), DropYounger: c.coin()}
			if c.coin() {
				req.KeepCurrent, req.KeepName = true, c.name("kept")
			}
			if c.IntN(4) > 0 {
				req.Siblings = c.siblings(v)
			}
			if c.coin() {
				req.AssertDetached = &engine.Assertion{By: "somebody", Reason: "it is a test"}
			}
			return req
		},
		"clone": func() engine.Request {
			return engine.CloneRequest{
				Snapshot: c.snapshot(snapshot.VolumeID{}), Name: c.name("clone"), Host: c.host(), Split: c.coin(),
				Size: pick(c, []int64{0, 0, size, size + 20}),
			}
		},
		"import": c.importRequest,
		"forget": func() engine.Request { return engine.ForgetRequest{Volume: c.volume()} },
		"delete-volume": func() engine.Request {
			return engine.DeleteVolumeRequest{Volume: c.volume(), Snapshots: pick(c, []engine.SnapshotsPolicy{
				engine.SnapshotsRefuse, engine.SnapshotsKeep, engine.SnapshotsDelete, engine.SnapshotsDelete,
			})}
		},
	}
	maps.Copy(all, c.bookRequests())
	return all
}

// bookRequests are about what is written of volumes and snapshots.
func (c *chance) bookRequests() map[string]func() engine.Request {
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

func (c *chance) importRequest() engine.Request {
	req := engine.ImportRequest{Backend: "array", WithoutSnapshots: c.coin(), Name: c.name("disk"), Native: "none"}
	if c.coin() && len(c.w.array.Volumes()) > 0 {
		req.Native = pick(c, c.w.array.Volumes())
		return req
	}
	if c.IntN(10) > 0 {
		req.Native = c.w.array.AddVolumeIn(pick(c, []driver.ContainerID{"", "box"}), size)
		for range c.IntN(3) {
			c.w.array.AddForeignSnapshot(req.Native, "foreign")
		}
	}
	if req.Host = c.host(); req.Host != "" && req.Native != "none" {
		_, err := c.w.host.AddDisk(req.Native)
		require.NoError(c.w.t, err)
	}
	return req
}

// revertOfAll is a revert in a container that is under management as a whole.
func (c *chance) revertOfAll() engine.Request {
	for _, native := range c.w.array.Volumes() {
		_, _ = c.try(engine.ImportRequest{Backend: "array", Native: native}) // most are there already
	}
	req, _ := c.requests()["revert"]().(engine.RevertRequest)
	req.Siblings, req.DropYounger = c.siblings(req.Volume), true
	return req
}

func (c *chance) request() engine.Request {
	makers := c.requests()
	kinds := append(c.w.eng.Kinds(), "create", "create", "create", "revert", "revert")
	kind := pick(c, kinds)
	require.Contains(c.w.t, makers, kind, "the test makes no requests of this kind")
	return makers[kind]()
}

// happen does something that may matter: a request, or what only metadata or the host knows of.
func (c *chance) happen() {
	switch c.IntN(9) {
	case 0:
		c.hold(c.snapshot(snapshot.VolumeID{}))
	case 1:
		if all := c.volumes(); c.w.host != nil && len(all) > 0 {
			if v := pick(c, all); v.Disk != "" {
				_, err := c.w.host.Hold(v.Disk, c.name("vm"), c.IntN(3) == 0)
				require.NoError(c.w.t, err)
			}
		}
	case 2:
		if all := c.w.array.Volumes(); len(all) > 0 && c.coin() {
			c.w.array.AddForeignSnapshot(pick(c, all), "foreign")
		}
	case 3:
		if all := c.w.array.Volumes(); len(all) > 0 && c.coin() {
			id := pick(c, all)
			if !slices.ContainsFunc(c.volumes(), func(v inventory.Volume) bool { return v.Native == id && v.Host != "" }) {
				_ = c.w.array.Grow(id, size+10) // it may be larger already
			}
		}
	default:
		_, _ = c.try(c.request()) // how it ends does not matter
	}
}

// hold forbids the deletion of a snapshot, as a person does.
func (c *chance) hold(id snapshot.ID) {
	s, err := c.w.inv.Snapshot(ctx(c.w.t), id)
	if err != nil {
		return
	}
	s.Holds = append(slices.Clone(s.Holds), snapshot.Hold{Name: c.name("hold"), Since: time.Now().UTC().Truncate(time.Microsecond)})
	require.NoError(c.w.t, c.w.inv.Commit(ctx(c.w.t), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Put: []snapshot.Snapshot{s},
	}))
}

// try runs the request to its end, whatever that is.
func (c *chance) try(req engine.Request) (inventory.Operation, error) {
	op, err := c.w.eng.Submit(ctx(c.w.t), req)
	if err != nil {
		return op, err
	}
	return c.w.eng.Wait(ctx(c.w.t), op.ID)
}
