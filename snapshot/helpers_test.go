package snapshot_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

var (
	volume = snapshot.VolumeID(exampleID(0xd15c))
	day    = exampleDay
)

// id turns a letter into an id, so that tests can talk of trees as "a(b(c) d)". "" and "-" are none.
func id(name string) snapshot.ID {
	if name == "" || name == "-" {
		return snapshot.ID{}
	}
	return exampleID(int(name[0]))
}

func ids(names string) []snapshot.ID {
	var all []snapshot.ID
	for n := range strings.FieldsSeq(names) {
		all = append(all, id(n))
	}
	return all
}

// letters is the opposite of ids.
func letters(ids []snapshot.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = letter(id)
	}
	return strings.Join(names, " ")
}

func letter(id snapshot.ID) string {
	if id.IsZero() {
		return "-"
	}
	return string(rune(id[15]))
}

// record is a valid snapshot; "a" was made in the first minute, "b" in the second.
func record(name string) snapshot.Snapshot {
	at := day
	if name != "" {
		at = day.Add(time.Duration(name[0]-'a') * time.Minute)
	}
	return snapshot.Snapshot{
		ID: id(name), Volume: volume, Name: name, State: snapshot.Ready, Lineage: snapshot.Recorded,
		Consistency: snapshot.CrashConsistent, CreatedAt: at, Size: 1 << 30, Version: 1,
	}
}

// records reads "a(b(c) d) e": each snapshot with its children in parentheses.
func records(shape string) []snapshot.Snapshot {
	var all []snapshot.Snapshot
	path := []snapshot.ID{{}}
	var last snapshot.ID
	for _, c := range shape {
		switch c {
		case '(':
			path = append(path, last)
		case ')':
			path = path[:len(path)-1]
		case ' ':
		default:
			s := record(string(c))
			s.Parent, last = path[len(path)-1], s.ID
			all = append(all, s)
		}
	}
	return all
}

// grow makes a tree of a shape; head is a letter, "-" for none or "?" for unknown.
func grow(tb testing.TB, shape, head string) *snapshot.Tree {
	tb.Helper()
	h := snapshot.Head{Unknown: head == "?"}
	if !h.Unknown {
		h.Snapshot = id(head)
	}
	tree, err := snapshot.NewTree(volume, h, records(shape))
	require.NoError(tb, err)
	require.NoError(tb, tree.Validate())
	return tree
}

// shape is the opposite of records.
func shape(tree *snapshot.Tree) string {
	var b strings.Builder
	before := -1
	for depth, s := range tree.Walk() {
		switch {
		case depth > before && before >= 0:
			b.WriteByte('(')
		case before >= 0:
			b.WriteString(strings.Repeat(")", before-depth) + " ")
		}
		b.WriteString(s.Name)
		before = depth
	}
	return b.String() + strings.Repeat(")", max(0, before))
}

func headOf(tree *snapshot.Tree) string {
	if tree.Head().Unknown {
		return "?"
	}
	return letter(tree.Head().Snapshot)
}

func names(all []snapshot.Snapshot) string {
	list := make([]string, len(all))
	for i, s := range all {
		list[i] = s.Name
	}
	return strings.Join(list, " ")
}

// unchanged asserts that what fails changes nothing.
func unchanged(t *testing.T, tree *snapshot.Tree, change func() error) error {
	t.Helper()
	before, err := snapshot.NewTree(tree.Volume(), tree.Head(), slices.Collect(all(tree)))
	require.NoError(t, err)
	err = change()
	require.Error(t, err)
	require.NoError(t, tree.Validate())
	require.True(t, before.Equal(tree), "a change that failed with %q changed the tree", err)
	return err
}

func all(tree *snapshot.Tree) func(yield func(snapshot.Snapshot) bool) {
	return func(yield func(snapshot.Snapshot) bool) {
		for _, s := range tree.Walk() {
			if !yield(s) {
				return
			}
		}
	}
}

func TestShapes(t *testing.T) {
	for _, s := range []string{"", "a", "a b", "a(b)", "a(b(c) d)", "a(b(c(d)) e) f(g h)"} {
		require.Equal(t, s, shape(grow(t, s, "-")), "the test's own language")
	}
}
