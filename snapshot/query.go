package snapshot

import (
	"iter"
	"slices"
)

// Roots yields the snapshots without a parent, by CreatedAt, then id.
func (t *Tree) Roots() iter.Seq[Snapshot] { return t.childrenOf(0) }

// Children yields the snapshots whose parent is id, by CreatedAt, then id. It yields nothing for one that the tree does
// not have, as all queries do.
func (t *Tree) Children(id ID) iter.Seq[Snapshot] {
	i, ok := t.index[id]
	if !ok {
		return func(func(Snapshot) bool) {}
	}
	return t.childrenOf(i)
}

func (t *Tree) childrenOf(i int32) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for c := range t.nodes.children(i) {
			if !yield(*t.nodes.at(c)) {
				return
			}
		}
	}
}

// Ancestors yields the parent of id, the parent's parent, and so on up to the root.
func (t *Tree) Ancestors(id ID) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for i := range t.nodes.up(t.index[id]) {
			if s := t.nodes.at(i); s.ID != id && !yield(*s) {
				return
			}
		}
	}
}

// Path returns the snapshots from the root to id, both included, or nil if the tree does not have it.
func (t *Tree) Path(id ID) []Snapshot {
	depth, ok := t.Depth(id)
	if !ok {
		return nil
	}
	path := make([]Snapshot, 0, depth+1)
	for i := range t.nodes.up(t.index[id]) {
		path = append(path, *t.nodes.at(i))
	}
	slices.Reverse(path)
	return path
}

// Depth returns the number of id's ancestors, 0 for a root, and whether the tree has it.
func (t *Tree) Depth(id ID) (int, bool) {
	i, ok := t.index[id]
	return t.nodes.height(i) - 1, ok
}

// height counts the nodes from i up to its root.
func (n *nodes) height(i int32) int {
	count := 0
	for range n.up(i) {
		count++
	}
	return count
}

// IsAncestor reports whether id descends from ancestor. No snapshot is its own ancestor.
func (t *Tree) IsAncestor(ancestor, id ID) bool {
	top, ok := t.index[ancestor]
	if !ok || ancestor == id {
		return false
	}
	for i := range t.nodes.up(t.index[id]) {
		if i == top {
			return true
		}
	}
	return false
}

// CommonAncestor returns the youngest snapshot that both descend from or are: the point where their branches part. It is
// none if they have different roots, or the tree lacks one of them.
func (t *Tree) CommonAncestor(a, b ID) ID {
	n := &t.nodes
	i, j := t.index[a], t.index[b]
	for d := n.height(i) - n.height(j); d != 0; {
		if d > 0 {
			i, d = n.links[i].parent, d-1
		} else {
			j, d = n.links[j].parent, d+1
		}
	}
	for i != j {
		i, j = n.links[i].parent, n.links[j].parent
	}
	return n.id(i)
}

// Descendants yields everything that descends from id, parents before their children, siblings by CreatedAt, then id.
func (t *Tree) Descendants(id ID) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		i, ok := t.index[id]
		if !ok {
			return
		}
		for _, c := range t.nodes.below(i) {
			if !yield(*t.nodes.at(c)) {
				return
			}
		}
	}
}

// Walk yields every snapshot with its depth, parents before their children, siblings by CreatedAt, then id.
func (t *Tree) Walk() iter.Seq2[int, Snapshot] {
	return func(yield func(int, Snapshot) bool) {
		for depth, i := range t.nodes.below(0) {
			if !yield(depth, *t.nodes.at(i)) {
				return
			}
		}
	}
}

// Leaves yields the snapshots without children, in the order of Walk: the ends of the branches.
func (t *Tree) Leaves() iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for _, i := range t.nodes.below(0) {
			if t.nodes.links[i].first == 0 && !yield(*t.nodes.at(i)) {
				return
			}
		}
	}
}
