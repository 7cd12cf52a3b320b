package snapshot

import (
	"maps"
	"slices"
	"time"
)

// Snapshot is our record of one snapshot: a node of its volume's tree. (driver.Snapshot is what the array says.)
type Snapshot struct {
	ID     ID       `json:"id"`
	Volume VolumeID `json:"volume"`
	// Parent is the snapshot that this one's content descends from; none for a root.
	Parent ID `json:"parent,omitzero"`
	// Name and Labels are the user's; a name need not be unique.
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	// Owner is the embedder's: an account or tenant.
	Owner string `json:"owner,omitempty"`
	State State  `json:"state"`
	// Token is its identity at the array; empty for one that somebody else made and we imported.
	Token string `json:"token,omitempty"`
	// Native is the array's id of it, known once it is Ready; NativeVolume is the array's id of the volume as it was
	// when the snapshot was made.
	Native       string `json:"native,omitempty"`
	NativeVolume string `json:"native_volume,omitempty"`
	// CreatedAt is when we asked for it, by our clock; TakenAt is the instant of its content by the array's clock.
	CreatedAt time.Time `json:"created_at"`
	TakenAt   time.Time `json:"taken_at,omitzero"`
	// Size is the volume's size in bytes at that instant.
	Size        int64       `json:"size"`
	Lineage     Lineage     `json:"lineage"`
	Consistency Consistency `json:"consistency"`
	// Quiesce says what became of the wish to hold writes for it, and Frozen how long they were held.
	Quiesce Quiesce       `json:"quiesce,omitempty"`
	Frozen  time.Duration `json:"frozen,omitempty"`
	Group   GroupID       `json:"group,omitzero"`
	// ExpiresAt is when it may be deleted without asking; zero for never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Holds     []Hold    `json:"holds,omitempty"`
	Pins      []Pin     `json:"pins,omitempty"`
	// Version counts the changes of this record. In a change it says which version the change was computed from:
	// the store refuses it if the record has moved on.
	Version int64 `json:"version"`
}

// Clone returns a copy that shares nothing with s.
func (s Snapshot) Clone() Snapshot {
	s.Labels = maps.Clone(s.Labels)
	s.Holds = slices.Clone(s.Holds)
	s.Pins = slices.Clone(s.Pins)
	return s
}

// State says how far a snapshot exists.
type State string

// The states of a snapshot.
const (
	// Creating: an operation is about to make it; the array may or may not have it.
	Creating State = "creating"
	// Ready: the array has it; it can be used.
	Ready State = "ready"
	// Deleting: an operation removes it; it cannot be used any more.
	Deleting State = "deleting"
	// Missing: it was Ready, but the array no longer has it.
	Missing State = "missing"
)

// Valid reports whether s is one of the four states.
func (s State) Valid() bool { return s == Creating || s == Ready || s == Deleting || s == Missing }

// Lineage says how we know a snapshot's parent.
type Lineage string

// The kinds of lineage.
const (
	// Recorded: we made the snapshot and know what the volume's content descended from.
	Recorded Lineage = "recorded"
	// Assumed: it was there before us; snapshots like it are chained by time.
	Assumed Lineage = "assumed"
)

// Valid reports whether l is one of the two kinds.
func (l Lineage) Valid() bool { return l == Recorded || l == Assumed }

// Consistency says what a restored disk looks like to its file system or application.
type Consistency string

// The levels of consistency, weakest first.
const (
	// CrashConsistent: as after a power cut.
	CrashConsistent Consistency = "crash"
	// GroupConsistent: as after one power cut of all the group's volumes at once.
	GroupConsistent Consistency = "group"
	// ApplicationConsistent: the guest flushed and stopped writing first.
	ApplicationConsistent Consistency = "application"
)

// Valid reports whether c is one of the three levels.
func (c Consistency) Valid() bool {
	return c == CrashConsistent || c == GroupConsistent || c == ApplicationConsistent
}

// Quiesce says what became of the wish to hold a guest's writes while a snapshot was taken.
type Quiesce string

// The outcomes of a quiesce.
const (
	// QuiesceSkipped: nobody asked for it.
	QuiesceSkipped Quiesce = ""
	// QuiesceFrozen: writes were held at the instant of the snapshot.
	QuiesceFrozen Quiesce = "frozen"
	// QuiesceFellBack: it was asked for, but could not be had, or nobody can tell whether the snapshot was taken within it.
	QuiesceFellBack Quiesce = "fell-back"
)

// Valid reports whether q is one of the three outcomes.
func (q Quiesce) Valid() bool {
	return q == QuiesceSkipped || q == QuiesceFrozen || q == QuiesceFellBack
}

// Hold forbids the deletion of a snapshot: a person's decision, with a reason.
type Hold struct {
	Name   string    `json:"name"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// Until is when the hold ends by itself; zero for never.
	Until time.Time `json:"until,omitzero"`
}

// Active reports whether the hold still forbids deletion at that time.
func (h Hold) Active(now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// Pin forbids the deletion of a snapshot while an operation uses it.
type Pin struct {
	Operation string    `json:"operation"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
}
