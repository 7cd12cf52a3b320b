package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// scene is one operation whose process dies at every point: what was before it, what it does, and what must hold of the
// contents afterwards, whichever way it ended.
type scene struct {
	name string
	settings
	// fragile: a reply that is lost makes it fail.
	fragile bool
	before  func(w *world, s *stage)
	act     func(w *world, s *stage) error
	after   func(w *world, s *stage, done bool)
}

// stage is what a scene remembers from before.
type stage struct {
	one, two snapshot.Snapshot
	native   driver.VolumeID
	lost     driver.SnapshotRef // at the array, without a record
	op       inventory.OperationID
	sibling  inventory.Volume
	foreign  driver.SnapshotRef
	group    snapshot.GroupID
	at       time.Time // an expiry
	wrote    byte      // what a guest wrote after the process had died; 0 if it could not
}

func (s *stage) common() engine.Common { return engine.Common{OperationID: s.op} }

func scenes() []scene {
	twoSnapshots := func(w *world, s *stage) {
		w.fill(1)
		s.one = w.create("one")
		w.fill(2)
		s.two = w.create("two")
		w.fill(3)
	}
	unchanged := func(w *world, s *stage) {
		want := byte(3)
		if s.wrote != 0 {
			want = s.wrote
		}
		require.Equal(w.t, want, w.content(w.now().Native), "the volume's content")
	}
	create := scene{
		name: "create", before: twoSnapshots,
		act: func(w *world, s *stage) error {
			_, err := w.eng.Create(w.context(), engine.CreateRequest{Common: s.common(), Volume: w.volume.ID, Name: "new"})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			unchanged(w, s)
			if !done {
				require.Equal(w.t, s.two.ID, w.now().Head)
				require.Equal(w.t, 2, w.tree().Len())
				return
			}
			head, ok := w.tree().Get(w.now().Head)
			require.True(w.t, ok)
			require.Equal(w.t, "new", head.Name)
			require.Equal(w.t, s.two.ID, head.Parent)
		},
	}
	remove := scene{
		name: "delete", before: twoSnapshots,
		act: func(w *world, s *stage) error {
			return w.eng.Delete(w.context(), engine.DeleteRequest{Common: s.common(), Snapshot: s.one.ID})
		},
		after: func(w *world, s *stage, done bool) {
			unchanged(w, s)
			two, ok := w.tree().Get(s.two.ID)
			require.True(w.t, ok)
			require.Equal(w.t, done, two.Parent.IsZero(), "children move up with the deletion, not without")
		},
	}
	all := append(revertScenes(twoSnapshots), factScenes(twoSnapshots, create, remove)...)
	all = append(append(append(all, groupScenes()...), auditScenes()...), keepingScenes(twoSnapshots)...)
	return append(all, create, remove, cloneScene(twoSnapshots, false), cloneScene(twoSnapshots, true),
		importScene(), forgetScene(twoSnapshots), deleteVolumeScene(engine.SnapshotsDelete, false),
		deleteVolumeScene(engine.SnapshotsDelete, true), deleteVolumeScene(engine.SnapshotsKeep, false))
}

