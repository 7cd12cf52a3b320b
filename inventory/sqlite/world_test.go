package sqlite_test

import (
	"database/sql"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
	"github.com/storagesnap/storagesnap/snapshot"
)

// openAt opens the file; it is closed with the test, if not before.
func openAt(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path, sqlite.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// fresh returns the path of a file that is not there yet, in a folder of its own.
func fresh(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "inventory.db")
}

// filled makes an inventory with some of everything, and returns its path.
func filled(tb testing.TB) string {
	tb.Helper()
	path := fresh(tb)
	s := openAt(tb, path)
	for range 100 {
		require.NoError(tb, s.Commit(tb.Context(), wholeChange()))
	}
	require.NoError(tb, s.Close())
	return path
}

func newVolume() inventory.Volume {
	id := snapshot.NewID[snapshot.VolumeID]()
	return inventory.Volume{
		ID: id, Backend: "array", Native: driver.VolumeID("lun-" + id.String()), Owner: "account", CreatedAt: time.Now(),
	}
}

func newSnapshot(v inventory.Volume) snapshot.Snapshot {
	id := snapshot.NewID[snapshot.ID]()
	return snapshot.Snapshot{
		ID: id, Volume: v.ID, State: snapshot.Ready, Token: "s1234567" + id.Short(), Owner: v.Owner, Size: v.Size,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent, CreatedAt: time.Now(),
	}
}

func newOperation(v inventory.Volume) inventory.Operation {
	return inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Succeeded, Epoch: 1,
		Volumes: []snapshot.VolumeID{v.ID}, CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
}

func collect[R any](tb testing.TB, rows iter.Seq2[R, error]) []R {
	tb.Helper()
	var list []R
	for r, err := range rows {
		require.NoError(tb, err)
		list = append(list, r)
	}
	return list
}

func migrateHandle(t *testing.T, db *sql.DB) error {
	t.Helper()
	return sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), sqlstore.Options{})
}
