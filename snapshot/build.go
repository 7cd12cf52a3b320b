package snapshot

import (
	"bytes"
	"slices"
	"strings"
)

// read takes one record of a tree that is being made.
func (t *Tree) read(s *Snapshot) error {
	if err := t.check(s); err != nil {
		return err
	}
	t.nodes.store(s)
	return nil
}

// finish makes a tree of what was read.
func (t *Tree) finish(head Head) (*Tree, error) {
	if t.volume.IsZero() {
		return nil, noVolume()
	}
	if err := t.build(); err != nil {
		return nil, err
	}
	if _, ok := t.index[head.Snapshot]; !ok && !head.Snapshot.IsZero() {
		return nil, t.invalid(&Snapshot{ID: head.Snapshot}, "it is the head, but not among the snapshots")
	}
	if err := t.SetHead(head); err != nil {
		return nil, err
	}
	return t, nil
}

// build connects the records, all at once: their number is known now, so nothing is allocated twice.
func (t *Tree) build() error {
	count := 0
	for _, page := range t.nodes.pages {
		count += len(page)
	}
	t.nodes.links = make([]link, count+1)
	t.index = make(map[ID]int32, count)
	for i := range t.nodes.all() {
		s := t.nodes.at(i)
		t.index[s.ID] = i
		if len(t.index) != int(i) {
			return t.invalid(s, "the id stands twice")
		}
	}
	parent := int32(0)
	for _, i := range t.nodes.sorted() {
		s := t.nodes.at(i)
		// Most often it is the one made just before: then nothing has to be looked up.
		if t.nodes.id(parent) != s.Parent {
			parent = t.index[s.Parent]
		}
		if parent == 0 && !s.Parent.IsZero() {
			return t.invalid(s, "its parent %s is not in the tree", s.Parent)
		}
		// In this order each child goes to the end of its list.
		t.nodes.insert(parent, t.nodes.last(parent), i)
		parent = i
	}
	return t.checkCycles()
}

// all yields every node of a tree that never lost one.
func (n *nodes) all() func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for i := range n.links[1:] {
			if !yield(int32(i + 1)) {
				return
			}
		}
	}
}

// sorted returns all nodes in the order of siblings. The instants are copied out first: the sort then moves over one small
// array, and not over records that lie all over the memory.
func (n *nodes) sorted() []int32 {
	type key struct {
		instant
		node int32
	}
	keys := make([]key, 0, len(n.links)-1)
	for i := range n.all() {
		keys = append(keys, key{instantOf(n.at(i).CreatedAt), i})
	}
	slices.SortFunc(keys, func(a, b key) int {
		if c := a.compare(b.instant); c != 0 {
			return c
		}
		return bytes.Compare(n.at(a.node).ID[:], n.at(b.node).ID[:])
	})
	order := make([]int32, len(keys))
	for i, k := range keys {
		order[i] = k.node
	}
	return order
}

// checkCycles finds snapshots that descend from themselves: no root leads to them.
func (t *Tree) checkCycles() error {
	reached := 0
	for range t.nodes.below(0) {
		reached++
	}
	if reached == len(t.index) {
		return nil
	}
	rooted := make([]bool, len(t.nodes.links))
	for _, i := range t.nodes.below(0) {
		rooted[i] = true
	}
	rooted[0] = true                                   // it is above all roots
	return t.cycle(int32(slices.Index(rooted, false))) //nolint:gosec // see add
}

// shownCycle is how many snapshots of a cycle its error names.
const shownCycle = 5

// cycle describes the cycle above i.
func (t *Tree) cycle(i int32) error {
	// After as many steps as there are snapshots, one is inside the cycle for certain.
	for range t.index {
		i = t.nodes.links[i].parent
	}
	var ids []string
	start := i
	for {
		ids = append(ids, t.nodes.id(i).String())
		i = t.nodes.links[i].parent
		if i == start || len(ids) == shownCycle {
			break
		}
	}
	if i != start {
		ids = append(ids, "...")
	}
	ids = append(ids, ids[0])
	return t.invalid(t.nodes.at(start), "it descends from itself: %s", strings.Join(ids, " -> "))
}
