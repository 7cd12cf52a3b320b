package crashtest_test

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// shortLease is that of a process which is to lose it. What it loses it to has the usual one.
const shortLease = 300 * time.Millisecond

// TestStoppedAndWoken: a process is stopped at each point of each operation. Once its lease has ended another takes the
// operation over and brings it to its end. Woken, the first writes nothing any more and sends nothing, not even the call
// before which it stood, for its context has ended; unless it stood behind the driver's last look at that: then it sends
// this one. Or it is killed where it stands, and the other does the same.
func TestStoppedAndWoken(t *testing.T) {
	root, k := newSite(t)
	var cells, late atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d cells; each violation is a failure above; %d calls were sent in the window that remains", cells.Load(), late.Load())
	})
	for name, sc := range scenes() {
		for way, wake := range map[string]bool{"woken": true, "killed": false} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				s := stopping{scene: sc, known: k, wake: wake, late: &late}
				for n := 1; s.at(t, root, order{Owner: "a", Scene: name, Known: k, StopAt: n, LeaseTTL: shortLease}); n += step() {
					cells.Add(1)
				}
			})
		}
	}
}

// step: a short run stops at some of the points only.
func step() int {
	if short() {
		return 5
	}
	return 1
}

// stopping is one scene whose first process is stopped.
type stopping struct {
	scene scene
	known known
	wake  bool
	late  *atomic.Int64
}

// at plays one cell; it returns false if the process never came to its point.
func (s stopping) at(t *testing.T, root string, o order) bool {
	t.Helper()
	o.Root = copyOf(t, root)
	a := start(t, o)
	where := a.at(t)
	if where == "" {
		require.False(t, a.end(t))
		return false
	}
	require.Eventually(t, func() bool { return a.isStopped(t) }, time.Minute, time.Millisecond)
	inv, err := sqlite.Open(within(t), databaseOf(o.Root), sqlite.Options{NoMigrate: true})
	require.NoError(t, err)
	stood, begun := s.journal(t, inv)
	var b *child
	if begun && stood.State.Open() {
		b = start(t, order{Root: o.Root, Owner: "b", Poll: 20 * time.Millisecond, Serve: true})
		// What stands in the middle of a call holds the image's lock, and nobody gets past that before it is gone.
		s.await(t, inv, func(op inventory.Operation) bool { return op.Epoch == 2 && (holding(where) || !op.State.Open()) })
	}
	ended, _ := s.journal(t, inv)
	sent := len(callsOf(t, o.Root, o.Owner))
	s.end(t, a)
	sends := callsOf(t, o.Root, o.Owner)[sent:]
	if b != nil {
		s.await(t, inv, func(op inventory.Operation) bool { return !op.State.Open() })
		require.NoError(t, b.in.Close())
		require.False(t, b.end(t))
	}
	last, _ := s.journal(t, inv)
	require.NoError(t, inv.Close())
	switch {
	case begun:
		require.Equal(t, ended.Epoch, last.Epoch, where)
		if !holding(where) {
			require.Equal(t, ended, last, "%s: it wrote the journal of an operation that was not its own any more", where)
		}
		require.LessOrEqual(t, len(sends), most(where), "%s: it sent %q", where, sends)
		s.late.Add(int64(len(sends)))
	case s.wake:
		require.Equal(t, inventory.Succeeded, last.State, "%s: nothing was begun, so nothing was taken over", where)
	}
	s.judge(t, o.Root, last.State, where)
	require.NoError(t, os.RemoveAll(o.Root))
	return true
}

// most is how many calls a process may send that was stopped there.
func most(where string) int {
	if strings.HasPrefix(where, "sending ") {
		return 1
	}
	return 0
}

// end wakes or kills the stopped process and waits until it has ended.
func (s stopping) end(t *testing.T, a *child) {
	t.Helper()
	if !s.wake {
		a.signal(t, syscall.SIGKILL)
		require.True(t, a.end(t))
		return
	}
	a.signal(t, syscall.SIGCONT)
	a.goOn(t)
	require.False(t, a.end(t))
}

// holding: the process was stopped within a call.
func holding(where string) bool { return strings.Contains(where, " within ") }

func (s stopping) await(t *testing.T, inv inventory.Inventory, until func(inventory.Operation) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		op, _ := s.journal(t, inv)
		return until(op)
	}, time.Minute, 5*time.Millisecond)
}

func (s stopping) journal(t *testing.T, inv inventory.Inventory) (op inventory.Operation, begun bool) {
	t.Helper()
	op, err := inv.Operation(within(t), s.known.Op)
	if errors.Is(err, inventory.ErrNotFound) {
		return op, false
	}
	require.NoError(t, err)
	return op, true
}

// judge: the end that the journal tells of, and nothing besides.
func (s stopping) judge(t *testing.T, root string, ended inventory.OperationState, where string) {
	t.Helper()
	want := before
	if ended == inventory.Succeeded {
		want = s.scene.after
	}
	require.Equal(t, want, state(t, root), where)
}

// callsOf returns the calls that the process of that name has sent so far.
func callsOf(t *testing.T, root, owner string) (calls []string) {
	t.Helper()
	text, err := os.ReadFile(transcriptOf(root))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(text)) {
		if call, ok := strings.CutPrefix(line, owner+" "); ok {
			calls = append(calls, strings.TrimSpace(call))
		}
	}
	return calls
}

// TestLongCallKeepsItsLease: a call that lasts several leases is not taken over while its process lives.
func TestLongCallKeepsItsLease(t *testing.T) {
	const lease = 3 * time.Second // a busy machine must come to renew it
	root, k := newSite(t)
	s := stopping{scene: scenes()["clone"], known: k}
	a := start(t, order{Root: root, Owner: "a", Scene: "clone", Known: k, HangAt: "before Clone", LeaseTTL: lease})
	require.Equal(t, "before Clone", a.at(t))
	b := start(t, order{Root: root, Owner: "b", Poll: 20 * time.Millisecond, Serve: true})
	inv, err := sqlite.Open(within(t), databaseOf(root), sqlite.Options{NoMigrate: true})
	require.NoError(t, err)
	first, begun := s.journal(t, inv)
	require.True(t, begun)
	renewals, last := 0, first
	require.Eventually(t, func() bool {
		op, _ := s.journal(t, inv)
		if op.LeaseUntil.After(last.LeaseUntil) {
			renewals, last = renewals+1, op
		}
		require.Equal(t, first.Epoch, op.Epoch, "it was taken over")
		return last.LeaseUntil.Sub(first.LeaseUntil) > 2*lease
	}, time.Minute, 5*time.Millisecond)
	require.Greater(t, renewals, 2)
	a.goOn(t)
	require.False(t, a.end(t))
	require.NoError(t, b.in.Close())
	require.False(t, b.end(t))
	require.Empty(t, callsOf(t, root, "b"), "the other had nothing to do")
	require.NoError(t, inv.Close())
	s.judge(t, root, inventory.Succeeded, "")
}
