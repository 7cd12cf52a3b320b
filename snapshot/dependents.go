package snapshot

import "slices"

// Younger returns the snapshots of the volume that are younger than id, youngest first, whatever their branch: what stands
// in the way of its deletion at an array whose snapshots depend on each other, in the order in which they can go, and
// what a revert to it drops at an array that drops the younger ones. It is empty for a snapshot that the tree does not have.
//
// Arrays go by their own clock, so TakenAt decides where both snapshots have it; else, and between those of one instant,
// CreatedAt does. The price is proportional to the size of the tree.
func (t *Tree) Younger(id ID) []Snapshot {
	i, ok := t.index[id]
	if !ok {
		return nil
	}
	var younger []Snapshot
	s := t.nodes.at(i)
	for _, j := range t.nodes.below(0) {
		if o := t.nodes.at(j); byAge(s, o) < 0 {
			younger = append(younger, *o)
		}
	}
	// One that has no TakenAt yet is being made now: it is younger than all that have one.
	slices.SortStableFunc(younger, func(a, b Snapshot) int {
		switch {
		case a.TakenAt.IsZero() && !b.TakenAt.IsZero():
			return -1
		case b.TakenAt.IsZero() && !a.TakenAt.IsZero():
			return 1
		}
		return byAge(&b, &a)
	})
	return younger
}

// DeleteDependent is [Tree.Delete] at an array whose snapshots depend on each other: it is refused with a
// [*DependentsError] while there are younger ones. ErrNotFound if the tree does not have it.
func (t *Tree) DeleteDependent(id ID) (moved []ID, err error) {
	if younger := t.Younger(id); len(younger) > 0 {
		s, _ := t.Get(id)
		return nil, &DependentsError{Snapshot: s, Dependents: younger}
	}
	return t.Delete(id)
}

func byAge(a, b *Snapshot) int {
	if !a.TakenAt.IsZero() && !b.TakenAt.IsZero() {
		if c := instantOf(a.TakenAt).compare(instantOf(b.TakenAt)); c != 0 {
			return c
		}
	}
	return instantOf(a.CreatedAt).compare(instantOf(b.CreatedAt))
}
