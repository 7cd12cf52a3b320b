package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestUndoWaitsForTheLastSend: a step was sent several times, and what was sent last arrives when all is undone already. The
// time in which it may arrive counts from the last send, and whoever undoes waits for its end, even if he finds
// something to undo at once.
func TestUndoWaitsForTheLastSend(t *testing.T) {
	lost := driver.Errorf(driver.ErrIndeterminate, "the reply was lost")
	late := drivertest.Fault{Method: "CreateSnapshot", Call: 3, When: drivertest.Late, Err: lost, Delay: 9 * time.Second}
	for name, first := range map[string]drivertest.When{"nothing was there": drivertest.Before, "something was": drivertest.After} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{facts: driver.Facts{Settle: 10 * time.Second}})
				defer w.close() // inside the bubble
				one := w.create("one")
				w.faults.Add(
					drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Before, Err: lost},
					drivertest.Fault{Method: "CreateSnapshot", Call: 2, When: first, Err: lost}, late,
					drivertest.Fault{Method: "CreateSnapshot", Call: 4, Err: driver.Errorf(driver.ErrPermission, "no")})
				_, err := w.eng.Revert(ctx(t), engine.RevertRequest{
					Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept",
				})
				require.Error(t, err)
				w.faults.Wait()
				require.Equal(t, 1, w.tree().Len())
			})
		})
	}
}

// TestTakeOverWaitsForTheLastSend: so does whoever takes an operation up: its former owner can have sent the call at any time.
func TestTakeOverWaitsForTheLastSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{Settle: 10 * time.Second}})
		defer w.close()
		one := w.create("one")
		lost := driver.Errorf(driver.ErrIndeterminate, "the reply was lost")
		w.faults.Add(
			drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Before, Err: lost},
			drivertest.Fault{Method: "CreateSnapshot", Call: 2, When: drivertest.Late, Err: lost, Delay: 9 * time.Second})
		w.onCall(func(method string) {
			if method == "CreateSnapshot" && w.faults.Fired() == 1 {
				<-time.After(8 * time.Second) // the second send is much later than the first
			}
		})
		go func() {
			_, _ = w.eng.Revert(ctx(t), engine.RevertRequest{
				Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept",
			})
		}()
		<-time.After(9 * time.Second)
		w.die()
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		w.faults.Wait()
		require.Equal(t, 1, w.tree().Len())
	})
}
