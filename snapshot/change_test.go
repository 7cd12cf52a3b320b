package snapshot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

func TestCreate(t *testing.T) {
	tests := []struct{ name, shape, head, want string }{
		{"first", "", "-", "x"},
		{"on the head", "a(b)", "b", "a(b(x))"},
		{"after a revert", "a(b)", "a", "a(b x)"},
		{"content of no snapshot", "a(b)", "-", "a(b) x"},
		{"head unknown", "a(b)", "?", "a(b) x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := grow(t, test.shape, test.head)
			s := record("x")
			s.Parent, s.Lineage = id("b"), snapshot.Assumed // both are the tree's to say
			made, err := tree.Create(s)
			require.NoError(t, err)
			require.NoError(t, tree.Validate())
			require.Equal(t, test.want, shape(tree))
			require.Equal(t, "x", headOf(tree))
			stored, _ := tree.Get(id("x"))
			require.True(t, made.Equal(stored))
			require.Equal(t, snapshot.Recorded, made.Lineage)
		})
	}
}

func TestCreateKeepsOrderWhenTheClockWentBack(t *testing.T) {
	tree := grow(t, "a(c e g)", "a")
	for _, name := range []string{"d", "b", "h", "f"} {
		_, err := tree.Create(record(name))
		require.NoError(t, err)
		require.NoError(t, tree.Validate())
		require.NoError(t, tree.Revert(id("a")))
	}
	require.Equal(t, "a(b c d e f g h)", shape(tree))
}

func TestCreateRefuses(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	taken, broken := record("a"), record("x")
	broken.State = "?"
	for _, s := range []snapshot.Snapshot{taken, broken} {
		err := unchanged(t, tree, func() error { _, err := tree.Create(s); return err })
		require.ErrorIs(t, err, snapshot.ErrInvalid)
	}
}

func TestRevert(t *testing.T) {
	tree := grow(t, "a(b(c) d)", "?")
	for _, name := range []string{"b", "b", "d", "a"} {
		require.NoError(t, tree.Revert(id(name)))
		require.Equal(t, name, headOf(tree))
		require.Equal(t, "a(b(c) d)", shape(tree))
	}
	for _, name := range []string{"x", "-"} {
		err := unchanged(t, tree, func() error { return tree.Revert(id(name)) })
		require.ErrorIs(t, err, snapshot.ErrNotFound)
	}
}

func TestSetHead(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	for _, head := range []snapshot.Head{{Unknown: true}, {}, {Snapshot: id("a")}} {
		require.NoError(t, tree.SetHead(head))
		require.Equal(t, head, tree.Head())
	}
	err := unchanged(t, tree, func() error { return tree.SetHead(snapshot.Head{Snapshot: id("x")}) })
	require.ErrorIs(t, err, snapshot.ErrNotFound)
	err = unchanged(t, tree, func() error { return tree.SetHead(snapshot.Head{Snapshot: id("a"), Unknown: true}) })
	require.ErrorIs(t, err, snapshot.ErrInvalid)
}

func TestDelete(t *testing.T) {
	tests := []struct{ name, shape, head, delete, want, wantHead, moved string }{
		{"only one", "a", "a", "a", "", "-", ""},
		{"leaf", "a(b c)", "a", "b", "a(c)", "a", ""},
		{"leaf that is the head", "a(b c)", "b", "b", "a(c)", "a", ""},
		{"middle", "a(b(c(d)))", "d", "b", "a(c(d))", "d", "c"},
		{"root with children", "a(b(c) d) e", "a", "a", "b(c) d e", "-", "b d"},
		{"children between siblings", "a(b d(e f(g)) h i)", "d", "d", "a(b e f(g) h i)", "a", "e f"},
		{"children older than their parent's siblings", "a(d(b) c)", "b", "d", "a(b c)", "b", "b"},
		{"children around siblings", "a(c(b f i) d g)", "-", "c", "a(b d f g i)", "-", "b f i"},
		{"head unknown stays so", "a(b)", "?", "a", "b", "?", "b"},
		{"first of several", "a(b c d)", "c", "b", "a(c d)", "c", ""},
		{"last of several", "a(b c d)", "c", "d", "a(b c)", "c", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := grow(t, test.shape, test.head)
			moved, err := tree.Delete(id(test.delete))
			require.NoError(t, err)
			require.NoError(t, tree.Validate())
			require.Equal(t, test.want, shape(tree))
			require.Equal(t, test.wantHead, headOf(tree))
			require.Equal(t, test.moved, letters(moved))
		})
	}
	tree := grow(t, "a", "a")
	err := unchanged(t, tree, func() error { _, err := tree.Delete(id("x")); return err })
	require.ErrorIs(t, err, snapshot.ErrNotFound)
	require.ErrorContains(t, err, id("x").String())
}

