package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// expired makes a snapshot whose time has passed.
func (w *world) expired(name string) snapshot.Snapshot {
	w.t.Helper()
	s := w.create(name)
	s.ExpiresAt = time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	commit(w, inventory.Change{Put: []snapshot.Snapshot{s}})
	return w.row(s.ID)
}

func (w *world) expire() engine.ExpireReport {
	w.t.Helper()
	r, err := w.eng.Expire(ctx(w.t))
	require.NoError(w.t, err)
	return r
}

// keptFor is why the report keeps each snapshot: the class, and the first blocker's kind.
func keptFor(r engine.ExpireReport) map[snapshot.ID]string {
	why := make(map[snapshot.ID]string)
	for _, u := range r.Kept {
		why[u.Snapshot] = driver.ClassOf(u.Err).Error()
		if len(u.Blockers) > 0 {
			why[u.Snapshot] += ": " + u.Blockers[0].Kind + " " + u.Blockers[0].Name
		}
	}
	return why
}

func TestExpire(t *testing.T) {
	for name, store := range stores() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{inv: store})
			native := w.array.AddVolume(size)
			w.array.AddForeignSnapshot(native, "nightly")
			_, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
			require.NoError(t, err)
			w.create("never")
			one, two, held := w.expired("one"), w.expired("two"), w.expired("held")
			later := w.create("later")
			w.setExpiry(later, day(1))
			w.hold(held, "audit")
			r := w.expire()
			require.Equal(t, []snapshot.ID{one.ID, two.ID}, r.Deleted)
			require.Equal(t, map[snapshot.ID]string{held.ID: "in use: hold case 7"}, keptFor(r))
			require.Empty(t, r.Down)
			require.Equal(t, "held", r.Kept[0].Name)
			require.Equal(t, w.volume.ID, r.Kept[0].Volume)
			require.Equal(t, 3, w.tree().Len())
			for op, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Kind: "delete"}) {
				require.NoError(t, err)
				require.Equal(t, "expiry", op.Actor)
			}
			_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: held.ID, Name: "audit"})
			require.NoError(t, err)
			require.Equal(t, []snapshot.ID{held.ID}, w.expire().Deleted)
			require.Empty(t, w.expire())
			w.consistent()
		})
	}
}

// TestExpireKeepsWhatIsNeeded: children that live, clones that need it, and operations.
func TestExpireKeepsWhatIsNeeded(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{SnapshotsDependent: true, CloneDependence: driver.CloneDependent}})
	one, two := w.expired("one"), w.expired("two")
	three := w.create("three")
	r := w.expire()
	require.Equal(t, map[snapshot.ID]string{two.ID: "in use: snapshot three", one.ID: "in use: snapshot two"}, keptFor(r))
	require.Empty(t, r.Deleted)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: three.ID}))
	_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	r = w.expire()
	require.Equal(t, []snapshot.ID{two.ID}, r.Deleted)
	require.Equal(t, map[snapshot.ID]string{one.ID: "in use: clone copy"}, keptFor(r))
}

// TestExpireWholeChain: where snapshots need their parents, the youngest goes first, and one call is enough.
func TestExpireWholeChain(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{SnapshotsDependent: true}})
	for range 5 {
		w.expired("x")
	}
	require.Len(t, w.expire().Deleted, 5)
	w.consistent()
}

func TestExpireMeetsOperations(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.expired("one")
	hanging, release := hangingAt(w, "Clone")
	defer release()
	clone, err := w.eng.Submit(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	<-hanging
	require.Equal(t, map[snapshot.ID]string{one.ID: "in use: operation clone copy"}, keptFor(w.expire()), "it is pinned")
	release()
	_, err = w.eng.Wait(ctx(t), clone.ID)
	require.NoError(t, err)

	hanging, release = hangingAt(w, "CreateSnapshot")
	defer release()
	create, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "new"})
	require.NoError(t, err)
	<-hanging
	require.Equal(t, map[snapshot.ID]string{one.ID: "busy: operation create"}, keptFor(w.expire()), "it does not wait")
	release()
	_, err = w.eng.Wait(ctx(t), create.ID)
	require.NoError(t, err)
	require.Len(t, w.expire().Deleted, 1)
	w.consistent()
}

