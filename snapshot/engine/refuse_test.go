package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestRefusals: each bad request gets an error of the right class that says what, and changes nothing.
func TestRefusals(t *testing.T) {
	w := newWorld(t, settings{without: []string{"Access"}})
	one := w.create("one")
	other, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size)})
	require.NoError(t, err)
	strange := snapshot.NewID[snapshot.ID]()
	nobody := snapshot.NewID[snapshot.VolumeID]()
	vol := w.volume.ID
	tests := []struct {
		name  string
		req   engine.Request
		class driver.Class
		says  string
	}{
		{"no request", nil, driver.ErrInvalid, "no request"},
		{"no request behind a pointer", (*engine.CreateRequest)(nil), driver.ErrInvalid, "no request"},
		{"a pointer to a bad request", &engine.CreateRequest{Volume: vol}, driver.ErrInvalid, "no name"},
		{"a pointer to a good request", &engine.CreateRequest{Volume: nobody, Name: "x"}, driver.ErrNotFound, nobody.String()},
		{"create without a volume", engine.CreateRequest{Name: "x"}, driver.ErrInvalid, "no volume"},
		{"create on an unknown volume", engine.CreateRequest{Volume: nobody, Name: "x"}, driver.ErrNotFound, nobody.String()},
		{"create without a name", engine.CreateRequest{Volume: vol}, driver.ErrInvalid, "no name"},
		{"a long name", engine.CreateRequest{Volume: vol, Name: strings.Repeat("x", 256)}, driver.ErrInvalid, "256 bytes"},
		{"a name with a line break", engine.CreateRequest{Volume: vol, Name: "a\nb"}, driver.ErrInvalid, "cannot be printed"},
		{"a name with an escape", engine.CreateRequest{Volume: vol, Name: "\x1b[31m"}, driver.ErrInvalid, "cannot be printed"},
		{"a name that is not UTF-8", engine.CreateRequest{Volume: vol, Name: "a\xff"}, driver.ErrInvalid, "not UTF-8"},
		{"a name with a space behind", engine.CreateRequest{Volume: vol, Name: "a "}, driver.ErrInvalid, "space"},
		{
			"a label without a key",
			engine.CreateRequest{Volume: vol, Name: "x", Labels: map[string]string{"": "v"}},
			driver.ErrInvalid, "no label",
		},
		{
			"a label with an escape",
			engine.CreateRequest{Volume: vol, Name: "x", Labels: map[string]string{"k": "\x00"}},
			driver.ErrInvalid, "label k",
		},
		{"an odd owner", engine.CreateRequest{Volume: vol, Name: "x", Owner: "a\tb"}, driver.ErrInvalid, "owner"},
		{"delete nothing", engine.DeleteRequest{}, driver.ErrInvalid, "no snapshot"},
		{"delete an unknown snapshot", engine.DeleteRequest{Snapshot: strange}, driver.ErrNotFound, strange.String()},
		{"revert to nothing", engine.RevertRequest{Volume: vol}, driver.ErrInvalid, "no snapshot"},
		{"revert to an unknown snapshot", engine.RevertRequest{Volume: vol, Snapshot: strange}, driver.ErrNotFound, strange.String()},
		{"revert to another volume's", engine.RevertRequest{Volume: other.ID, Snapshot: one.ID}, driver.ErrInvalid, vol.String()},
		{"revert that nothing fences", engine.RevertRequest{Volume: vol, Snapshot: one.ID}, driver.ErrUnsupported, "assert"},
		{
			"an assertion by nobody",
			engine.RevertRequest{Volume: vol, Snapshot: one.ID, AssertDetached: &engine.Assertion{Reason: "x"}},
			driver.ErrInvalid, "who",
		},
		{"keep without a name", engine.RevertRequest{Volume: vol, Snapshot: one.ID, KeepCurrent: true}, driver.ErrInvalid, "keep name"},
		{"a keep name without keep", engine.RevertRequest{Volume: vol, Snapshot: one.ID, KeepName: "x"}, driver.ErrInvalid, "keep"},
		{"clone nothing", engine.CloneRequest{Name: "x"}, driver.ErrInvalid, "no snapshot"},
		{"clone an unknown snapshot", engine.CloneRequest{Snapshot: strange, Name: "x"}, driver.ErrNotFound, strange.String()},
		{"clone without a name", engine.CloneRequest{Snapshot: one.ID}, driver.ErrInvalid, "no name"},
		{"a clone that is too small", engine.CloneRequest{Snapshot: one.ID, Name: "x", Size: size - 1}, driver.ErrInvalid, "smaller"},
		{"a clone of a negative size", engine.CloneRequest{Snapshot: one.ID, Name: "x", Size: -1}, driver.ErrInvalid, "negative"},
		{"a clone for an unknown host", engine.CloneRequest{Snapshot: one.ID, Name: "x", Host: "h"}, driver.ErrNotFound, `host "h"`},
		{"import from an unknown backend", engine.ImportRequest{Backend: "b", Native: "v"}, driver.ErrNotFound, `backend "b"`},
		{"import an unknown volume", engine.ImportRequest{Backend: "array", Native: "v"}, driver.ErrNotFound, "v"},
		{"import nothing", engine.ImportRequest{Backend: "array"}, driver.ErrInvalid, "native"},
		{"forget nothing", engine.ForgetRequest{}, driver.ErrInvalid, "no volume"},
		{"forget an unknown volume", engine.ForgetRequest{Volume: nobody}, driver.ErrNotFound, nobody.String()},
		{"delete an unknown volume", engine.DeleteVolumeRequest{Volume: nobody}, driver.ErrNotFound, nobody.String()},
		{
			"an unknown policy", engine.DeleteVolumeRequest{Volume: vol, Snapshots: "burn"}, driver.ErrInvalid, "burn",
		},
	}
	before := w.array.Mutations()
	operations := countOperations(w)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.eng.Submit(ctx(t), tt.req)
			require.ErrorIs(t, err, tt.class)
			require.ErrorContains(t, err, tt.says)
		})
	}
	require.Equal(t, before, w.array.Mutations())
	require.Equal(t, operations, countOperations(w), "a refusal leaves no operation behind")
	w.tree()
}

