package sqlite_test

import (
	"bufio"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// TestKilledWhileCommitting kills a process that commits as fast as it can, again and again on one file: whatever it was
// told to be written is there, and nothing is there by half.
func TestKilledWhileCommitting(t *testing.T) {
	path := fresh(t)
	acknowledged := make(map[string]bool)
	for round := range 8 {
		cmd, out := start(t, "commit for ever", path)
		scanner := bufio.NewScanner(out)
		for range 20 + 7*round {
			require.True(t, scanner.Scan(), "the child ended")
			acknowledged[scanner.Text()] = true
		}
		require.NoError(t, cmd.Process.Kill())
		for scanner.Scan() { // what it said before it died counts
			acknowledged[scanner.Text()] = true
		}
		require.Error(t, cmd.Wait())
		checkWhole(t, path, acknowledged)
	}
}

func checkWhole(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	s := openAt(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	there := 0
	for v, err := range s.Volumes(t.Context(), inventory.VolumeQuery{}) {
		require.NoError(t, err)
		snapshots := collect(t, s.Snapshots(t.Context(), inventory.SnapshotQuery{Volume: v.ID}))
		require.Len(t, snapshots, 2)
		require.Equal(t, 2, v.SnapshotCount)
		require.Equal(t, snapshots[1].ID, v.Head)
		require.Len(t, collect(t, s.Operations(t.Context(), inventory.OperationQuery{Volume: v.ID})), 1)
		require.Len(t, collect(t, s.Records(t.Context(), inventory.RecordQuery{Volume: v.ID})), 1)
		if acknowledged[v.ID.String()] {
			there++
		}
	}
	require.Equal(t, len(acknowledged), there, "an acknowledged change is lost")
}

func TestProcessesCompareAndSwap(t *testing.T) {
	path := fresh(t)
	s := openAt(t, path)
	v := newVolume()
	require.NoError(t, s.Commit(t.Context(), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: v}},
	}))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			cmd, out := start(t, "count", path)
			said := lines(out)
			if err := cmd.Wait(); err != nil {
				t.Errorf("child: %v: %v", err, said)
			}
		})
	}
	if err := countUp(t.Context(), s, countUpTo); err != nil {
		t.Errorf("parent: %v", err)
	}
	wg.Wait()
	v, err := s.Volume(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, int64(3*countUpTo), v.Size)
	require.Equal(t, int64(3*countUpTo+1), v.Version)
	seq := int64(0)
	operations := collect(t, s.Operations(t.Context(), inventory.OperationQuery{Volume: v.ID}))
	require.Len(t, operations, 3*countUpTo)
	for _, o := range operations {
		require.Greater(t, o.Seq, seq)
		seq = o.Seq
	}
}

func TestProcessesCreateTheFileAtOnce(t *testing.T) { createAtOnce(t, fresh(t)) }

func TestProcessesFillAnEmptyFileAtOnce(t *testing.T) {
	path := fresh(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	createAtOnce(t, path)
}

func createAtOnce(t *testing.T, path string) {
	t.Helper()
	said := make([][]string, 5)
	var wg sync.WaitGroup
	for i := range said {
		wg.Go(func() {
			cmd, out := start(t, "open", path)
			said[i] = lines(out)
			if err := cmd.Wait(); err != nil {
				t.Errorf("child: %v: %v", err, said[i])
			}
		})
	}
	wg.Wait()
	s := openAt(t, path)
	id, err := s.Installation(t.Context())
	require.NoError(t, err)
	for _, lines := range said {
		require.Equal(t, []string{string(id)}, lines)
	}
	require.NoError(t, s.Close())
	require.Equal(t, []string{"inventory.db"}, names(t, filepath.Dir(path)), "nothing is left beside the file")
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
