package engine_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// factScenes are the scenes of the crash matrix for what arrays do that the comfortable one does not.
func factScenes(before func(*world, *stage), create, remove scene) []scene {
	container := driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}
	named := func(s scene, name string, in settings) scene {
		s.name, s.settings = name, in
		return s
	}
	all := []scene{
		named(create, "create, token in the name", settings{
			facts: driver.Facts{TokenInName: true}, limits: driver.Limits{NameLength: driver.TokenLength + 5},
		}),
		named(create, "create, settle", settings{facts: driver.Facts{Settle: time.Millisecond}}),
		named(create, "create in a container", settings{facts: container, container: "c"}),
		named(remove, "delete, token in the name", settings{
			facts: driver.Facts{TokenInName: true}, limits: driver.Limits{NameLength: driver.TokenLength + 5},
		}),
		named(remove, "delete to the trash", settings{facts: driver.Facts{DeleteToTrash: true}}),
		named(remove, "delete in a container", settings{facts: container, container: "c"}),
		interruptedRevert(before, false), interruptedRevert(before, true),
		containerRevert(before, false), containerRevert(before, true),
		youngerRevert(before), splitScene(before), cloneSplitScene(before),
	}
	return all
}

// interruptedRevert: the array leaves a mixture, which must be completed before anybody gets the volume back.
func interruptedRevert(before func(*world, *stage), host bool) scene {
	sc := revertScenes(before)[0]
	sc.name, sc.settings = "revert, interrupted", settings{facts: driver.Facts{RevertNonAtomic: true}}
	if host {
		sc.name, sc.host = "revert, interrupted, host", true
	}
	sc.before = func(w *world, s *stage) {
		before(w, s)
		require.NoError(w.t, w.array.InterruptReverts(w.volume.Native, 2))
	}
	after := sc.after
	sc.after = func(w *world, s *stage, done bool) {
		after(w, s, done)
		require.False(w.t, w.array.Partial(w.now().Native))
	}
	return sc
}

// containerRevert: a sibling is rolled back with the volume. It has a snapshot of its own that was not taken together.
func containerRevert(before func(*world, *stage), host bool) scene {
	sc := revertScenes(before)[0]
	sc.name = "revert of a container"
	sc.settings = settings{
		facts:     driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer},
		container: "c", host: host,
	}
	if host {
		sc.name += ", host"
	}
	sc.before = func(w *world, s *stage) {
		s.sibling = w.addSibling("c")
		w.fillNative(s.sibling, 5)
		before(w, s)
		w.fillNative(s.sibling, 6)
	}
	sc.act = func(w *world, s *stage) error {
		_, err := w.eng.Revert(w.context(), engine.RevertRequest{
			Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID, Siblings: []snapshot.VolumeID{s.sibling.ID},
		})
		return err
	}
	after := sc.after
	sc.after = func(w *world, s *stage, done bool) {
		after(w, s, done)
		sibling, err := w.inv.Volume(ctx(w.t), s.sibling.ID)
		require.NoError(w.t, err)
		want := byte(6)
		if done {
			want = 5
		}
		require.Equal(w.t, want, w.content(sibling.Native), "the sibling's content")
		require.Equal(w.t, done, sibling.HeadUnknown, "what the sibling's content descends from")
		if w.host != nil {
			require.Positive(w.t, w.host.Attached(sibling.Disk), "the host has the sibling again")
		}
		for r, err := range w.inv.Records(ctx(w.t), inventory.RecordQuery{Kind: "container"}) {
			require.NoError(w.t, err)
			require.Fail(w.t, "a container is still locked", "%s", r.ID)
		}
	}
	return sc
}

// youngerRevert: what the array drops includes a snapshot that we do not know.
func youngerRevert(before func(*world, *stage)) scene {
	sc := revertScenes(before)[0]
	sc.name, sc.settings = "revert, drops a foreign one too", settings{facts: driver.Facts{RevertDropsYounger: true}}
	sc.before = func(w *world, s *stage) {
		before(w, s)
		s.foreign = w.array.AddForeignSnapshot(w.volume.Native, "foreign")
	}
	sc.act = func(w *world, s *stage) error {
		_, err := w.eng.Revert(w.context(), engine.RevertRequest{
			Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID, DropYounger: true,
		})
		return err
	}
	after := sc.after
	sc.after = func(w *world, s *stage, done bool) {
		gone := w.array.RemoveSnapshot(s.foreign) != nil
		require.Equal(w.t, done, gone, "the foreign snapshot goes with the revert, and not without")
		after(w, s, done)
		require.Equal(w.t, map[bool]int{false: 2, true: 1}[done], w.tree().Len())
	}
	return sc
}

// addSibling imports another volume of the container, attached where the main one is.
func (w *world) addSibling(c driver.ContainerID) inventory.Volume {
	w.t.Helper()
	native := w.array.AddVolumeIn(c, size)
	req := engine.ImportRequest{Backend: "array", Native: native, Name: "sibling"}
	if w.host != nil {
		_, err := w.host.AddDisk(native)
		require.NoError(w.t, err)
		req.Host = "pool"
	}
	vol, err := w.eng.Import(ctx(w.t), req)
	require.NoError(w.t, err)
	return vol
}

