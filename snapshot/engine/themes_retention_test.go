package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestThemeRetention(t *testing.T) {
	t.Run("the newest can go, and the chain before it stays", func(t *testing.T) {
		w := newWorld(t, settings{})
		var all []snapshot.Snapshot
		for b := range byte(5) {
			w.fill(b + 1)
			all = append(all, w.create("s"))
		}
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: all[4].ID}))
		require.Equal(t, 4, w.tree().Len())
		require.Equal(t, all[3].ID, w.now().Head)
		for i, s := range all[:4] {
			w.revert(s)
			require.Equal(t, byte(i+1), w.content(w.now().Native))
		}
	})
	t.Run("a deletion that failed is not shown as done, nor a failed one as kept for ever", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("one")
		w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Call: 1, Err: driver.Errorf(driver.ErrPermission, "no")})
		require.Error(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		now, err := w.eng.Snapshot(ctx(t), s.ID)
		require.NoError(t, err)
		require.Equal(t, snapshot.Ready, now.State)
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		require.Zero(t, w.tree().Len())
	})
	t.Run("what somebody made by hand at the array is never deleted with ours", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.array.AddForeignSnapshot(w.volume.Native, "by hand")
		w.create("ours")
		require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{
			Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete,
		}))
		left := w.array.AllSnapshots()
		require.Len(t, left, 1)
		require.Equal(t, "by hand", left[0].Name)
	})
}

func TestThemeRetentionByExpiry(t *testing.T) {
	t.Run("what has expired goes, what somebody holds or made by hand stays, and it is said why", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{without: []string{"Expiry"}})
			defer w.close()
			var all []snapshot.Snapshot
			for b := range byte(4) {
				w.fill(b + 1)
				all = append(all, w.create("s"))
			}
			w.array.AddForeignSnapshot(w.volume.Native, "by hand")
			for _, s := range all[:3] {
				_, err := w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: s.ID, At: time.Now().Add(time.Hour)})
				require.NoError(t, err)
			}
			_, err := w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: all[1].ID, Name: "audit", By: "alice", Reason: "evidence"})
			require.NoError(t, err)
			report, err := w.eng.Expire(ctx(t))
			require.NoError(t, err)
			require.Empty(t, report.Deleted, "nothing before its time")
			<-time.After(2 * time.Hour)
			report, err = w.eng.Expire(ctx(t))
			require.NoError(t, err)
			require.ElementsMatch(t, []snapshot.ID{all[0].ID, all[2].ID}, report.Deleted)
			require.Len(t, report.Kept, 1)
			require.Equal(t, all[1].ID, report.Kept[0].Snapshot)
			require.Equal(t, "audit", report.Kept[0].Blockers[0].ID)
			left, err := w.eng.Snapshots(ctx(t), w.volume.ID)
			require.NoError(t, err)
			require.Len(t, left, 2)
			require.Equal(t, all[3].ID, w.now().Head)
			require.Len(t, w.array.AllSnapshots(), 3)
			for _, i := range []int{1, 3} {
				_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: all[i].ID})
				require.NoError(t, err)
				require.Equal(t, byte(i+1), w.content(w.now().Native))
			}
		})
	})
	t.Run("one that cannot be deleted does not keep the others for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{without: []string{"Expiry"}})
			defer w.close()
			for range 3 {
				s := w.create("s")
				_, err := w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: s.ID, At: time.Now().Add(time.Hour)})
				require.NoError(t, err)
			}
			<-time.After(2 * time.Hour)
			w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Call: 1, Err: driver.Errorf(driver.ErrPermission, "no")})
			report, err := w.eng.Expire(ctx(t))
			require.NoError(t, err)
			require.Len(t, report.Deleted, 2)
			require.Len(t, report.Kept, 1)
			require.ErrorIs(t, report.Kept[0].Err, driver.ErrPermission)
		})
	})
}
