package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestCreateRevertBranch(t *testing.T) {
	for _, host := range []bool{false, true} {
		w := newWorld(t, settings{host: host})
		w.fill(1)
		one := w.create("one")
		w.fill(2)
		two := w.create("two")
		w.fill(3)
		require.Equal(t, one.ID, two.Parent)
		require.Equal(t, two.ID, w.now().Head)

		w.revert(one)
		require.Equal(t, byte(1), w.content(w.now().Native))
		require.Equal(t, one.ID, w.now().Head)
		three := w.create("three")
		require.Equal(t, one.ID, three.Parent, "after a revert the next snapshot is a branch")
		tree := w.tree()
		require.Equal(t, 3, tree.Len())
		w.revert(two)
		require.Equal(t, byte(2), w.content(w.now().Native))
		if host {
			require.Positive(t, w.host.Attached(w.now().Disk), "the host has it again")
		}
	}
}

func TestDeleteInnerNode(t *testing.T) {
	w := newWorld(t, settings{})
	one, two, three := w.create("one"), w.create("two"), w.create("three")
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: two.ID}))
	tree := w.tree()
	got, ok := tree.Get(three.ID)
	require.True(t, ok)
	require.Equal(t, one.ID, got.Parent)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: three.ID}))
	require.Equal(t, one.ID, w.now().Head, "the head moves up with its snapshot")
	_, err := w.eng.Snapshot(ctx(t), three.ID)
	require.ErrorIs(t, err, driver.ErrNotFound)
}

func TestRevertKeepsCurrent(t *testing.T) {
	w := newWorld(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	w.fill(2)
	r, err := w.eng.Revert(ctx(t), engine.RevertRequest{
		Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "before",
	})
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(w.now().Native))
	kept, err := w.eng.Snapshot(ctx(t), r.Kept)
	require.NoError(t, err)
	require.Equal(t, one.ID, kept.Parent)
	require.Equal(t, "before", kept.Name)
	require.Equal(t, one.ID, w.now().Head)
	w.revert(kept)
	require.Equal(t, byte(2), w.content(w.now().Native))
	w.tree()
}

func TestCloneIsIndependent(t *testing.T) {
	w := newWorld(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	w.fill(2)
	clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy", Host: "pool", Size: 2 * size, ExternalID: "x"})
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(clone.Native))
	require.Equal(t, int64(2*size), clone.Size)
	require.Equal(t, one.ID, clone.Origin)
	require.Equal(t, w.volume.ID, clone.OriginVolume)
	require.True(t, clone.Head.IsZero())
	require.Positive(t, w.host.Attached(clone.Disk))
	require.Equal(t, byte(2), w.content(w.now().Native))
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	w.tree()
	require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: clone.ID}))
	_, err = w.eng.Volume(ctx(t), clone.ID)
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.Len(t, w.array.Volumes(), 1)
	w.tree()
}

func TestImportAssumesLineage(t *testing.T) {
	w := newWorld(t, settings{})
	native := w.array.AddVolume(size)
	first := w.array.AddForeignSnapshot(native, "nightly 1")
	second := w.array.AddForeignSnapshot(native, "nightly 2")
	vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native, ExternalID: "ext"})
	require.NoError(t, err)
	rows, err := w.eng.Snapshots(ctx(t), vol.ID)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, first.ID, rows[0].Native)
	require.Equal(t, second.ID, rows[1].Native)
	require.Equal(t, rows[0].ID, rows[1].Parent)
	require.Equal(t, snapshot.Assumed, rows[1].Lineage)
	require.Equal(t, rows[1].ID, vol.Head)

	_, err = w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.ErrorContains(t, err, vol.ID.String(), "the error names the record that is there")

	require.NoError(t, w.eng.Forget(ctx(t), engine.ForgetRequest{Volume: vol.ID}))
	_, err = w.eng.Volume(ctx(t), vol.ID)
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.Len(t, w.array.AllSnapshots(), 2, "the array keeps everything")
}

func TestDeleteVolumeAndItsSnapshots(t *testing.T) {
	tests := []struct {
		name   string
		dies   bool
		policy engine.SnapshotsPolicy
		class  driver.Class
		left   int // snapshots at the array
	}{
		{"refuse", false, engine.SnapshotsRefuse, driver.ErrInUse, 2},
		{"by default", false, "", driver.ErrInUse, 2},
		{"keep", false, engine.SnapshotsKeep, 0, 2},
		{"delete", false, engine.SnapshotsDelete, 0, 0},
		{"keep what dies with the volume", true, engine.SnapshotsKeep, driver.ErrUnsupported, 2},
		{"delete what dies with the volume", true, engine.SnapshotsDelete, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, settings{host: true, facts: driver.Facts{SnapshotsDieWithVolume: tt.dies}})
			w.create("one")
			two := w.create("two")
			err := w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: tt.policy})
			if tt.class != 0 {
				require.ErrorIs(t, err, tt.class)
				require.NotEmpty(t, driver.BlockersOf(err))
				require.Len(t, w.array.Volumes(), 1)
			} else {
				require.NoError(t, err)
				require.Empty(t, w.array.Volumes())
			}
			require.Len(t, w.array.AllSnapshots(), tt.left)
			w.consistent()
			if tt.policy == engine.SnapshotsKeep && tt.class == 0 {
				require.False(t, w.now().DeletedAt.IsZero())
				_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "late"})
				require.ErrorIs(t, err, driver.ErrNotFound)
				require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: two.ID}), "the history can be tidied")
				require.Empty(t, w.now().Native, "the array may give the id to another volume")
				require.Equal(t, []driver.VolumeID{w.volume.Native}, w.now().Former)
				w.consistent()
			}
		})
	}
}

func TestSubmitAndWait(t *testing.T) {
	w := newWorld(t, settings{})
	op, err := w.eng.Submit(ctx(t), engine.CreateRequest{
		Common: engine.Common{Actor: "ops"}, Volume: w.volume.ID, Name: "one",
	})
	require.NoError(t, err)
	require.Equal(t, inventory.Running, op.State)
	op, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, inventory.Succeeded, op.State)
	stored, err := w.inv.Operation(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, "ops", stored.Actor)
	require.Equal(t, "tenant", stored.Owner)
	require.True(t, stored.LeaseUntil.IsZero() || stored.LeaseUntil.Before(stored.UpdatedAt), "nobody holds a lease on what has ended")
	_, err = w.eng.Wait(ctx(t), snapshot.NewID[inventory.OperationID]())
	require.ErrorIs(t, err, driver.ErrNotFound)
}

// TestDeleteVolumeHalfDone: once a snapshot is gone, an operation that is refused the next one does not count as failed.
func TestDeleteVolumeHalfDone(t *testing.T) {
	w := newWorld(t, settings{})
	w.create("one")
	w.create("two")
	w.faults.Add(drivertest.Fault{
		Method: "DeleteSnapshot", Call: 2, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no"),
	})
	err := w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete})
	require.ErrorIs(t, err, driver.ErrPermission)
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State)
	require.NoError(t, w.eng.Retry(ctx(t), e.Operation))
	_, err = w.eng.Wait(ctx(t), e.Operation)
	require.NoError(t, err)
	require.Empty(t, w.array.Volumes())
	w.consistent()
}
