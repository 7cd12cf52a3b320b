package snapshot_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

const forest = "a(b(c(d e) f) g) h(i)"

func collected(seq iter.Seq[snapshot.Snapshot]) string { return names(slices.Collect(seq)) }

func TestQueries(t *testing.T) {
	tree := grow(t, forest, "e")
	require.Equal(t, "a h", collected(tree.Roots()))
	require.Equal(t, "d e f g i", collected(tree.Leaves()))
	tests := []struct {
		of, children, ancestors, path, descendants string
		depth                                      int
	}{
		{"a", "b g", "", "a", "b c d e f g", 0},
		{"b", "c f", "a", "a b", "c d e f", 1},
		{"c", "d e", "b a", "a b c", "d e", 2},
		{"e", "", "c b a", "a b c e", "", 3},
		{"g", "", "a", "a g", "", 1},
		{"h", "i", "", "h", "i", 0},
	}
	for _, test := range tests {
		t.Run(test.of, func(t *testing.T) {
			of := id(test.of)
			require.Equal(t, test.children, collected(tree.Children(of)))
			require.Equal(t, test.ancestors, collected(tree.Ancestors(of)))
			require.Equal(t, test.path, names(tree.Path(of)))
			require.Equal(t, test.descendants, collected(tree.Descendants(of)))
			depth, ok := tree.Depth(of)
			require.True(t, ok)
			require.Equal(t, test.depth, depth)
		})
	}
}

func TestQueriesForOneThatIsNotThere(t *testing.T) {
	tree := grow(t, forest, "e")
	for _, name := range []string{"x", "-"} {
		of := id(name)
		require.Empty(t, collected(tree.Children(of)), "none is not the parent of the roots here")
		require.Empty(t, collected(tree.Ancestors(of)))
		require.Empty(t, collected(tree.Descendants(of)))
		require.Nil(t, tree.Path(of))
		_, ok := tree.Depth(of)
		require.False(t, ok)
		require.False(t, tree.IsAncestor(of, id("d")))
		require.False(t, tree.IsAncestor(id("a"), of))
		require.Equal(t, "-", letter(tree.CommonAncestor(of, id("a"))))
		require.Equal(t, "-", letter(tree.CommonAncestor(id("a"), of)))
	}
}

func TestIsAncestor(t *testing.T) {
	tree := grow(t, forest, "e")
	for _, a := range slices.Collect(all(tree)) {
		for _, b := range slices.Collect(all(tree)) {
			path := tree.Path(b.ID)
			want := a.ID != b.ID && slices.ContainsFunc(path, func(s snapshot.Snapshot) bool { return s.ID == a.ID })
			require.Equal(t, want, tree.IsAncestor(a.ID, b.ID), "%s above %s", a.Name, b.Name)
		}
	}
}

func TestCommonAncestor(t *testing.T) {
	tree := grow(t, forest, "e")
	for _, test := range []struct{ a, b, want string }{
		{"d", "e", "c"},
		{"d", "f", "b"},
		{"d", "g", "a"},
		{"e", "b", "b"},
		{"a", "e", "a"},
		{"d", "d", "d"},
		{"d", "i", "-"},
		{"a", "h", "-"},
	} {
		require.Equal(t, test.want, letter(tree.CommonAncestor(id(test.a), id(test.b))), "%s and %s", test.a, test.b)
		require.Equal(t, test.want, letter(tree.CommonAncestor(id(test.b), id(test.a))), "%s and %s", test.b, test.a)
	}
}

func TestWalkSaysTheDepth(t *testing.T) {
	tree := grow(t, forest, "e")
	for depth, s := range tree.Walk() {
		want, ok := tree.Depth(s.ID)
		require.True(t, ok)
		require.Equal(t, want, depth, s.Name)
	}
}

// A loop may end early, and a sequence may be ranged over again.
func TestSequencesCanBeLeftAndRepeated(t *testing.T) {
	tree := grow(t, forest, "e")
	for name, seq := range map[string]iter.Seq[snapshot.Snapshot]{
		"roots": tree.Roots(), "children": tree.Children(id("a")), "ancestors": tree.Ancestors(id("e")),
		"descendants": tree.Descendants(id("a")), "leaves": tree.Leaves(), "walk": all(tree),
	} {
		first := collected(seq)
		require.Greater(t, len(first), 1, name)
		for range seq {
			break
		}
		require.Equal(t, first, collected(seq), name)
	}
}
