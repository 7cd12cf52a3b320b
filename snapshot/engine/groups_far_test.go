package engine_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// far is a second array with a host of its own, and a volume on it.
type far struct {
	array  *drivertest.Backend
	host   *drivertest.Hypervisor
	faults *drivertest.Faults
	volume inventory.Volume
}

func (w *world) addFar(opts drivertest.BackendOptions) *far {
	w.t.Helper()
	opts.ID = "far"
	f := &far{array: drivertest.NewBackend(opts), faults: drivertest.NewFaults()}
	f.host = drivertest.NewHost(f.array, drivertest.HostOptions{ID: "far"})
	pedant := drivertest.NewPedant(w.t, opts.Facts)
	require.NoError(w.t, w.eng.AddBackend("far", pedant.Driver(driver.Wrap(f.array.Driver(), f.faults.Hook()))))
	require.NoError(w.t, w.eng.AddHost("far pool", pedant.Host(driver.WrapHost(f.host.Driver(), f.faults.Hook()))))
	native := f.array.AddVolume(size)
	_, err := f.host.AddDisk(native)
	require.NoError(w.t, err)
	f.volume, err = w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "far", Native: native, Host: "far pool"})
	require.NoError(w.t, err)
	return f
}

func farGroup(w *world, f *far, q *engine.Quiesce) (engine.Group, error) {
	return w.eng.CreateGroup(ctx(w.t), engine.CreateGroupRequest{
		Volumes: []snapshot.VolumeID{w.volume.ID, f.volume.ID}, Name: "across", Quiesce: q,
	})
}

func TestGroupAcrossBackends(t *testing.T) {
	w := newWorld(t, settings{host: true})
	f := w.addFar(drivertest.BackendOptions{Facts: driver.Facts{RevertChangesID: true}})

	_, err := farGroup(w, f, nil)
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "2 backends", "the reason")

	fill := func(b byte) {
		all := bytes.Repeat([]byte{b}, size)
		require.NoError(t, w.host.WriteAt(w.now().Disk, all, 0))
		vol, err := w.eng.Volume(ctx(t), f.volume.ID)
		require.NoError(t, err)
		require.NoError(t, f.host.WriteAt(vol.Disk, all, 0))
	}
	fill(1)
	g, err := farGroup(w, f, &engine.Quiesce{})
	require.NoError(t, err)
	require.Equal(t, snapshot.QuiesceFrozen, g.Quiesce, "needed, so it is required")
	require.Equal(t, snapshot.ApplicationConsistent, g.Consistency)
	require.Positive(t, g.Skew)
	require.Positive(t, g.Frozen)
	require.Empty(t, f.host.Frozen())
	require.Empty(t, w.host.Frozen())
	require.Equal(t, 1, f.host.Freezes().Started)

	fill(2)
	_, err = w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{Group: g.ID})
	require.NoError(t, err)
	for _, s := range []struct {
		array *drivertest.Backend
		id    snapshot.VolumeID
	}{{w.array, w.volume.ID}, {f.array, f.volume.ID}} {
		vol, err := w.eng.Volume(ctx(t), s.id)
		require.NoError(t, err)
		content, err := s.array.Content(vol.Native)
		require.NoError(t, err)
		require.Equal(t, byte(1), content[0])
	}
	require.NoError(t, w.eng.DeleteGroup(ctx(t), engine.DeleteGroupRequest{Group: g.ID}))
	require.Empty(t, f.array.AllSnapshots())
	w.tree()
}

// TestGroupAcrossBackendsOrNothing: what one array has made is removed when the other refuses, and the guests write again.
func TestGroupAcrossBackendsOrNothing(t *testing.T) {
	for name, fault := range map[string]drivertest.Fault{
		"refused":    {Method: "CreateSnapshot", Call: 1, Err: driver.Errorf(driver.ErrExhausted, "full")},
		"reply lost": {Method: "CreateSnapshot", Call: 1, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "lost")},
		"host":       {Method: "Quiesce", Call: 1, Err: driver.Errorf(driver.ErrPermission, "no agent")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{host: true})
			f := w.addFar(drivertest.BackendOptions{})
			f.faults.Add(fault)
			_, err := farGroup(w, f, &engine.Quiesce{})
			require.Error(t, err)
			require.Empty(t, w.array.AllSnapshots())
			require.Empty(t, f.array.AllSnapshots())
			require.Empty(t, w.host.Frozen())
			require.Empty(t, f.host.Frozen())
			w.tree()
			_, err = farGroup(w, f, &engine.Quiesce{})
			require.NoError(t, err)
		})
	}
}

// TestThawWhileTheArrayIsDown: the process died while a guest was frozen. The next one thaws before anything else, although the
// array cannot be reached.
func TestThawWhileTheArrayIsDown(t *testing.T) {
	w := newWorld(t, settings{host: true, opts: engine.Options{DescribeEvery: time.Nanosecond}})
	k := w.killer
	w.onCall(func(method string) {
		if method == "CreateSnapshot" {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.at = k.points + 1
		}
	})
	_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "new", Quiesce: &engine.Quiesce{Max: time.Hour}})
	require.Error(t, err)
	require.True(t, k.isDead())
	require.Len(t, w.host.Frozen(), 1)
	w.die()
	down := driver.Errorf(driver.ErrUnavailable, "the array is down")
	w.faults.Add(drivertest.Fault{Method: "Describe", Err: down})
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	require.Empty(t, w.host.Frozen())
	require.False(t, w.now().Pending.IsZero(), "the rest waits for the array")
	w.faults.Clear()
	require.NoError(t, w.eng.Retry(ctx(t), w.now().Pending))
	require.NoError(t, w.eng.Idle(ctx(t)))
	w.tree()
}
