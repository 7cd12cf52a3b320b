package local_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// Processes that change one volume at once neither lose nor sweep each other's work, and agree on the backend's id.
func TestProcessesAtOnce(t *testing.T) {
	const each = 6
	dir := t.TempDir()
	config := local.Config{Dir: dir}
	writeImage(t, filepath.Join(dir, "disk.raw"), 2*mib, 1)
	prefixes := []string{"stest001a", "stest001b", "stest001c"}
	var children []*child
	for _, prefix := range prefixes {
		children = append(children, start(t, order{Config: config, Volume: disk, Prefix: prefix, Snapshots: each}))
	}
	d := open(t, config)
	for range 5 { // a Describe sweeps: it must leave what the children are making
		_, err := d.Describe(within(t))
		require.NoError(t, err)
	}
	for _, c := range children {
		c.ready(t)
		require.False(t, c.end(t))
	}
	var want []driver.Token
	for _, prefix := range prefixes {
		want = append(want, driver.Token(prefix+"1"), driver.Token(prefix+"3"), driver.Token(prefix+"5"))
	}
	require.ElementsMatch(t, want, tokens(t, d, disk))
	tidy(t, dir)
	require.Empty(t, names(t, filepath.Join(dir, ".storagesnap", "locks")))
}

// Two drivers that get one token at once make one snapshot, and one clone.
func TestOneTokenAtOnce(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), 2*mib, 1)
	var group sync.WaitGroup
	snaps, clones := make([]driver.Snapshot, 8), make([]driver.Volume, 8)
	errs := make([]error, 16)
	first := open(t, local.Config{Dir: dir})
	source := take(t, first, disk)
	token, cloneToken := newToken(t), newToken(t)
	ctx := within(t)
	for i := range snaps {
		d := open(t, local.Config{Dir: dir})
		group.Go(func() {
			snaps[i], errs[i] = d.CreateSnapshot(ctx, driver.CreateSnapshotRequest{Volume: disk, Token: token, Attempt: resume})
		})
		group.Go(func() {
			clones[i], errs[8+i] = d.Abilities().Cloner.Clone(ctx, driver.CloneRequest{
				Snapshot: source.Ref, Token: cloneToken, Name: "clone", Attempt: resume,
			})
		})
	}
	group.Wait()
	for i := range snaps {
		require.NoError(t, errs[i])
		require.NoError(t, errs[8+i])
		require.Equal(t, snaps[0], snaps[i])
		require.Equal(t, clones[0], clones[i])
	}
	require.Len(t, tokens(t, first, disk), 2)
	require.Equal(t, []string{".storagesnap", "clone", "disk.raw"}, slices.Sorted(slices.Values(names(t, dir))))
}

// What a living call is making is no leftover, and nothing conclusive can be said of it.
func TestCallUnderWay(t *testing.T) {
	dir := t.TempDir()
	config := local.Config{Dir: dir, Reflink: local.ReflinkNever}
	writeImage(t, filepath.Join(dir, "disk.raw"), 16*mib, 1)
	other := open(t, config)
	source := take(t, other, disk)
	checked := 0
	d, err := local.OpenStepped(config, driver.Env{}, func(op, path string) error {
		if op != "copy" {
			return nil
		}
		checked++
		_, err := other.Describe(within(t)) // sweeps what is free
		require.NoError(t, err)
		c := other.Abilities().Cloner
		find := driver.FindCloneRequest{Snapshot: source.Ref, Token: tokenClone, Attempt: resume}
		if filepath.Base(path) == "new.img" {
			_, err = c.FindClone(within(t), find)
			require.ErrorIs(t, err, driver.ErrBusy)
			require.ErrorIs(t, c.Discard(within(t), driver.DiscardRequest{Snapshot: source.Ref, Token: tokenClone}), driver.ErrBusy)
			return nil
		}
		short, cancel := shortly(t)
		defer cancel()
		_, err = other.Lookup(short, driver.LookupRequest{
			Snapshot: driver.SnapshotRef{Volume: disk, Token: tokenCreate}, Attempt: resume,
		})
		require.ErrorIs(t, err, driver.ErrBusy, "not ErrNotFound: the snapshot is about to be")
		require.True(t, driver.Canceled(err))
		return nil
	})
	require.NoError(t, err)
	_, err = d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: tokenCreate})
	require.NoError(t, err)
	require.Positive(t, checked)
	checked = 0
	_, err = d.Abilities().Cloner.Clone(within(t), driver.CloneRequest{Snapshot: source.Ref, Token: tokenClone, Name: "clone"})
	require.NoError(t, err)
	require.Positive(t, checked)
	_, err = lookup(t, other, driver.SnapshotRef{Volume: disk, Token: tokenCreate})
	require.NoError(t, err)
}
