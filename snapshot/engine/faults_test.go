package engine_test

import (
	"context"
	"errors"
	"fmt"
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

// TestFaultMatrix plays every scene with one call of the array or host going wrong in every way: the process lives on.
// It must end in one of the two ends, or wait; what waits ends by itself once the fault is over.
func TestFaultMatrix(t *testing.T) {
	kinds := []struct {
		name string
		when drivertest.When
		err  error
	}{
		{"reply lost", drivertest.After, driver.Errorf(driver.ErrIndeterminate, "the reply was lost")},
		{"request lost", drivertest.Before, driver.Errorf(driver.ErrIndeterminate, "nobody knows")},
		{"unavailable", drivertest.Before, driver.Errorf(driver.ErrUnavailable, "no route")},
		{"busy", drivertest.Before, driver.Errorf(driver.ErrBusy, "later")},
		{"refused", drivertest.Before, driver.Errorf(driver.ErrPermission, "no")},
		{"unclassified", drivertest.After, errors.New("what is this")},
	}
	repeats := []int{1, 10} // once; and so often that the operation has to wait
	if testing.Short() {
		repeats = repeats[:1]
	}
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range sc.calls(t) {
				for _, k := range kinds {
					for _, times := range repeats {
						name := fmt.Sprintf("%s/%s/%d", call, k.name, times)
						t.Run(name, func(t *testing.T) { playFaults(t, sc, call, k.when, k.err, times) })
					}
				}
			}
		})
	}
}

// TestRefusedAfterALostReply: the first send took effect and its reply was lost; the second is refused. That refusal says
// nothing of the first.
func TestRefusedAfterALostReply(t *testing.T) {
	for _, sc := range scenes() {
		for _, call := range sc.mutations(t) {
			t.Run(sc.name+"/"+call, func(t *testing.T) {
				t.Parallel()
				playThrough(t, sc,
					drivertest.Fault{
						Method: call, Call: 1, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "the reply was lost"),
					},
					drivertest.Fault{Method: call, Call: 2, When: drivertest.Before, Err: driver.Errorf(driver.ErrPermission, "no")})
			})
		}
	}
}

func playFaults(t *testing.T, sc scene, call string, when drivertest.When, err error, times int) {
	t.Helper()
	var faults []drivertest.Fault
	for n := range times {
		faults = append(faults, drivertest.Fault{Method: call, Call: n + 1, When: when, Err: err})
	}
	playThrough(t, sc, faults...)
}

// playThrough plays the scene with the faults, and lets what waits go on once they are over.
func playThrough(t *testing.T, sc scene, faults ...drivertest.Fault) {
	t.Helper()
	w := newWorld(t, sc.settings)
	st := stage{op: snapshot.NewID[inventory.OperationID]()}
	sc.before(w, &st)
	w.faults.Add(faults...)
	acted := sc.act(w, &st)
	require.NoError(t, w.eng.Idle(ctx(t)))
	w.faults.Clear()
	op, found := w.inv.Operation(ctx(t), st.op)
	if found != nil {
		require.ErrorIs(t, found, inventory.ErrNotFound)
		require.Error(t, acted, "refused before there was an operation")
	}
	if op.State == inventory.Waiting {
		require.Error(t, acted)
		var e *engine.Error
		require.ErrorAs(t, acted, &e)
		require.Equal(t, inventory.Waiting, e.State)
		require.NotEmpty(t, e.Next, "it says what to do")
		require.NoError(t, w.eng.Retry(ctx(t), st.op))
		require.NoError(t, w.eng.Idle(ctx(t)))
	}
	p := performance{scene: sc}
	p.judge(w, &st)
	if t.Failed() {
		t.Log(p.journal)
	}
	if op.State == inventory.Succeeded {
		require.NoError(t, acted)
	}
}

// TestEffectAfterTheReplyWasLost: the array applies a mutation only after its reply was lost, within its settle time. Whoever
// looks too early finds nothing, and must not conclude that nothing will come.
func TestEffectAfterTheReplyWasLost(t *testing.T) {
	lost := driver.Errorf(driver.ErrIndeterminate, "the reply was lost")
	for _, call := range []string{"CreateSnapshot", "DeleteSnapshot", "Revert", "Clone", "SetExpiry"} {
		t.Run(call, func(t *testing.T) {
			for _, sc := range scenes() {
				if sc.facts.RevertChangesID || sc.facts.RevertFenced {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					sc.facts.Settle = 10 * time.Second
					w := newWorld(t, sc.settings)
					defer w.close() // inside the bubble
					st := stage{op: snapshot.NewID[inventory.OperationID]()}
					sc.before(w, &st)
					w.faults.Add(drivertest.Fault{Method: call, Call: 1, When: drivertest.Late, Err: lost, Delay: 9 * time.Second})
					_ = sc.act(w, &st)
					require.NoError(t, w.eng.Idle(ctx(t)))
					guest(w, &st)
					w.faults.Wait()
					_ = w.eng.Retry(ctx(t), st.op) // where it came to wait before the late effect
					require.NoError(t, w.eng.Idle(ctx(t)))
					p := performance{scene: sc}
					p.judge(w, &st)
				})
			}
		})
	}
}

func TestCancelledContext(t *testing.T) {
	// Besides, the reply of one call is lost: what was cancelled while its outcome is unknown must not be taken for undone.
	for _, sc := range scenes() {
		lost := []string{""}
		if !testing.Short() {
			lost = append(lost, sc.mutations(t)...)
		}
		for _, call := range lost {
			t.Run(sc.name+"/lost "+call, func(t *testing.T) {
				t.Parallel()
				playCanceled(t, sc, call)
			})
		}
	}
}

func playCanceled(t *testing.T, sc scene, lost string) {
	t.Helper()
	for n := 1; ; n++ { // the context ends at the n-th call
		w := newWorld(t, sc.settings)
		st := stage{op: snapshot.NewID[inventory.OperationID]()}
		sc.before(w, &st)
		w.loseReply(lost)
		canceled, acted := cancelAt(w, &sc, &st, n)
		w.faults.Clear()
		p := performance{scene: sc}
		p.judge(w, &st)
		if !canceled {
			if acted != nil {
				require.True(t, sc.fragile && lost != "", "%v", acted)
				require.ErrorIs(t, acted, driver.ErrUnavailable)
				require.NotErrorIs(t, acted, driver.ErrIndeterminate, "it is certain by now")
			}
			require.Greater(t, n, 1)
			return
		}
		op, err := w.inv.Operation(ctx(t), st.op)
		if acted == nil {
			require.Equal(t, inventory.Succeeded, op.State, "what cannot be undone is completed")
			continue
		}
		require.True(t, err != nil || op.State == inventory.Failed)
		if lost == "" {
			require.ErrorIs(t, acted, context.Canceled)
		}
	}
}

// cancelAt plays the scene with a context that ends when the engine makes its n-th call.
func cancelAt(w *world, sc *scene, st *stage, n int) (canceled bool, acted error) {
	c, cancel := context.WithCancel(ctx(w.t))
	defer cancel()
	w.ctx = c
	defer func() { w.ctx = nil }()
	w.killer.onPoint = func(point int, _ string) {
		if point == n {
			canceled = true
			cancel()
		}
	}
	w.killer.reset()
	acted = sc.act(w, st)
	require.NoError(w.t, w.eng.Idle(ctx(w.t)))
	w.killer.mu.Lock()
	defer w.killer.mu.Unlock()
	w.killer.onPoint = nil
	return canceled, acted
}
