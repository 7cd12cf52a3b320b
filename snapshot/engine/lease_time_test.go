package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// silent is an inventory that at some time stops answering commits.
type silent struct {
	inventory.Inventory

	quiet atomic.Bool
	again chan struct{}             // closed when it answers again
	last  atomic.Pointer[time.Time] // when the last commit was answered
}

func (s *silent) Commit(ctx context.Context, c inventory.Change) error {
	if s.quiet.Load() {
		select {
		case <-ctx.Done():
		case <-s.again:
		}
		return errors.Join(inventory.ErrIndeterminate, ctx.Err())
	}
	err := s.Inventory.Commit(ctx, c)
	now := time.Now()
	s.last.Store(&now)
	return err
}

// TestCallEndsBeforeTheLease: when the store does not answer, the lease cannot be renewed, and another process may take over
// once it has ended. A call that is under way is cut off before.
func TestCallEndsBeforeTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 30 * time.Second
		var inv *silent
		w := newWorld(t, settings{
			opts: engine.Options{LeaseTTL: ttl, CallTimeout: time.Hour},
			inv: func(t testing.TB) inventory.Inventory {
				inv = &silent{Inventory: inMemory(t), again: make(chan struct{})}
				return inv
			},
		})
		var cut time.Duration // how long after the last commit the call ended
		w.killer.onPoint = func(_ int, where string) {
			if where == "after CreateSnapshot" {
				cut = time.Since(*inv.last.Load())
				inv.quiet.Store(false)
				close(inv.again)
			}
		}
		w.onCall(func(method string) { inv.quiet.Store(inv.quiet.Load() || method == "CreateSnapshot") })
		w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Hang}) // until its context ends
		_, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
		require.NoError(t, err)
		require.NoError(t, w.eng.Idle(ctx(t)))
		require.Positive(t, cut)
		require.Less(t, cut, ttl)
		w.close()
		w.killer = nil
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		require.Equal(t, 1, w.tree().Len())
		w.close()
	})
}

// TestSuspended: a machine that was suspended wakes after another process has taken over. Its monotonic clock stood still,
// so by that one its lease has long to go; the other clock knows better, and nothing more is sent.
func TestSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		w := newWorld(t, settings{opts: engine.Options{
			Clock: func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }, Poll: 24 * time.Hour,
		}})
		defer w.close()
		w.fill(1)
		one := w.create("one")
		w.fill(2)
		var sent []string
		w.onCall(func(method string) {
			sent = append(sent, method)
			if method == "Sessions" { // the fence's proof; the revert follows without a commit between
				slept.Store(int64(time.Hour))
				w.takeOver()
			}
		})
		op, err := w.eng.Submit(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
		require.NoError(t, err)
		require.NoError(t, w.eng.Idle(ctx(t)))
		require.Equal(t, []string{"Revoke", "Sessions"}, sent)
		stored, err := w.inv.Operation(ctx(t), op.ID)
		require.NoError(t, err)
		require.Equal(t, int64(2), stored.Epoch)
		require.Equal(t, inventory.Running, stored.State)
		w.onCall(nil)
		w.die()
		w.open()
		require.NoError(t, w.eng.Idle(ctx(t)))
		w.tree()
	})
}
