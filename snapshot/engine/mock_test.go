package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

//go:generate go tool -modfile=../../internal/tools/go.mod mockgen -typed -package engine_test -destination mock_driver_test.go github.com/storagesnap/storagesnap/driver Driver

// mocked is an engine on a driver that answers as the test says, with one volume.
func mocked(t *testing.T) (*MockDriver, inventory.Inventory, *engine.Engine, inventory.Volume) {
	t.Helper()
	drv := NewMockDriver(gomock.NewController(t))
	drv.EXPECT().Abilities().Return(driver.Abilities{}).AnyTimes()
	drv.EXPECT().Describe(gomock.Any()).Return(driver.Description{Backend: "mock"}, nil).AnyTimes()
	drv.EXPECT().Volume(gomock.Any(), driver.VolumeID("v")).Return(driver.Volume{ID: "v", Size: size}, nil)
	inv := inMemory(t)
	eng, err := engine.New(inv, engine.Options{Owner: "test", BackOff: time.Microsecond})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("mock", drv))
	require.NoError(t, eng.Start(ctx(t)))
	t.Cleanup(func() { require.NoError(t, eng.Close(context.Background())) }) //nolint:usetesting // t.Context has ended by then
	vol, err := eng.Import(ctx(t), engine.ImportRequest{Backend: "mock", Native: "v", Name: "v", WithoutSnapshots: true})
	require.NoError(t, err)
	return drv, inv, eng, vol
}

// TestNameBeforeEffect: when the array is asked for a snapshot, its token, its row and the lock on its volume are durable.
func TestNameBeforeEffect(t *testing.T) {
	drv, inv, eng, vol := mocked(t)
	drv.EXPECT().CreateSnapshot(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			require.False(t, req.Resume, "a token that was never sent needs no look-up")
			header, err := inv.Volume(ctx(t), vol.ID)
			require.NoError(t, err)
			require.False(t, header.Pending.IsZero())
			op, err := inv.Operation(ctx(t), header.Pending)
			require.NoError(t, err)
			require.Equal(t, inventory.StepSent, op.Steps[0].State)
			require.False(t, op.Steps[0].SentAt.IsZero())
			rows := 0
			for s, err := range inv.Snapshots(ctx(t), inventory.SnapshotQuery{Token: string(req.Token)}) {
				require.NoError(t, err)
				require.Equal(t, snapshot.Creating, s.State)
				rows++
			}
			require.Equal(t, 1, rows)
			return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", ID: "s", Token: req.Token}, Size: size, Ready: true}, nil
		})
	s, err := eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
	require.NoError(t, err)
	require.Equal(t, "s", s.Native)
}

// TestImpossibleReplies: a driver that breaks its contract is not believed.
func TestImpossibleReplies(t *testing.T) {
	replies := map[string]func(driver.CreateSnapshotRequest) driver.Snapshot{
		"no id": func(r driver.CreateSnapshotRequest) driver.Snapshot {
			return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", Token: r.Token}}
		},
		"another's token": func(driver.CreateSnapshotRequest) driver.Snapshot {
			return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", ID: "s", Token: "somebodyelse1234567"}}
		},
		"nothing": func(driver.CreateSnapshotRequest) driver.Snapshot { return driver.Snapshot{} },
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			drv, inv, eng, vol := mocked(t)
			create := drv.EXPECT().CreateSnapshot(gomock.Any(), gomock.Any()).DoAndReturn(
				func(_ context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
					return reply(req), nil
				})
			drv.EXPECT().Lookup(gomock.Any(), gomock.Any()).DoAndReturn(
				func(_ context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
					require.True(t, req.Resume)
					require.False(t, req.SentAt.IsZero())
					return driver.Snapshot{}, driver.Errorf(driver.ErrNotFound, "never seen")
				}).After(create.Call)
			_, err := eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
			require.ErrorIs(t, err, driver.ErrUnavailable)
			n, err := inv.Count(ctx(t), inventory.SnapshotQuery{})
			require.NoError(t, err)
			require.Zero(t, n)
		})
	}
}

// TestUnclassifiedErrorIsUnknown: an error that says nothing of the effect is looked up, not believed to mean "nothing".
func TestUnclassifiedErrorIsUnknown(t *testing.T) {
	drv, _, eng, vol := mocked(t)
	var token driver.Token
	gomock.InOrder(
		drv.EXPECT().CreateSnapshot(gomock.Any(), gomock.Any()).DoAndReturn(
			func(_ context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				token = req.Token
				return driver.Snapshot{}, errors.New("unexpected EOF")
			}).Call,
		drv.EXPECT().Lookup(gomock.Any(), gomock.Any()).DoAndReturn(
			func(_ context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
				require.Equal(t, token, req.Snapshot.Token)
				return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", ID: "s", Token: token}}, nil
			}).Call,
	)
	s, err := eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
	require.NoError(t, err)
	require.Equal(t, "s", s.Native)
}

// TestDoneButFailed: a call that took effect and failed after it brought no answer; the look-up brings it.
func TestDoneButFailed(t *testing.T) {
	drv, _, eng, vol := mocked(t)
	drv.EXPECT().CreateSnapshot(gomock.Any(), gomock.Any()).Return(driver.Snapshot{},
		&driver.Error{Class: driver.ErrUnavailable, Effect: driver.EffectDone, Err: errors.New("made, but not read back")})
	drv.EXPECT().Lookup(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
			return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", ID: "s", Token: req.Snapshot.Token}}, nil
		})
	s, err := eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
	require.NoError(t, err)
	require.Equal(t, "s", s.Native)
}
