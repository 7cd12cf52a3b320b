package bench_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// openAt opens the file; it is closed with the benchmark.
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