func revertScenes(before func(*world, *stage)) []scene {
	base := scene{
		before: before,
		act: func(w *world, s *stage) error {
			_, err := w.eng.Revert(w.context(), engine.RevertRequest{Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			want, head := byte(3), s.two.ID
			if done {
				want, head = 1, s.one.ID
			}
			if s.wrote != 0 {
				want = s.wrote // what a guest could write must not be lost
			}
			require.Equal(w.t, want, w.content(w.now().Native), "the volume's content")
			require.Equal(w.t, head, w.now().Head)
			if w.host != nil {
				require.Positive(w.t, w.host.Attached(w.now().Disk), "the host has the volume again")
				seen, err := w.host.Content(w.now().Disk)
				require.NoError(w.t, err)
				require.Equal(w.t, want, seen[0], "the host sees the content that is there")
			}
		},
	}
	keep := base
	keep.act = func(w *world, s *stage) error {
		_, err := w.eng.Revert(w.context(), engine.RevertRequest{
			Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID, KeepCurrent: true, KeepName: "kept",
		})
		return err
	}
	keep.after = func(w *world, s *stage, done bool) {
		base.after(w, s, done)
		require.Equal(w.t, map[bool]int{false: 2, true: 3}[done], w.tree().Len())
	}
	drop := base
	drop.act = func(w *world, s *stage) error {
		_, err := w.eng.Revert(w.context(), engine.RevertRequest{
			Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID, DropYounger: true,
		})
		return err
	}
	drop.after = func(w *world, s *stage, done bool) {
		base.after(w, s, done)
		require.Equal(w.t, map[bool]int{false: 2, true: 1}[done], w.tree().Len())
	}
	var all []scene
	for _, v := range []struct {
		name string
		s    settings
		of   scene
	}{
		{"revert, access", settings{}, base},
		{"revert, access and host", settings{host: true}, base},
		{"revert, host", settings{host: true, without: []string{"Access"}}, base},
		{"revert, fenced by the array", settings{without: []string{"Access"}, facts: driver.Facts{RevertFenced: true}}, base},
		{"revert, keep current", settings{host: true}, keep},
		{"revert, changed id", settings{facts: driver.Facts{RevertChangesID: true}}, base},
		{"revert, drops younger", settings{facts: driver.Facts{RevertDropsYounger: true}}, drop},
		{"revert, changed id and host", settings{host: true, facts: driver.Facts{RevertChangesID: true}}, base},
	} {
		v.of.name, v.of.settings = v.name, v.s
		all = append(all, v.of)
	}
	return all
}

func cloneScene(before func(*world, *stage), host bool) scene {
	req := engine.CloneRequest{Name: "copy", ExternalID: "copy"}
	if host {
		req.Host = "pool"
	}
	return scene{
		name: fmt.Sprintf("clone, host %v", host), before: before, settings: settings{host: host},
		act: func(w *world, s *stage) error {
			req := req
			req.Common, req.Snapshot = s.common(), s.one.ID
			_, err := w.eng.Clone(w.context(), req)
			return err
		},
		after: func(w *world, _ *stage, done bool) {
			var clones []inventory.Volume
			for v, err := range w.inv.Volumes(ctx(w.t), inventory.VolumeQuery{ExternalID: "copy"}) {
				require.NoError(w.t, err)
				clones = append(clones, v)
			}
			if !done {
				require.Empty(w.t, clones)
				require.Len(w.t, w.array.Volumes(), 1, "no half clone")
				return
			}
			require.Len(w.t, clones, 1)
			require.Len(w.t, w.array.Volumes(), 2)
			require.Equal(w.t, byte(1), w.content(clones[0].Native))
			if w.host != nil {
				require.Positive(w.t, w.host.Attached(clones[0].Disk))
			}
		},
	}
}

func importScene() scene {
	return scene{
		name: "import",
		before: func(w *world, s *stage) {
			s.native = w.array.AddVolume(size)
			for range 3 {
				w.array.AddForeignSnapshot(s.native, "foreign")
			}
		},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Import(w.context(), engine.ImportRequest{
				Common: s.common(), Backend: "array", Native: s.native, ExternalID: "imported",
			})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			n := 0
			for v, err := range w.inv.Volumes(ctx(w.t), inventory.VolumeQuery{ExternalID: "imported"}) {
				require.NoError(w.t, err)
				n++
				tree, err := w.eng.Tree(ctx(w.t), v.ID)
				require.NoError(w.t, err)
				require.Equal(w.t, 3, tree.Len())
				head, ok := tree.Get(v.Head)
				require.True(w.t, ok)
				depth, _ := tree.Depth(head.ID)
				require.Equal(w.t, 2, depth, "a chain by time, with the youngest as its head")
			}
			require.Equal(w.t, map[bool]int{false: 0, true: 1}[done], n)
			if !done { // what was not imported is not ours to compare
				_, err := w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: s.native})
				require.NoError(w.t, err, "it can be imported afterwards")
			}
		},
	}
}