func TestRevertDropping(t *testing.T) {
	tests := []struct{ name, shape, head, to, dropped, want, moved string }{
		{"nothing", "a(b)", "b", "a", "", "a(b)", ""},
		{"younger ones", "a(b(c(d)))", "d", "b", "c d", "a(b)", ""},
		{"a survivor below dropped ones", "a(b(c(d(e f))))", "f", "a", "c b d", "a(e f)", "e f"},
		{"in any order", "a(b(c(d(e f))))", "f", "a", "d c b", "a(e f)", "e f"},
		{"on other branches", "a(b(c) d(e(f)))", "f", "b", "e c", "a(b d(f))", "f"},
		{"above the target", "a(b(c(d)))", "d", "c", "a b", "c(d)", "c"},
		{"roots", "a(b c) d(e)", "-", "e", "a d", "b c e", "b c e"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := grow(t, test.shape, test.head)
			moved, err := tree.RevertDropping(id(test.to), ids(test.dropped))
			require.NoError(t, err)
			require.NoError(t, tree.Validate())
			require.Equal(t, test.want, shape(tree))
			require.Equal(t, test.to, headOf(tree))
			require.ElementsMatch(t, ids(test.moved), moved)
		})
	}
}

func TestRevertDroppingRefuses(t *testing.T) {
	tree := grow(t, "a(b(c))", "c")
	for name, test := range map[string]struct {
		to, dropped string
		want        error
	}{
		"unknown target":  {"x", "b", snapshot.ErrNotFound},
		"unknown dropped": {"a", "b x", snapshot.ErrNotFound},
		"none dropped":    {"a", "b -", snapshot.ErrNotFound},
		"twice":           {"a", "b c b", snapshot.ErrInvalid},
		"the target":      {"a", "b a", snapshot.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			err := unchanged(t, tree, func() error {
				_, err := tree.RevertDropping(id(test.to), ids(test.dropped))
				return err
			})
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestUpdate(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	s, _ := tree.Get(id("b"))
	s.State, s.Holds, s.Version = snapshot.Missing, []snapshot.Hold{{Name: "legal"}}, 2
	require.NoError(t, tree.Update(s))
	stored, _ := tree.Get(id("b"))
	require.True(t, s.Equal(stored))
	require.NoError(t, tree.Validate())

	for name, change := range map[string]func(*snapshot.Snapshot){
		"parent": func(s *snapshot.Snapshot) { s.Parent = snapshot.ID{} },
		"time":   func(s *snapshot.Snapshot) { s.CreatedAt = s.CreatedAt.Add(time.Nanosecond) },
		"volume": func(s *snapshot.Snapshot) { s.Volume = snapshot.VolumeID{} },
		"state":  func(s *snapshot.Snapshot) { s.State = "" },
	} {
		t.Run(name, func(t *testing.T) {
			broken := s
			change(&broken)
			require.ErrorIs(t, unchanged(t, tree, func() error { return tree.Update(broken) }), snapshot.ErrInvalid)
		})
	}
	require.ErrorIs(t, unchanged(t, tree, func() error { return tree.Update(record("x")) }), snapshot.ErrNotFound)
}

// Places that became free are used again, so a tree that lives long does not grow for ever.
func TestManyChangesKeepTheTreeRight(t *testing.T) {
	tree := grow(t, "a(b(c) d)", "a")
	for range 5000 {
		_, err := tree.Create(record("x"))
		require.NoError(t, err)
		_, err = tree.Create(record("y"))
		require.NoError(t, err)
		_, err = tree.Delete(id("x"))
		require.NoError(t, err)
		_, err = tree.RevertDropping(id("a"), ids("y"))
		require.NoError(t, err)
	}
	require.NoError(t, tree.Validate())
	require.Equal(t, "a(b(c) d)", shape(tree))
}
