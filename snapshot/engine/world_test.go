package engine_test

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const size = 64 << 10

// world is an array, a host, an inventory and an engine on them, and what the tests know of the contents.
type world struct {
	t      testing.TB
	array  *drivertest.Backend
	host   *drivertest.Hypervisor
	inv    inventory.Inventory
	faults *drivertest.Faults
	pedant *drivertest.Pedant
	eng    *engine.Engine
	opts   engine.Options
	volume inventory.Volume
	ctx    context.Context         // of a scene's act; nil is one that does not end
	killer *killer                 // of the present process; nil lives for ever
	record func(call *driver.Call) // is shown every call of the array or host, before it; set it between open and the calls
	away   atomic.Bool             // the host cannot be reached
}

// settings shape a world; the zero value is the most comfortable array, without a host.
type settings struct {
	facts   driver.Facts
	limits  driver.Limits
	without []string
	host    bool
	// container is that of the volume, where the facts know containers.
	container driver.ContainerID
	opts      engine.Options
	inv       store
	now       func() time.Time // the array's clock; nil is time.Now
}

// newWorld makes a world with one imported volume.
func newWorld(t testing.TB, s settings) *world {
	t.Helper()
	w := &world{t: t, faults: drivertest.NewFaults(), opts: s.opts}
	w.array = drivertest.NewBackend(drivertest.BackendOptions{Facts: s.facts, Limits: s.limits, Without: s.without, Now: s.now})
	w.pedant = drivertest.NewPedant(t, s.facts)
	if s.inv == nil {
		s.inv = inMemory
	}
	w.inv = s.inv(t)
	if s.host {
		w.host = drivertest.NewHost(w.array, drivertest.HostOptions{})
	}
	w.open()
	t.Cleanup(w.close)
	native := w.array.AddVolumeIn(s.container, size)
	req := engine.ImportRequest{Backend: "array", Native: native, Name: "disk", Owner: "tenant"}
	if s.host {
		_, err := w.host.AddDisk(native)
		require.NoError(t, err)
		req.Host = "pool"
	}
	vol, err := w.eng.Import(ctx(t), req)
	require.NoError(t, err)
	w.volume = vol
	return w
}

// open makes the engine, as a process does when it starts.
func (w *world) open() {
	w.t.Helper()
	opts := w.opts
	if opts.Owner == "" {
		opts.Owner = "test"
	}
	if opts.BackOff == 0 {
		opts.BackOff = time.Microsecond
		opts.MaxBackOff = time.Millisecond
	}
	if w.killer == nil {
		w.killer = newKiller(0)
	}
	k := w.killer // this process's, whatever comes after it
	hook := func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		if w.record != nil {
			w.record(call)
		}
		return k.hook(ctx, call, func(ctx context.Context) error { return w.faults.Hook()(ctx, call, next) })
	}
	eng, err := engine.New(mortal{w.inv, k}, opts)
	require.NoError(w.t, err)
	require.NoError(w.t, eng.AddBackend("array", w.pedant.Driver(driver.Wrap(w.array.Driver(), hook))))
	if w.host != nil {
		reached := func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
			if w.away.Load() && call.Method != "Close" {
				return driver.Errorf(driver.ErrUnavailable, "dial tcp 192.0.2.7:443: no route to host")
			}
			return hook(ctx, call, next)
		}
		require.NoError(w.t, eng.AddHost("pool", w.pedant.Host(driver.WrapHost(w.host.Driver(), reached))))
	}
	w.eng = eng
	if err := eng.Start(ctx(w.t)); !w.killer.isDead() {
		require.NoError(w.t, err)
	}
}

// die ends the present process, whose calls have no effect any more, and makes the next one immortal unless told otherwise.
func (w *world) die() {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.eng.Close(done)
	w.eng, w.killer = nil, nil
}

func (w *world) close() {
	if w.eng != nil {
		require.NoError(w.t, w.eng.Close(context.Background()))
	}
	w.faults.Wait()
}

// onCall is told of every call of the array or host, before it.
func (w *world) onCall(f func(method string)) {
	w.killer.mu.Lock()
	defer w.killer.mu.Unlock()
	w.killer.onCall = f
}

// fill writes one byte over the whole volume, as a guest does.
func (w *world) fill(b byte) {
	w.t.Helper()
	all := bytes.Repeat([]byte{b}, size)
	if w.host != nil {
		require.NoError(w.t, w.host.WriteAt(w.now().Disk, all, 0))
		return
	}
	require.NoError(w.t, w.array.WriteAt(w.now().Native, all, 0))
}

// content returns the byte that the whole volume of that native id has.
func (w *world) content(native driver.VolumeID) byte {
	w.t.Helper()
	c, err := w.array.Content(native)
	require.NoError(w.t, err)
	require.Equal(w.t, bytes.Repeat(c[:1], size), c[:size], "a mixture of contents")
	return c[0]
}

func (w *world) now() inventory.Volume {
	w.t.Helper()
	v, err := w.eng.Volume(ctx(w.t), w.volume.ID)
	require.NoError(w.t, err)
	return v
}

func (w *world) create(name string) snapshot.Snapshot {
	w.t.Helper()
	s, err := w.eng.Create(ctx(w.t), engine.CreateRequest{Volume: w.volume.ID, Name: name})
	require.NoError(w.t, err)
	return s
}

func (w *world) revert(to snapshot.Snapshot) engine.Reverted {
	w.t.Helper()
	r, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: to.ID})
	require.NoError(w.t, err)
	return r
}

// tree returns the volume's tree, which must be valid, and the array's snapshots must be its nodes.
func (w *world) tree() *snapshot.Tree {
	w.t.Helper()
	w.consistent()
	tree, err := w.eng.Tree(ctx(w.t), w.volume.ID)
	require.NoError(w.t, err)
	require.NoError(w.t, tree.Validate())
	return tree
}

// consistent: what the inventory says is Ready is at the array, what is at the array is in the inventory, and nothing is
// left half-way; nothing was attached twice or reverted while it was open.
func (w *world) consistent() {
	w.t.Helper()
	var known, there []string
	for v, err := range w.inv.Volumes(ctx(w.t), inventory.VolumeQuery{}) {
		require.NoError(w.t, err)
		require.True(w.t, v.Pending.IsZero(), "volume %s is still busy with %s", v.ID, v.Pending)
	}
	for s, err := range w.inv.Snapshots(ctx(w.t), inventory.SnapshotQuery{}) {
		require.NoError(w.t, err)
		require.Equal(w.t, snapshot.Ready, s.State)
		require.Empty(w.t, s.Pins)
		known = append(known, s.Native)
	}
	for _, s := range w.array.AllSnapshots() {
		there = append(there, s.Ref.ID)
	}
	slices.Sort(known)
	slices.Sort(there)
	require.Equal(w.t, known, there, "the inventory's snapshots against the array's")
	require.Empty(w.t, w.array.Violations())
	require.Zero(w.t, w.array.Jobs())
	if w.host != nil {
		require.Empty(w.t, w.host.Violations())
	}
}

// context is what a scene's act is called with.
func (w *world) context() context.Context {
	if w.ctx != nil {
		return w.ctx
	}
	return ctx(w.t)
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(context.Background(), time.Minute) //nolint:usetesting // also used while a test cleans up
	t.Cleanup(cancel)
	return c
}