func countOperations(w *world) (n int) {
	for _, err := range w.inv.Operations(ctx(w.t), inventory.OperationQuery{}) {
		require.NoError(w.t, err)
		n++
	}
	return n
}

func TestRefusalsNameWhatStandsInTheWay(t *testing.T) {
	t.Run("revert while a machine runs", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.fill(1)
		one := w.create("one")
		w.fill(2)
		release, err := w.host.Hold(w.now().Disk, "web-1", true)
		require.NoError(t, err)
		_, err = w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.ErrorContains(t, err, "web-1")
		require.Equal(t, byte(2), w.content(w.now().Native))
		w.tree()
		release()
		w.revert(one)
		require.Equal(t, byte(1), w.content(w.now().Native))
	})
	t.Run("revert while a session is open", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.fill(1)
		one := w.create("one")
		w.fill(2)
		logout := w.array.OpenSession(w.now().Native, "iqn.stranger")
		_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.ErrorContains(t, err, "iqn.stranger")
		require.Equal(t, byte(2), w.content(w.now().Native))
		logout()
		w.revert(one)
	})
	t.Run("delete what is held", func(t *testing.T) {
		w := newWorld(t, settings{})
		one := w.create("one")
		one.Holds = []snapshot.Hold{{Name: "audit", Reason: "case 7", Since: time.Now()}}
		commit(w, inventory.Change{Put: []snapshot.Snapshot{one}})
		err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.ErrorContains(t, err, "audit (case 7)")
		err = w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete})
		require.ErrorIs(t, err, driver.ErrInUse)
		w.tree()
	})
	t.Run("delete what younger ones need", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{SnapshotsDependent: true}})
		one, two := w.create("one"), w.create("two")
		err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.ErrorContains(t, err, two.ID.String())
		w.tree()
	})
	t.Run("delete what a clone needs", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{CloneDependence: driver.CloneDependent}})
		one := w.create("one")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
		require.NoError(t, err)
		err = w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.ErrorContains(t, err, clone.ID.String())
		w.tree()
	})
}

func TestRefusalsByFacts(t *testing.T) {
	t.Run("one snapshot too many", func(t *testing.T) {
		w := newWorld(t, settings{limits: driver.Limits{SnapshotsPerVolume: 2}})
		one := w.create("one")
		w.create("two")
		before := w.array.Counts()["CreateSnapshot"]
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "three"})
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.ErrorContains(t, err, one.ID.String(), "it names the oldest")
		require.Equal(t, before, w.array.Counts()["CreateSnapshot"], "without asking the array")
		w.tree()
	})
	t.Run("roll back siblings too", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{RevertUnit: driver.UnitContainer}})
		native := w.array.AddVolumeIn("flexvol", size)
		sibling := w.array.AddVolumeIn("flexvol", size)
		vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
		require.NoError(t, err)
		s, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
		require.NoError(t, err)
		_, err = w.eng.Revert(ctx(t), engine.RevertRequest{Volume: vol.ID, Snapshot: s.ID})
		require.ErrorIs(t, err, driver.ErrUnsupported)
		require.ErrorContains(t, err, string(sibling))
	})
	t.Run("drop younger ones", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{RevertDropsYounger: true}})
		w.fill(1)
		one := w.create("one")
		two := w.create("two")
		req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID}
		_, err := w.eng.Revert(ctx(t), req)
		require.ErrorIs(t, err, driver.ErrConflict)
		require.ErrorContains(t, err, two.ID.String())
		req.DropYounger = true
		r, err := w.eng.Revert(ctx(t), req)
		require.NoError(t, err)
		require.Equal(t, []snapshot.ID{two.ID}, r.Dropped)
		require.Equal(t, 1, w.tree().Len())
		req.KeepCurrent, req.KeepName = true, "kept"
		_, err = w.eng.Revert(ctx(t), req)
		require.ErrorIs(t, err, driver.ErrUnsupported, "the array would drop it at once")
	})
}