// fillNative writes one byte over a whole volume.
func (w *world) fillNative(v inventory.Volume, b byte) {
	w.t.Helper()
	all := bytes.Repeat([]byte{b}, size)
	if w.host != nil {
		require.NoError(w.t, w.host.WriteAt(v.Disk, all, 0))
		return
	}
	require.NoError(w.t, w.array.WriteAt(v.Native, all, 0))
}

func TestRevertOfAContainerNamesItsVolumes(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{RevertUnit: driver.UnitContainer}, container: "c"})
	one := w.create("one")
	sibling := w.addSibling("c")
	req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID}
	_, err := w.eng.Revert(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrConflict)
	require.Equal(t, sibling.ID.String(), driver.BlockersOf(err)[0].ID)

	stranger := w.array.AddVolumeIn("c", size)
	req.Siblings = []snapshot.VolumeID{sibling.ID}
	_, err = w.eng.Revert(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.Equal(t, string(stranger), driver.BlockersOf(err)[0].ID)

	require.NoError(t, w.array.RemoveVolume(stranger))
	elsewhere := w.addSibling("d")
	req.Siblings = []snapshot.VolumeID{sibling.ID, elsewhere.ID}
	_, err = w.eng.Revert(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, elsewhere.ID.String())
}

func TestDependentSnapshotsGoByTime(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{SnapshotsDependent: true}})
	one := w.create("one")
	two := w.create("two")
	w.revert(one)
	w.create("three") // a branch: its parent is one
	_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "four"})
	require.NoError(t, err)

	err = w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: two.ID})
	require.ErrorIs(t, err, driver.ErrInUse)
	var names []string
	for _, b := range driver.BlockersOf(err) {
		names = append(names, b.Name)
	}
	require.ElementsMatch(t, []string{"three", "four"}, names, "all that the array has taken after it")
}

var untilSplit = driver.Facts{CloneDependence: driver.CloneUntilSplit}

func splitScene(before func(*world, *stage)) scene {
	return scene{
		name: "split", settings: settings{facts: untilSplit},
		before: func(w *world, s *stage) {
			before(w, s)
			clone, err := w.eng.Clone(ctx(w.t), engine.CloneRequest{Snapshot: s.one.ID, Name: "copy"})
			require.NoError(w.t, err)
			s.sibling = clone
			err = w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID})
			require.ErrorIs(w.t, err, driver.ErrInUse)
			require.Equal(w.t, clone.ID.String(), driver.BlockersOf(err)[0].ID)
		},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Split(w.context(), engine.SplitRequest{Common: s.common(), Volume: s.sibling.ID})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			clone, err := w.eng.Volume(ctx(w.t), s.sibling.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, done, clone.Independent)
			require.Equal(w.t, s.one.ID, clone.Origin, "where it came from is remembered")
			if done {
				require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
			}
		},
	}
}

func cloneSplitScene(before func(*world, *stage)) scene {
	sc := cloneScene(before, true)
	sc.name, sc.facts = "clone and split", untilSplit
	sc.act = func(w *world, s *stage) error {
		_, err := w.eng.Clone(w.context(), engine.CloneRequest{
			Common: s.common(), Snapshot: s.one.ID, Name: "copy", ExternalID: "copy", Host: "pool", Split: true,
		})
		return err
	}
	after := sc.after
	sc.after = func(w *world, s *stage, done bool) {
		after(w, s, done)
		if done {
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
		}
	}
	return sc
}

func TestTrashSaysForHowLong(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{DeleteToTrash: true}})
	one := w.create("one")
	op, err := w.eng.Submit(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
	require.NoError(t, err)
	op, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	res, err := engine.ResultOf(op)
	require.NoError(t, err)
	require.Equal(t, one.ID, res.Snapshot)
	require.True(t, res.RecoverableUntil.After(time.Now()), "until when the array can bring it back")
}

// TestLimitOfAContainer: the array alone knows how full a container is; what could go is named, of whichever volume.
func TestLimitOfAContainer(t *testing.T) {
	w := newWorld(t, settings{
		facts: driver.Facts{LimitUnit: driver.UnitContainer}, limits: driver.Limits{SnapshotsPerVolume: 2}, container: "c",
	})
	sibling := w.addSibling("c")
	first, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: sibling.ID, Name: "first"})
	require.NoError(t, err)
	second := w.create("second")
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "third"})
	require.ErrorIs(t, err, driver.ErrExhausted)
	var named []string
	for _, b := range driver.BlockersOf(err) {
		named = append(named, b.ID)
	}
	require.Equal(t, []string{first.ID.String(), second.ID.String()}, named, "the oldest first")
	require.Equal(t, 1, w.array.Counts()["CreateSnapshot"]-2, "it was asked once")
	w.tree()
}
