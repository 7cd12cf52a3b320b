package sqlite_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// execute runs statements on a file, as another program would.
func execute(t *testing.T, path string, texts ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, text := range texts {
		_, err := db.ExecContext(t.Context(), text)
		require.NoError(t, err)
	}
}

// refused opens the file, and expects the class of error and a file that is as it was, with nothing beside it.
func refused(t *testing.T, path string, opts sqlite.Options, class error, message string) {
	t.Helper()
	before, missing := os.ReadFile(path)
	beside := names(t, filepath.Dir(path))
	_, err := sqlite.Open(t.Context(), path, opts)
	require.ErrorIs(t, err, class)
	require.ErrorContains(t, err, message)
	require.ErrorContains(t, err, path)
	after, stillMissing := os.ReadFile(path)
	require.Equal(t, missing != nil, stillMissing != nil)
	require.Equal(t, before, after)
	require.Equal(t, beside, names(t, filepath.Dir(path)))
}

func TestOpenRefusesTheFile(t *testing.T) {
	for name, test := range map[string]struct {
		make    func(t *testing.T, path string)
		message string
	}{
		"a text": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte("backup tonight, do not forget\n"), 0o600))
		}, "not an SQLite database"},
		"a long text": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
		}, "not an SQLite database"},
		"a part of the header": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(filled(t), path))
			require.NoError(t, os.Truncate(path, 50))
		}, "not an SQLite database"},
		"another application without a mark": {func(t *testing.T, path string) {
			t.Helper()
			execute(t, path, "CREATE TABLE contacts (name TEXT)")
		}, "another application"},
		"another application with a mark": {func(t *testing.T, path string) {
			t.Helper()
			execute(t, path, "PRAGMA application_id = 252006674", "CREATE TABLE volume (name TEXT)")
		}, "another application"},
		"another application in WAL mode": {func(t *testing.T, path string) {
			t.Helper()
			execute(t, path, "PRAGMA journal_mode = WAL", "CREATE TABLE meta (name TEXT)")
		}, "another application"},
		"newer": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(filled(t), path))
			execute(t, path, "UPDATE meta SET value = '99' WHERE name = 'oldest_reader'",
				"INSERT INTO schema_version (version_id, is_applied) VALUES (99, 1)")
		}, "use a newer one"},
		"cut in the middle": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(filled(t), path))
			require.NoError(t, os.Truncate(path, 3*4096))
		}, "damaged"},
		"cut to its first page": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(filled(t), path))
			require.NoError(t, os.Truncate(path, 4096))
		}, "damaged"},
		"tables gone": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(filled(t), path))
			execute(t, path, "DROP TABLE record")
		}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := fresh(t)
			test.make(t, path)
			refused(t, path, sqlite.Options{}, inventory.ErrSchema, test.message)
			refused(t, path, sqlite.Options{NoMigrate: true}, inventory.ErrSchema, test.message)
		})
	}
}

// A foreign database whose last changes are still in its write-ahead log, as after a crash.
func TestForeignLogIsLeftAlone(t *testing.T) {
	path := fresh(t)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE contacts (name TEXT)")
	require.NoError(t, err)
	copied := fresh(t)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	require.NoError(t, db.Close())
	log, err := os.ReadFile(copied + "-wal")
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), copied, sqlite.Options{})
	require.ErrorIs(t, err, inventory.ErrSchema)
	after, err := os.ReadFile(copied + "-wal")
	require.NoError(t, err)
	require.Equal(t, log, after)
}

// Our own mark may still be in the log only, if an embedder made the schema through a handle of its own and was killed.
func TestMarkInTheLog(t *testing.T) {
	path := fresh(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	require.NoError(t, db.PingContext(t.Context()))
	require.NoError(t, migrateHandle(t, db))
	copied := fresh(t)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	require.NoError(t, db.Close())
	openAt(t, copied)
}

func TestNoMigrate(t *testing.T) {
	path := fresh(t)
	opts := sqlite.Options{NoMigrate: true}
	refused(t, path, opts, inventory.ErrSchema, "run Migrate")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	refused(t, path, opts, inventory.ErrSchema, "run Migrate")
	require.NoError(t, sqlite.Migrate(t.Context(), path, opts))
	require.NoError(t, sqlite.Migrate(t.Context(), path, opts))
	s, err := sqlite.Open(t.Context(), path, opts)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	execute(t, path, "DELETE FROM schema_version WHERE version_id > 0")
	refused(t, path, opts, inventory.ErrSchema, "run Migrate")
}

func TestFileIsTheOwnersOnly(t *testing.T) {
	path := fresh(t)
	openAt(t, path)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
}

func TestEmptyFileKeepsItsPermissions(t *testing.T) {
	path := fresh(t)
	require.NoError(t, os.WriteFile(path, nil, 0o640))
	openAt(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=memory", "a%41b", "a#b", "ä;é", "file:x", "'quoted\""} {
		path := filepath.Join(t.TempDir(), name)
		s := openAt(t, path)
		require.NoError(t, s.Commit(t.Context(), wholeChange()))
		require.NoError(t, s.Close())
		require.Equal(t, []string{name}, names(t, filepath.Dir(path)))
		require.Len(t, collect(t, openAt(t, path).Volumes(t.Context(), inventory.VolumeQuery{})), 1)
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	openAt(t, "inventory.db")
	require.FileExists(t, "inventory.db")
}

func TestMissingFolder(t *testing.T) {
	_, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "none", "inventory.db"), sqlite.Options{})
	require.ErrorIs(t, err, inventory.ErrUnavailable)
	_, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	require.ErrorIs(t, err, inventory.ErrUnavailable)
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opts := range []sqlite.Options{{BusyTimeout: -1}, {Readers: -1}} {
		_, err := sqlite.Open(t.Context(), fresh(t), opts)
		require.ErrorIs(t, err, inventory.ErrInvalid)
		require.ErrorIs(t, sqlite.Migrate(t.Context(), fresh(t), opts), inventory.ErrInvalid)
	}
}

func TestBusyTimeout(t *testing.T) {
	path := filled(t)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{BusyTimeout: time.Millisecond, Readers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_txlock=immediate"}).String())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.ErrorIs(t, s.Commit(t.Context(), wholeChange()), inventory.ErrUnavailable)
	require.Len(t, collect(t, s.Volumes(t.Context(), inventory.VolumeQuery{})), 100, "reads do not wait")
	require.NoError(t, tx.Rollback())
	require.NoError(t, s.Commit(t.Context(), wholeChange()))
}

// TestBackup does what the documentation tells an operator to do while the program runs.
func TestBackup(t *testing.T) {
	path := filled(t)
	s := openAt(t, path)
	copied := fresh(t)
	execute(t, path, "VACUUM INTO '"+copied+"'")
	require.NoError(t, s.Commit(t.Context(), wholeChange()))
	backup := openAt(t, copied)
	require.Len(t, collect(t, backup.Volumes(t.Context(), inventory.VolumeQuery{})), 100)
	original, err := s.Installation(t.Context())
	require.NoError(t, err)
	restored, err := backup.Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, original, restored)
	require.NoError(t, backup.Commit(t.Context(), wholeChange()))
}
