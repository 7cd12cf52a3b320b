package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestCancelJustBeforeTheCall: a cancellation that comes when a step is announced, and its call is not yet there to be
// interrupted, is not forgotten for as long as the call takes.
func TestCancelJustBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		var id inventory.OperationID
		w = newWorld(t, settings{opts: engine.Options{OnEvent: func(e engine.Event) {
			if e.Step == "Clone" && !e.Undoing && id.IsZero() {
				id = e.Operation
				require.NoError(t, w.eng.Cancel(ctx(t), id))
			}
		}}})
		one := w.create("one")
		release := w.array.HoldClones()
		defer release()
		began := time.Now()
		_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
		require.ErrorIs(t, err, driver.ErrUnavailable)
		require.Less(t, time.Since(began), time.Minute, "it waited for the call's own end")
		op, err := w.inv.Operation(ctx(t), id)
		require.NoError(t, err)
		require.Equal(t, inventory.Failed, op.State)
		require.Len(t, w.array.Volumes(), 1)
		release()
	})
}
