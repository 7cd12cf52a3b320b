package snapshot

import (
	"iter"
	"slices"
)

// layout decides which child goes on straight below its parent and which are set off as branches.
type layout struct {
	tree *Tree
	// straight is, per node, the child that goes on straight; present, or none.
	straight []int32
}

// present stands for the present content where a node is expected.
const present = -1

// row is one line of a drawing.
type row struct {
	// node is a snapshot's, or present.
	node int32
	// level is how often the line was set off to the right.
	level int32
	// branch: the row begins a branch. apart: it begins another root's tree.
	branch, apart bool
}

// newLayout lets the largest child go on straight, the youngest of equal ones. A line is then set off only where at
// least half of the snapshots stay behind, which happens 20 times at most among a million. The line to the present
// content goes before; it is one line, and so adds one level at most.
func newLayout(t *Tree) layout {
	n := &t.nodes
	size := max(1, len(n.links))
	l := layout{tree: t, straight: make([]int32, size)}
	order := make([]int32, 0, size)
	for _, i := range n.below(0) {
		order = append(order, i)
	}
	weight := make([]int32, size)
	for _, i := range slices.Backward(order) {
		parent := n.links[i].parent
		weight[i]++
		weight[parent] += weight[i]
		if best := l.straight[parent]; best == 0 || weight[i] > weight[best] {
			l.straight[parent] = i
		}
	}
	below := int32(present)
	for i := range n.up(t.index[t.head.Snapshot]) {
		l.straight[i], below = below, i
	}
	l.straight[0] = below
	return l
}

// rows yields the lines from top to bottom: a node, the branches off it, and then what goes on straight.
func (l layout) rows() iter.Seq[row] {
	return func(yield func(row) bool) {
		waiting := l.push(nil, 0, row{level: -1})
		for first := true; len(waiting) > 0; first = false {
			r := waiting[len(waiting)-1]
			waiting = waiting[:len(waiting)-1]
			r.apart = r.apart && !first
			if !yield(r) {
				return
			}
			if r.node != present {
				waiting = l.push(waiting, r.node, r)
			}
		}
	}
}

// push puts what is below a node on the stack, the last line first. The node above all roots has no line of its own: what
// is below it stands side by side.
func (l layout) push(waiting []row, i int32, above row) []row {
	roots := i == 0
	if c := l.straight[i]; c != 0 {
		level := above.level
		if roots {
			level++
		}
		waiting = append(waiting, row{node: c, level: level, apart: roots})
	}
	n := &l.tree.nodes
	last := int32(0)
	if n.first(i) != 0 {
		last = n.last(i)
	}
	for c := last; c != 0; c = n.before(c) {
		if c != l.straight[i] {
			waiting = append(waiting, row{node: c, level: above.level + 1, branch: !roots, apart: roots})
		}
	}
	return waiting
}
