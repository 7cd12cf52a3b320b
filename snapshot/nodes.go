package snapshot

import (
	"bytes"
	"iter"
)

// nodes holds a tree's records and how they hang together. A node is an index, from 1 on; index 0 is above all roots, so
// that a root needs no special treatment, and means "none" in every link.
//
// Records are kept in pages: a tree can grow without being copied, and has less than one page to spare.
type nodes struct {
	pages [][]Snapshot
	links []link
	// free is the first unused node; link.next leads to the others.
	free int32
}

// link places a node in the tree. Siblings form a list, sorted by [less].
type link struct {
	parent, first, next int32
	// prev of the first child is the last one, so that the end of a list is found at once.
	prev int32
}

// unused is the parent of a node that is not in the tree.
const unused = -1

// pageSize is a power of two, so that a node's place is found by shifting.
const pageSize = 1 << 10

func (n *nodes) at(i int32) *Snapshot { return &n.pages[(i-1)/pageSize][(i-1)%pageSize] }

func (n *nodes) id(i int32) ID {
	if i == 0 {
		return ID{}
	}
	return n.at(i).ID
}

// reserve makes the first page large enough for count records, as far as they fit: most trees are small.
func (n *nodes) reserve(count int) {
	n.pages = append(n.pages, make([]Snapshot, 0, min(count, pageSize)))
}

// store puts a record behind all others.
func (n *nodes) store(s *Snapshot) {
	last := len(n.pages) - 1
	switch {
	case last < 0:
		n.reserve(0) // it grows by doubling
		last++
	case len(n.pages[last]) == pageSize:
		n.pages = append(n.pages, make([]Snapshot, 0, pageSize))
		last++
	}
	n.pages[last] = append(n.pages[last], *s)
}

// add puts a record into an unused node, which it returns.
func (n *nodes) add(s *Snapshot) int32 {
	if i := n.free; i != 0 {
		n.free = n.links[i].next
		*n.at(i) = *s
		return i
	}
	n.store(s)
	n.links = append(n.links, link{parent: unused})
	return int32(len(n.links) - 1) //nolint:gosec // 2^31 records do not fit into memory
}

// release makes a node unused that is out of its parent's list and has no children.
func (n *nodes) release(i int32) {
	*n.at(i) = Snapshot{}
	n.links[i] = link{parent: unused, next: n.free}
	n.free = i
}

// less is the order of siblings: by CreatedAt, then by id.
func (n *nodes) less(a, b int32) bool {
	x, y := n.at(a), n.at(b)
	if c := instantOf(x.CreatedAt).compare(instantOf(y.CreatedAt)); c != 0 {
		return c < 0
	}
	return bytes.Compare(x.ID[:], y.ID[:]) < 0
}

// first returns the first child of i, or none. A zero Tree has not even the node above all roots.
func (n *nodes) first(i int32) int32 {
	if len(n.links) == 0 {
		return 0
	}
	return n.links[i].first
}

func (n *nodes) last(parent int32) int32 {
	if first := n.links[parent].first; first != 0 {
		return n.links[first].prev
	}
	return 0
}

// before returns the sibling before i, or none.
func (n *nodes) before(i int32) int32 {
	if n.links[n.links[i].parent].first == i {
		return 0
	}
	return n.links[i].prev
}

// after returns the sibling after i, or the first child of parent if i is none.
func (n *nodes) after(parent, i int32) int32 {
	if i == 0 {
		return n.links[parent].first
	}
	return n.links[i].next
}

// insert makes i a child of parent, next to the child before, or the first if before is none.
func (n *nodes) insert(parent, before, i int32) {
	next := n.after(parent, before)
	last := n.last(parent)
	self := link{parent: parent, first: n.links[i].first, next: next, prev: before}
	if before == 0 {
		n.links[parent].first = i
		self.prev = last
	} else {
		n.links[before].next = i
	}
	n.links[i] = self
	if next == 0 {
		n.links[n.links[parent].first].prev = i
	} else {
		n.links[next].prev = i
	}
}

// place inserts i among the children of parent where it belongs. It tries the end first, then looks around near, a child
// or none: the price is the number of children between near and its place.
func (n *nodes) place(parent, near, i int32) {
	if last := n.last(parent); last == 0 || n.less(last, i) {
		n.insert(parent, last, i)
		return
	}
	for near != 0 && n.less(i, near) {
		near = n.before(near)
	}
	for next := n.after(parent, near); next != 0 && n.less(next, i); next = n.after(parent, near) {
		near = next
	}
	n.insert(parent, near, i)
}

// unlink takes i out of its parent's list; its children stay with it.
func (n *nodes) unlink(i int32) {
	self := n.links[i]
	if n.links[self.parent].first == i {
		n.links[self.parent].first = self.next
	} else {
		n.links[self.prev].next = self.next
	}
	if self.next != 0 {
		n.links[self.next].prev = self.prev
	} else if first := n.links[self.parent].first; first != 0 {
		n.links[first].prev = self.prev
	}
}

// children yields the children of i in order.
func (n *nodes) children(i int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for c := n.first(i); c != 0 && yield(c); {
			c = n.links[c].next
		}
	}
}

// up yields i and what is above it, up to its root.
func (n *nodes) up(i int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i != 0 && yield(i) {
			i = n.links[i].parent
		}
	}
}

// below yields everything below top, parents before children and siblings in order, with the depth: 0 for top's children.
// It climbs by the links and so needs neither a stack nor memory, however deep the tree is.
func (n *nodes) below(top int32) iter.Seq2[int, int32] {
	return func(yield func(int, int32) bool) {
		depth, i := 0, n.first(top)
		for i != 0 && yield(depth, i) {
			if c := n.links[i].first; c != 0 {
				i, depth = c, depth+1
				continue
			}
			for n.links[i].next == 0 {
				i, depth = n.links[i].parent, depth-1
				if i == top {
					return
				}
			}
			i = n.links[i].next
		}
	}
}