func forgetScene(before func(*world, *stage)) scene {
	return scene{
		name: "forget", before: before,
		act: func(w *world, s *stage) error {
			return w.eng.Forget(w.context(), engine.ForgetRequest{Common: s.common(), Volume: w.volume.ID})
		},
		after: func(w *world, _ *stage, done bool) {
			require.Len(w.t, w.array.AllSnapshots(), 2, "the array keeps everything")
			_, err := w.inv.Volume(ctx(w.t), w.volume.ID)
			if !done {
				require.NoError(w.t, err)
				return
			}
			require.ErrorIs(w.t, err, inventory.ErrNotFound)
			_, err = w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: w.volume.Native})
			require.NoError(w.t, err, "it can be imported again")
		},
	}
}

func deleteVolumeScene(policy engine.SnapshotsPolicy, dies bool) scene {
	return scene{
		name:     fmt.Sprintf("delete volume, snapshots %s, die %v", policy, dies),
		settings: settings{host: true, facts: driver.Facts{SnapshotsDieWithVolume: dies}},
		before: func(w *world, s *stage) {
			w.fill(1)
			s.one = w.create("one")
			s.two = w.create("two")
		},
		act: func(w *world, s *stage) error {
			return w.eng.DeleteVolume(w.context(), engine.DeleteVolumeRequest{Common: s.common(), Volume: w.volume.ID, Snapshots: policy})
		},
		after: func(w *world, _ *stage, done bool) {
			vol, err := w.inv.Volume(ctx(w.t), w.volume.ID)
			switch {
			case !done:
				require.NoError(w.t, err)
				require.Positive(w.t, w.host.Attached(vol.Disk), "given back")
				require.Len(w.t, w.array.AllSnapshots(), 2)
			case policy == engine.SnapshotsKeep:
				require.NoError(w.t, err)
				require.False(w.t, vol.DeletedAt.IsZero())
				require.Len(w.t, w.array.AllSnapshots(), 2)
			default:
				require.ErrorIs(w.t, err, inventory.ErrNotFound)
				require.Empty(w.t, w.array.AllSnapshots())
				require.Empty(w.t, w.array.Volumes())
			}
		},
	}
}

// performance is one cell of the matrix: the scene, played with a process that dies at each of the given points, one
// after the other: the first in the operation, the next in the recovery from it, and so on.
type performance struct {
	scene  scene
	lost   string // the call whose first reply is lost, besides; empty for none
	deaths []int
	died   bool   // whether the last of them came so far
	where  string // where the processes died

	journal string // the operation as an operator would see it
}

func (p *performance) play(t testing.TB) {
	t.Helper()
	w := newWorld(t, p.scene.settings)
	st := stage{op: snapshot.NewID[inventory.OperationID]()}
	if p.scene.before != nil {
		p.scene.before(w, &st)
	}
	w.close()
	acted := false
	for i := 0; i <= len(p.deaths); i++ {
		at := 0
		if i < len(p.deaths) {
			at = p.deaths[i]
		}
		w.killer = newKiller(at)
		w.open()
		if !acted {
			acted = true
			w.loseReply(p.lost)
			_ = p.scene.act(w, &st)
		}
		idle(w)
		if i == len(p.deaths) {
			break
		}
		if p.died = w.killer.isDead(); !p.died {
			break // it never came so far: this cell has been played with fewer deaths
		}
		p.where += " → " + w.killer.where
		guest(w, &st)
		w.die()
	}
	p.judge(w, &st)
}

// guest writes through the host while no process takes care: if it could, that must not be lost.
func guest(w *world, st *stage) {
	if w.host == nil {
		return
	}
	vol, err := w.inv.Volume(ctx(w.t), w.volume.ID)
	if err != nil || vol.Disk == "" {
		return
	}
	if w.host.WriteAt(vol.Disk, bytes.Repeat([]byte{9}, size), 0) == nil {
		st.wrote = 9
	}
}

func idle(w *world) {
	c, cancel := context.WithCancel(ctx(w.t))
	defer cancel()
	died := w.killer.died
	go func() {
		select {
		case <-died:
			cancel()
		case <-c.Done():
		}
	}()
	_ = w.eng.Idle(c)
}

