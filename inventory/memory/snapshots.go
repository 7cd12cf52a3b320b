package memory

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// snapshots is the table of snapshots with its indexes.
type snapshots struct {
	rows     tree[snapshot.ID, *snapshot.Snapshot]
	byVolume index[snapshot.VolumeID, snapshot.ID, snapshot.Snapshot]
	// byParent holds the roots under the zero parent.
	byParent index[snapshot.ID, snapshot.ID, snapshot.Snapshot]
	byToken  index[string, snapshot.ID, snapshot.Snapshot]
	byOwner  index[string, snapshot.ID, snapshot.Snapshot]
	byGroup  index[snapshot.GroupID, snapshot.ID, snapshot.Snapshot]
	// expiring has one group, and its keys are in the order of the times.
	expiring index[struct{}, expiryKey, snapshot.Snapshot]
}

type expiryKey struct {
	micros   int64
	snapshot snapshot.ID
}

func compareExpiry(a, b expiryKey) int {
	return cmp.Or(cmp.Compare(a.micros, b.micros), compareID(a.snapshot, b.snapshot))
}

func newSnapshots() snapshots {
	id, text := compareID[snapshot.SnapshotKind], compareText[string]
	volume, group := compareID[snapshot.VolumeKind], compareID[snapshot.GroupKind]
	return snapshots{
		rows:     tree[snapshot.ID, *snapshot.Snapshot]{compare: id},
		byVolume: newIndex(volume, id, func(s *snapshot.Snapshot) []snapshot.VolumeID { return nonzero(s.Volume) }),
		byParent: newIndex(id, id, func(s *snapshot.Snapshot) []snapshot.ID { return []snapshot.ID{s.Parent} }),
		byToken:  newIndex(text, id, func(s *snapshot.Snapshot) []string { return nonzero(s.Token) }),
		byOwner:  newIndex(text, id, func(s *snapshot.Snapshot) []string { return nonzero(s.Owner) }),
		byGroup:  newIndex(group, id, func(s *snapshot.Snapshot) []snapshot.GroupID { return nonzero(s.Group) }),
		expiring: newIndex(compareFlag, compareExpiry,
			func(s *snapshot.Snapshot) []struct{} { return flag(!s.ExpiresAt.IsZero()) }),
	}
}

// replace puts after in the place of before; nil is "not there".
func (t *snapshots) replace(e *edit, id snapshot.ID, before, after *snapshot.Snapshot) {
	if after == nil {
		t.rows.remove(e, id)
	} else {
		t.rows.set(e, id, after)
	}
	t.byVolume.replace(e, id, before, after)
	t.byParent.replace(e, id, before, after)
	t.byToken.replace(e, id, before, after)
	t.byOwner.replace(e, id, before, after)
	t.byGroup.replace(e, id, before, after)
	if before != nil {
		t.expiring.replace(e, expiryKey{before.ExpiresAt.UnixMicro(), id}, before, nil)
	}
	if after != nil {
		t.expiring.replace(e, expiryKey{after.ExpiresAt.UnixMicro(), id}, nil, after)
	}
}

// find yields the snapshots that the query selects behind q.After, by the narrowest index that serves.
func (t *snapshots) find(q inventory.SnapshotQuery, now time.Time) iter.Seq[*snapshot.Snapshot] {
	match := func(s *snapshot.Snapshot) bool { return matchSnapshot(q, s, now) }
	switch {
	case q.Token != "":
		return rowsOf(&t.rows, t.byToken.in(q.Token, q.After), q.After, match)
	case !q.Parent.IsZero():
		return rowsOf(&t.rows, t.byParent.in(q.Parent, q.After), q.After, match)
	case !q.Group.IsZero():
		return rowsOf(&t.rows, t.byGroup.in(q.Group, q.After), q.After, match)
	case !q.Volume.IsZero():
		return rowsOf(&t.rows, t.byVolume.in(q.Volume, q.After), q.After, match)
	case q.Owner != "":
		return rowsOf(&t.rows, t.byOwner.in(q.Owner, q.After), q.After, match)
	case q.Expired:
		return rowsOf(&t.rows, slices.Values(t.expired(q.After, now)), q.After, match)
	case q.Roots:
		return rowsOf(&t.rows, t.byParent.in(snapshot.ID{}, q.After), q.After, match)
	}
	return scan(&t.rows, q.After, match)
}

// expired returns the ids of the snapshots that have expired, in their order and not below after. It holds them all at once, as
// the index is in the order of the times.
func (t *snapshots) expired(after snapshot.ID, now time.Time) []snapshot.ID {
	var ids []snapshot.ID
	for k := range t.expiring.in(struct{}{}, expiryKey{micros: math.MinInt64}) {
		if k.micros > now.UnixMicro() {
			break
		}
		if compareID(k.snapshot, after) >= 0 {
			ids = append(ids, k.snapshot)
		}
	}
	slices.SortFunc(ids, compareID[snapshot.SnapshotKind])
	return ids
}

func matchSnapshot(q inventory.SnapshotQuery, s *snapshot.Snapshot, now time.Time) bool {
	return (q.Volume.IsZero() || q.Volume == s.Volume) &&
		(q.Owner == "" || q.Owner == s.Owner) &&
		(q.Parent.IsZero() || q.Parent == s.Parent) &&
		(!q.Roots || s.Parent.IsZero()) &&
		(q.Name == "" || q.Name == s.Name) &&
		(q.Token == "" || q.Token == s.Token) &&
		(q.State == "" || q.State == s.State) &&
		(q.Group.IsZero() || q.Group == s.Group) &&
		(!q.Expired || !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(now))
}
