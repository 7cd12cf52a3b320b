package snapshot_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

func TestNewTreeTakesAnyOrder(t *testing.T) {
	want := "a(b(c(d)) e(f g)) h(i)"
	rows := records(want)
	slices.Reverse(rows)
	tree, err := snapshot.NewTree(volume, snapshot.Head{Snapshot: id("f")}, rows)
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	require.Equal(t, want, shape(tree))
	require.Equal(t, 9, tree.Len())
	require.Equal(t, volume, tree.Volume())
	require.Equal(t, "f", headOf(tree))
}

func TestNewTreeDoesNotKeepTheCallersList(t *testing.T) {
	rows := records("a(b)")
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.NoError(t, err)
	rows[0].Name, rows[1].Parent = "changed", snapshot.ID{}
	require.Equal(t, "a(b)", shape(tree))
	_, err = tree.Delete(id("a"))
	require.NoError(t, err)
	require.Equal(t, "changed", rows[0].Name)
}

func TestNewTreeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		shape string
		head  snapshot.Head
		spoil func(rows []snapshot.Snapshot)
		want  string
	}{
		{name: "no id", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].ID = snapshot.ID{} }, want: "no id"},
		{
			name: "another volume", shape: "a b", want: "it belongs to volume",
			spoil: func(r []snapshot.Snapshot) { r[1].Volume = snapshot.NewID[snapshot.VolumeID]() },
		},
		{name: "own parent", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].Parent = r[0].ID }, want: "its own parent"},
		{name: "state", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].State = "reday" }, want: `unknown state "reday"`},
		{name: "no state", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].State = "" }, want: `unknown state ""`},
		{name: "lineage", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].Lineage = "" }, want: `unknown lineage ""`},
		{name: "consistency", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].Consistency = "x" }, want: `consistency "x"`},
		{name: "size", shape: "a", spoil: func(r []snapshot.Snapshot) { r[0].Size = -1 }, want: "its size is -1"},
		{
			name: "twice", shape: "a b", want: id("a").String() + ` ("b"): the id stands twice`,
			spoil: func(r []snapshot.Snapshot) { r[1].ID = r[0].ID },
		},
		{
			name: "parent missing", shape: "a b", want: "its parent " + id("x").String() + " is not in the tree",
			spoil: func(r []snapshot.Snapshot) { r[1].Parent = id("x") },
		},
		{
			name: "cycle", shape: "a b(c(d)) e", want: "it descends from itself: " + id("c").String() + " -> " + id("b").String(),
			spoil: func(r []snapshot.Snapshot) { r[1].Parent = id("c") },
		},
		{
			name: "long cycle below which others hang", shape: "a(b(c(d(e(f(g(h(i))))))))", want: " -> ... -> ",
			spoil: func(r []snapshot.Snapshot) { r[0].Parent = id("h") },
		},
		{name: "head missing", shape: "a", head: snapshot.Head{Snapshot: id("x")}, want: "it is the head, but not among"},
		{
			name: "head known and unknown", shape: "a", head: snapshot.Head{Snapshot: id("a"), Unknown: true},
			want: "while the head is unknown",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := records(test.shape)
			if test.spoil != nil {
				test.spoil(rows)
			}
			tree, err := snapshot.NewTree(volume, test.head, rows)
			require.Nil(t, tree)
			require.ErrorIs(t, err, snapshot.ErrInvalid)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, volume.String(), "which tree")
		})
	}
	_, err := snapshot.NewTree(snapshot.VolumeID{}, snapshot.Head{}, nil)
	require.ErrorIs(t, err, snapshot.ErrInvalid)
	_, err = snapshot.Collect(snapshot.VolumeID{}, snapshot.Head{}, func(func(snapshot.Snapshot, error) bool) {})
	require.ErrorIs(t, err, snapshot.ErrInvalid)
}

func TestErrorNamesTheSnapshotSafely(t *testing.T) {
	rows := records("a")
	rows[0].Name, rows[0].Size = "\x1b[2Jgone", -1
	_, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.ErrorContains(t, err, `snapshot `+id("a").String()+` ("\x1b[2Jgone")`)
}

func TestCollectPassesErrorsOn(t *testing.T) {
	lost := errors.New("store went away")
	tree, err := snapshot.Collect(volume, snapshot.Head{}, func(yield func(snapshot.Snapshot, error) bool) {
		_ = yield(record("a"), nil) && yield(snapshot.Snapshot{}, lost)
	})
	require.Nil(t, tree)
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, volume.String())
}

