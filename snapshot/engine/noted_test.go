package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// forgetful is a cloner that begins a job, notes it, and then speaks of its last call only, which was never sent.
type forgetful struct {
	driver.Cloner
	discarded int
}

func (f *forgetful) Clone(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
	if err := req.Note(ctx, json.RawMessage(`{"job":1}`)); err != nil {
		return driver.Volume{}, err
	}
	return driver.Volume{}, driver.Errorf(driver.ErrUnavailable, "not sent")
}

func (f *forgetful) Discard(context.Context, driver.DiscardRequest) error {
	f.discarded++
	return nil
}

// TestWhatWasNotedHasBegun: a job that was noted is looked for and removed, even if the driver says that nothing took place.
func TestWhatWasNotedHasBegun(t *testing.T) {
	drv, cloner := NewMockDriver(gomock.NewController(t)), &forgetful{}
	drv.EXPECT().Abilities().Return(driver.Abilities{Cloner: cloner}).AnyTimes()
	drv.EXPECT().Describe(gomock.Any()).Return(driver.Description{Backend: "mock"}, nil).AnyTimes()
	drv.EXPECT().Volume(gomock.Any(), gomock.Any()).Return(driver.Volume{ID: "v", Size: size}, nil).AnyTimes()
	drv.EXPECT().CreateSnapshot(gomock.Any(), gomock.Any()).DoAndReturn(
		func(_ context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			return driver.Snapshot{Ref: driver.SnapshotRef{Volume: "v", ID: "s", Token: req.Token}, Size: size, Ready: true}, nil
		})
	eng, err := engine.New(inMemory(t), engine.Options{Owner: "test", BackOff: time.Microsecond})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("mock", drv))
	require.NoError(t, eng.Start(ctx(t)))
	t.Cleanup(func() { require.NoError(t, eng.Close(context.Background())) }) //nolint:usetesting // t.Context has ended by then
	vol, err := eng.Import(ctx(t), engine.ImportRequest{Backend: "mock", Native: "v", Name: "v", WithoutSnapshots: true})
	require.NoError(t, err)
	s, err := eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "one"})
	require.NoError(t, err)

	_, err = eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
	require.ErrorIs(t, err, driver.ErrUnavailable)
	require.Equal(t, 1, cloner.discarded)
}
