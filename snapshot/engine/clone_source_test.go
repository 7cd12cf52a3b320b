package engine_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestCloneWhoseSourceIsForgotten: somebody forgets the source's volume in the moment in which a clone pins the snapshot. The
// clone comes to its end all the same, with or without success: nothing is left to take the pin off.
func TestCloneWhoseSourceIsForgotten(t *testing.T) {
	for name, fails := range map[string]bool{"succeeds": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{})
			s := w.create("source")
			w.onCall(func(method string) {
				if method != "Clone" {
					return
				}
				vol, err := w.inv.Volume(ctx(t), w.volume.ID)
				if err == nil { // as a process does that has looked for pins before
					commit(w, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version, Delete: true}}})
				}
			})
			if fails {
				w.faults.Add(drivertest.Fault{Method: "Clone", When: drivertest.After, Err: errLostReply()})
			}
			op := snapshot.NewID[inventory.OperationID]()
			_, err := w.eng.Clone(ctx(t), engine.CloneRequest{
				Common: engine.Common{OperationID: op}, Snapshot: s.ID, Name: "copy",
			})
			require.Equal(t, fails, err != nil, "%v", err)
			o, err := w.inv.Operation(ctx(t), op)
			require.NoError(t, err)
			require.False(t, o.State.Open(), "it is %s: %s", o.State, o.Error)
		})
	}
}

// TestVolumeGoesInTheMomentOfTheIntent: what a request names is gone between its checks and its intent. That is "not found", not
// a mistake of the caller.
func TestVolumeGoesInTheMomentOfTheIntent(t *testing.T) {
	w := newWorld(t, settings{})
	s := w.create("source")
	inv := &forgetting{Inventory: w.inv, volume: w.volume.ID}
	eng, err := engine.New(inv, engine.Options{Owner: "other"})
	require.NoError(t, err)
	require.NoError(t, eng.AddBackend("array", w.array.Driver()))
	require.NoError(t, eng.Start(ctx(t)))
	defer func() { require.NoError(t, eng.Close(ctx(t))) }()
	_, err = eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.Len(t, w.array.Volumes(), 1)
}

// forgetting is an inventory from which somebody deletes the volume directly before the first commit of an operation.
type forgetting struct {
	inventory.Inventory

	volume snapshot.VolumeID
}

func (f *forgetting) Commit(ctx context.Context, c inventory.Change) error {
	vol, err := f.Inventory.Volume(ctx, f.volume)
	if err == nil && c.Operation != nil {
		err = f.Inventory.Commit(ctx, inventory.Change{
			ID:      snapshot.NewID[inventory.ChangeID](),
			Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version, Delete: true}},
		})
		if err != nil {
			return err
		}
	}
	return f.Inventory.Commit(ctx, c)
}
