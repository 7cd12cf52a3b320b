package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// hangingAt makes the first call of the method wait until it is released.
func hangingAt(w *world, method string) (hanging chan struct{}, release func()) {
	hanging = make(chan struct{})
	gate := make(chan struct{})
	var once sync.Once
	w.onCall(func(m string) {
		if m == method {
			once.Do(func() {
				close(hanging)
				<-gate
			})
		}
	})
	return hanging, sync.OnceFunc(func() { close(gate) })
}

func TestHoldForbidsDeletion(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	got, err := w.eng.Hold(ctx(t), engine.HoldRequest{
		Common: engine.Common{Actor: "ann"}, Snapshot: one.ID, Name: "audit", Reason: "case 7",
	})
	require.NoError(t, err)
	require.Len(t, got.Holds, 1)
	require.Equal(t, "ann", got.Holds[0].By, "who asks holds, unless the request says otherwise")
	err = w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
	require.ErrorIs(t, err, driver.ErrInUse)
	require.Equal(t, "audit", driver.BlockersOf(err)[0].ID)

	_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audits"})
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.ErrorContains(t, err, "it has: audit", "a slip must not look like a release")
	got, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.Empty(t, got.Holds)
	_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	_, err = w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "late"})
	require.ErrorIs(t, err, driver.ErrNotFound)
	ops := 0
	for op, err := range w.inv.Operations(ctx(t), inventory.OperationQuery{Volume: w.volume.ID, Kind: "hold"}) {
		require.NoError(t, err)
		require.Equal(t, inventory.Succeeded, op.State)
		require.Equal(t, "ann", op.Actor)
		require.Equal(t, "tenant", op.Owner)
		ops++
	}
	require.Equal(t, 1, ops, "who held what stays in the volume's journal")
}

func TestHoldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.close()
		one := w.create("one")
		req := engine.HoldRequest{Snapshot: one.ID, Name: "audit", By: "ann", Reason: "case 7", Until: day(1)}
		first, err := w.eng.Hold(ctx(t), req)
		require.NoError(t, err)
		again, err := w.eng.Hold(ctx(t), req)
		require.NoError(t, err)
		require.Equal(t, first, again, "the same hold changes nothing")
		other := req
		other.Until = day(2)
		_, err = w.eng.Hold(ctx(t), other)
		require.ErrorIs(t, err, driver.ErrConflict)
		require.Equal(t, "audit", driver.BlockersOf(err)[0].ID)
		require.Equal(t, first, w.row(one.ID))

		<-time.After(25 * time.Hour)
		got, err := w.eng.Hold(ctx(t), other)
		require.NoError(t, err, "what has ended by itself is in nobody's way")
		require.Len(t, got.Holds, 1)
		require.True(t, got.Holds[0].Until.Equal(other.Until))
		other.Until = time.Now().Add(-time.Second)
		other.Name = "late"
		_, err = w.eng.Hold(ctx(t), other)
		require.ErrorIs(t, err, driver.ErrInvalid)
		<-time.After(48 * time.Hour)
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	})
}

func TestHoldLimits(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	for n := range engine.HoldsMost {
		w.hold(one, fmt.Sprint(n))
	}
	_, err := w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "one more"})
	require.ErrorIs(t, err, driver.ErrExhausted)
	w.hold(one, "7")
	for name, req := range map[string]engine.HoldRequest{
		"no name":       {Snapshot: one.ID},
		"no snapshot":   {Name: "a"},
		"a line":        {Snapshot: one.ID, Name: "a", Reason: "b\nc"},
		"a long reason": {Snapshot: one.ID, Name: "a", Reason: fmt.Sprintf("%300d", 1)},
	} {
		_, err := w.eng.Hold(ctx(t), req)
		require.ErrorIs(t, err, driver.ErrInvalid, name)
	}
}

// TestHoldIsIdempotent: a request whose reply was lost is repeated under its id.
func TestHoldIsIdempotent(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	common := engine.Common{OperationID: snapshot.NewID[inventory.OperationID]()}
	req := engine.HoldRequest{Common: common, Snapshot: one.ID, Name: "audit"}
	for range 2 {
		got, err := w.eng.Hold(ctx(t), req)
		require.NoError(t, err)
		require.Len(t, got.Holds, 1)
		require.Equal(t, one.Version+1, got.Version)
	}
	_, err := w.eng.Release(ctx(t), engine.ReleaseRequest{Common: common, Snapshot: one.ID, Name: "audit"})
	require.ErrorIs(t, err, driver.ErrConflict, "the id is another request's")
	_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	_, err = w.eng.Hold(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrConflict)
}

