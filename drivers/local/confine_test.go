package local_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

func TestNamesOutsideTheFolderAreInvalid(t *testing.T) {
	d := open(t, local.Config{Dir: t.TempDir()})
	for _, id := range []driver.VolumeID{
		"", ".", "..", "../disk.raw", "/etc/passwd", "sub/disk.raw", `sub\disk.raw`, ".storagesnap", ".names", "-rf", "a b", "ü",
		"a\x00b", "disk.", driver.VolumeID(strings.Repeat("a", 201)),
	} {
		ref := driver.SnapshotRef{Volume: id, Token: tokenBase}
		for op, call := range map[string]func() error{
			"Volume": func() error { _, err := d.Volume(within(t), id); return err },
			"CreateSnapshot": func() error {
				_, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: id, Token: tokenBase})
				return err
			},
			"Lookup": func() error { _, err := lookup(t, d, ref); return err },
			"Revert": func() error {
				_, err := d.Revert(within(t), driver.RevertRequest{Volume: id, Snapshot: ref, Token: tokenRevert})
				return err
			},
			"DeleteSnapshot": func() error {
				_, err := d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: ref})
				return err
			},
			"DeleteVolume": func() error {
				_, err := d.Abilities().Volumes.DeleteVolume(within(t), driver.DeleteVolumeRequest{Volume: id, Token: tokenBase})
				return err
			},
			"ResizeVolume": func() error {
				_, err := d.Abilities().Volumes.ResizeVolume(within(t), driver.ResizeVolumeRequest{Volume: id, Size: 1})
				return err
			},
			"Clone": func() error {
				_, err := d.Abilities().Cloner.Clone(within(t), driver.CloneRequest{Snapshot: ref, Token: tokenClone})
				return err
			},
		} {
			require.ErrorIs(t, call(), driver.ErrInvalid, "%s of %q", op, id)
		}
	}
}

func TestOnlyRegularFilesAreVolumes(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	writeImage(t, outside, mib, 1)
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out.raw")))
	require.NoError(t, os.Symlink("disk.raw", filepath.Join(dir, "in.raw")))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero.raw")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.raw"), 0o700))
	special := append([]string{"out.raw", "in.raw", "zero.raw", "folder.raw"}, specialFiles(t, dir)...)

	d := open(t, local.Config{Dir: dir})
	for _, name := range special {
		id := driver.VolumeID(name)
		_, err := d.Volume(within(t), id)
		require.ErrorIs(t, err, driver.ErrInvalid, name)
		require.ErrorContains(t, err, "regular file", name)
		_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: id, Token: newToken(t)})
		require.ErrorIs(t, err, driver.ErrInvalid, name)
		_, err = d.Abilities().Volumes.DeleteVolume(within(t), driver.DeleteVolumeRequest{Volume: id, Token: newToken(t)})
		require.ErrorIs(t, err, driver.ErrInvalid, name)
		_, err = os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err, "it is still there")
	}
	var listed []driver.VolumeID
	for v, err := range d.Abilities().Volumes.Volumes(within(t)) {
		require.NoError(t, err)
		listed = append(listed, v.ID)
	}
	require.Equal(t, []driver.VolumeID{disk}, listed)
	require.FileExists(t, outside)
}

// Links planted among the state files must not lead a sweep, a record or a lock to somewhere else.
func TestLinksAmongTheStateFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	for _, c := range []struct{ link, target string }{
		{".storagesnap", "precious"},
		{".storagesnap/volumes", "../precious"},
		{".storagesnap/locks", "../precious"},
		{".storagesnap/volumes/disk.raw", "../../precious"},
		{".storagesnap/volumes/disk.raw", "../.."},
		{".storagesnap/locks/disk.raw", "../../disk.raw"},
	} {
		t.Run(c.link+" to "+c.target, func(t *testing.T) {
			dir := t.TempDir()
			writeImage(t, filepath.Join(dir, "disk.raw"), 2*mib, 1)
			precious := filepath.Join(dir, "precious")
			require.NoError(t, os.Mkdir(precious, 0o700))
			for _, name := range []string{"stest001base.img", "new.img", "file.tmp"} { // as a sweep would remove
				require.NoError(t, os.WriteFile(filepath.Join(precious, name), nil, 0o600))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file.tmp"), nil, 0o600))
			before := names(t, precious)
			link := filepath.Join(dir, c.link)
			require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
			require.NoError(t, os.Symlink(c.target, link))

			d, err := local.Open(local.Config{Dir: dir}, driver.Env{})
			require.NoError(t, err)
			_, _ = d.Describe(within(t)) // may refuse; must not follow
			_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
			require.Error(t, err)
			require.Equal(t, driver.EffectNone, driver.EffectOf(err))
			require.Equal(t, before, names(t, precious), "nothing was removed or added")
			require.FileExists(t, filepath.Join(dir, "file.tmp"))
			require.Equal(t, contentOf(1), sum(t, filepath.Join(dir, "disk.raw")))
		})
	}
}

// A link in a snapshot's place must not make a clone of somebody's secret.
func TestLinkInASnapshotsPlace(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	writeImage(t, secret, mib, 2)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	require.NoError(t, os.Remove(snapshotFile(dir, s.Ref)))
	require.NoError(t, os.Symlink(secret, snapshotFile(dir, s.Ref)))
	_, err := d.Abilities().Cloner.Clone(within(t), driver.CloneRequest{Snapshot: s.Ref, Token: newToken(t), Name: "c"})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.Equal(t, []string{".storagesnap", "disk.raw"}, names(t, dir))
}
