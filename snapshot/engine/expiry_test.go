package engine_test

import (
	"context"
	"iter"
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

func TestExpiryHasNotPassed(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	past := time.Now().Add(-time.Second)
	_, err := w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: past})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "two", ExpiresAt: past})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.Equal(t, keepingState{}, w.keeping(one))
	require.Equal(t, 1, w.tree().Len())
}

// TestExpiryMargin: the array is told later than we expire, or nothing.
func TestExpiryMargin(t *testing.T) {
	for _, m := range []time.Duration{time.Minute, -1} {
		w := newWorld(t, settings{opts: engine.Options{ExpiryMargin: m}})
		at, then, array := day(1), day(2), time.Time{}
		if m > 0 {
			array = at.Add(m)
		}
		one, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one", ExpiresAt: at})
		require.NoError(t, err)
		require.Equal(t, keepingState{0, at, array}, w.keeping(one))
		w.setExpiry(one, then)
		if m > 0 {
			array = then.Add(m)
		}
		require.Equal(t, keepingState{0, then, array}, w.keeping(one))
		w.hold(one, "audit")
		require.Equal(t, keepingState{1, then, time.Time{}}, w.keeping(one))
	}
}

// TestArrayExpiresByItself: should no engine be left, the array deletes what has expired, but nothing that is held.
func TestArrayExpiresByItself(t *testing.T) {
	var ahead atomic.Int64
	w := newWorld(t, settings{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	create := func(name string) snapshot.Snapshot {
		s, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: name, ExpiresAt: day(1)})
		require.NoError(t, err)
		return s
	}
	gone, held, released, never, later := create("gone"), create("held"), create("released"), create("never"), create("later")
	w.hold(held, "audit")
	w.hold(released, "audit")
	_, err := w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: released.ID, Name: "audit"})
	require.NoError(t, err)
	w.setExpiry(never, time.Time{})
	w.setExpiry(later, day(100))
	w.hold(later, "audit")
	w.setExpiry(later, day(1)) // a new expiry of what is held
	there := func() map[string]bool {
		m := make(map[string]bool)
		for _, s := range w.array.AllSnapshots() {
			m[s.Ref.ID] = true
		}
		return m
	}
	ahead.Store(int64(47 * time.Hour))
	require.Len(t, there(), 5, "the margin is not over")
	ahead.Store(int64(1000 * 24 * time.Hour))
	require.Equal(t, map[string]bool{held.Native: true, never.Native: true, later.Native: true}, there())
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: gone.ID}), "what the array has deleted")
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: released.ID}))
	w.consistent()
}

// TestReleaseAfterTheExpiry: the array must not delete the snapshot in the moment of its release, before the tree knows.
func TestReleaseAfterTheExpiry(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.expired("one")
	w.hold(one, "audit")
	_, err := w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.WithinRange(t, w.atArray(one), time.Now().Add(margin-time.Minute), time.Now().Add(margin))
	require.Equal(t, []snapshot.ID{one.ID}, w.expire().Deleted)
}

// TestRefusedAfterALostRequest: the first send was lost on its way there, and the second is refused. That both had no effect
// must be found out, not assumed.
func TestRefusedAfterALostRequest(t *testing.T) {
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			playThrough(t, sc,
				drivertest.Fault{
					Method: "SetExpiry", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrIndeterminate, "nobody knows"),
				},
				drivertest.Fault{Method: "SetExpiry", Call: 2, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no")})
		})
	}
}

// foreignExpiry is a driver without SetExpiry whose array deletes a foreign snapshot by itself.
type foreignExpiry struct {
	driver.Driver

	at time.Time
}

func (d *foreignExpiry) Lookup(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	s, err := d.Driver.Lookup(ctx, req)
	s.Expires = d.at
	return s, err
}

func (d *foreignExpiry) Snapshots(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return func(yield func(driver.Snapshot, error) bool) {
		for s, err := range d.Driver.Snapshots(ctx, req) {
			s.Expires = d.at
			if !yield(s, err) {
				return
			}
		}
	}
}

// TestHoldOfWhatTheArrayDeletes: a snapshot that came to us with an expiry of the array's, which nobody can change.
func TestHoldOfWhatTheArrayDeletes(t *testing.T) {
	array := drivertest.NewBackend(drivertest.BackendOptions{Without: []string{"Expiry"}})
	native := array.AddVolume(size)
	array.AddForeignSnapshot(native, "nightly")
	drv := &foreignExpiry{Driver: array.Driver(), at: day(1)}
	eng, err := engine.New(inMemory(t), engine.Options{})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("array", drv))
	require.NoError(t, eng.Start(ctx(t)))
	defer func() { require.NoError(t, eng.Close(t.Context())) }()
	vol, err := eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
	require.NoError(t, err)
	rows, err := eng.Snapshots(ctx(t), vol.ID)
	require.NoError(t, err)
	req := engine.HoldRequest{Snapshot: rows[0].ID, Name: "audit"}
	_, err = eng.Hold(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "clone the snapshot")
	drv.at = time.Time{} // somebody has changed it at the array
	got, err := eng.Hold(ctx(t), req)
	require.NoError(t, err)
	require.Len(t, got.Holds, 1)
}

// TestRestartedByTwo: a failed request is made again in two processes at once, and both get its one operation.
func TestRestartedByTwo(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	req := engine.DeleteRequest{Common: engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()}, Snapshot: one.ID}
	w.faults.Add(drivertest.Fault{
		Method: "DeleteSnapshot", Call: 1, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no"),
	})
	require.ErrorIs(t, w.eng.Delete(ctx(t), req), driver.ErrPermission)
	w.close()
	sound := w.inv
	other := secondEngine(t, w, sound)
	var once atomic.Bool
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if c.Operation.Restart && once.CompareAndSwap(false, true) {
			require.NoError(t, other.Delete(ctx(t), req))
		}
	}}
	w.open()
	require.NoError(t, w.eng.Delete(ctx(t), req))
	require.True(t, once.Load())
	w.consistent()
}

// TestAbandonedRelease: once the array may have been told to delete the snapshot, the record must not say that it is held.
func TestAbandonedRelease(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	at := day(1)
	w.setExpiry(one, at)
	w.hold(one, "audit")
	w.faults.Add(
		drivertest.Fault{ // told, and the reply is lost
			Method: "SetExpiry", Call: 1, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "the reply was lost"),
		},
		drivertest.Fault{Method: "SetExpiry", When: drivertest.Before, Err: driver.Errorf(driver.ErrUnavailable, "no route")},
	)
	_, err := w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State)
	require.NoError(t, w.eng.Resolve(ctx(t), e.Operation, engine.ChoiceAbandon, "ops", "the array is gone"))
	require.NoError(t, w.eng.Idle(ctx(t)))
	op, err := w.inv.Operation(ctx(t), e.Operation)
	require.NoError(t, err)
	require.Equal(t, inventory.Abandoned, op.State)
	require.Equal(t, keepingState{0, at, at.Add(margin)}, w.keeping(one))
}
