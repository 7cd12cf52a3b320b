package engine_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// remover is a manager of volumes that only removes them.
type remover struct {
	driver.VolumeManager
	removed []driver.VolumeID
}

func (r *remover) DeleteVolume(_ context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
	r.removed = append(r.removed, req.Volume)
	return driver.DeleteResult{}, nil
}

// sharingVolumes is an engine with two volumes of one container, in whose trees one snapshot of the container stands.
func sharingVolumes(t *testing.T) (*MockDriver, *engine.Engine, []inventory.Volume, *remover) {
	t.Helper()
	drv, volumes := NewMockDriver(gomock.NewController(t)), &remover{}
	drv.EXPECT().Abilities().Return(driver.Abilities{Volumes: volumes}).AnyTimes()
	drv.EXPECT().Describe(gomock.Any()).Return(driver.Description{
		Backend: "mock", Facts: driver.Facts{SnapshotUnit: driver.UnitContainer, RevertFenced: true},
	}, nil).AnyTimes()
	siblings := map[driver.VolumeID]driver.VolumeID{"a": "b", "b": "a"}
	drv.EXPECT().Volume(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, id driver.VolumeID) (driver.Volume, error) {
			return driver.Volume{ID: id, Size: size, Container: "c", Siblings: []driver.VolumeID{siblings[id]}}, nil
		}).AnyTimes()
	drv.EXPECT().Snapshots(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				yield(driver.Snapshot{
					Ref: driver.SnapshotRef{Volume: req.Volume, ID: "daily"}, Name: "daily", CreatedAt: time.Unix(1, 0), Size: size, Ready: true,
				}, nil)
			}
		}).AnyTimes()

	inv := inMemory(t)
	eng, err := engine.New(inv, engine.Options{Owner: "test"})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("mock", drv))
	require.NoError(t, eng.Start(ctx(t)))
	t.Cleanup(func() { require.NoError(t, eng.Close(context.Background())) }) //nolint:usetesting // t.Context has ended by then
	var heads []inventory.Volume
	for _, native := range []driver.VolumeID{"a", "b"} {
		vol, err := eng.Import(ctx(t), engine.ImportRequest{Backend: "mock", Native: native, Name: string(native)})
		require.NoError(t, err)
		heads = append(heads, vol)
	}
	return drv, eng, heads, volumes
}

// TestSharedSnapshotGoesWithItsLast: deleting it for one of the volumes must not take it from the other; deleting it for both
// removes it.
func TestSharedSnapshotGoesWithItsLast(t *testing.T) {
	drv, eng, heads, _ := sharingVolumes(t)
	require.NoError(t, eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: heads[0].Head}), "no call of the array")
	drv.EXPECT().DeleteSnapshot(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			require.Equal(t, driver.SnapshotRef{Volume: "b", ID: "daily"}, req.Snapshot)
			return driver.DeleteResult{}, nil
		})
	require.NoError(t, eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: heads[1].Head}))
}

// TestSharedSnapshotOutlivesAVolume: a volume that goes with its snapshots does not take those that are another's too.
func TestSharedSnapshotOutlivesAVolume(t *testing.T) {
	_, eng, heads, volumes := sharingVolumes(t)
	require.NoError(t, eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: heads[0].ID, Snapshots: engine.SnapshotsDelete}))
	require.Equal(t, []driver.VolumeID{"a"}, volumes.removed)
	_, err := eng.Snapshot(ctx(t), heads[1].Head)
	require.NoError(t, err)
}
