package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// The tests of themes are named after what users of other products complain about, again and again. Each fails if the
// engine behaves as those products do.

func errLostReply() error { return driver.Errorf(driver.ErrIndeterminate, "the reply was lost") }

func TestThemeStuckDeletes(t *testing.T) {
	t.Run("a delete that comes while a slow create is tried again is served after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{opts: engine.Options{Attempts: 20, BackOff: time.Minute, MaxBackOff: time.Minute}})
			defer w.close()
			old := w.create("old")
			w.loseReply("CreateSnapshot")
			for n := range 5 { // and whoever asks what has become of it has to wait
				w.faults.Add(drivertest.Fault{Method: "Lookup", Call: n + 1, Err: driver.Errorf(driver.ErrBusy, "later")})
			}
			var made snapshot.Snapshot
			var both sync.WaitGroup
			both.Go(func() {
				var err error
				made, err = w.eng.Create(ctxFor(t, time.Hour), engine.CreateRequest{Volume: w.volume.ID, Name: "slow"})
				require.NoError(t, err)
			})
			synctest.Wait()
			both.Go(func() { require.NoError(t, w.eng.Delete(ctxFor(t, time.Hour), engine.DeleteRequest{Snapshot: old.ID})) })
			both.Wait()
			tree := w.tree()
			require.Equal(t, 1, tree.Len())
			require.Equal(t, made.ID, w.now().Head)
		})
	})
	t.Run("nor is the snapshot stuck whose create was interrupted by a restart", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.close()
		w.killer = newKiller(4) // the array has it, the journal does not say so
		w.open()
		op := snapshot.NewID[inventory.OperationID]()
		_, _ = w.eng.Create(ctx(t), engine.CreateRequest{
			Common: engine.Common{OperationID: op}, Volume: w.volume.ID, Name: "interrupted",
		})
		require.True(t, w.killer.isDead())
		w.die()
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		for s, err := range w.inv.Snapshots(ctx(t), inventory.SnapshotQuery{Volume: w.volume.ID}) {
			require.NoError(t, err)
			require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		}
		require.Zero(t, w.tree().Len())
	})
	t.Run("what stands in the way is named, not left to be guessed", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{CloneDependence: driver.CloneDependent}})
		s := w.create("source")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
		require.NoError(t, err)
		began := w.array.Mutations()
		err = w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.Equal(t, clone.ID.String(), driver.BlockersOf(err)[0].ID)
		require.Equal(t, began, w.array.Mutations())
		x, err := w.eng.ExplainSnapshot(ctx(t), s.ID)
		require.NoError(t, err)
		require.Contains(t, x.String(), clone.ID.String(), "and so does the explanation")
	})
	t.Run("the source of a clone that failed is free again", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{CloneDependence: driver.CloneDependent}})
		s := w.create("source")
		w.faults.Add(drivertest.Fault{Method: "Clone", Call: 1, When: drivertest.After, Err: errLostReply()},
			drivertest.Fault{Method: "Clone", Call: 2, Err: driver.Errorf(driver.ErrPermission, "no")})
		_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
		require.Error(t, err)
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		require.Len(t, w.array.Volumes(), 1)
		require.Zero(t, w.tree().Len())
	})
}

func TestThemeStuckDeletesOfWhatIsLeft(t *testing.T) {
	t.Run("a backend cannot be removed under snapshots that only it can delete", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("still there")
		require.ErrorIs(t, w.eng.RemoveBackend(ctx(t), "array"), driver.ErrInUse)
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
	})
	t.Run("an imported snapshot, and one of a volume that is gone, can be deleted", func(t *testing.T) {
		w := newWorld(t, settings{})
		native := w.array.AddVolume(size)
		w.array.AddForeignSnapshot(native, "made by hand")
		vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
		require.NoError(t, err)
		own, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "own"})
		require.NoError(t, err)
		require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: vol.ID, Snapshots: engine.SnapshotsKeep}))
		all, err := w.eng.Snapshots(ctx(t), vol.ID)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, s := range all {
			require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}), own.ID)
		}
		require.Empty(t, w.array.AllSnapshots())
	})
	t.Run("two hundred at once leave none", func(t *testing.T) {
		w := newWorld(t, settings{})
		var all []snapshot.Snapshot
		for i := range 200 {
			all = append(all, w.create(fmt.Sprint(i)))
		}
		var deletes sync.WaitGroup
		for _, s := range all {
			deletes.Go(func() { require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID})) })
		}
		deletes.Wait()
		require.Zero(t, w.tree().Len())
		require.Zero(t, w.now().SnapshotCount)
	})
}

func TestThemeStuckDeletesOfVolumes(t *testing.T) {
	t.Run("a volume whose clones need its snapshots is refused before anything is taken from its machine", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{CloneDependence: driver.CloneDependent}, host: true})
		s := w.create("source")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
		require.NoError(t, err)
		err = w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.Equal(t, clone.ID.String(), driver.BlockersOf(err)[0].ID)
		require.Zero(t, w.host.Counts()["Detach"])
		w.consistent()
	})
	t.Run("an array that wants the youngest first gets them so, even if all are of one second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // where the time stands still
			w := newWorld(t, settings{facts: driver.Facts{SnapshotsDependent: true}})
			defer w.close()
			for i := range 20 {
				w.create(fmt.Sprint(i))
			}
			require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{
				Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete,
			}))
			require.Empty(t, w.array.AllSnapshots())
		})
	})
	t.Run("a refusal of the array before any snapshot is gone gives the volume back", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.create("one")
		w.create("two")
		w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Err: driver.Errorf(driver.ErrInUse, "a clone that nobody knows")})
		err := w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.Equal(t, 2, w.tree().Len())
		require.Positive(t, w.host.Attached(w.now().Disk))
	})
}

// ctxFor is ctx for waits that take long in the time of a bubble.
func ctxFor(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(context.Background(), d) //nolint:usetesting // also used while a test cleans up
	t.Cleanup(cancel)
	return c
}
