package local_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

func TestContentAndHoles(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, dir string) {
		for _, reflink := range []string{local.ReflinkAuto, local.ReflinkNever} {
			t.Run(reflink, func(t *testing.T) { contentAndHoles(t, local.Config{Dir: subfolder(t, dir), Reflink: reflink}) })
		}
	})
}

func contentAndHoles(t *testing.T, config local.Config) {
	t.Helper()
	const size, data = 16 * mib, 2 * mib
	path := filepath.Join(config.Dir, "disk.raw")
	writeImage(t, path, size, 1)
	first := sum(t, path)
	d := open(t, config)

	s := take(t, d, disk)
	kept := snapshotFile(config.Dir, s.Ref)
	require.Equal(t, first, sum(t, kept))
	require.Equal(t, int64(size), s.Size)
	requireSparse(t, kept, data)
	info, err := os.Stat(kept)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o400), info.Mode(), "a snapshot cannot be written by accident")

	writeImage(t, path, size, 2)
	require.Equal(t, first, sum(t, kept), "the image's later content must not show in the snapshot")

	v, err := d.Abilities().Cloner.Clone(within(t), driver.CloneRequest{
		Snapshot: s.Ref, Token: newToken(t), Name: "clone.raw", Size: size + mib,
	})
	require.NoError(t, err)
	clone := filepath.Join(config.Dir, string(v.ID))
	require.Equal(t, int64(size+mib), v.Size)
	requireSparse(t, clone, data)
	require.NoError(t, os.Truncate(clone, size))
	require.Equal(t, first, sum(t, clone))

	r, err := d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)})
	require.NoError(t, err)
	require.Equal(t, int64(size), r.Size)
	require.Equal(t, first, sum(t, path))
	requireSparse(t, path, data)

	writeImage(t, path, size, 3)
	require.Equal(t, first, sum(t, kept), "what is written after a revert must not show in the snapshot")
	require.Equal(t, first, sum(t, clone))
}

// requireSparse checks that the file takes not much more of the file system than its data.
func requireSparse(t *testing.T, path string, data int64) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if blocks, ok := allocated(info); ok {
		require.LessOrEqual(t, blocks, data+data/4, "holes were filled")
	}
}

func TestReflinkIsUsed(t *testing.T) {
	eachReflinker(t, func(t *testing.T, dir string) {
		d := open(t, local.Config{Dir: dir, Reflink: local.ReflinkAlways})
		writeImage(t, filepath.Join(dir, "disk.raw"), 8*mib, 1)
		require.Equal(t, int64(-1), take(t, d, disk).UsedBytes, "what deleting a reflink frees is not known")
	})
}

func TestReflinkAlwaysIsUnsupportedElsewhere(t *testing.T) {
	dir := fastDir(t)
	d := open(t, local.Config{Dir: dir, Reflink: local.ReflinkAlways})
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	_, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
	if err == nil {
		t.Skip("the temporary folder has reflinks")
	}
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "reflink")
	require.Empty(t, names(t, stateOf(dir, disk)))
}

func TestRevertCarriesOverOwnerAndMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, mib, 1)
	require.NoError(t, os.Chmod(path, 0o664))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(path, 65534, 65534))
	}
	before, err := os.Stat(path)
	require.NoError(t, err)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	_, err = d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)})
	require.NoError(t, err)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, before.Mode(), after.Mode())
	require.Equal(t, owner(before), owner(after))
	require.False(t, os.SameFile(before, after), "the image was replaced, not overwritten")
}

func TestSnapshotsOutliveTheirVolume(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, mib, 1)
	first := sum(t, path)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	require.NoError(t, os.Remove(path))

	got, err := lookup(t, d, s.Ref)
	require.NoError(t, err)
	require.Equal(t, s, got)
	require.Equal(t, []driver.Token{s.Ref.Token}, tokens(t, d, disk))
	require.Equal(t, []driver.Token{s.Ref.Token}, tokens(t, d, ""))
	_, err = d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)})
	require.ErrorIs(t, err, driver.ErrNotFound)

	clone := driver.CloneRequest{Snapshot: s.Ref, Token: newToken(t), Name: "disk.raw"}
	v, err := d.Abilities().Cloner.Clone(within(t), clone)
	require.NoError(t, err)
	require.NotEqual(t, disk, v.ID, "a new volume must not inherit the snapshots of an old one")
	require.Equal(t, first, sum(t, filepath.Join(dir, string(v.ID))))
	require.Zero(t, v.SnapshotCount)

	_, err = d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	require.NoError(t, err)
	for _, err := range d.Snapshots(within(t), driver.ListRequest{Volume: disk}) {
		require.ErrorIs(t, err, driver.ErrNotFound)
	}
	require.NotContains(t, names(t, filepath.Join(dir, ".storagesnap", "volumes")), "disk.raw")
}

func TestNewVolumesAreNamedSafely(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"web.raw", "web.raw"},
		{"../../etc/passwd", "etc-passwd"},
		{".storagesnap", "storagesnap"},
		{"a b/c", "a-b-c"},
		{"ümläut", "ml-ut"},
		{"...", ""},
		{"", ""},
		{"con.", "con"},
		{"0123456789abcdef", "0123456789"},
	} {
		require.Equal(t, c.want, local.SafeName(c.name, 10+len(c.want)-min(10, len(c.want))), "%q", c.name)
	}
}

// A clone that is finished needs its snapshot no more, not even to be found again.
func TestFinishedCloneOfADeletedSnapshot(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	req := driver.CloneRequest{Snapshot: s.Ref, Token: newToken(t), Name: "clone"}
	first, err := d.Abilities().Cloner.Clone(within(t), req)
	require.NoError(t, err)
	_, err = d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	require.NoError(t, err)
	req.Attempt = resume
	again, err := d.Abilities().Cloner.Clone(within(t), req)
	require.NoError(t, err)
	require.Equal(t, first, again)
	req.Token = newToken(t)
	_, err = d.Abilities().Cloner.Clone(within(t), req)
	require.ErrorIs(t, err, driver.ErrNotFound)
}

// A power failure in the middle of a delete can leave the record alone: that is no snapshot, and the next call removes it.
func TestRecordWithoutContent(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	require.NoError(t, os.Remove(snapshotFile(dir, s.Ref)))
	_, err := lookup(t, d, s.Ref)
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.Empty(t, tokens(t, d, disk))
	other := take(t, d, disk)
	tidy(t, dir)
	require.Equal(t, []driver.Token{other.Ref.Token}, tokens(t, d, disk))
}
