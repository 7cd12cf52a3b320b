package snapshot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

func TestYounger(t *testing.T) {
	rows := records("a(b(c) d) e")
	for i := range rows {
		rows[i].TakenAt = day.Add(time.Duration(i) * time.Second)
	}
	rows[3].TakenAt = rows[2].TakenAt            // c and d of one instant: our clock decides
	rows[4].TakenAt = time.Time{}                // e is being made
	rows[0].CreatedAt = day.Add(8 * time.Minute) // a is oldest at the array all the same
	rows[4].CreatedAt = day.Add(9 * time.Minute)
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.NoError(t, err)
	for name, want := range map[string]string{"a": "e d c b", "b": "e d c", "c": "e d", "d": "e", "e": "", "x": "", "-": ""} {
		require.Equal(t, want, names(tree.Younger(id(name))), name)
	}
}

func TestDeleteDependent(t *testing.T) {
	tree := grow(t, "a(b c)", "c")
	err := unchanged(t, tree, func() error { _, err := tree.DeleteDependent(id("a")); return err })
	var refused *snapshot.DependentsError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "a", refused.Snapshot.Name)
	require.Equal(t, "c b", names(refused.Dependents))
	require.EqualError(t, err, `snapshot `+id("a").String()+` ("a") cannot be deleted while younger ones depend on it; `+
		`delete these first, in this order: `+id("c").String()+` ("c"), `+id("b").String()+` ("b")`)

	for _, name := range []string{"c", "b", "a"} {
		_, err := tree.DeleteDependent(id(name))
		require.NoError(t, err, "in the order that the error told")
	}
	require.Zero(t, tree.Len())
	_, err = tree.DeleteDependent(id("a"))
	require.ErrorIs(t, err, snapshot.ErrNotFound)
}

func TestDependentsErrorStaysShort(t *testing.T) {
	e := &snapshot.DependentsError{Snapshot: record("a")}
	for range 1000 {
		e.Dependents = append(e.Dependents, record("b"))
	}
	require.ErrorContains(t, e, "and 990 more")
	require.Less(t, len(e.Error()), 1000)
}
