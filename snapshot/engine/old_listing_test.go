package engine_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// lastWord lets an operation's former owner write its journal once more, directly before somebody takes it over.
type lastWord struct {
	inventory.Inventory
	write func()
}

func (l *lastWord) Commit(ctx context.Context, c inventory.Change) error {
	if write := l.write; write != nil && c.Operation != nil && c.Operation.TakeOver {
		l.write = nil
		write()
	}
	return l.Inventory.Commit(ctx, c)
}

// TestNewerJournalIsNotOverwritten: between the reading of a journal and the take-over its owner has learnt something. Who takes
// over must begin with that, or not at all.
func TestNewerJournalIsNotOverwritten(t *testing.T) {
	inv := &lastWord{}
	w := newWorld(t, settings{host: true, inv: func(t testing.TB) inventory.Inventory {
		inv.Inventory = inMemory(t)
		return inv
	}})
	one := w.create("one")
	w.faults.Add(drivertest.Fault{Method: "Attach", Err: driver.Errorf(driver.ErrPermission, "no")})
	_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State)
	w.faults.Clear()

	note := json.RawMessage(`{"learnt":true}`)
	inv.write = func() {
		op, err := inv.Operation(ctx(t), e.Operation)
		require.NoError(t, err)
		op.Steps[0].Note = note
		require.NoError(t, inv.Inventory.Commit(ctx(t), inventory.Change{
			ID: snapshot.NewID[inventory.ChangeID](), Operation: &inventory.OperationChange{Operation: op, IfEpoch: op.Epoch},
		}))
	}
	err = w.eng.Retry(ctx(t), e.Operation)
	require.ErrorIs(t, err, driver.ErrBusy, "somebody else was at it")
	require.NoError(t, w.eng.Retry(ctx(t), e.Operation))
	op, err := w.eng.Wait(ctx(t), e.Operation)
	require.NoError(t, err)
	require.Equal(t, note, op.Steps[0].Note)
	require.Positive(t, w.host.Attached(w.now().Disk))
	w.tree()
}
