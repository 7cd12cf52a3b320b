package snapshot

import (
	"fmt"
	"iter"
)

// Tree is a volume's snapshots and what descends from what. It is a model in memory: it changes nothing at an array or
// in a store. Make one with [NewTree], [Collect], or from JSON; the zero Tree belongs to no volume and holds nothing.
//
// Records that come out share their maps and lists with the tree, as those that went in do: use [Snapshot.Clone] before
// you change one. Any number of goroutines may read a tree while nobody changes it.
type Tree struct {
	volume VolumeID
	head   Head
	nodes  nodes
	index  map[ID]int32
}

// NewTree makes the tree of a volume from its records, in any order. It copies the records, checks everything that
// [Tree.Validate] would find, and takes time proportional to their number (and a sort, if they are out of order).
// An ErrInvalid names the snapshot and what is wrong with it.
func NewTree(volume VolumeID, head Head, snapshots []Snapshot) (*Tree, error) {
	t := &Tree{volume: volume}
	t.nodes.reserve(len(snapshots))
	for i := range snapshots {
		if err := t.read(&snapshots[i]); err != nil {
			return nil, err
		}
	}
	return t.finish(head)
}

// Collect is [NewTree] for records that come one by one, from a store's listing; none is held twice. It stops at the first
// error, which it returns wrapped.
func Collect(volume VolumeID, head Head, snapshots iter.Seq2[Snapshot, error]) (*Tree, error) {
	t := &Tree{volume: volume}
	for s, err := range snapshots {
		if err != nil {
			return nil, fmt.Errorf("read the snapshots of volume %s: %w", volume, err)
		}
		if err := t.read(&s); err != nil {
			return nil, err
		}
	}
	return t.finish(head)
}

// Volume returns the volume that the tree belongs to.
func (t *Tree) Volume() VolumeID { return t.volume }

// Head returns what the volume's present content descends from.
func (t *Tree) Head() Head { return t.head }

// Len returns the number of snapshots.
func (t *Tree) Len() int { return len(t.index) }

// Get returns a record, if the tree has it.
func (t *Tree) Get(id ID) (Snapshot, bool) {
	i, ok := t.index[id]
	if !ok {
		return Snapshot{}, false
	}
	return *t.nodes.at(i), true
}

// Equal reports whether two trees have the same volume, the same head and the same records.
func (t *Tree) Equal(o *Tree) bool {
	if t.volume != o.volume || t.head != o.head || len(t.index) != len(o.index) {
		return false
	}
	for id, i := range t.index {
		j, ok := o.index[id]
		if !ok || !t.nodes.at(i).Equal(*o.nodes.at(j)) {
			return false
		}
	}
	return true
}

// check says what is wrong with a record by itself.
func (t *Tree) check(s *Snapshot) error {
	switch {
	case t.volume.IsZero():
		return noVolume()
	case s.ID.IsZero():
		return t.invalid(s, "it has no id")
	case s.Volume != t.volume:
		return t.invalid(s, "it belongs to volume %q", s.Volume)
	case s.Parent == s.ID:
		return t.invalid(s, "it is its own parent")
	case !s.State.Valid():
		return t.invalid(s, "unknown state %.60q", s.State)
	case !s.Lineage.Valid():
		return t.invalid(s, "unknown lineage %.60q", s.Lineage)
	case s.Consistency != "" && !s.Consistency.Valid():
		return t.invalid(s, "unknown consistency %.60q", s.Consistency)
	case !s.Quiesce.Valid():
		return t.invalid(s, "unknown outcome of a quiesce %.60q", s.Quiesce)
	case s.Size < 0:
		return t.invalid(s, "its size is %d", s.Size)
	}
	return nil
}
