package local_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// A disk that fills while a copy is made ends the call with ErrExhausted, and the copy's part does not stay on it.
func TestFullDisk(t *testing.T) {
	for _, name := range []string{"create", "revert", "clone"} {
		t.Run(name, func(t *testing.T) {
			config := local.Config{Dir: mountTmpfs(t, "64m"), Reflink: local.ReflinkNever}
			begin(t, name, config)
			path := filepath.Join(config.Dir, "disk.raw")
			for _, file := range []string{path, snapshotFile(config.Dir, base)} {
				require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("data"), 4*mib), 0o600))
			}
			before := sum(t, path)
			filled := false
			d, err := local.OpenStepped(config, driver.Env{}, func(op, _ string) error {
				if op == "copy" && !filled { // somebody else is faster
					filled = true
					fillUp(t, config.Dir, 6*mib)
				}
				return nil
			})
			require.NoError(t, err)
			err = scenarios[name].act(within(t), d)
			require.ErrorIs(t, err, driver.ErrExhausted)
			require.ErrorIs(t, err, unix.ENOSPC)
			require.Equal(t, before, sum(t, path))
			tidy(t, config.Dir)
			require.Positive(t, free(t, config.Dir)-4*mib, "the part that was copied is gone")

			// Even then a snapshot can be deleted, or nobody could make room.
			again := open(t, config)
			_, err = again.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: base})
			require.NoError(t, err)
		})
	}
}

// What cannot fit is refused before anything is copied.
func TestNoRoomIsSaidBeforehand(t *testing.T) {
	config := local.Config{Dir: mountTmpfs(t, "16m"), Reflink: local.ReflinkNever}
	path := filepath.Join(config.Dir, "disk.raw")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("data"), 3*mib), 0o600))
	copied := false
	d, err := local.OpenStepped(config, driver.Env{}, func(op, _ string) error {
		copied = copied || op == "copy"
		return nil
	})
	require.NoError(t, err)
	_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
	require.ErrorIs(t, err, driver.ErrExhausted)
	require.False(t, copied)
}

// fillUp takes all but so many bytes of the file system.
func fillUp(t *testing.T, dir string, leave int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, ".ballast"))
	require.NoError(t, err)
	require.NoError(t, unix.Fallocate(int(f.Fd()), 0, 0, free(t, dir)-leave))
	require.NoError(t, f.Close())
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	return int64(st.Bavail) * st.Bsize
}

// Whoever may not write to the folder is told so.
func TestPermission(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	if os.Geteuid() == 0 {
		command(t, "mount", "--bind", dir, dir)
		t.Cleanup(func() { command(t, "umount", dir) })
		command(t, "mount", "-o", "remount,bind,ro", dir)
	} else {
		require.NoError(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o700)) })
	}
	d, err := local.Open(local.Config{Dir: dir}, driver.Env{})
	require.NoError(t, err)
	_, err = d.Describe(within(t))
	require.ErrorIs(t, err, driver.ErrPermission)
	_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
	require.ErrorIs(t, err, driver.ErrPermission)
	v, err := d.Volume(within(t), disk)
	require.NoError(t, err, "reading is enough to look")
	require.Equal(t, int64(mib), v.Size)
	findings, err := d.Abilities().Checker.Check(within(t))
	require.NoError(t, err)
	require.Equal(t, driver.StatusFail, statusOf(t, findings, "files"))
}
