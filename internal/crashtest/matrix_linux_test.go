package crashtest_test

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// deathsEnv says how many processes die, one after the other, before one may live: 2 unless said otherwise, 1 in a short run.
const deathsEnv = "STORAGESNAP_CRASHTEST_DEATHS"

// short: a part will do.
func short() bool { return testing.Short() || underRace }

func deaths(t *testing.T) int {
	t.Helper()
	if text, ok := os.LookupEnv(deathsEnv); ok {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	if short() {
		return 1
	}
	return 2
}

// TestKilledAtEveryPoint: a process kills itself at each point of each operation, the one that recovers kills itself at
// each point of the recovery, and a third brings what was left to one of the two ends.
func TestKilledAtEveryPoint(t *testing.T) {
	root, k := newSite(t)
	var cells, played atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d cells; each violation is a failure above", cells.Load())
		if deaths(t) > 1 && !t.Failed() && int(played.Load()) == len(scenes()) {
			require.GreaterOrEqual(t, cells.Load(), int64(200))
		}
	})
	for name, sc := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			played.Add(1)
			undisturbed(t, root, name, k)
			m := matrix{scene: sc, known: k, cells: &cells}
			points := m.killAtEach(t, root, order{Owner: "one", Scene: name, Known: k}, deaths(t), "the process")
			require.GreaterOrEqual(t, points, 2, "before and after the one commit that each has at least")
		})
	}
}

// undisturbed proves what the scene comes to when nobody dies.
func undisturbed(t *testing.T, root, name string, k known) {
	t.Helper()
	here := copyOf(t, root)
	require.False(t, play(t, order{Root: here, Owner: "one", Scene: name, Known: k}))
	require.Equal(t, scenes()[name].after, state(t, here))
}

// matrix is that of one scene.
type matrix struct {
	scene scene
	known known
	cells *atomic.Int64
}

// killAtEach kills the child that plays the order at its first point, its second, and so on, each time on a copy of what
// there is, until it comes to its end; and so the one that recovers from each of these deaths. It returns how many there were.
func (m matrix) killAtEach(t *testing.T, left string, o order, deaths int, history string) (points int) {
	t.Helper()
	for n := 1; ; n++ {
		here := copyOf(t, left)
		o.Root, o.DieAt = here, n
		if !play(t, o) {
			require.NoError(t, os.RemoveAll(here))
			return n - 1
		}
		died := fmt.Sprintf("%s died at point %d, its successor", history, n)
		if deaths > 1 {
			m.killAtEach(t, here, order{Owner: o.Owner}, deaths-1, died)
		}
		require.False(t, play(t, order{Root: here, Owner: o.Owner}))
		m.judge(t, here, died+" lived")
		require.NoError(t, os.RemoveAll(here))
	}
}

// judge: one of the two ends, the one that the journal tells of, and nothing besides.
func (m matrix) judge(t *testing.T, root, history string) {
	t.Helper()
	m.cells.Add(1)
	want := before
	if succeeded(t, root, m.known.Op) {
		want = m.scene.after
	}
	require.Equal(t, want, state(t, root), history)
}

// succeeded reads how the operation ended. One that is not there died before its intent.
func succeeded(t *testing.T, root string, id inventory.OperationID) bool {
	t.Helper()
	s, err := sqlite.Open(within(t), databaseOf(root), sqlite.Options{NoMigrate: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	op, err := s.Operation(within(t), id)
	if err != nil {
		require.ErrorIs(t, err, inventory.ErrNotFound)
	}
	return op.State == inventory.Succeeded
}
