package local_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// shortly returns a context that has little time left.
func shortly(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Millisecond)
}

// A cancelled context stops a full copy within a few MiB and leaves nothing, whichever call makes the copy.
func TestCanceledCopyLeavesNothing(t *testing.T) {
	for _, name := range []string{"create", "revert", "clone"} {
		t.Run(name, func(t *testing.T) {
			config := local.Config{Dir: t.TempDir(), Reflink: local.ReflinkNever}
			begin(t, name, config)
			path := filepath.Join(config.Dir, "disk.raw")
			for _, file := range []string{path, snapshotFile(config.Dir, base)} {
				require.NoError(t, os.Chmod(file, 0o600))
				require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("data"), 8*mib), 0o600))
			}
			before := sum(t, path)
			ctx, cancel := context.WithCancel(within(t))
			chunks := 0
			d, err := local.OpenStepped(config, driver.Env{}, func(op, _ string) error {
				if op == "copy" {
					if chunks++; chunks == 3 {
						cancel()
					}
				}
				return nil
			})
			require.NoError(t, err)
			err = scenarios[name].act(ctx, d)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, driver.EffectNone, driver.EffectOf(err))
			require.Equal(t, 3, chunks, "32 MiB have 8 chunks")
			require.Equal(t, before, sum(t, path))
			tidy(t, config.Dir)
			require.Equal(t, []string{".storagesnap", "disk.raw"}, names(t, config.Dir))
		})
	}
}

func TestCanceledBeforehandTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d, err := local.Open(local.Config{Dir: dir}, driver.Env{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, s := range scenarios {
		err := s.act(ctx, d)
		if name == "clone" { // an unknown snapshot is ErrNotFound, canceled or not
			require.Error(t, err)
			continue
		}
		require.ErrorIs(t, err, context.Canceled, name)
		require.Equal(t, driver.ErrUnavailable, driver.ClassOf(err), name)
	}
	require.Equal(t, []string{"disk.raw"}, names(t, dir))
}

// Zeros that were written, not skipped, become holes in a copy by hand, wherever they stand.
func TestZerosBecomeHoles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	content := bytes.Repeat(append(make([]byte, 3*mib), noise(mib, 7)...), 3)
	content = append(content, make([]byte, mib+123)...) // ends in zeros, not at a block's end
	require.NoError(t, os.WriteFile(path, content, 0o600))
	d := open(t, local.Config{Dir: dir, Reflink: local.ReflinkNever})
	s := take(t, d, disk)
	got, err := os.ReadFile(snapshotFile(dir, s.Ref))
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	requireSparse(t, snapshotFile(dir, s.Ref), 3*mib)
}

func TestCloneReportsProgress(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), 64*mib, 1)
	d := open(t, local.Config{Dir: dir, Reflink: local.ReflinkNever})
	s := take(t, d, disk)
	var seen []float64
	_, err := d.Abilities().Cloner.Clone(within(t), driver.CloneRequest{
		Snapshot: s.Ref, Token: newToken(t), Progress: func(done float64) { seen = append(seen, done) },
	})
	require.NoError(t, err)
	require.NotEmpty(t, seen)
	require.IsNonDecreasing(t, seen)
	require.InDelta(t, 1, seen[len(seen)-1], 0)
}