// Records come in any number: on both sides of where a page of the memory ends.
func TestCollectAndNewTreeAgree(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 3000} {
		rows := make([]snapshot.Snapshot, n)
		for i := range rows {
			rows[i] = record("")
			rows[i].ID = exampleID(i + 1)
			if i > 0 {
				rows[i].Parent = exampleID(i - i/3)
			}
		}
		made, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
		require.NoError(t, err)
		collected, err := snapshot.Collect(volume, snapshot.Head{}, func(yield func(snapshot.Snapshot, error) bool) {
			for _, s := range rows {
				if !yield(s, nil) {
					return
				}
			}
		})
		require.NoError(t, err)
		require.Equal(t, n, collected.Len())
		require.True(t, made.Equal(collected))
		require.NoError(t, made.Validate())
		require.NoError(t, collected.Validate())
	}
}

func TestGet(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	s, ok := tree.Get(id("b"))
	require.True(t, ok)
	require.Equal(t, "b", s.Name)
	require.Equal(t, id("a"), s.Parent)
	for _, name := range []string{"x", "-"} {
		_, ok = tree.Get(id(name))
		require.False(t, ok, name)
	}
}

func TestSiblingsAreInOrderOfCreationThenID(t *testing.T) {
	rows := records("a(d c b) e")
	same := day.Add(time.Hour)
	rows[1].CreatedAt, rows[2].CreatedAt, rows[3].CreatedAt = same, same, same.Add(-time.Nanosecond)
	rows[4].CreatedAt = day.Add(-time.Hour)
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.NoError(t, err)
	require.Equal(t, "e a(b c d)", shape(tree))
	require.NoError(t, tree.Validate())
	require.NoError(t, tree.Revert(id("a")))
	for _, name := range []string{"z", "x", "y"} {
		s := record(name)
		s.CreatedAt = same
		_, err = tree.Create(s)
		require.NoError(t, err)
		require.NoError(t, tree.Revert(id("a")))
	}
	require.Equal(t, "e a(b c d x y z)", shape(tree))
	require.NoError(t, tree.Validate())
}

// The monotonic clock of a process must not decide the order: it is not in a store, nor in JSON.
func TestOrderIgnoresTheMonotonicClock(t *testing.T) {
	now := time.Now()
	rows := records("a b")
	rows[0].CreatedAt, rows[1].CreatedAt = now, now.Round(0).Add(-time.Second)
	with, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.NoError(t, err)
	rows[0].CreatedAt = now.Round(0)
	without, err := snapshot.NewTree(volume, snapshot.Head{}, rows)
	require.NoError(t, err)
	require.Equal(t, shape(without), shape(with))
	require.True(t, with.Equal(without))
}

func TestTreeEqual(t *testing.T) {
	base := grow(t, "a(b c)", "b")
	require.True(t, base.Equal(grow(t, "a(b c)", "b")))
	for name, other := range map[string]*snapshot.Tree{
		"head":        grow(t, "a(b c)", "c"),
		"unknown":     grow(t, "a(b c)", "?"),
		"parent":      grow(t, "a(b(c))", "b"),
		"fewer":       grow(t, "a(b)", "b"),
		"more":        grow(t, "a(b c d)", "b"),
		"other id":    grow(t, "a(b d)", "b"),
		"empty":       grow(t, "", "-"),
		"zero":        new(snapshot.Tree),
		"other field": changed(t, base, func(s *snapshot.Snapshot) { s.Labels = map[string]string{"k": "v"} }),
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, base.Equal(other))
			require.False(t, other.Equal(base))
		})
	}
}

// changed is a copy of a tree in which b is another.
func changed(t *testing.T, tree *snapshot.Tree, change func(*snapshot.Snapshot)) *snapshot.Tree {
	t.Helper()
	rows := slices.Collect(all(tree))
	for i := range rows {
		if rows[i].ID == id("b") {
			change(&rows[i])
		}
	}
	copied, err := snapshot.NewTree(tree.Volume(), tree.Head(), rows)
	require.NoError(t, err)
	return copied
}

func TestZeroTree(t *testing.T) {
	var tree snapshot.Tree
	require.Zero(t, tree.Len())
	require.Empty(t, slices.Collect(tree.Roots()))
	require.Empty(t, slices.Collect(tree.Leaves()))
	require.Empty(t, slices.Collect(all(&tree)))
	require.Nil(t, tree.Path(id("a")))
	require.Empty(t, tree.Younger(id("a")))
	require.NoError(t, tree.Validate())
	require.NotEmpty(t, tree.String())
	require.ErrorIs(t, tree.Revert(id("a")), snapshot.ErrNotFound)
	s := record("a")
	s.Volume = snapshot.VolumeID{}
	_, err := tree.Create(s)
	require.ErrorIs(t, err, snapshot.ErrInvalid)
	_, err = tree.Import([]snapshot.Snapshot{s})
	require.ErrorIs(t, err, snapshot.ErrInvalid)
}

func TestHeadString(t *testing.T) {
	require.Equal(t, "none", snapshot.Head{}.String())
	require.Equal(t, "unknown", snapshot.Head{Unknown: true}.String())
	require.Equal(t, id("a").String(), snapshot.Head{Snapshot: id("a")}.String())
}
