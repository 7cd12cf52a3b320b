package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// world is a test with a store.
type world struct {
	*testing.T

	inv inventory.Inventory
}

// ok commits the change, and expects success.
func (w *world) ok(c inventory.Change) {
	w.Helper()
	require.NoError(w, w.commit(c))
}

// refused commits the change, and expects the class of error.
func (w *world) refused(class error, c inventory.Change) {
	w.Helper()
	require.ErrorIs(w, w.commit(c), class)
}

// commit gives the change an id if it has none.
func (w *world) commit(c inventory.Change) error {
	if c.ID.IsZero() {
		c.ID = snapshot.NewID[inventory.ChangeID]()
	}
	return w.inv.Commit(w.Context(), c)
}

func (w *world) newVolume() inventory.Volume { return newVolume() }

// stored makes a volume and returns it as stored.
func (w *world) stored() inventory.Volume {
	w.Helper()
	v := newVolume()
	w.ok(inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v}}})
	v.Version = 1
	return v
}

func newVolume() inventory.Volume {
	id := snapshot.NewID[snapshot.VolumeID]()
	return inventory.Volume{
		ID: id, Backend: "array", Native: driver.VolumeID("lun-" + id.Short()), Owner: "account", Size: 1 << 30,
		CreatedAt: time.Now(),
	}
}

func newSnapshot(v inventory.Volume) snapshot.Snapshot {
	id := snapshot.NewID[snapshot.ID]()
	return snapshot.Snapshot{
		ID: id, Volume: v.ID, State: snapshot.Ready, Token: "s1234567" + id.Short(), Owner: v.Owner, Size: v.Size,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent, CreatedAt: time.Now(),
	}
}

func newOperation(v inventory.Volume) inventory.Operation {
	return inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Running, Epoch: 1,
		Volumes: []snapshot.VolumeID{v.ID}, LeaseOwner: "process", CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
}

// changeOf writes the volume on top of its version.
func changeOf(v inventory.Volume) inventory.Change {
	return inventory.Change{
		ID:      snapshot.NewID[inventory.ChangeID](),
		Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
	}
}
