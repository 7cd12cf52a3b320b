package snapshot_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

// naive is the tree as one would write it on a napkin: who is whose parent. Everything is found by looking at everybody.
type naive struct {
	rows map[snapshot.ID]snapshot.Snapshot
	head snapshot.Head
}

func (n *naive) children(parent snapshot.ID) []snapshot.ID { return n.families()[parent] }

// families is everybody by parent, in the order of siblings.
func (n *naive) families() map[snapshot.ID][]snapshot.ID {
	families := map[snapshot.ID][]snapshot.ID{}
	for id, s := range n.rows {
		families[s.Parent] = append(families[s.Parent], id)
	}
	for _, family := range families {
		slices.SortFunc(family, func(a, b snapshot.ID) int {
			if c := n.rows[a].CreatedAt.Compare(n.rows[b].CreatedAt); c != 0 {
				return c
			}
			return bytes.Compare(a[:], b[:])
		})
	}
	return families
}

func (n *naive) path(id snapshot.ID) []snapshot.ID {
	var path []snapshot.ID
	for ; !id.IsZero(); id = n.rows[id].Parent {
		path = append(path, id)
	}
	slices.Reverse(path)
	return path
}

// below is everything that descends from parent, in the order of Walk.
func (n *naive) below(parent snapshot.ID) []snapshot.ID {
	families := n.families()
	var found []snapshot.ID
	var visit func(parent snapshot.ID)
	visit = func(parent snapshot.ID) {
		for _, c := range families[parent] {
			found = append(found, c)
			visit(c)
		}
	}
	visit(parent)
	return found
}

func (n *naive) common(a, b snapshot.ID) snapshot.ID {
	var common snapshot.ID
	p, q := n.path(a), n.path(b)
	for i := range min(len(p), len(q)) {
		if p[i] == q[i] {
			common = p[i]
		}
	}
	return common
}

func (n *naive) delete(id snapshot.ID) {
	parent := n.rows[id].Parent
	for other, s := range n.rows {
		if s.Parent == id {
			s.Parent = parent
			n.rows[other] = s
		}
	}
	if n.head.Snapshot == id {
		n.head.Snapshot = parent
	}
	delete(n.rows, id)
}

// newest returns the content time of the youngest snapshot of assumed lineage, among those not younger than at.
func (n *naive) newest(at time.Time) (newest time.Time) {
	for _, s := range n.rows {
		if s.Lineage == snapshot.Assumed && !s.TakenAt.After(at) && s.TakenAt.After(newest) {
			newest = s.TakenAt
		}
	}
	return newest
}

// requireSame compares a tree with the naive one: all of it, and every query for the snapshots a and b.
func (n *naive) requireSame(t *testing.T, tree *snapshot.Tree, a, b snapshot.ID) {
	t.Helper()
	require.NoError(t, tree.Validate())
	require.Equal(t, n.head, tree.Head())
	require.Equal(t, len(n.rows), tree.Len())
	walk := n.below(snapshot.ID{})
	i := 0
	for depth, s := range tree.Walk() {
		same := walk[i] == s.ID && n.rows[s.ID].Equal(s) && len(n.path(s.ID)) == depth+1
		require.True(t, same, "number %d in the walk is %+v at depth %d", i, s, depth)
		i++
	}
	require.Equal(t, n.children(snapshot.ID{}), idsIn(slices.Collect(tree.Roots())))
	require.Equal(t, n.children(a), idsIn(slices.Collect(tree.Children(a))))
	require.Equal(t, n.path(a), idsIn(tree.Path(a)))
	require.Equal(t, n.below(a), idsIn(slices.Collect(tree.Descendants(a))))
	require.Equal(t, n.common(a, b), tree.CommonAncestor(a, b))
	require.Equal(t, a != b && slices.Contains(n.path(b), a), tree.IsAncestor(a, b))
	ancestors := n.path(a)[:len(n.path(a))-1]
	slices.Reverse(ancestors)
	require.True(t, slices.Equal(ancestors, idsIn(slices.Collect(tree.Ancestors(a)))))
}

func idsIn(all []snapshot.Snapshot) []snapshot.ID {
	var ids []snapshot.ID
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}
