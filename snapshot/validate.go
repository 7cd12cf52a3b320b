package snapshot

import "fmt"

// Validate checks every rule of a tree: each record by itself (an id, this volume, a known state, lineage and consistency,
// no negative size), that each parent is in the tree, that nothing descends from itself, that siblings are in order, that
// the head is in the tree, and that all lists lead to the same snapshots. The methods of Tree keep these rules,
// so an error means a defect of this package or memory written by two goroutines at once.
func (t *Tree) Validate() error {
	reached := 0
	for _, i := range t.nodes.below(0) {
		if reached++; reached > len(t.index) {
			break
		}
		if err := t.validateNode(i); err != nil {
			return err
		}
	}
	if reached != len(t.index) {
		return t.damaged("its roots lead to %d snapshots, its index has %d", reached, len(t.index))
	}
	spare := 0
	for i := t.nodes.free; i != 0 && spare < len(t.nodes.links); i = t.nodes.links[i].next {
		spare++
	}
	if nodes := max(0, len(t.nodes.links)-1); reached+spare != nodes {
		return t.damaged("%d snapshots and %d free places are not %d nodes", reached, spare, nodes)
	}
	_, ok := t.index[t.head.Snapshot]
	if !t.head.Snapshot.IsZero() && (!ok || t.head.Unknown) {
		return t.damaged("its head %s is not in it, or known and unknown", t.head.Snapshot)
	}
	return nil
}

func (t *Tree) validateNode(i int32) error {
	s, self := t.nodes.at(i), t.nodes.links[i]
	if err := t.check(s); err != nil {
		return err
	}
	next := self.next
	switch {
	case t.index[s.ID] != i:
		return t.damaged("%s is not in its index", s.describe())
	case s.Parent != t.nodes.id(self.parent):
		return t.damaged("the parent of %s is %q, but it hangs below %q", s.describe(), s.Parent, t.nodes.id(self.parent))
	case self.first != 0 && t.nodes.links[self.first].parent != i:
		return t.damaged("the children of %s are another's", s.describe())
	case next == 0 && t.nodes.last(self.parent) != i:
		return t.damaged("%s ends the list of its siblings, but is not the last", s.describe())
	case next != 0 && (t.nodes.links[next].prev != i || t.nodes.links[next].parent != self.parent || !t.nodes.less(i, next)):
		return t.damaged("%s and its next sibling %s are out of order", s.describe(), t.nodes.at(next).describe())
	}
	return nil
}

func (t *Tree) damaged(format string, args ...any) error {
	return fmt.Errorf("damaged: %s: %w of volume %s", fmt.Sprintf(format, args...), ErrInvalid, t.volume)
}
