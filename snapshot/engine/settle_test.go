package engine_test

import (
	"context"
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

var errReplyLost = driver.Errorf(driver.ErrIndeterminate, "the reply was lost")

// sentLate makes the volume's next snapshot wait 20 s for its turn at the array, which serves one call at a time, and then
// take effect 9 s after its reply was lost.
func sentLate(w *world) {
	w.t.Helper()
	other, err := w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size)})
	require.NoError(w.t, err)
	w.faults.Add(
		drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Slow, Delay: 20 * time.Second},
		drivertest.Fault{Method: "CreateSnapshot", Call: 2, When: drivertest.Late, Err: errReplyLost, Delay: 9 * time.Second})
	_, err = w.eng.Submit(ctx(w.t), engine.CreateRequest{Volume: other.ID, Name: "slow"})
	require.NoError(w.t, err)
	synctest.Wait()
}

func oneAtATime() settings {
	return settings{
		facts: driver.Facts{Settle: 10 * time.Second}, opts: engine.Options{Requests: 1, CallTimeout: time.Hour, LeaseTTL: time.Hour},
	}
}

// TestSettleCountsFromTheLastSend: between the journal's "sent" and the sending lies the wait for a turn at the array. What
// was not there when the settle time had passed since the former may still come.
func TestSettleCountsFromTheLastSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, oneAtATime())
		defer w.close()
		sentLate(w)
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
		w.faults.Wait()
		w.consistent()
		require.NoError(t, err)
	})
}

// TestTakeOverWaitsForTheSettleTime: the same, and the process dies when it has sent it.
func TestTakeOverWaitsForTheSettleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, oneAtATime())
		defer w.close()
		sentLate(w)
		w.onCall(func(string) { w.killer.dieAt("after CreateSnapshot") }) // the slow one is under way already
		op := snapshot.NewID[inventory.OperationID]()
		req := engine.CreateRequest{Common: engine.Common{OperationID: op}, Volume: w.volume.ID, Name: "one"}
		_, err := w.eng.Submit(ctx(t), req)
		require.NoError(t, err)
		<-w.killer.died
		w.die()
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		w.faults.Wait()
		w.consistent()
		_, err = w.eng.Wait(ctx(t), op)
		require.NoError(t, err)
	})
}

// TestLateAccess: a revoke or grant whose reply was lost takes effect 9 s later, when its repetition was answered long ago.
// It must not be after the volume was given back, nor after the operation has ended.
func TestLateAccess(t *testing.T) {
	refused := drivertest.Fault{Method: "Revoke", Call: 2, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no")}
	for name, c := range map[string]struct {
		call string
		more []drivertest.Fault
	}{
		"revoke, repeated": {call: "Revoke"},
		"revoke, undone":   {call: "Revoke", more: []drivertest.Fault{refused}},
		"grant, repeated":  {call: "Grant"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{host: true, facts: driver.Facts{Settle: 10 * time.Second}})
				defer w.close()
				w.fill(1)
				one := w.create("one")
				before := w.array.Access(w.volume.Native)
				require.NotEmpty(t, before)
				came := w.lateEffect(c.call)
				w.faults.Add(drivertest.Fault{Method: c.call, Call: 1, When: drivertest.After, Err: errReplyLost})
				w.faults.Add(c.more...)
				_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
				require.Equal(t, len(c.more) == 0, err == nil)
				require.True(t, came.Load(), "the operation has ended, and an effect of it was still to come")
				require.Equal(t, before, w.array.Access(w.volume.Native))
				require.Positive(t, w.host.Attached(w.now().Disk))
				w.consistent()
			})
		})
	}
}

// lateEffect makes the first such call change the volume's access only 9 s after it was sent. (The driver's notes are
// written before it sends, so the call itself is made, and what it did is taken back before the next.)
func (w *world) lateEffect(call string) *atomic.Bool {
	access, came, calls := w.array.Driver().Abilities().Access, new(atomic.Bool), 0
	w.onCall(func(method string) {
		if method != call {
			return
		}
		late := context.WithoutCancel(w.context())
		calls++
		switch calls {
		case 1:
			go func() {
				<-time.After(9 * time.Second)
				w.setAccess(late, access, call == "Grant")
				came.Store(true)
			}()
		case 2:
			w.setAccess(late, access, call == "Revoke")
		}
	})
	return came
}

func (w *world) setAccess(ctx context.Context, access driver.AccessController, give bool) {
	var err error
	if give {
		_, err = access.Grant(ctx, driver.GrantRequest{Volume: w.volume.Native, Token: "late", Initiators: w.host.Initiators()})
	} else {
		_, err = access.Revoke(ctx, driver.RevokeRequest{Volume: w.volume.Native, Token: "late"})
	}
	if err != nil {
		w.t.Error(err)
	}
}
