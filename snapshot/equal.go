package snapshot

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Equal reports whether two records say the same. Times are equal when they are the same instant, in whatever zone they
// are written; a map or list that is nil equals one that is empty.
func (s Snapshot) Equal(o Snapshot) bool {
	return s.plain() == o.plain() &&
		sameInstant(s.CreatedAt, o.CreatedAt) && sameInstant(s.TakenAt, o.TakenAt) && sameInstant(s.ExpiresAt, o.ExpiresAt) &&
		maps.Equal(s.Labels, o.Labels) &&
		slices.EqualFunc(s.Holds, o.Holds, Hold.equal) &&
		slices.EqualFunc(s.Pins, o.Pins, Pin.equal)
}

// plain is the part of a record that == compares rightly. A field that is added to Snapshot and forgotten here is found
// by a test that changes every field.
type plain struct {
	id, parent                               ID
	volume                                   VolumeID
	name, owner, token, native, nativeVolume string
	state                                    State
	lineage                                  Lineage
	consistency                              Consistency
	quiesce                                  Quiesce
	size, version                            int64
	frozen                                   time.Duration
	group                                    GroupID
}

func (s *Snapshot) plain() plain {
	return plain{
		id: s.ID, parent: s.Parent, volume: s.Volume,
		name: s.Name, owner: s.Owner, token: s.Token, native: s.Native, nativeVolume: s.NativeVolume,
		state: s.State, lineage: s.Lineage, consistency: s.Consistency, quiesce: s.Quiesce,
		size: s.Size, version: s.Version, frozen: s.Frozen, group: s.Group,
	}
}

func (h Hold) equal(o Hold) bool {
	return h.Name == o.Name && h.By == o.By && h.Reason == o.Reason &&
		sameInstant(h.Since, o.Since) && sameInstant(h.Until, o.Until)
}

func (p Pin) equal(o Pin) bool {
	return p.Operation == o.Operation && p.Reason == o.Reason && sameInstant(p.Since, o.Since)
}

// instant is a time as the tree compares it. [time.Time.Compare] prefers the process's monotonic clock where both times
// have a reading of it, which would make the order of a tree differ from that of its copy in a store.
type instant struct {
	sec  int64
	nsec int32
}

func instantOf(t time.Time) instant { return instant{t.Unix(), int32(t.Nanosecond())} } //nolint:gosec // below 1e9

func (a instant) compare(b instant) int {
	if c := cmp.Compare(a.sec, b.sec); c != 0 {
		return c
	}
	return cmp.Compare(a.nsec, b.nsec)
}

func sameInstant(a, b time.Time) bool { return instantOf(a) == instantOf(b) }
