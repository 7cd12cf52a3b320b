package snapshot

// Create adds the record of a snapshot of the present content and returns it as the tree has it: a child of the head, or a
// root when the head is none or unknown, with Lineage Recorded. The head is the new snapshot then, and known.
// Errors: ErrInvalid for a record that [NewTree] would refuse, or an id that is taken.
func (t *Tree) Create(s Snapshot) (Snapshot, error) {
	s.Parent, s.Lineage = t.head.Snapshot, Recorded
	if err := t.checkNew(&s); err != nil {
		return Snapshot{}, err
	}
	t.attach(&s)
	t.head = Head{Snapshot: s.ID}
	return s, nil
}

// Update replaces a record: a new state, other labels, holds. What places it in the tree cannot change: ErrInvalid if
// Parent or CreatedAt differ. ErrNotFound if the tree does not have it.
func (t *Tree) Update(s Snapshot) error {
	i, ok := t.index[s.ID]
	if !ok {
		return t.notFound(s.ID)
	}
	if err := t.check(&s); err != nil {
		return err
	}
	old := t.nodes.at(i)
	if s.Parent != old.Parent || !sameInstant(s.CreatedAt, old.CreatedAt) {
		return t.invalid(&s, "an update cannot change the parent or the time of creation")
	}
	*old = s
	return nil
}

// SetHead says what the present content descends from. Errors: ErrNotFound if the tree does not have that snapshot;
// ErrInvalid for a head that is known and unknown at once. Repeatable.
func (t *Tree) SetHead(head Head) error {
	switch _, ok := t.index[head.Snapshot]; {
	case head.Snapshot.IsZero():
	case head.Unknown:
		return t.invalid(&Snapshot{ID: head.Snapshot}, "it cannot be the head while the head is unknown")
	case !ok:
		return t.notFound(head.Snapshot)
	}
	t.head = head
	return nil
}

// Revert makes a snapshot the head: the content is again what it was then. Whether the array can still do that is for the
// record's State to say. ErrNotFound if the tree does not have it, or for none.
func (t *Tree) Revert(id ID) error {
	if _, ok := t.index[id]; !ok {
		return t.notFound(id)
	}
	return t.SetHead(Head{Snapshot: id})
}

// Delete removes a snapshot. Its children move up to its parent, and so does the head if it was it; the children of a
// root become roots. It returns the ids that moved, in order. ErrNotFound if the tree does not have it.
//
// The price is proportional to the number of children and of siblings that they end up among.
func (t *Tree) Delete(id ID) (moved []ID, err error) {
	i, ok := t.index[id]
	if !ok {
		return nil, t.notFound(id)
	}
	for c := range t.nodes.children(i) {
		moved = append(moved, t.nodes.id(c))
	}
	t.remove(i)
	return moved, nil
}

// RevertDropping is the revert of an array that deletes snapshots with it, usually the younger ones. The dropped ones leave
// the tree; their children that survive move up to the nearest snapshot that survives, and are returned.
// All or nothing: ErrNotFound if the tree lacks one of them; ErrInvalid if one stands twice or is id itself.
func (t *Tree) RevertDropping(id ID, dropped []ID) (moved []ID, err error) {
	if _, ok := t.index[id]; !ok {
		return nil, t.notFound(id)
	}
	gone := make(map[int32]bool, len(dropped))
	for _, d := range dropped {
		i, ok := t.index[d]
		switch {
		case !ok:
			return nil, t.notFound(d)
		case d == id:
			return nil, t.invalid(t.nodes.at(i), "a revert to it cannot drop it")
		case gone[i]:
			return nil, t.invalid(t.nodes.at(i), "it stands twice among the dropped")
		}
		gone[i] = true
	}
	t.head = Head{Snapshot: id}
	for _, d := range dropped {
		for c := range t.nodes.children(t.index[d]) {
			if !gone[c] {
				moved = append(moved, t.nodes.id(c))
			}
		}
	}
	t.removeAll(dropped, gone)
	return moved, nil
}

// removeAll removes nodes, which are given as ids and as a set, from the top down: each child then moves once only.
func (t *Tree) removeAll(ids []ID, set map[int32]bool) {
	var line []int32
	for _, id := range ids {
		line = line[:0]
		// The node is 0, and not in the set, if it went with an earlier one that was below it.
		for i := t.index[id]; set[i]; i = t.nodes.links[i].parent {
			line = append(line, i)
		}
		for len(line) > 0 {
			t.remove(line[len(line)-1])
			line = line[:len(line)-1]
		}
	}
}

// checkNew says why a record cannot be added.
func (t *Tree) checkNew(s *Snapshot) error {
	if err := t.check(s); err != nil {
		return err
	}
	if i, ok := t.index[s.ID]; ok {
		return t.invalid(s, "the id is taken by %s", t.nodes.at(i).describe())
	}
	return nil
}

// attach adds a record that was checked and whose parent is in the tree.
func (t *Tree) attach(s *Snapshot) {
	parent := t.index[s.Parent]
	i := t.nodes.add(s)
	t.nodes.place(parent, t.nodes.last(parent), i)
	t.index[s.ID] = i
}

// remove takes a node out of the tree and moves its children, and the head, up to its parent.
func (t *Tree) remove(i int32) {
	n := &t.nodes
	id, parent, near := n.id(i), n.links[i].parent, n.before(i)
	n.unlink(i)
	for c := n.links[i].first; c != 0; {
		next := n.links[c].next
		n.at(c).Parent = n.id(parent)
		n.place(parent, near, c)
		c, near = next, c
	}
	if t.head.Snapshot == id {
		t.head.Snapshot = n.id(parent)
	}
	delete(t.index, id)
	n.release(i)
}