func commit(w *world, c inventory.Change) {
	w.t.Helper()
	c.ID = snapshot.NewID[inventory.ChangeID]()
	require.NoError(w.t, w.inv.Commit(ctx(w.t), c))
}

func TestMetadataChangesWhileAnOperationRuns(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.onCall(func(method string) {
		if method != "CreateSnapshot" {
			return
		}
		for s, err := range w.inv.Snapshots(ctx(t), inventory.SnapshotQuery{Volume: w.volume.ID}) {
			require.NoError(t, err)
			s.Holds = []snapshot.Hold{{Name: "meanwhile", Since: time.Now()}}
			commit(w, inventory.Change{Put: []snapshot.Snapshot{s}})
		}
	})
	two := w.create("two")
	w.onCall(nil)
	require.Len(t, two.Holds, 1, "a hold that came while it was made is not lost")
	got, err := w.eng.Snapshot(ctx(t), one.ID)
	require.NoError(t, err)
	require.Len(t, got.Holds, 1)
	w.tree()
}

func TestBackends(t *testing.T) {
	w := newWorld(t, settings{})
	require.ErrorIs(t, w.eng.AddBackend("array", w.array.Driver()), driver.ErrConflict)
	require.ErrorIs(t, w.eng.AddBackend("", w.array.Driver()), driver.ErrInvalid)
	require.ErrorIs(t, w.eng.AddBackend("x", nil), driver.ErrInvalid)
	require.ErrorIs(t, w.eng.AddHost("x", nil), driver.ErrInvalid)

	require.NoError(t, w.eng.AddBackend("again", w.array.Driver()))
	_, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "again", Native: w.volume.Native})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.ErrorContains(t, err, `"array"`, "the two names of one array are both said")
	status, err := w.eng.Backend(ctx(t), "again")
	require.NoError(t, err)
	require.Equal(t, engine.BackendDown, status.State)
	require.ErrorIs(t, status.Err, driver.ErrConflict)

	err = w.eng.RemoveBackend(ctx(t), "array")
	require.ErrorIs(t, err, driver.ErrInUse)
	require.ErrorContains(t, err, "1 volumes with 0 snapshots")
	require.NoError(t, w.eng.Forget(ctx(t), engine.ForgetRequest{Volume: w.volume.ID}))
	require.NoError(t, w.eng.RemoveBackend(ctx(t), "array"))
	_, err = w.eng.Import(ctx(t), engine.ImportRequest{Backend: "again", Native: w.volume.Native})
	require.NoError(t, err, "the name that is gone no longer stands for the array")
	require.ErrorIs(t, w.eng.RemoveBackend(ctx(t), "array"), driver.ErrNotFound)
}

func TestBackendBecomesAnother(t *testing.T) {
	w := newWorld(t, settings{})
	w.close()
	w.array = drivertest.NewBackend(drivertest.BackendOptions{ID: "another"})
	native := w.array.AddVolume(size)
	w.open()
	_, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.ErrorContains(t, err, "another")
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "x"})
	require.ErrorIs(t, err, driver.ErrConflict, "nothing is done at an array that is not the volume's")
}

func TestBackendDownDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t, settings{})
	down := driver.Wrap(drivertest.NewBackend(drivertest.BackendOptions{ID: "down"}).Driver(),
		func(context.Context, *driver.Call, func(context.Context) error) error {
			return driver.Errorf(driver.ErrUnavailable, "no route to host")
		})
	require.NoError(t, w.eng.AddBackend("down", down))
	status, err := w.eng.Backend(ctx(t), "down")
	require.NoError(t, err)
	require.Equal(t, engine.BackendDown, status.State)
	_, err = w.eng.Import(ctx(t), engine.ImportRequest{Backend: "down", Native: "v"})
	require.ErrorIs(t, err, driver.ErrUnavailable)
	w.create("one")
	w.tree()
}

func TestAssertDetached(t *testing.T) {
	w := newWorld(t, settings{without: []string{"Access"}})
	w.fill(1)
	one := w.create("one")
	w.fill(2)
	req := engine.RevertRequest{
		Volume: w.volume.ID, Snapshot: one.ID, AssertDetached: &engine.Assertion{By: "ops", Reason: "machine is off"},
	}
	_, err := w.eng.Revert(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(w.now().Native))

	w.fill(3)
	w.faults.Add(drivertest.Fault{Method: "Revert", Call: 1, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "lost")})
	_, err = w.eng.Revert(ctx(t), req)
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State, "an unknown outcome waits for a person: a word is not repeated")
	require.Equal(t, byte(1), w.content(w.now().Native))
	require.NoError(t, w.array.WriteAt(w.now().Native, bytes.Repeat([]byte{7}, size), 0))
	w.close()
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	require.Equal(t, byte(7), w.content(w.now().Native), "a restart does not repeat it either")
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "x"})
	require.ErrorIs(t, err, driver.ErrBusy)
	require.True(t, errors.Is(err, driver.ErrBusy) && strings.Contains(err.Error(), e.Operation.String()), "it names the operation")
}
