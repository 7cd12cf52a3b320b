package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestLeaseOfADeadProcess(t *testing.T) {
	w := newWorld(t, settings{opts: engine.Options{LeaseTTL: 50 * time.Millisecond, Poll: 5 * time.Millisecond}})
	w.fill(1)
	w.close()
	for n := 1; n <= 8; n++ { // wherever it died, another owner finishes it when the lease has ended
		w.killer = newKiller(n)
		w.opts.Owner = "first"
		w.open()
		_, _ = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "x"})
		w.die()
		w.opts.Owner = "second"
		w.open()
		require.Eventually(t, func() bool {
			for _, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Open: true}) {
				return err != nil
			}
			return true
		}, time.Minute, time.Millisecond)
		w.tree()
		w.close()
		w.eng = nil
	}
	w.open()
}

func TestHeartbeatKeepsALongCall(t *testing.T) {
	w := newWorld(t, settings{opts: engine.Options{LeaseTTL: 60 * time.Millisecond, Poll: 5 * time.Millisecond}})
	hanging, release := blocked(w)
	defer release()
	op, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)
	<-hanging
	renewed := func(at time.Time) bool {
		stored, err := w.inv.Operation(ctx(t), op.ID)
		require.NoError(t, err)
		return stored.LeaseUntil.After(at)
	}
	begun, err := w.inv.Operation(ctx(t), op.ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return renewed(begun.LeaseUntil) }, time.Minute, time.Millisecond)
	release()
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

// TestLeaseLost: a process whose operation was taken over ends its call, writes nothing more, and leaves it to the other.
func TestLeaseLost(t *testing.T) {
	w := newWorld(t, settings{opts: engine.Options{LeaseTTL: 60 * time.Millisecond, Poll: time.Hour}})
	w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Hang}) // done, and no reply ever
	op, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(w.array.AllSnapshots()) == 1 }, time.Minute, time.Millisecond)
	stored := w.takeOver()
	require.NoError(t, w.eng.Idle(ctx(t)), "the next heartbeat notices, and ends the call")
	after, err := w.inv.Operation(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, stored.Epoch, after.Epoch)
	require.Equal(t, inventory.Running, after.State, "the process that lost it has written nothing")
	require.NoError(t, w.eng.Close(ctx(t)))
	w.eng, w.killer = nil, nil
	w.open()
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, 1, w.tree().Len())
}

// takeOver takes the volume's operation over as another process does. It has this one's name, so it need not wait for the
// lease to end.
func (w *world) takeOver() inventory.Operation {
	w.t.Helper()
	vol, err := w.inv.Volume(ctx(w.t), w.volume.ID)
	require.NoError(w.t, err)
	op, err := w.inv.Operation(ctx(w.t), vol.Pending)
	require.NoError(w.t, err)
	op.Epoch++
	commit(w, inventory.Change{
		Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version}},
		Operation: &inventory.OperationChange{
			Operation: op, IfEpoch: op.Epoch - 1, TakeOver: true, LeaseTTL: time.Hour,
		},
	})
	return op
}

// TestTwoEngines: two processes with one inventory and one array never work on one volume at once; what comes second is
// queued. The pedant complains if the array sees two mutations of a volume together.
func TestTwoEngines(t *testing.T) {
	for name, store := range stores() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{inv: store, opts: engine.Options{Poll: 10 * time.Millisecond}})
			other, err := engine.New(w.inv, engine.Options{Owner: "other", Poll: 10 * time.Millisecond})
			require.NoError(t, err)
			require.NoError(t, other.AddBackend("array", w.pedant.Driver(w.array.Driver())))
			require.NoError(t, other.Start(ctx(t)))
			defer func() { require.NoError(t, other.Close(ctx(t))) }()
			var wg sync.WaitGroup
			for _, eng := range []*engine.Engine{w.eng, other} {
				for range 2 {
					wg.Go(func() {
						for range 5 {
							s, err := eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "x"})
							if err == nil {
								_, err = eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: s.ID})
							}
							if err != nil {
								t.Error(err)
							}
						}
					})
				}
			}
			wg.Wait()
			require.Equal(t, 20, w.tree().Len())
		})
	}
}

// TestWhatHasEndedIsNotTakenOver: a stale listing must not begin an operation a second time, on any store.
func TestWhatHasEndedIsNotTakenOver(t *testing.T) {
	for name, store := range stores() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{inv: store})
			w.create("one")
			for op, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Kind: "create"}) {
				require.NoError(t, err)
				op.State, op.LeaseOwner = inventory.Queued, "test"
				op.Epoch++
				err = w.inv.Commit(ctx(t), inventory.Change{
					ID:        snapshot.NewID[inventory.ChangeID](),
					Operation: &inventory.OperationChange{Operation: op, IfEpoch: op.Epoch - 1, TakeOver: true, LeaseTTL: time.Hour},
				})
				require.ErrorIs(t, err, inventory.ErrStale)
			}
			require.Equal(t, 1, w.tree().Len())
		})
	}
}
