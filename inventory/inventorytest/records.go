package inventorytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

func recordChecks() []check {
	return []check{
		{
			name: "RecordCompareAndSwap", run: recordCompareAndSwap,
			why: "two replicas that run one policy must not both believe that they did it",
		},
		{
			name: "RecordNeedsItsVolume", run: recordNeedsItsVolume,
			why: "a record of a volume that does not exist would never go",
		},
		{
			name: "RecordDue", run: recordDue,
			why: "a policy that is due and not found makes no snapshot",
		},
		{
			name: "RecordsInOrderOfKeys", run: recordsInOrderOfKeys,
			why: "a reader goes on behind the last key that it saw: with another order it skips or repeats",
		},
	}
}

// longAgo is before the now of every clock, also of the one in a bubble of synctest, which begins in 2000.
func longAgo() time.Time { return time.Date(1990, 1, 2, 3, 4, 5, 0, time.UTC) }

func key(r inventory.Record) inventory.RecordKey { return inventory.RecordKey{Kind: r.Kind, ID: r.ID} }

func recordCompareAndSwap(s *scene) {
	r := s.newRecord()
	other := r
	other.Kind = "archive" // ids are unique within a kind
	s.refuse(inventory.ErrStale, keep(withVersion(r, 1)))
	s.commit(keep(r), keep(other))
	require.Equal(s, int64(1), s.record(key(r)).Version)
	s.refuse(inventory.ErrStale, keep(r))

	r.Version, r.Data = 1, []byte(`{"keep":4}`)
	s.commit(keep(r))
	got := s.record(key(r))
	require.Equal(s, int64(2), got.Version)
	require.Equal(s, r.Data, got.Data)
	s.refuse(inventory.ErrStale, keep(r))
	s.refuse(inventory.ErrStale, keep(withVersion(r, 3)))
	s.refuse(inventory.ErrStale, forget(r))

	s.commit(forget(got))
	require.Equal(s, []inventory.Record{canon(withVersion(other, 1))}, s.contents().Records)
	s.refuse(inventory.ErrStale, forget(got))
	s.commit(keep(withVersion(r, 0)))
	require.Equal(s, int64(1), s.record(key(r)).Version)
}

func withVersion(r inventory.Record, version int64) inventory.Record {
	r.Version = version
	return r
}

func recordNeedsItsVolume(s *scene) {
	v := s.newVolume()
	r := s.newRecord()
	r.Volume = v.ID
	s.refuse(inventory.ErrInvalid, keep(r))
	s.commit(write(v), keep(r))
	got := collect(s, s.inv.Records(s.Context(), inventory.RecordQuery{Volume: v.ID}))
	require.Equal(s, []inventory.Record{canon(withVersion(r, 1))}, canon(got))

	r.Version, r.Volume = 1, s.newVolume().ID
	s.refuse(inventory.ErrInvalid, keep(r))
	r.Volume = inventory.Record{}.Volume
	s.commit(keep(r))
	s.commit(erase(s.volume(v.ID)))
	require.Len(s, s.contents().Records, 1, "it is no longer that volume's")
}

func recordDue(s *scene) {
	old, far, never, other := s.newRecord(), s.newRecord(), s.newRecord(), s.newRecord()
	old.Due = longAgo()
	other.Due, other.Kind = old.Due.AddDate(1, 0, 0), "archive"
	far.Due = time.Now().AddDate(100, 0, 0).UTC().Truncate(time.Microsecond)
	s.commit(keep(old), keep(far), keep(never), keep(other))
	find := func(q inventory.RecordQuery) []inventory.RecordKey {
		keys := []inventory.RecordKey{}
		for _, r := range collect(s, s.inv.Records(s.Context(), q)) {
			keys = append(keys, key(r))
		}
		return keys
	}
	require.Equal(s, []inventory.RecordKey{key(other), key(old)}, find(inventory.RecordQuery{Due: true}), "by key, not by time")
	require.Equal(s, []inventory.RecordKey{key(old)}, find(inventory.RecordQuery{Due: true, Kind: "policy"}))
	behind := inventory.RecordQuery{Due: true}
	behind.After = key(other)
	require.Equal(s, []inventory.RecordKey{key(old)}, find(behind))

	old.Version, old.Due = 1, far.Due
	other.Version, other.Due = 1, time.Time{}
	s.commit(keep(old), keep(other))
	require.Empty(s, find(inventory.RecordQuery{Due: true}))

	soon := s.newRecord()
	soon.Due = time.Now().Add(20 * short)
	s.commit(keep(soon))
	require.True(s, s.within(patience, func() bool { return len(find(inventory.RecordQuery{Due: true})) == 1 }))
}

func recordsInOrderOfKeys(s *scene) {
	want := []inventory.RecordKey{
		{Kind: "A", ID: "z"},
		{Kind: "a", ID: "10"},
		{Kind: "a", ID: "9"},
		{Kind: "a", ID: "b"},
		{Kind: "a-b", ID: "a"},
		{Kind: "ab", ID: "a"},
	}
	for _, at := range []int{3, 0, 5, 2, 4, 1} {
		s.commit(keep(inventory.Record{Kind: want[at].Kind, ID: want[at].ID}))
	}
	q := inventory.RecordQuery{}
	for from, next := range want {
		got := []inventory.RecordKey{}
		for _, r := range collect(s, s.inv.Records(s.Context(), q)) {
			got = append(got, key(r))
		}
		require.Equal(s, want[from:], got)
		q.After = next
	}
	q.After = inventory.RecordKey{Kind: "a"}
	require.Len(s, collect(s, s.inv.Records(s.Context(), q)), 5, "a key need not exist to go on behind it")
}
