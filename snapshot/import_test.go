package snapshot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

// foreign is a snapshot of somebody else: its content is of the minute taken, we found it on the day.
func foreign(name string, minute int) snapshot.Snapshot {
	s := record(name)
	s.Lineage, s.TakenAt = "", day.Add(time.Duration(minute)*time.Minute)
	return s
}

func TestChainByTime(t *testing.T) {
	found := []snapshot.Snapshot{foreign("a", 30), foreign("b", 10), foreign("c", 20), foreign("d", 10), foreign("e", 20)}
	found[0].Parent, found[0].TakenAt = id("x"), time.Time{} // a was made in minute 0 by CreatedAt
	snapshot.ChainByTime(found)
	require.Equal(t, "a b d c e", names(found), "by TakenAt, else CreatedAt; equal times as they were")
	parent := snapshot.ID{}
	for _, s := range found {
		require.Equal(t, parent, s.Parent, s.Name)
		require.Equal(t, snapshot.Assumed, s.Lineage)
		parent = s.ID
	}
	snapshot.ChainByTime(nil)
}

func TestImport(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	made, err := tree.Import([]snapshot.Snapshot{foreign("p", 20), foreign("q", 10)})
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	require.Equal(t, "q p", names(made))
	require.Equal(t, "a(b) q(p)", shape(tree))
	require.Equal(t, "b", headOf(tree), "nothing tells what the content descends from")
	for _, s := range made {
		stored, _ := tree.Get(s.ID)
		require.True(t, s.Equal(stored))
	}

	// Found later: one before, one between, one after, one at the same time.
	_, err = tree.Import([]snapshot.Snapshot{foreign("r", 5), foreign("s", 15), foreign("t", 25), foreign("u", 20)})
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	require.Equal(t, "a(b) q(p(u(t)) s) r", shape(tree))

	none, err := tree.Import(nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestImportRefusesWhole(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	broken := foreign("q", 1)
	broken.Size = -1
	for name, list := range map[string][]snapshot.Snapshot{
		"taken":  {foreign("p", 1), foreign("a", 2)},
		"twice":  {foreign("p", 1), foreign("p", 2)},
		"broken": {foreign("p", 2), broken},
	} {
		t.Run(name, func(t *testing.T) {
			err := unchanged(t, tree, func() error { _, err := tree.Import(list); return err })
			require.ErrorIs(t, err, snapshot.ErrInvalid)
			require.Empty(t, list[0].Lineage, "the caller's list stays as it is")
		})
	}
}
