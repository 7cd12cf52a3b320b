package local_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// An image that another process has open must not be replaced or removed below it, whether it takes locks or not, and the
// operator must be told which process it is.
func TestInUse(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, dir string) {
		for _, c := range []struct{ hold, kind string }{
			{"flock", "lock"}, {"ofd", "lock"}, {"open", "process"}, {"read", "process"},
		} {
			t.Run(c.hold, func(t *testing.T) { inUse(t, subfolder(t, dir), c.hold, c.kind) })
		}
	})
}

func inUse(t *testing.T, dir, hold, kind string) {
	t.Helper()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, 2*mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	writeImage(t, path, 2*mib, 2)

	holder := start(t, order{Hold: hold, File: path})
	holder.ready(t)
	want := driver.Blocker{Kind: kind, ID: strconv.Itoa(holder.cmd.Process.Pid), Name: "local.test"}
	revert := driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)}
	_, err := d.Revert(within(t), revert)
	requireHeldBy(t, err, want)
	_, err = d.Abilities().Volumes.DeleteVolume(within(t), driver.DeleteVolumeRequest{Volume: disk, Token: newToken(t)})
	requireHeldBy(t, err, want)
	require.Equal(t, contentOf(2), sum(t, path))
	tidy(t, dir)

	require.False(t, holder.end(t))
	_, err = d.Revert(within(t), revert)
	require.NoError(t, err)
	require.Equal(t, contentOf(1), sum(t, path))
}

func requireHeldBy(t *testing.T, err error, want driver.Blocker) {
	t.Helper()
	require.ErrorIs(t, err, driver.ErrInUse)
	require.Equal(t, []driver.Blocker{want}, driver.BlockersOf(err))
	require.ErrorContains(t, err, want.ID)
}

func TestInUseByALoopDevice(t *testing.T) {
	requireRoot(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, 2*mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	device := strings.TrimSpace(command(t, "losetup", "-f", "--show", path))
	detached := false
	t.Cleanup(func() {
		if !detached {
			command(t, "losetup", "-d", device)
		}
	})
	revert := driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)}
	_, err := d.Revert(within(t), revert)
	requireHeldBy(t, err, driver.Blocker{Kind: "loop", ID: device})
	command(t, "losetup", "-d", device)
	detached = true
	require.Eventually(t, func() bool { // the kernel lets go a little later
		_, err = d.Revert(within(t), revert)
		return err == nil
	}, waitLimit, waitTick, "%v", err)
}

// Whoever releases a lock removes its file. A call that has opened the file just before must not take it for the lock.
func TestRemovedLockIsNoLock(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	path := filepath.Join(dir, ".storagesnap", "locks", "disk.raw")
	var other *os.File
	d, err := local.OpenStepped(local.Config{Dir: dir}, driver.Env{}, func(op, _ string) error {
		if op == "lock" && other == nil {
			require.NoError(t, os.Remove(path))
			var err error
			other, err = os.Create(path)
			require.NoError(t, err)
			require.NoError(t, unix.Flock(int(other.Fd()), unix.LOCK_EX))
		}
		return nil
	})
	require.NoError(t, err)
	ctx, cancel := shortly(t)
	defer cancel()
	create := driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)}
	_, err = d.CreateSnapshot(ctx, create)
	require.ErrorIs(t, err, driver.ErrBusy)
	require.NoError(t, other.Close())
	_, err = d.CreateSnapshot(within(t), create)
	require.NoError(t, err)
}

// A full copy of an image that somebody writes to would be of no instant at all.
func TestFullCopyOfALiveImageIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, 2*mib, 1)
	d := open(t, local.Config{Dir: dir, Reflink: local.ReflinkNever})
	create := driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)}

	writer := start(t, order{Hold: "open", File: path})
	writer.ready(t)
	_, err := d.CreateSnapshot(within(t), create)
	requireHeldBy(t, err, driver.Blocker{Kind: "process", ID: strconv.Itoa(writer.cmd.Process.Pid), Name: "local.test"})
	require.Empty(t, names(t, stateOf(dir, disk)))
	require.False(t, writer.end(t))

	reader := start(t, order{Hold: "read", File: path})
	reader.ready(t)
	_, err = d.CreateSnapshot(within(t), create)
	require.NoError(t, err, "a reader does no harm")
	require.False(t, reader.end(t))
}

// A reflink is of one instant whoever writes.
func TestReflinkOfALiveImage(t *testing.T) {
	eachReflinker(t, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "disk.raw")
		writeImage(t, path, 2*mib, 1)
		d := open(t, local.Config{Dir: dir})
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		s := take(t, d, disk)
		_, err = f.WriteAt(noise(mib, 9), 0)
		require.NoError(t, err)
		require.Equal(t, contentOf(1), sum(t, snapshotFile(dir, s.Ref)))
	})
}

// Whoever opens the image for writing during a full copy ends the copy; he is not kept waiting until it is over.
func TestFullCopyGivesWay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, 64*mib, 1)
	opened := make(chan error, 1)
	chunks := 0
	d, err := local.OpenStepped(local.Config{Dir: dir, Reflink: local.ReflinkNever}, driver.Env{}, func(op, _ string) error {
		if op != "copy" {
			return nil
		}
		if chunks++; chunks == 2 {
			// The kernel reports the opener at once: a non-blocking open breaks the lease and fails.
			f, err := os.OpenFile(path, os.O_RDWR|nonBlock, 0)
			opened <- err
			if err == nil {
				return f.Close()
			}
		}
		return nil
	})
	require.NoError(t, err)
	_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
	require.Error(t, <-opened)
	require.ErrorIs(t, err, driver.ErrInUse)
	require.Equal(t, 2, chunks)
	require.Empty(t, names(t, stateOf(dir, disk)))
	require.NoError(t, os.Truncate(path, mib), "the image can be opened again at once")
}
