package sqlite_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// TestDamageIsAnError spoils a file in many ways, and uses it: whatever happens, it is an error of a known class, or the
// damage is where nobody reads, but never a panic.
func TestDamageIsAnError(t *testing.T) {
	sound, err := os.ReadFile(filled(t))
	require.NoError(t, err)
	const page = 4096
	seen := map[string]int{}
	spoil := func(how string, at, length int, by func(byte) byte) {
		path := fresh(t)
		content := append([]byte(nil), sound...)
		for i := at; i < min(at+length, len(content)); i++ {
			content[i] = by(content[i])
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
		if err := use(t, path); err != nil {
			seen[how]++
			require.True(t, errors.Is(err, inventory.ErrSchema) || errors.Is(err, inventory.ErrUnavailable),
				"%s at %d: %v", how, at, err)
		}
	}
	flip := func(b byte) byte { return ^b }
	for at := range 100 {
		spoil("byte of the header", at, 1, flip)
	}
	for at := 0; at < len(sound); at += page {
		spoil("page of ones", at, page, func(byte) byte { return 0xff })
		spoil("page of zeros", at, page, func(byte) byte { return 0 })
		spoil("head of a page", at, 8, flip)
		spoil("middle of a page", at+page/2, 16, flip)
	}
	require.Greater(t, seen["byte of the header"], 15)
	require.Greater(t, seen["page of ones"], 5)
	require.Greater(t, seen["page of zeros"], 5)
	require.Greater(t, seen["head of a page"], 5)
}

// use opens the file, reads everything and writes something, and returns the first error.
func use(t *testing.T, path string) error {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for _, err := range s.Volumes(t.Context(), inventory.VolumeQuery{}) {
		if err != nil {
			return err
		}
	}
	for _, err := range s.Snapshots(t.Context(), inventory.SnapshotQuery{}) {
		if err != nil {
			return err
		}
	}
	for _, err := range s.Operations(t.Context(), inventory.OperationQuery{}) {
		if err != nil {
			return err
		}
	}
	for _, err := range s.Records(t.Context(), inventory.RecordQuery{}) {
		if err != nil {
			return err
		}
	}
	return s.Commit(t.Context(), wholeChange())
}
