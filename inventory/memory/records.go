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

// records is the table of records with its indexes.
type records struct {
	rows     tree[inventory.RecordKey, *inventory.Record]
	byVolume index[snapshot.VolumeID, inventory.RecordKey, inventory.Record]
	// due has one group, and its keys are in the order of the times.
	due index[struct{}, dueKey, inventory.Record]
}

type dueKey struct {
	micros int64
	record inventory.RecordKey
}

func newRecords() records {
	return records{
		rows: tree[inventory.RecordKey, *inventory.Record]{compare: compareRecordKey},
		byVolume: newIndex(compareID[snapshot.VolumeKind], compareRecordKey,
			func(r *inventory.Record) []snapshot.VolumeID { return nonzero(r.Volume) }),
		due: newIndex(compareFlag, compareDue, func(r *inventory.Record) []struct{} { return flag(!r.Due.IsZero()) }),
	}
}

func compareDue(a, b dueKey) int {
	return cmp.Or(cmp.Compare(a.micros, b.micros), compareRecordKey(a.record, b.record))
}

// replace puts after in the place of before; nil is "not there".
func (t *records) replace(e *edit, key inventory.RecordKey, before, after *inventory.Record) {
	if after == nil {
		t.rows.remove(e, key)
	} else {
		t.rows.set(e, key, after)
	}
	t.byVolume.replace(e, key, before, after)
	if before != nil {
		t.due.replace(e, dueKey{before.Due.UnixMicro(), key}, before, nil)
	}
	if after != nil {
		t.due.replace(e, dueKey{after.Due.UnixMicro(), key}, nil, after)
	}
}

// find yields the records that the query selects behind q.After, by the narrowest index that serves.
func (t *records) find(q inventory.RecordQuery, now time.Time) iter.Seq[*inventory.Record] {
	match := func(r *inventory.Record) bool { return matchRecord(q, r, now) }
	switch {
	case q.Kind != "" && q.ID != "":
		key := inventory.RecordKey{Kind: q.Kind, ID: q.ID}
		return rowsOf(&t.rows, slices.Values([]inventory.RecordKey{key}), q.After, match)
	case !q.Volume.IsZero():
		return rowsOf(&t.rows, t.byVolume.in(q.Volume, q.After), q.After, match)
	case q.Due:
		return rowsOf(&t.rows, slices.Values(t.dueKeys(q, now)), q.After, match)
	case q.Kind != "":
		return t.ofKind(q, match)
	}
	return scan(&t.rows, q.After, match)
}

// dueKeys returns the keys of the records that are due, in the order of the keys and not below q.After. It holds them all
// at once, as the index is in the order of the times.
func (t *records) dueKeys(q inventory.RecordQuery, now time.Time) []inventory.RecordKey {
	var keys []inventory.RecordKey
	for k := range t.due.in(struct{}{}, dueKey{micros: math.MinInt64}) {
		if k.micros > now.UnixMicro() {
			break
		}
		if compareRecordKey(k.record, q.After) >= 0 && (q.Kind == "" || q.Kind == k.record.Kind) {
			keys = append(keys, k.record)
		}
	}
	slices.SortFunc(keys, compareRecordKey)
	return keys
}

// ofKind uses that the records of one kind stand together.
func (t *records) ofKind(q inventory.RecordQuery, match func(*inventory.Record) bool) iter.Seq[*inventory.Record] {
	return func(yield func(*inventory.Record) bool) {
		from := q.After
		if first := (inventory.RecordKey{Kind: q.Kind}); compareRecordKey(from, first) < 0 {
			from = first
		}
		for key, r := range t.rows.from(from) {
			if key.Kind != q.Kind {
				return
			}
			if key != q.After && match(r) && !yield(r) {
				return
			}
		}
	}
}

func matchRecord(q inventory.RecordQuery, r *inventory.Record, now time.Time) bool {
	return (q.Kind == "" || q.Kind == r.Kind) &&
		(q.ID == "" || q.ID == r.ID) &&
		(q.Volume.IsZero() || q.Volume == r.Volume) &&
		(!q.Due || !r.Due.IsZero() && !r.Due.After(now))
}
