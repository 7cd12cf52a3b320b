package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// store makes a fresh inventory for a test.
type store func(testing.TB) inventory.Inventory

// stores are those that the matrices are played on.
func stores() map[string]store {
	return map[string]store{"memory": inMemory, "sqlite": inSQLite}
}

func inMemory(t testing.TB) inventory.Inventory {
	t.Helper()
	inv := memory.New()
	t.Cleanup(func() { require.NoError(t, inv.Close()) })
	return inv
}

func inSQLite(t testing.TB) inventory.Inventory {
	t.Helper()
	path := filepath.Join(fastDir(t), "inventory.db")
	require.NoError(t, os.WriteFile(path, emptySQLite(), 0o600))
	inv, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, inv.Close()) })
	return inv
}

// fastDir is a folder in memory where there is one: thousands of inventories are made, and it is not power cuts that are
// tested here.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "storagesnap-test-") //nolint:usetesting // the point is where it is
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// emptySQLite is an empty inventory's file, so that the schema is made once only.
var emptySQLite = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "storagesnap-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "inventory.db")
	inv, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		panic(err)
	}
	if err := inv.Close(); err != nil { // which writes the journal back into the file
		panic(err)
	}
	doc, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return doc
})
