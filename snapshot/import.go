package snapshot

import "slices"

// ChainByTime puts snapshots that somebody else made into the order of their content: by TakenAt, or CreatedAt where the
// array did not tell; those of one instant stay as they were given. Each becomes the child of the one before it, and
// the first a root. Lineage is Assumed: time is all there is to go by.
func ChainByTime(snapshots []Snapshot) {
	slices.SortStableFunc(snapshots, byContent)
	var parent ID
	for i := range snapshots {
		snapshots[i].Parent, snapshots[i].Lineage = parent, Assumed
		parent = snapshots[i].ID
	}
}

// Import adds snapshots that somebody else made, chained by time with Lineage Assumed, and returns them as the tree has
// them, oldest first. The chain goes on from what was imported before: the parent of each is the youngest snapshot of
// assumed lineage that is not younger than itself. What is in the tree already stays where it is, and so does the head,
// for nothing tells whether the present content descends from them; see [Tree.SetHead].
//
// All or nothing: ErrInvalid as in [Tree.Create]. The price is proportional to the size of the tree.
func (t *Tree) Import(foreign []Snapshot) ([]Snapshot, error) {
	foreign = slices.Clone(foreign)
	ChainByTime(foreign)
	ids := make(map[ID]bool, len(foreign))
	for i := range foreign {
		s := &foreign[i]
		if err := t.checkNew(s); err != nil {
			return nil, err
		}
		if ids[s.ID] {
			return nil, t.invalid(s, "the id stands twice")
		}
		ids[s.ID] = true
	}
	known := t.assumed()
	var parent *Snapshot
	for i := range foreign {
		s := &foreign[i]
		for len(known) > 0 && byContent(known[0], *s) <= 0 {
			if parent == nil || byContent(*parent, known[0]) <= 0 {
				parent = &known[0]
			}
			known = known[1:]
		}
		s.Parent = ID{}
		if parent != nil {
			s.Parent = parent.ID
		}
		t.attach(s)
		parent = s
	}
	return foreign, nil
}

// assumed returns what was imported before, oldest first.
func (t *Tree) assumed() []Snapshot {
	var all []Snapshot
	for _, i := range t.nodes.below(0) {
		if s := t.nodes.at(i); s.Lineage == Assumed {
			all = append(all, *s)
		}
	}
	slices.SortStableFunc(all, byContent)
	return all
}

// byContent compares snapshots by the instant of their content, as far as it is known.
func byContent(a, b Snapshot) int { return content(&a).compare(content(&b)) }

func content(s *Snapshot) instant {
	if s.TakenAt.IsZero() {
		return instantOf(s.CreatedAt)
	}
	return instantOf(s.TakenAt)
}
