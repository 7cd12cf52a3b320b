package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// gate holds the first call of the method until it is released.
func gate(w *world, method string) (reached chan struct{}, release func()) {
	reached = make(chan struct{})
	held := make(chan struct{})
	var once sync.Once
	w.onCall(func(m string) {
		if m == method {
			once.Do(func() {
				close(reached)
				<-held
			})
		}
	})
	return reached, sync.OnceFunc(func() { close(held) })
}

// another is a second process on the same inventory, array and host.
func (w *world) another(opts engine.Options) *engine.Engine {
	w.t.Helper()
	opts.Owner, opts.Poll = "other", 5*time.Millisecond
	other, err := engine.New(w.inv, opts)
	require.NoError(w.t, err)
	require.NoError(w.t, other.AddBackend("array", w.pedant.Driver(w.array.Driver())))
	if w.host != nil {
		require.NoError(w.t, other.AddHost("pool", w.pedant.Host(w.host.Driver())))
	}
	require.NoError(w.t, other.Start(ctx(w.t)))
	w.t.Cleanup(func() { require.NoError(w.t, other.Close(context.Background())) })
	return other
}

// polled returns after the engine has looked twice at what others wish and left; the first time wholly.
func (w *world) polled() {
	w.t.Helper()
	polls := &w.killer.polls
	from := polls.Load()
	w.eventually("polls", func() bool { return polls.Load() >= from+2 })
}

// wishes counts the records that say what is wanted of operations.
func (w *world) wishes() (n int) {
	w.t.Helper()
	for _, err := range w.inv.Records(ctx(w.t), inventory.RecordQuery{Kind: "operation-wish"}) {
		require.NoError(w.t, err)
		n++
	}
	return n
}

func (w *world) operation(id inventory.OperationID) inventory.Operation {
	w.t.Helper()
	op, err := w.inv.Operation(ctx(w.t), id)
	require.NoError(w.t, err)
	return op
}

func (w *world) eventually(what string, f func() bool) {
	w.t.Helper()
	require.Eventually(w.t, f, time.Minute, time.Millisecond, what)
}

func quick() engine.Options { return engine.Options{Poll: 5 * time.Millisecond} }

// held begins a revert and holds it in its first call of the method.
func held(t *testing.T, method string, opts engine.Options) (w *world, op inventory.Operation, release func()) {
	t.Helper()
	w = newWorld(t, settings{host: true, opts: opts})
	w.fill(1)
	one := w.create("one")
	w.fill(2)
	reached, release := gate(w, method)
	t.Cleanup(release)
	op, err := w.eng.Submit(ctx(t), engine.RevertRequest{
		Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept",
	})
	require.NoError(t, err)
	<-reached
	return w, op, release
}

// requireSuspended waits until it is, and checks that it stays so.
func requireSuspended(w *world, id inventory.OperationID) {
	w.t.Helper()
	w.eventually("suspended", func() bool { return w.operation(id).State == inventory.Waiting })
	op := w.operation(id)
	require.True(w.t, op.NextAt.IsZero())
	require.Empty(w.t, op.LeaseOwner, "nobody works on it")
	x, err := w.eng.ExplainOperation(ctx(w.t), id)
	require.NoError(w.t, err)
	require.Contains(w.t, x.String(), "suspended by alice")
	require.Contains(w.t, x.String(), "the pool is being moved")
	require.ErrorIs(w.t, w.eng.Retry(ctx(w.t), id), driver.ErrInvalid, "a retry by mistake does not undo it")
}

