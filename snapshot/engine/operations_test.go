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

func TestOperationIDMakesARequestRepeatable(t *testing.T) {
	w := newWorld(t, settings{})
	id := snapshot.NewID[inventory.OperationID]()
	req := engine.CreateRequest{Common: engine.Common{OperationID: id}, Volume: w.volume.ID, Name: "one"}
	first, err := w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	again, err := w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, 1, w.array.Counts()["CreateSnapshot"])

	other := req
	other.Name = "two"
	_, err = w.eng.Create(ctx(t), other)
	require.ErrorIs(t, err, driver.ErrConflict)
	_, err = w.eng.Submit(ctx(t), engine.DeleteRequest{Common: req.Common, Snapshot: first.ID})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.Equal(t, 1, w.tree().Len())

	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: first.ID}))
	_, err = w.eng.Create(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrConflict, "what it made is gone, and a repeat must not look like a success")

	two := w.create("two")
	clone := engine.CloneRequest{
		Common: engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()}, Snapshot: two.ID, Name: "copy",
	}
	made, err := w.eng.Clone(ctx(t), clone)
	require.NoError(t, err)
	repeated, err := w.eng.Clone(ctx(t), clone)
	require.NoError(t, err)
	require.Equal(t, made.ID, repeated.ID)
	require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: made.ID}))
	_, err = w.eng.Clone(ctx(t), clone)
	require.ErrorIs(t, err, driver.ErrConflict)
}

func TestFailedOperationBeginsAnew(t *testing.T) {
	w := newWorld(t, settings{})
	req := engine.CreateRequest{
		Common: engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()}, Volume: w.volume.ID, Name: "one",
	}
	w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "read only")})
	_, err := w.eng.Create(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrPermission)
	op, err := w.inv.Operation(ctx(t), req.OperationID)
	require.NoError(t, err)
	require.Equal(t, inventory.Failed, op.State)
	require.Zero(t, w.tree().Len())
	s, err := w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	op, err = w.inv.Operation(ctx(t), req.OperationID)
	require.NoError(t, err)
	require.Equal(t, inventory.Succeeded, op.State)
	require.Empty(t, op.Error)
	require.EqualValues(t, 2, op.Epoch)
	require.Equal(t, s.ID, w.now().Head)
}

func TestManyRequestsOnOneVolume(t *testing.T) {
	w := newWorld(t, settings{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "x"})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	tree := w.tree()
	require.Equal(t, 40, tree.Len())
	depth, _ := tree.Depth(w.now().Head)
	require.Equal(t, 39, depth, "one after the other: a chain")
}

func TestOneIDAtOnce(t *testing.T) {
	w := newWorld(t, settings{})
	req := engine.CreateRequest{
		Common: engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()}, Volume: w.volume.ID, Name: "one",
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := w.eng.Create(ctx(t), req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, w.tree().Len())
}

// blocked makes the array hang in its next snapshot until release is called; hanging is closed when it does.
func blocked(w *world) (hanging chan struct{}, release func()) {
	hanging = make(chan struct{})
	gate := make(chan struct{})
	var once sync.Once
	w.onCall(func(method string) {
		if method == "CreateSnapshot" {
			once.Do(func() {
				close(hanging)
				<-gate
			})
		}
	})
	return hanging, sync.OnceFunc(func() { close(gate) })
}

func TestQueueIsDurable(t *testing.T) {
	w := newWorld(t, settings{})
	hanging, release := blocked(w)
	defer release()
	one, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)
	<-hanging
	two, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "two"})
	require.NoError(t, err)
	require.Equal(t, inventory.Queued, two.State)
	three, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "three"})
	require.NoError(t, err)
	require.NoError(t, w.eng.Cancel(ctx(t), three.ID))
	_, err = w.eng.Wait(ctx(t), three.ID)
	require.ErrorIs(t, err, context.Canceled)
	x, err := w.eng.ExplainOperation(ctx(t), two.ID)
	require.NoError(t, err)
	require.Contains(t, x.String(), "begins when its volume is free")

	w.die2(release)
	w.open()
	_, err = w.eng.Wait(ctx(t), one.ID)
	require.ErrorIs(t, err, driver.ErrUnavailable, "the array never got it: the look-up proves that")
	_, err = w.eng.Wait(ctx(t), two.ID)
	require.NoError(t, err, "what was queued begins after a restart")
	require.Equal(t, 1, w.tree().Len())
	op, err := w.inv.Operation(ctx(t), three.ID)
	require.NoError(t, err)
	require.Equal(t, inventory.Failed, op.State)
}

// die2 ends the process while the array hangs in a call, and lets the array go on afterwards.
func (w *world) die2(release func()) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	closed := make(chan error)
	go func() { closed <- w.eng.Close(done) }()
	<-w.eng.Closing()
	release()
	require.Error(w.t, <-closed, "something was interrupted")
	w.eng, w.killer = nil, nil
}