// judge: one of the two ends, nothing between them, nothing left behind.
func (p *performance) judge(w *world, st *stage) {
	w.killer.spare()
	for op, err := range w.inv.Operations(ctx(w.t), inventory.OperationQuery{Open: true}) {
		require.NoError(w.t, err)
		require.Fail(w.t, "an operation is open", "%s is %s: %s", op.Kind, op.State, op.Error)
	}
	op, err := w.inv.Operation(ctx(w.t), st.op)
	if err != nil { // it died before the intent
		require.ErrorIs(w.t, err, inventory.ErrNotFound)
	}
	if x, err := w.eng.ExplainOperation(ctx(w.t), st.op); err == nil {
		p.journal = x.String()
	}
	p.scene.after(w, st, op.State == inventory.Succeeded)
	if p.scene.name != "import" && p.scene.name != "forget" {
		w.consistent()
	}
}

// TestCrashMatrix is the specification of recovery. Every operation's process dies at every point; the process that
// recovers dies again at every point of the recovery; a third one finds the journal and must bring everything to one of
// the two ends.
func TestCrashMatrix(t *testing.T) {
	var total atomic.Int64
	t.Cleanup(func() { t.Logf("%d cells, no violation unless said above", total.Load()) })
	for name, store := range stores() {
		for _, sc := range scenes() {
			t.Run(name+"/"+sc.name, func(t *testing.T) {
				t.Parallel()
				sc.inv = store
				cells := matrix(t, sc, !testing.Short() && (name == "memory" || !underRace))
				total.Add(int64(cells))
				t.Logf("%d cells", cells)
				require.GreaterOrEqual(t, cells, 2)
			})
		}
	}
}

// TestCrashAfterALostReply: the same, with one reply lost before the process dies.
func TestCrashAfterALostReply(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 3
	}
	for _, sc := range scenes() {
		for _, call := range sc.mutations(t) {
			t.Run(sc.name+"/"+call, func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n += stride {
					p := &performance{scene: sc, lost: call, deaths: []int{n}}
					p.play(t)
					if !p.died {
						return
					}
				}
			})
		}
	}
}

// mutations are those of the scene's calls whose lost reply leaves something unknown.
func (sc scene) mutations(t *testing.T) []string {
	t.Helper()
	all := []string{
		"CreateSnapshot", "DeleteSnapshot", "Revert", "Clone", "DeleteVolume", "Detach", "Revoke", "Introduce",
		"CreateGroup", "DeleteGroup", "Quiesce", "Thaw", "Split", "SetExpiry",
	}
	made := sc.calls(t)
	return slices.DeleteFunc(all, func(call string) bool { return !slices.Contains(made, call) })
}

// calls are the calls of the array and host that the scene makes when nothing goes wrong, each once, and sorted.
func (sc scene) calls(t *testing.T) []string {
	t.Helper()
	w := newWorld(t, sc.settings)
	defer w.close()
	var st stage
	if sc.before != nil {
		sc.before(w, &st)
	}
	var made []string
	w.onCall(func(method string) { made = append(made, method) })
	if err := sc.act(w, &st); err != nil {
		require.NoError(t, w.eng.Idle(ctx(t)))
	}
	slices.Sort(made)
	return slices.Compact(made)
}

// loseReply loses the first reply to the call.
func (w *world) loseReply(call string) {
	if call != "" {
		w.faults.Add(drivertest.Fault{
			Method: call, Call: 1, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "the reply was lost"),
		})
	}
}

// matrix plays all cells of a scene and returns how many there were.
func matrix(t *testing.T, sc scene, twice bool) (cells int) {
	t.Helper()
	for n := 1; ; n++ {
		first := play(t, sc, n)
		if !first.died {
			return cells
		}
		cells++
		for m := 1; twice; m++ {
			if second := play(t, sc, n, m); !second.died {
				break
			}
			cells++
		}
	}
}

func play(t *testing.T, sc scene, deaths ...int) *performance {
	t.Helper()
	p := &performance{scene: sc, deaths: deaths}
	ok := t.Run(fmt.Sprint(deaths), func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("died%s\n%s", p.where, p.journal)
			}
		}()
		p.play(t)
	})
	if !ok {
		t.FailNow()
	}
	return p
}