// TestExpireGoesOn: one that cannot be deleted does not stop the rest, and leaves one operation however often it fails.
func TestExpireGoesOn(t *testing.T) {
	w := newWorld(t, settings{})
	one, two := w.expired("one"), w.expired("two")
	for range 3 {
		w.faults.Clear()
		w.faults.Add(drivertest.Fault{ // the younger is deleted first
			Method: "DeleteSnapshot", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no"),
		})
		r := w.expire()
		require.Equal(t, driver.ErrPermission, driver.ClassOf(r.Kept[0].Err))
		require.Equal(t, two.ID, r.Kept[0].Snapshot)
	}
	_, err := w.eng.Snapshot(ctx(t), one.ID)
	require.ErrorIs(t, err, driver.ErrNotFound)
	n := 0
	for _, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Kind: "delete", State: inventory.Failed}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n)
	w.faults.Clear()
	require.Equal(t, []snapshot.ID{two.ID}, w.expire().Deleted)
	w.consistent()
}

func TestExpireWithABackendDown(t *testing.T) {
	unreachable := driver.Errorf(driver.ErrUnavailable, "no route")
	for _, fresh := range []bool{true, false} { // it was known to be up, or not
		w := newWorld(t, settings{})
		for range 3 {
			w.expired("x")
		}
		w.faults.Add(drivertest.Fault{When: drivertest.Before, Err: unreachable}, drivertest.Fault{Method: "Describe", Err: unreachable})
		if fresh {
			w.close()
			w.open()
		}
		r := w.expire()
		require.Empty(t, r.Deleted)
		require.Empty(t, r.Kept)
		require.Len(t, r.Down, 1)
		require.Equal(t, "array", r.Down[0].Backend)
		require.Equal(t, 3, r.Down[0].Snapshots)
		require.ErrorIs(t, r.Down[0].Err, driver.ErrUnavailable)
		w.faults.Clear()
		w.close()
		w.open()
		require.Len(t, w.expire().Deleted, 3)
		w.consistent()
	}
}

// TestExpireOfAChangedExpiry: between the listing and the deletion somebody decides to keep it longer.
func TestExpireOfAChangedExpiry(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.expired("one")
	w.close()
	sound := w.inv
	other := secondEngine(t, w, sound)
	var once atomic.Bool
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if c.Operation.Operation.Kind == "delete" && once.CompareAndSwap(false, true) {
			_, err := other.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: day(1)})
			require.NoError(t, err)
		}
	}}
	w.open()
	require.Empty(t, w.expire())
	require.True(t, once.Load())
	require.Equal(t, 1, w.tree().Len())
	err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID, IfExpiresAt: one.ExpiresAt})
	require.ErrorIs(t, err, driver.ErrConflict)
}

// TestExpireAgainstHold: two processes, one of which holds what the other expires. Whoever is told "held" finds it afterwards.
func TestExpireAgainstHold(t *testing.T) {
	for name, store := range stores() {
		for _, plain := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := settings{inv: store, opts: engine.Options{Poll: 10 * time.Millisecond}}
				if plain {
					s.without = []string{"Expiry"}
				}
				w := newWorld(t, s)
				other := secondEngine(t, w, w.inv)
				won := 0
				for range 30 {
					one := w.expired("one")
					var wg sync.WaitGroup
					var held error
					wg.Go(func() { w.expire() })
					wg.Go(func() { _, held = other.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "audit"}) })
					wg.Wait()
					row, err := w.eng.Snapshot(ctx(t), one.ID)
					if held == nil {
						won++
						require.NoError(t, err)
						require.Len(t, row.Holds, 1)
						require.True(t, w.atArray(one).IsZero())
					}
				}
				t.Logf("the hold was first %d times of 30", won)
				w.consistent()
			})
		}
	}
}

// TestTwoProcessesExpire: the same night's work in two processes is done once.
func TestTwoProcessesExpire(t *testing.T) {
	for name, store := range stores() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{inv: store, opts: engine.Options{Poll: 10 * time.Millisecond}})
			other := secondEngine(t, w, w.inv)
			for range 10 {
				w.expired("x")
			}
			var wg sync.WaitGroup
			for _, eng := range []*engine.Engine{w.eng, other} {
				wg.Go(func() {
					if _, err := eng.Expire(ctx(t)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			w.expire() // what one has skipped because the other was at its volume
			require.Zero(t, w.tree().Len())
			n := 0
			for op, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Kind: "delete"}) {
				require.NoError(t, err)
				require.Equal(t, inventory.Succeeded, op.State)
				n++
			}
			require.Equal(t, 10, n, "they share the operations")
		})
	}
}

func TestExpireStopsWithItsContext(t *testing.T) {
	w := newWorld(t, settings{})
	w.expired("one")
	done, cancel := context.WithCancel(ctx(t))
	cancel()
	_, err := w.eng.Expire(done)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, w.tree().Len())
}
