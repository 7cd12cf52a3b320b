package snapshot

import (
	"errors"
	"fmt"
	"strings"
)

// The classes of a tree's errors; match them with errors.Is. After any error the tree is what it was before.
var (
	// ErrNotFound: the tree has no such snapshot.
	ErrNotFound = errors.New("not in the tree")
	// ErrInvalid: a record, a head or a document breaks a rule of the tree. The text says which one, and where.
	ErrInvalid = errors.New("breaks a rule of the tree")
)

// DependentsError says that a snapshot cannot be deleted because others depend on it; see [Tree.DeleteDependent].
type DependentsError struct {
	// Snapshot is the one that was to be deleted.
	Snapshot Snapshot
	// Dependents are what must go first, in the order in which they can be deleted.
	Dependents []Snapshot
}

// shownDependents is how many dependents the text names: enough to act on, and still one readable line.
const shownDependents = 10

// Error names the snapshot and the first ten that stand in the way.
func (e *DependentsError) Error() string {
	names := make([]string, 0, shownDependents)
	for _, s := range e.Dependents[:min(len(e.Dependents), shownDependents)] {
		names = append(names, s.describe())
	}
	more := ""
	if n := len(e.Dependents) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("snapshot %s cannot be deleted while younger ones depend on it; delete these first, in this order: %s%s",
		e.Snapshot.describe(), strings.Join(names, ", "), more)
}

// describe names the snapshot in an error: its id, and its name if it has one. The name is the user's: quoted and cut.
func (s *Snapshot) describe() string {
	if s.Name == "" {
		return s.ID.String()
	}
	return fmt.Sprintf("%s (%.60q)", s.ID, s.Name)
}

func noVolume() error {
	return fmt.Errorf("a tree without a volume: %w: each belongs to one, from NewTree on", ErrInvalid)
}

func (t *Tree) notFound(id ID) error {
	return fmt.Errorf("snapshot %q: %w of volume %s; list the volume's snapshots", id, ErrNotFound, t.volume)
}

func (t *Tree) invalid(s *Snapshot, format string, args ...any) error {
	who := "a snapshot"
	if !s.ID.IsZero() {
		who = "snapshot " + s.describe()
	}
	return fmt.Errorf("%s: %s: %w of volume %s", who, fmt.Sprintf(format, args...), ErrInvalid, t.volume)
}
