package engine_test

import (
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

func TestThemeLimits(t *testing.T) {
	full := func(t *testing.T) (w *world, all []snapshot.Snapshot) {
		t.Helper()
		w = newWorld(t, settings{limits: driver.Limits{SnapshotsPerVolume: 3}})
		for i := range 3 {
			all = append(all, w.create(fmt.Sprint(i)))
		}
		return w, all
	}
	t.Run("the limit is told at once, with what could go, and not by the array after a timeout", func(t *testing.T) {
		w, all := full(t)
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one too many"})
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Equal(t, all[0].ID.String(), driver.BlockersOf(err)[0].ID, "the oldest first")
		require.Equal(t, 3, w.array.Counts()["CreateSnapshot"])
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: all[0].ID}))
		w.create("now there is room")
	})
	t.Run("it holds for every way to make a snapshot", func(t *testing.T) {
		w, all := full(t)
		_, err := w.eng.Revert(ctx(t), engine.RevertRequest{
			Volume: w.volume.ID, Snapshot: all[0].ID, KeepCurrent: true, KeepName: "kept",
		})
		require.ErrorIs(t, err, driver.ErrExhausted)
		_, err = w.eng.CreateGroup(ctx(t), engine.CreateGroupRequest{Volumes: []snapshot.VolumeID{w.volume.ID}, Name: "group"})
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Zero(t, w.array.Counts()["Revoke"], "and nothing was taken away for it")
		require.Equal(t, 3, w.tree().Len())
	})
	t.Run("a limit that only the array knows is final: it is asked once", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: driver.Errorf(driver.ErrExhausted, "the pool is full")})
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "no room"})
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Equal(t, 1, w.faults.Fired())
		require.Zero(t, w.tree().Len())
	})
	t.Run("a volume at its limit can still be attached, reverted, cloned and used", func(t *testing.T) {
		w, all := full(t)
		w.revert(all[1])
		_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: all[0].ID, Name: "copy"})
		require.NoError(t, err)
	})
	t.Run("many at once do not get past it", func(t *testing.T) {
		w := newWorld(t, settings{limits: driver.Limits{SnapshotsPerVolume: 5}})
		var creates sync.WaitGroup
		for i := range 20 {
			creates.Go(func() {
				_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: fmt.Sprint(i)})
				if err != nil {
					require.ErrorIs(t, err, driver.ErrExhausted)
				}
			})
		}
		creates.Wait()
		require.Equal(t, 5, w.tree().Len())
	})
}

func TestThemeSlowListing(t *testing.T) {
	t.Run("a thousand snapshots are all seen, and no array is asked", func(t *testing.T) {
		w := newWorld(t, settings{})
		const many = 1200
		var parent snapshot.ID
		var rows []snapshot.Snapshot
		for i := range many {
			s := snapshot.Snapshot{
				ID: snapshot.NewID[snapshot.ID](), Volume: w.volume.ID, Parent: parent, Name: fmt.Sprint(i), State: snapshot.Ready,
				Lineage: snapshot.Recorded, CreatedAt: time.Now(), NativeVolume: string(w.volume.Native), Native: fmt.Sprint(i),
			}
			parent, rows = s.ID, append(rows, s)
		}
		for i := 0; i < many; i += 100 {
			commit(w, inventory.Change{Put: rows[i : i+100]})
		}
		before := w.array.Counts()
		all, err := w.eng.Snapshots(ctx(t), w.volume.ID)
		require.NoError(t, err)
		require.Len(t, all, many)
		tree, err := w.eng.Tree(ctx(t), w.volume.ID)
		require.NoError(t, err)
		require.Equal(t, many, tree.Len())
		require.Equal(t, before, w.array.Counts())
	})
	t.Run("a backend that does not answer does not slow the listing down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{})
			defer w.close()
			w.create("one")
			w.faults.Add(drivertest.Fault{When: drivertest.Hang})
			began := time.Now()
			require.Equal(t, 1, w.tree().Len())
			require.Zero(t, time.Since(began))
		})
	})
}

func TestThemeRetryStorms(t *testing.T) {
	t.Run("a permanent refusal is asked for once", func(t *testing.T) {
		for _, class := range []driver.Class{driver.ErrPermission, driver.ErrInvalid, driver.ErrUnsupported, driver.ErrConflict} {
			w := newWorld(t, settings{})
			w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: driver.Errorf(class, "no")})
			_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "refused"})
			require.ErrorIs(t, err, class)
			require.NoError(t, w.eng.Idle(ctx(t)))
			require.Equal(t, 1, w.faults.Fired())
		}
	})
	t.Run("what waits is tried ever more seldom, and heeds the array's wish to be left alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{opts: engine.Options{BackOff: time.Second, MaxBackOff: 10 * time.Minute}})
			defer w.close()
			s := w.create("one")
			w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Call: 1, When: drivertest.After, Err: errLostReply()},
				drivertest.Fault{Method: "DeleteSnapshot", Err: driver.Errorf(driver.ErrBusy, "a clone is being made")})
			err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID})
			require.ErrorIs(t, err, driver.ErrBusy)
			<-time.After(24 * time.Hour)
			calls := w.faults.Fired()
			require.Greater(t, calls, 24, "it goes on by itself")
			require.Less(t, calls, 3*24*6+60, "three tries each ten minutes at most")
			w.faults.Clear()
			<-time.After(time.Hour)
			require.Zero(t, w.tree().Len())
		})
	})
	t.Run("one volume that is busy for ever does not starve the others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{limits: driver.Limits{Requests: 2}})
			defer w.close()
			native := w.array.AddVolume(size)
			other, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
			require.NoError(t, err)
			s := w.create("busy")
			w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Call: 1, When: drivertest.After, Err: errLostReply()},
				drivertest.Fault{Method: "DeleteSnapshot", Err: driver.Errorf(driver.ErrBusy, "busy")})
			require.Error(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
			for i := range 50 {
				_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: other.ID, Name: fmt.Sprint(i)})
				require.NoError(t, err)
			}
			w.faults.Clear()
			<-time.After(time.Hour)
		})
	})
	t.Run("the wait for a turn does not count against the call's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{limits: driver.Limits{Requests: 1}, opts: engine.Options{CallTimeout: time.Minute}})
			defer w.close()
			var volumes []snapshot.VolumeID
			for range 10 {
				vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size)})
				require.NoError(t, err)
				volumes = append(volumes, vol.ID)
			}
			w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", When: drivertest.Slow, Delay: 50 * time.Second})
			var creates sync.WaitGroup
			for _, id := range volumes {
				creates.Go(func() {
					_, err := w.eng.Create(ctxFor(t, time.Hour), engine.CreateRequest{Volume: id, Name: "in a queue"})
					require.NoError(t, err)
				})
			}
			creates.Wait()
		})
	})
}
