package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestThemeOrphansAndLeaks(t *testing.T) {
	t.Run("a create whose reply was lost is found, not made twice and not forgotten", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.loseReply("CreateSnapshot")
		s := w.create("once")
		require.Len(t, w.array.AllSnapshots(), 1)
		require.Equal(t, w.array.AllSnapshots()[0].Ref.ID, s.Native)
	})
	t.Run("fifty cycles of lost replies leave nothing", func(t *testing.T) {
		w := newWorld(t, settings{})
		for i := range 50 {
			w.faults.Clear()
			w.loseReply("CreateSnapshot")
			w.loseReply("DeleteSnapshot")
			s := w.create(fmt.Sprint(i))
			require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		}
		require.Empty(t, w.array.AllSnapshots())
		require.Zero(t, w.tree().Len())
	})
	t.Run("what follows a create and fails does not pile up copies with each retry", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		s := w.create("source")
		w.faults.Add(drivertest.Fault{Method: "Introduce", When: drivertest.After, Err: errLostReply()})
		for i := range 5 {
			_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: fmt.Sprint(i), Host: "pool"})
			require.Error(t, err)
		}
		require.Len(t, w.array.Volumes(), 1)
		require.Len(t, w.host.Disks(), 1)
		w.consistent()
	})
	t.Run("one operation that cannot go on does not keep the others from being cleaned up", func(t *testing.T) {
		w := newWorld(t, settings{opts: engine.Options{Attempts: 1}})
		native := w.array.AddVolume(size)
		other, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
		require.NoError(t, err)
		w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", When: drivertest.After, Err: errLostReply()},
			drivertest.Fault{Method: "Lookup", Call: 1, Err: driver.Errorf(driver.ErrPermission, "not this one")},
			drivertest.Fault{Method: "Lookup", Call: 2, Err: driver.Errorf(driver.ErrUnavailable, "down")},
			drivertest.Fault{Method: "Lookup", Call: 3, Err: driver.Errorf(driver.ErrPermission, "not this one")})
		for _, id := range []snapshot.VolumeID{w.volume.ID, other.ID} {
			_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: id, Name: "waits"})
			require.Error(t, err)
		}
		w.die()
		w.open() // the first fails again
		require.NoError(t, w.eng.Idle(ctx(t)))
		all, err := w.eng.Snapshots(ctx(t), other.ID)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, snapshot.Ready, all[0].State)
	})
	t.Run("a journal that nobody can read does not keep the engine from starting", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.loseReply("CreateSnapshot")
		w.faults.Add(drivertest.Fault{Method: "Lookup", Err: driver.Errorf(driver.ErrUnavailable, "down")})
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "healthy"})
		require.Error(t, err)
		w.die()
		commit(w, inventory.Change{Operation: &inventory.OperationChange{Operation: inventory.Operation{
			ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Running, Epoch: 1,
			Args: json.RawMessage(`{"volume": 7}`), Detail: json.RawMessage(`[]`), CreatedAt: time.Now(), UpdatedAt: time.Now(),
		}}})
		w.faults.Clear()
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		require.Equal(t, 1, w.tree().Len(), "the other one was completed")
	})
}
