package snapshot

import (
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"
)

// UUID is an id of our own making: a UUID whose Go type says what it identifies, so that a volume's id cannot be passed
// for a snapshot's. K is that kind; it is never a value. The zero UUID means "none".
//
// [NewID] makes version 7 ids, which sort by the time of their making: text and byte order agree.
type UUID[K any] uuid.UUID

type (
	// SnapshotKind, VolumeKind and GroupKind mark what a [UUID] identifies.
	SnapshotKind struct{}
	// VolumeKind marks the ids of volumes.
	VolumeKind struct{}
	// GroupKind marks the ids of groups.
	GroupKind struct{}

	// ID identifies a snapshot in the inventory.
	ID = UUID[SnapshotKind]
	// VolumeID identifies a volume in the inventory. (driver.VolumeID is the array's own.)
	VolumeID = UUID[VolumeKind]
	// GroupID identifies snapshots of several volumes that were taken together.
	GroupID = UUID[GroupKind]
)

// NewID returns a fresh id of the kind: NewID[snapshot.VolumeID]().
func NewID[U ~[16]byte]() U { return U(uuid.Must(uuid.NewV7())) }

// ParseID reads the 36-character form in lower case, the only one that is accepted, so that one id has one text. The error
// quotes what it was given. The UUID of zeros is no id: none is written "".
func ParseID[U ~[16]byte](text string) (U, error) {
	u, err := uuid.Parse(text)
	if err != nil || u == uuid.Nil || u.String() != text {
		return U{}, fmt.Errorf("id %.60q: want the form 01234567-89ab-cdef-0123-456789abcdef in lower case", text)
	}
	return U(u), nil
}

// IsZero reports whether the id means "none".
func (id UUID[K]) IsZero() bool { return id == UUID[K]{} }

// String returns the 36-character form, or "" for none.
func (id UUID[K]) String() string {
	if id.IsZero() {
		return ""
	}
	return uuid.UUID(id).String()
}

// Short returns the last eight characters: enough to tell apart what a person looks at (the first ones are the time).
func (id UUID[K]) Short() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[12:])
}

// MarshalText writes [UUID.String].
func (id UUID[K]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *UUID[K]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = UUID[K]{}
		return nil
	}
	parsed, err := ParseID[UUID[K]](string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
