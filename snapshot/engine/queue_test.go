package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// faster is an inventory in which another process begins an operation on the volume directly before our first intent.
type faster struct {
	inventory.Inventory

	volume snapshot.VolumeID
	other  inventory.OperationID
}

func (f *faster) Commit(ctx context.Context, c inventory.Change) error {
	if f.other.IsZero() && c.Operation != nil && len(c.Volumes) > 0 {
		vol, err := f.Volume(ctx, f.volume)
		if err != nil {
			return err
		}
		f.other = snapshot.NewID[inventory.OperationID]()
		vol.Pending = f.other
		err = f.Inventory.Commit(ctx, inventory.Change{
			ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version}},
			Operation: &inventory.OperationChange{LeaseTTL: time.Hour, Operation: inventory.Operation{
				ID: f.other, Kind: "a later version's", State: inventory.Running, Volumes: []snapshot.VolumeID{vol.ID}, Epoch: 1,
				LeaseOwner: "other", CreatedAt: time.Now(), UpdatedAt: time.Now(),
			}},
		})
		if err != nil {
			return err
		}
	}
	return f.Inventory.Commit(ctx, c)
}

// TestSlowerOneIsQueued: another process was faster by the moment between our checks and our intent. Then the operation waits
// for its turn and is not begun, and the journal says so: as a running one without steps nobody could take it up.
func TestSlowerOneIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.close()
		inv := &faster{Inventory: w.inv, volume: w.volume.ID}
		eng, err := engine.New(inv, engine.Options{Owner: "slower"})
		require.NoError(t, err)
		require.NoError(t, eng.AddBackend("array", w.array.Driver()))
		require.NoError(t, eng.Start(ctx(t)))
		defer func() { require.NoError(t, eng.Close(ctx(t))) }()
		op, err := eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "queued"})
		require.NoError(t, err)
		stored, err := w.inv.Operation(ctx(t), op.ID)
		require.NoError(t, err)
		require.Equal(t, inventory.Queued, stored.State)
		vol := w.now()
		vol.Pending = inventory.OperationID{}
		commit(w, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version}}})
		_, err = eng.Wait(ctx(t), op.ID)
		require.NoError(t, err)
	})
}