func TestSuspend(t *testing.T) {
	for _, from := range []string{"the same process", "another process"} {
		t.Run(from, func(t *testing.T) {
			w, op, release := held(t, "Revert", quick())
			by := w.eng
			if from == "another process" {
				by = w.another(engine.Options{})
			}
			require.NoError(t, by.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
			require.NoError(t, by.Suspend(ctx(t), op.ID, "bob", "me too"), "repeatable")
			require.Equal(t, 1, w.wishes())
			require.Equal(t, inventory.Running, w.operation(op.ID).State, "the step under way is finished first")
			if by != w.eng { // its owner has to hear of it while the step is under way
				w.polled()
			}
			release()
			requireSuspended(w, op.ID)
			require.Equal(t, byte(1), w.content(w.volume.Native))
			for _, s := range w.operation(op.ID).Steps {
				require.NotEqual(t, inventory.StepSent, s.State, "%s: never between sending and outcome", s.Name)
			}
			w.eventually("the wish is dropped", func() bool { return w.wishes() == 0 })
			w.close()
			w.open()
			require.NoError(t, w.eng.Idle(ctx(t)))
			requireSuspended(w, op.ID)
			require.NoError(t, by.Suspend(ctx(t), op.ID, "bob", "again"), "it is")
			require.ErrorIs(t, w.eng.Cancel(ctx(t), op.ID), driver.ErrConflict, "it could only go forward")
			if by == w.eng || from == "the same process" {
				by = w.eng
			}
			require.NoError(t, by.Resume(ctx(t), op.ID))
			_, err := w.eng.Wait(ctx(t), op.ID)
			require.NoError(t, err)
			require.ErrorIs(t, by.Resume(ctx(t), op.ID), driver.ErrInvalid)
			require.ErrorIs(t, by.Suspend(ctx(t), op.ID, "alice", "late"), driver.ErrInvalid)
			w.tree()
			require.Zero(t, w.wishes())
		})
	}
}

// TestSuspendedBeforeThePivot: what was not sent goes back, since nobody kept watch.
func TestSuspendedBeforeThePivot(t *testing.T) {
	w, op, release := held(t, "CreateSnapshot", engine.Options{})
	require.NoError(t, w.eng.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
	release()
	requireSuspended(w, op.ID)
	require.NoError(t, w.eng.Idle(ctx(t)))
	require.NoError(t, w.eng.Cancel(ctx(t), op.ID), "it can still turn back")
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, byte(2), w.content(w.volume.Native))
	require.Equal(t, 1, w.tree().Len())
}

// TestSuspendOutlivesTheProcess: the word is durable, wherever the process dies after it.
func TestSuspendOutlivesTheProcess(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{})
	require.NoError(t, w.eng.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
	w.die2(release)
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	requireSuspended(w, op.ID)
	require.NoError(t, w.eng.Resume(ctx(t), op.ID))
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

func TestSuspendWhatWaits(t *testing.T) {
	w, op, release := held(t, "Revert", quick())
	w.faults.Add(drivertest.Fault{Method: "Attach", When: drivertest.Before})
	release()
	w.eventually("waiting", func() bool { return w.operation(op.ID).Attempts > 2 })
	require.NoError(t, w.eng.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
	w.eventually("suspended", func() bool {
		return w.operation(op.ID).State == inventory.Waiting && w.operation(op.ID).NextAt.IsZero()
	})
	w.faults.Clear()
	seq := w.operation(op.ID).Seq
	w.polled()
	require.Equal(t, seq, w.operation(op.ID).Seq, "nobody retries it")
	requireSuspended(w, op.ID)
	require.NoError(t, w.eng.Resolve(ctx(t), op.ID, engine.ChoiceRetry, "bob", "moved"), "a decision lifts it")
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

// TestSuspendWhatADeadProcessLeft: it is not recovered, and its array is not asked.
func TestSuspendWhatADeadProcessLeft(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{})
	w.die2(release)
	w.opts.ManualRecovery = true
	w.open()
	before := w.array.Counts()
	require.NoError(t, w.eng.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
	require.NoError(t, w.eng.Idle(ctx(t)))
	requireSuspended(w, op.ID)
	require.Equal(t, before, w.array.Counts())
	require.NoError(t, w.eng.Resume(ctx(t), op.ID))
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

func TestSuspendIsRefused(t *testing.T) {
	w, running, release := held(t, "Revert", engine.Options{})
	queued, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "later"})
	require.NoError(t, err)
	err = w.eng.Suspend(ctx(t), queued.ID, "alice", "x")
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "cancel it instead")
	require.ErrorIs(t, w.eng.Suspend(ctx(t), running.ID, "", "x"), driver.ErrInvalid)
	require.ErrorIs(t, w.eng.Suspend(ctx(t), running.ID, "alice", " "), driver.ErrInvalid)
	unknown := snapshot.NewID[inventory.OperationID]()
	require.ErrorIs(t, w.eng.Suspend(ctx(t), unknown, "alice", "x"), driver.ErrNotFound)
	require.ErrorIs(t, w.eng.Resume(ctx(t), unknown), driver.ErrNotFound)
	require.NoError(t, w.eng.Resume(ctx(t), running.ID), "it is not suspended")
	release()
	_, err = w.eng.Wait(ctx(t), queued.ID)
	require.NoError(t, err)
	w.tree()
}

// TestResumedBeforeItWasHeard: a wish that was taken back is not heeded.
func TestResumedBeforeItWasHeard(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{})
	require.NoError(t, w.eng.Suspend(ctx(t), op.ID, "alice", "x"))
	require.NoError(t, w.eng.Resume(ctx(t), op.ID))
	release()
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

// TestSuspendAndResumeAtOnce: two processes that say the opposite all the time leave an operation that ends.
func TestSuspendAndResumeAtOnce(t *testing.T) {
	w := newWorld(t, settings{host: true, opts: quick()})
	other := w.another(engine.Options{})
	w.fill(1)
	one := w.create("one")
	for range 10 {
		op, err := w.eng.Submit(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for _, eng := range []*engine.Engine{w.eng, other} {
			wg.Go(func() { _ = eng.Suspend(ctx(t), op.ID, "alice", "x") })
			wg.Go(func() { _ = eng.Resume(ctx(t), op.ID) })
		}
		wg.Wait()
		w.eventually("it ends", func() bool {
			_ = other.Resume(ctx(t), op.ID)
			return !w.operation(op.ID).State.Open()
		})
	}
	w.tree()
}

func TestCancelOfAnotherProcess(t *testing.T) {
	for _, tt := range []struct {
		name, at string
		back     bool
	}{
		{"before the pivot", "CreateSnapshot", true},
		{"after the pivot", "Attach", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, op, release := held(t, tt.at, quick())
			other := w.another(engine.Options{})
			require.NoError(t, other.Cancel(ctx(t), op.ID))
			require.NoError(t, other.Cancel(ctx(t), op.ID), "repeatable")
			w.polled() // its owner hears of it while the step is under way
			release()
			_, err := other.Wait(ctx(t), op.ID)
			if tt.back {
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, byte(2), w.content(w.volume.Native))
			} else {
				require.NoError(t, err)
				require.Equal(t, byte(1), w.content(w.volume.Native))
			}
			require.True(t, w.operation(op.ID).CancelAsked)
			w.eventually("the wish is dropped", func() bool { return w.wishes() == 0 })
			require.NoError(t, other.Cancel(ctx(t), op.ID), "it has ended")
			w.tree()
		})
	}
}

// TestCancelOutlivesTheProcess: who takes the operation up turns it back, although it would go on otherwise.
func TestCancelOutlivesTheProcess(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	reached, release := gate(w, "Clone")
	op, err := w.eng.Submit(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	<-reached
	require.NoError(t, w.another(engine.Options{}).Cancel(ctx(t), op.ID))
	w.die2(release)
	w.open()
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.array.Volumes(), 1)
	w.tree()
}

// TestCancelOfWhatIsQueuedElsewhere: its owner lets it go.
func TestCancelOfWhatIsQueuedElsewhere(t *testing.T) {
	w, running, release := held(t, "Revert", quick())
	queued, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "later"})
	require.NoError(t, err)
	other := w.another(engine.Options{})
	require.NoError(t, other.Cancel(ctx(t), queued.ID))
	_, err = other.Wait(ctx(t), queued.ID)
	require.ErrorIs(t, err, context.Canceled)
	release()
	_, err = w.eng.Wait(ctx(t), running.ID)
	require.NoError(t, err)
	w.tree()
}

// TestWishesOfTheEndedAreDropped, also those of operations that nobody knows.
func TestWishesOfTheEndedAreDropped(t *testing.T) {
	w := newWorld(t, settings{opts: quick()})
	commit(w, inventory.Change{Records: []inventory.RecordChange{{Record: inventory.Record{
		Kind: "operation-wish", ID: snapshot.NewID[inventory.OperationID]().String(), Data: []byte(`{}`),
	}}}})
	w.eventually("dropped", func() bool { return w.wishes() == 0 })
}
