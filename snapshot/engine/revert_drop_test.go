package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestHoldAgainstDropYounger: a revert would drop a younger snapshot, and somebody holds it while the revert is under way. Either
// the revert goes back, or the hold is refused.
func TestHoldAgainstDropYounger(t *testing.T) {
	for _, tt := range []struct {
		at     string
		holds  error
		revert error
	}{
		{at: "Detach", revert: driver.ErrInUse},
		{at: "Revoke", revert: driver.ErrInUse},
		{at: "Revert", holds: driver.ErrBusy},
		{at: "Attach", holds: driver.ErrBusy},
	} {
		t.Run(tt.at, func(t *testing.T) {
			w := newWorld(t, settings{host: true, facts: driver.Facts{RevertDropsYounger: true}})
			w.fill(1)
			one, two := w.create("one"), w.create("two")
			w.fill(2)
			hanging, release := hangingAt(w, tt.at)
			defer release()
			op, err := w.eng.Submit(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, DropYounger: true})
			require.NoError(t, err)
			<-hanging
			_, held := w.eng.Hold(ctx(t), engine.HoldRequest{Snapshot: two.ID, Name: "audit"})
			require.ErrorIs(t, held, tt.holds)
			release()
			_, err = w.eng.Wait(ctx(t), op.ID)
			require.ErrorIs(t, err, tt.revert)
			if tt.revert != nil {
				require.Equal(t, "audit", driver.BlockersOf(err)[0].ID)
				require.Equal(t, byte(2), w.content(w.now().Native))
				require.Equal(t, snapshot.Ready, w.row(two.ID).State)
			}
			require.Equal(t, map[bool]int{true: 2, false: 1}[tt.revert != nil], w.tree().Len())
			require.Positive(t, w.host.Attached(w.now().Disk))
		})
	}
}

// TestDropMoreThanFitsACommit: a revert that drops more snapshots than one change may touch.
func TestDropMoreThanFitsACommit(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{RevertDropsYounger: true}})
	one := w.create("one")
	for n := range inventory.MaxChange {
		w.create(fmt.Sprint(n))
	}
	r, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, DropYounger: true})
	require.NoError(t, err)
	require.Len(t, r.Dropped, inventory.MaxChange)
	require.Equal(t, 1, w.tree().Len())
	require.Equal(t, one.ID, w.now().Head)
}