func TestCloseDrains(t *testing.T) {
	w := newWorld(t, settings{})
	hanging, release := blocked(w)
	op, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)
	<-hanging
	go release()
	require.NoError(t, w.eng.Close(ctx(t)))
	require.NoError(t, w.eng.Close(ctx(t)), "twice is fine")
	stored, err := w.inv.Operation(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, inventory.Succeeded, stored.State)
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "late"})
	require.ErrorIs(t, err, driver.ErrUnavailable)
	require.Error(t, w.eng.Start(ctx(t)))
	w.eng = nil
}

func TestExplain(t *testing.T) {
	w := newWorld(t, settings{host: true})
	one := w.create("one")
	clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	two := w.create("two")
	x, err := w.eng.ExplainSnapshot(ctx(t), one.ID)
	require.NoError(t, err)
	require.Equal(t, "ready", x.State)
	require.Contains(t, x.String(), two.ID.String(), "its child")
	require.Contains(t, x.String(), clone.ID.String(), "its clone")
	require.Contains(t, x.String(), "can be reverted to, cloned and deleted")

	w.faults.Add(drivertest.Fault{Method: "Attach", Err: driver.Errorf(driver.ErrUnavailable, "pool master unreachable"), When: drivertest.Before})
	op, err := w.eng.Submit(ctx(t), engine.RevertRequest{
		Common: engine.Common{Actor: "alice"}, Volume: w.volume.ID, Snapshot: one.ID,
	})
	require.NoError(t, err)
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.ErrorIs(t, err, driver.ErrUnavailable)
	x, err = w.eng.ExplainOperation(ctx(t), op.ID)
	require.NoError(t, err)
	for _, s := range []string{"waiting", "alice", "Revert: done", "pool master unreachable", "tried again by itself"} {
		require.Contains(t, x.String(), s)
	}
	x, err = w.eng.ExplainSnapshot(ctx(t), two.ID)
	require.NoError(t, err)
	require.Contains(t, x.String(), op.ID.String(), "what is under way on its volume")
	w.faults.Clear()
	require.NoError(t, w.eng.Retry(ctx(t), op.ID))
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
	_, err = w.eng.ExplainOperation(ctx(t), snapshot.NewID[inventory.OperationID]())
	require.ErrorIs(t, err, driver.ErrNotFound)
	_, err = w.eng.ExplainSnapshot(ctx(t), snapshot.NewID[snapshot.ID]())
	require.ErrorIs(t, err, driver.ErrNotFound)
}

func TestWaitingOperationCanBeCancelledBeforeThePivot(t *testing.T) {
	w := newWorld(t, settings{host: true})
	one := w.create("one")
	w.faults.Add(
		drivertest.Fault{Method: "Clone", When: drivertest.Before, Err: driver.Errorf(driver.ErrIndeterminate, "lost")},
		drivertest.Fault{Method: "Discard", When: drivertest.Before, Err: driver.Errorf(driver.ErrUnavailable, "down")},
	)
	op, err := w.eng.Submit(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.ErrorIs(t, err, driver.ErrIndeterminate, "what turned it back")
	require.ErrorContains(t, err, "down", "what keeps it from going back")
	stored, err := w.inv.Operation(ctx(t), op.ID)
	require.NoError(t, err)
	require.Equal(t, inventory.Waiting, stored.State)
	require.False(t, stored.NextAt.IsZero())
	w.faults.Clear()
	require.NoError(t, w.eng.Cancel(ctx(t), op.ID))
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.Error(t, err)
	w.tree()
	require.NoError(t, w.eng.Cancel(ctx(t), op.ID), "cancelling what has ended is nothing")
	require.ErrorIs(t, w.eng.Retry(ctx(t), op.ID), driver.ErrInvalid)
}

func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var states []inventory.OperationState
	w := newWorld(t, settings{opts: engine.Options{OnEvent: func(e engine.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == "create" && e.Step == "" {
			states = append(states, e.State)
		}
	}}})
	w.create("one")
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []inventory.OperationState{inventory.Running, inventory.Succeeded}, states)
}

func TestUnknownKindIsLeftAlone(t *testing.T) {
	w := newWorld(t, settings{})
	future := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "teleport", Format: 1, State: inventory.Running, Epoch: 1,
	}
	commit(w, inventory.Change{Operation: &inventory.OperationChange{Operation: future}})
	newer := future
	newer.ID, newer.Kind, newer.Format = snapshot.NewID[inventory.OperationID](), "create", 99
	commit(w, inventory.Change{Operation: &inventory.OperationChange{Operation: newer}})
	w.close()
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	for _, id := range []inventory.OperationID{future.ID, newer.ID} {
		op, err := w.inv.Operation(ctx(t), id)
		require.NoError(t, err)
		require.Equal(t, inventory.Running, op.State)
		require.EqualValues(t, 1, op.Epoch, "a newer program's operation is not taken from it")
	}
}

