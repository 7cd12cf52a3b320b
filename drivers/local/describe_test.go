package local_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"good", `{"dir": "/x"}`, ""},
		{"all", `{"dir": "/x", "reflink": "always", "max_snapshots": 3, "min_free": 4096}`, ""},
		{"no folder", `{}`, `"dir"`},
		{"relative folder", `{"dir": "images"}`, `"dir"`},
		{"reflink", `{"dir": "/x", "reflink": "maybe"}`, `"reflink"`},
		{"negative limit", `{"dir": "/x", "max_snapshots": -1}`, `"max_snapshots"`},
		{"negative space", `{"dir": "/x", "min_free": -1}`, `"min_free"`},
		{"unknown field", `{"dir": "/x", "path": "/y"}`, `"path"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := driver.Open(local.Name, driver.OpenRequest{Config: json.RawMessage(c.doc)})
			if c.want == "" {
				require.NoError(t, err, "opening does no I/O, so the folder need not be there")
				require.NoError(t, d.Close())
				return
			}
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := local.Open(local.Config{}, driver.Env{})
	require.ErrorIs(t, err, driver.ErrInvalid, "also without a registry")
}

func TestBackendIDIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	ids := make([]driver.BackendID, 8)
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i := range ids {
		d, err := local.Open(local.Config{Dir: dir}, driver.Env{})
		require.NoError(t, err)
		group.Go(func() {
			desc, err := d.Describe(t.Context())
			ids[i], errs[i] = desc.Backend, err
		})
	}
	group.Wait()
	for i := range ids {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
	}
	require.Len(t, ids[0], 36)
}

// A file system that is not mounted must never look like a backend whose volumes and snapshots are gone.
func TestFolderThatIsNotThere(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "images")
	require.NoError(t, os.Mkdir(dir, 0o700))
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	calls := map[string]func() error{
		"Volume": func() error { _, err := d.Volume(within(t), disk); return err },
		"Lookup": func() error { _, err := lookup(t, d, s.Ref); return err },
		"Delete": func() error {
			_, err := d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
			return err
		},
		"List": func() error {
			for _, err := range d.Snapshots(within(t), driver.ListRequest{}) {
				return err
			}
			return nil
		},
		"Find": func() error {
			_, err := d.Abilities().Cloner.FindClone(within(t), driver.FindCloneRequest{Token: tokenClone, Snapshot: s.Ref})
			return err
		},
	}
	all := func(class driver.Class) {
		t.Helper()
		for name, call := range calls {
			require.ErrorIs(t, call(), class, name)
		}
	}
	require.NoError(t, os.Rename(dir, dir+".away"))
	all(driver.ErrUnavailable)
	_, err := d.Describe(within(t))
	require.ErrorIs(t, err, driver.ErrUnavailable)

	require.NoError(t, os.Mkdir(dir, 0o700)) // the empty mount point
	all(driver.ErrUnavailable)
	_, err = d.Describe(within(t))
	require.ErrorIs(t, err, driver.ErrUnavailable, "it must not become a new backend")
	require.Empty(t, names(t, dir))

	stranger, err := local.Open(local.Config{Dir: dir}, driver.Env{})
	require.NoError(t, err)
	_, err = stranger.Describe(within(t))
	require.NoError(t, err)
	all(driver.ErrConflict)

	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	all(driver.ErrInvalid)

	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Rename(dir+".away", dir))
	_, err = lookup(t, d, s.Ref)
	require.NoError(t, err)
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir, MaxSnapshots: 2})
	first := take(t, d, disk)
	take(t, d, disk)
	v, err := d.Volume(within(t), disk)
	require.NoError(t, err)
	require.Equal(t, 2, v.SnapshotCount)
	require.Zero(t, v.SnapshotsLeft)
	req := driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)}
	_, err = d.CreateSnapshot(within(t), req)
	require.ErrorIs(t, err, driver.ErrExhausted)
	require.ErrorContains(t, err, "max_snapshots")
	_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: first.Ref.Token, Attempt: resume})
	require.NoError(t, err, "a snapshot that is there needs no room")
	_, err = d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: first.Ref})
	require.NoError(t, err)
	_, err = d.CreateSnapshot(within(t), req)
	require.NoError(t, err)
}

// A damaged record hides neither the other snapshots nor itself, and does not make its snapshot immortal.
func TestDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir})
	good, bad := take(t, d, disk), take(t, d, disk)
	record := filepath.Join(stateOf(dir, disk), string(bad.Ref.Token)+".json")
	for _, text := range []string{"", "{", `{"format": 99}`, `{"format": 1, "volume": "other"}`} {
		require.NoError(t, os.WriteFile(record, []byte(text), 0o600))
		_, err := lookup(t, d, bad.Ref)
		require.Error(t, err)
		require.NotErrorIs(t, err, driver.ErrNotFound)
		require.ErrorContains(t, err, record)
		var listed []driver.Snapshot
		var last error
		for s, err := range d.Snapshots(within(t), driver.ListRequest{}) {
			require.NoError(t, last, "the error comes last")
			if last = err; err == nil {
				listed = append(listed, s)
			}
		}
		require.Equal(t, []driver.Snapshot{good}, listed)
		require.ErrorContains(t, last, record)
	}
	_, err := d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: bad.Ref})
	require.NoError(t, err)
	require.Equal(t, []driver.Token{good.Ref.Token}, tokens(t, d, disk))
}

// A token that was applied is never applied again, also after many other reverts.
func TestRevertTokenIsRemembered(t *testing.T) {
	dir := fastDir(t)
	path := filepath.Join(dir, "disk.raw")
	writeImage(t, path, 2*mib, 1)
	d := open(t, local.Config{Dir: dir})
	s := take(t, d, disk)
	first := driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)}
	_, err := d.Revert(within(t), first)
	require.NoError(t, err)
	for range 20 {
		_, err := d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: s.Ref, Token: newToken(t)})
		require.NoError(t, err)
	}
	writeImage(t, path, 2*mib, 2)
	_, err = d.Revert(within(t), first)
	require.NoError(t, err)
	require.Equal(t, contentOf(2), sum(t, path))
	tidy(t, dir)
}