// TestHoldWhileBusy: what only touches the inventory does not wait for an operation on the volume, and that one's outcome
// does not overwrite it.
func TestHoldWhileBusy(t *testing.T) {
	ops := map[string]func(w *world, one snapshot.Snapshot) engine.Request{
		"CreateSnapshot": func(w *world, _ snapshot.Snapshot) engine.Request {
			return engine.CreateRequest{Volume: w.volume.ID, Name: "new"}
		},
		"Revert": func(w *world, one snapshot.Snapshot) engine.Request {
			return engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept"}
		},
		"Clone": func(_ *world, one snapshot.Snapshot) engine.Request {
			return engine.CloneRequest{Snapshot: one.ID, Name: "copy"}
		},
	}
	for call, request := range ops {
		t.Run(call, func(t *testing.T) {
			w := newWorld(t, settings{host: true, without: []string{"Expiry"}})
			w.fill(1)
			one := w.create("one")
			w.hold(one, "old")
			hanging, release := hangingAt(w, call)
			defer release()
			op, err := w.eng.Submit(ctx(t), request(w, one))
			require.NoError(t, err)
			<-hanging
			at, name := day(1), "other"
			w.hold(one, "new")
			_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "old"})
			require.NoError(t, err)
			w.setExpiry(one, at)
			_, err = w.eng.Edit(ctx(t), engine.EditRequest{Snapshot: one.ID, Name: &name})
			require.NoError(t, err)
			vol, err := w.eng.EditVolume(ctx(t), engine.EditVolumeRequest{Volume: w.volume.ID, Name: &name})
			require.NoError(t, err)
			require.Equal(t, name, vol.Name)
			release()
			_, err = w.eng.Wait(ctx(t), op.ID)
			require.NoError(t, err)
			ended, err := w.inv.Operation(ctx(t), op.ID)
			require.NoError(t, err)
			require.EqualValues(t, 1, ended.Epoch, "its own process has ended it")
			row := w.row(one.ID)
			require.Equal(t, name, row.Name)
			require.Len(t, row.Holds, 1)
			require.Equal(t, "new", row.Holds[0].Name)
			require.True(t, row.ExpiresAt.Equal(at))
			require.Equal(t, name, w.now().Name)
			w.consistent()
		})
	}
}

func TestHoldOfWhatIsGoing(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	hanging, release := hangingAt(w, "DeleteSnapshot")
	defer release()
	op, err := w.eng.Submit(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
	require.NoError(t, err)
	<-hanging
	_, err = w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "late"})
	require.ErrorIs(t, err, driver.ErrBusy)
	release()
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	require.Zero(t, w.tree().Len())
}

// TestHoldTakesItsTurn: a hold that must be told to the array waits for the operation on the volume.
func TestHoldTakesItsTurn(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.setExpiry(one, day(1))
	hanging, release := hangingAt(w, "CreateSnapshot")
	defer release()
	_, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "two"})
	require.NoError(t, err)
	<-hanging
	op, err := w.eng.Submit(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.Equal(t, inventory.Queued, op.State)
	require.Empty(t, w.row(one.ID).Holds)
	release()
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	require.Len(t, w.row(one.ID).Holds, 1)
	require.True(t, w.atArray(one).IsZero())
	w.consistent()
}

// TestHoldMeetsAnother: two people hold one snapshot in the same moment, and neither hold is lost.
func TestHoldMeetsAnother(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.close()
	sound := w.inv
	var once atomic.Bool
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if len(c.Put) == 0 || len(c.Put[0].Holds) == 0 || !once.CompareAndSwap(false, true) {
			return
		}
		s, err := sound.Snapshot(ctx(t), one.ID)
		require.NoError(t, err)
		s.Holds = []snapshot.Hold{{Name: "meanwhile", Since: time.Now()}}
		require.NoError(t, sound.Commit(ctx(t), inventory.Change{
			ID: snapshot.NewID[inventory.ChangeID](), Put: []snapshot.Snapshot{s},
		}))
	}}
	w.open()
	w.hold(one, "mine")
	require.True(t, once.Load())
	require.Len(t, w.row(one.ID).Holds, 2)
}