// TestBudgets: what an uncontended operation costs.
func TestBudgets(t *testing.T) {
	w := newWorld(t, settings{host: true})
	count := func(f func()) (commits int, mutations map[string]int) {
		before := w.array.Counts()
		w.killer.mu.Lock()
		w.killer.commits = 0
		w.killer.mu.Unlock()
		f()
		mutations = make(map[string]int)
		for m, n := range w.array.Counts() {
			if n > before[m] {
				mutations[m] = n - before[m]
			}
		}
		w.killer.mu.Lock()
		defer w.killer.mu.Unlock()
		return w.killer.commits, mutations
	}
	var one, two snapshot.Snapshot
	commits, calls := count(func() { one = w.create("one") })
	require.Equal(t, 2, commits)
	require.Equal(t, map[string]int{"CreateSnapshot": 1}, calls)
	two = w.create("two")
	commits, calls = count(func() { require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: two.ID})) })
	require.Equal(t, 2, commits)
	require.Equal(t, map[string]int{"DeleteSnapshot": 1}, calls)
	commits, calls = count(func() { w.revert(one) })
	require.Equal(t, 1, calls["Revert"])
	require.Equal(t, 7, commits, "intent, Revoke and its driver's note, Revert, Grant, Attach, outcome")
	require.LessOrEqual(t, calls["Volume"], 1)
	require.LessOrEqual(t, calls["Sessions"], 1)
	commits, calls = count(func() { require.NoError(t, w.eng.Forget(ctx(t), engine.ForgetRequest{Volume: w.volume.ID})) })
	require.Equal(t, 1, commits, "nothing is done at the array, so its intent is its outcome")
	require.Empty(t, calls)
}

func TestVerbReturnsWhenItsContextEndedAndTheArrayHangs(t *testing.T) {
	w := newWorld(t, settings{opts: engine.Options{Grace: time.Millisecond}})
	hanging, release := blocked(w)
	defer release()
	c, cancel := context.WithCancel(ctx(t))
	go func() {
		<-hanging
		cancel()
	}()
	_, err := w.eng.Create(c, engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, driver.ErrIndeterminate)
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Next)
	release()
	_, err = w.eng.Wait(ctx(t), e.Operation)
	require.NoError(t, err, "it was past its pivot, and is completed")
	require.Equal(t, 1, w.tree().Len())
}

func TestNotStarted(t *testing.T) {
	w := newWorld(t, settings{})
	eng, err := engine.New(w.inv, engine.Options{})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("array", w.array.Driver()))
	_, err = eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "Start")
	require.NoError(t, eng.Close(ctx(t)))
	_, err = engine.New(nil, engine.Options{})
	require.ErrorIs(t, err, driver.ErrInvalid)
}

// TestUndoIsNotOverWhenSomethingIsMissing: where absence is not the aim, "not found" does not end an undo.
func TestUndoIsNotOverWhenSomethingIsMissing(t *testing.T) {
	w := newWorld(t, settings{host: true})
	one := w.create("one")
	w.faults.Add(
		drivertest.Fault{Method: "Revert", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no")},
		drivertest.Fault{Method: "Attach", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrNotFound, "no such disk")},
	)
	_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State, "the volume is not attached again, so somebody has to look")
	require.NoError(t, w.eng.Retry(ctx(t), e.Operation))
	_, err = w.eng.Wait(ctx(t), e.Operation)
	require.ErrorIs(t, err, driver.ErrPermission, "it fails with what turned it back")
	require.Positive(t, w.host.Attached(w.now().Disk))
	w.tree()
}

// TestCancelBeforeThePivot: what was done by then is taken back, and nothing else is begun.
func TestCancelBeforeThePivot(t *testing.T) {
	w := newWorld(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	w.fill(2)
	req := engine.RevertRequest{
		Common: engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()},
		Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept",
	}
	w.onCall(func(method string) {
		if method == "Revoke" {
			require.NoError(t, w.eng.Cancel(ctx(t), req.OperationID))
		}
	})
	_, err := w.eng.Revert(ctx(t), req)
	w.onCall(nil)
	require.ErrorIs(t, err, context.Canceled)
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Failed, e.State)
	require.Zero(t, w.array.Counts()["Revert"])
	require.Equal(t, byte(2), w.content(w.now().Native))
	require.Positive(t, w.host.Attached(w.now().Disk))
	require.Equal(t, 1, w.tree().Len())
}