// TestHoldMeetsAnExpiry: between the look at the record and the hold, somebody gives the snapshot an expiry at the array. The
// hold must notice, and clear it.
func TestHoldMeetsAnExpiry(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.close()
	sound := w.inv
	other := secondEngine(t, w, sound)
	var once atomic.Bool
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if len(c.Put) == 0 || len(c.Put[0].Holds) == 0 || !once.CompareAndSwap(false, true) {
			return
		}
		_, err := other.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: day(1)})
		require.NoError(t, err)
	}}
	w.open()
	w.hold(one, "mine")
	require.True(t, once.Load())
	require.Len(t, w.row(one.ID).Holds, 1)
	require.False(t, w.row(one.ID).ExpiresAt.IsZero())
	require.True(t, w.atArray(one).IsZero())
	w.consistent()
}

func secondEngine(t *testing.T, w *world, inv inventory.Inventory) *engine.Engine {
	t.Helper()
	other, err := engine.New(inv, engine.Options{Owner: "other", Poll: 10 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, other.AddBackend("array", w.pedant.Driver(w.array.Driver())))
	require.NoError(t, other.Start(ctx(t)))
	t.Cleanup(func() { require.NoError(t, other.Close(context.Background())) }) //nolint:usetesting // t.Context has ended by then
	return other
}

// TestArrayDoesNotLetGo: where the array would delete the snapshot and cannot be told not to, nobody may believe in a hold.
func TestArrayDoesNotLetGo(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	at := day(1)
	w.setExpiry(one, at)
	w.faults.Add(drivertest.Fault{Method: "SetExpiry", When: drivertest.Before, Err: driver.Errorf(driver.ErrUnsupported, "firmware 1.0")})
	_, err := w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "audit"})
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "firmware 1.0")
	require.Equal(t, keepingState{0, at, at.Add(margin)}, w.keeping(one))
	_, err = w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: day(9)})
	require.ErrorIs(t, err, driver.ErrUnsupported, "it would delete it too early")
	require.Equal(t, keepingState{0, at, at.Add(margin)}, w.keeping(one))
	w.consistent()

	two := w.create("two") // which the array will not delete: then there is nothing to let go of
	w.setExpiry(two, at)
	w.hold(two, "audit")
	require.Equal(t, keepingState{1, at, time.Time{}}, w.keeping(two))
	w.consistent()
}

// TestReleaseOfWhatIsGone: a hold must not keep the record of a snapshot that the array has lost.
func TestReleaseOfWhatIsGone(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.setExpiry(one, day(1))
	w.hold(one, "audit")
	require.NoError(t, w.array.RemoveSnapshot(driver.SnapshotRef{Volume: w.volume.Native, ID: one.Native}))
	_, err := w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: day(2)})
	require.ErrorIs(t, err, driver.ErrNotFound)
	_, err = w.eng.Release(ctx(t), engine.ReleaseRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	w.consistent()
}

// TestHoldWhileAnExpiryIsSet: while the array is being told a first expiry, a hold must not slip in beside it.
func TestHoldWhileAnExpiryIsSet(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	hanging, release := hangingAt(w, "SetExpiry")
	defer release()
	set, err := w.eng.Submit(ctx(t), engine.SetExpiryRequest{Snapshot: one.ID, At: day(1)})
	require.NoError(t, err)
	<-hanging
	hold, err := w.eng.Submit(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "audit"})
	require.NoError(t, err)
	require.Equal(t, inventory.Queued, hold.State)
	release()
	for _, op := range []inventory.Operation{set, hold} {
		_, err = w.eng.Wait(ctx(t), op.ID)
		require.NoError(t, err)
	}
	require.Len(t, w.row(one.ID).Holds, 1)
	require.True(t, w.atArray(one).IsZero())
	w.consistent()
}

// reading does something of its own directly before the n-th read of a header.
type reading struct {
	inventory.Inventory
	n      int
	before func()
}

func (r *reading) Volume(ctx context.Context, id snapshot.VolumeID) (inventory.Volume, error) {
	if r.n--; r.n == 0 {
		r.before()
	}
	return r.Inventory.Volume(ctx, id)
}

// TestHoldMeetsADeletion: between any two looks of a hold at the inventory, another process deletes the snapshot.
func TestHoldMeetsADeletion(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t, settings{})
		one := w.create("one")
		w.setExpiry(one, day(1))
		w.close()
		sound := w.inv
		other := secondEngine(t, w, sound)
		inv := &reading{Inventory: sound, n: n, before: func() {
			require.NoError(t, other.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
		}}
		w.inv = inv
		w.open()
		_, err := w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: one.ID, Name: "audit"})
		w.consistent()
		if inv.n > 0 {
			require.NoError(t, err)
			require.Greater(t, n, 2)
			return
		}
		require.ErrorIs(t, err, driver.ErrNotFound, "before look %d", n)
		require.Zero(t, w.tree().Len())
	}
}
