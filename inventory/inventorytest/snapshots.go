package inventorytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func snapshotChecks() []check {
	return []check{
		{
			name: "SnapshotCreated", run: snapshotCreated,
			why: "the row in Creating, with its token, is what finds the array's object after a crash",
		},
		{
			name: "SnapshotNotFound", run: snapshotNotFound,
			why: "ErrNotFound is conclusive: a sweep deletes at the array what the inventory does not know",
		},
		{
			name: "SnapshotCompareAndSwap", run: snapshotCompareAndSwap,
			why: "a hold that a person sets while an operation runs must not be overwritten by that operation",
		},
		{
			name: "SnapshotNeedsItsVolume", run: snapshotNeedsItsVolume,
			why: "a snapshot without a volume is in no tree, counted by nobody and deleted by nobody",
		},
		{
			name: "SnapshotStaysWithItsVolume", run: snapshotStaysWithItsVolume,
			why: "a snapshot that moves to another volume would be reverted into it",
		},
		{
			name: "DropRemoves", run: dropRemoves,
			why: "what was dropped is gone for every query, and dropping it twice shows that the tree moved on",
		},
		{
			name: "SnapshotExpired", run: snapshotExpired,
			why: "what has expired and is not found stays for ever; what is found and has not expired is deleted",
		},
		{
			name: "SnapshotCountFollows", run: snapshotCountFollows,
			why: "limits are checked against the header's counter, without a round trip: it must always be right",
		},
	}
}

func snapshotCreated(s *scene) {
	v := s.newVolume()
	r := s.newSnapshot(v)
	r.State = snapshot.Creating
	s.commit(write(v), put(r))
	r.Version = 1
	require.Equal(s, canon(r), canon(s.snapshot(r.ID)))
	require.Equal(s, []snapshot.Snapshot{canon(r)}, s.contents().Snapshots)
}

func snapshotNotFound(s *scene) {
	s.snapshots(s.volumes(1)[0], 1)
	_, err := s.inv.Snapshot(s.Context(), snapshot.NewID[snapshot.ID]())
	require.ErrorIs(s, err, inventory.ErrNotFound)
	_, err = s.inv.Snapshot(s.Context(), snapshot.ID{})
	require.ErrorIs(s, err, inventory.ErrNotFound)
}

func snapshotCompareAndSwap(s *scene) {
	v := s.volumes(1)[0]
	r := s.snapshots(v, 1)[0]
	r.Holds = []snapshot.Hold{{Name: "audit", Since: made()}}
	s.commit(put(r))
	got := s.snapshot(r.ID)
	require.Equal(s, int64(2), got.Version)
	require.Equal(s, r.Holds, got.Holds)

	for _, version := range []int64{0, 1, 3} {
		r.Version = version
		r.Name = "lost"
		s.refuse(inventory.ErrStale, put(r))
	}
	absent := s.newSnapshot(v)
	absent.Version = 1
	s.refuse(inventory.ErrStale, put(absent))
}

func snapshotNeedsItsVolume(s *scene) {
	v := s.newVolume()
	r := s.newSnapshot(v)
	s.refuse(inventory.ErrInvalid, put(r))
	s.commit(write(v), put(r))
	gone := s.volume(v.ID)
	s.refuse(inventory.ErrInvalid, erase(gone), put(s.newSnapshot(v)))
}

func snapshotStaysWithItsVolume(s *scene) {
	all := s.volumes(2)
	r := s.snapshots(all[0], 1)[0]
	r.Volume = all[1].ID
	s.refuse(inventory.ErrInvalid, put(r))
}

func dropRemoves(s *scene) {
	v := s.volumes(1)[0]
	all := s.snapshots(v, 3)
	s.commit(drop(all[2].ID))
	_, err := s.inv.Snapshot(s.Context(), all[2].ID)
	require.ErrorIs(s, err, inventory.ErrNotFound)
	for _, q := range []inventory.SnapshotQuery{{Token: all[2].Token}, {Parent: all[1].ID}} {
		require.Empty(s, collect(s, s.inv.Snapshots(s.Context(), q)))
	}
	s.refuse(inventory.ErrStale, drop(all[2].ID))
	s.refuse(inventory.ErrStale, drop(all[0].ID, snapshot.NewID[snapshot.ID]()))

	again := all[2]
	again.Version = 0
	s.commit(put(again))
	require.Equal(s, int64(1), s.snapshot(again.ID).Version)
}

func snapshotCountFollows(s *scene) {
	all := s.volumes(2)
	v, r := s.newVolume(), s.newSnapshot(all[0])
	r.Volume = v.ID
	s.commit(write(v), put(r), put(s.newSnapshot(all[0]), s.newSnapshot(all[0]), s.newSnapshot(all[1])))
	r.Version = 1
	s.commit(put(r))
	s.expectCounts()
	s.commit(put(s.newSnapshot(v)), drop(r.ID))
	s.expectCounts()
	require.Equal(s, 1, s.volume(v.ID).SnapshotCount)
	s.refuse(inventory.ErrStale, put(s.newSnapshot(v)), drop(r.ID))
	s.expectCounts()
}

// expectCounts compares the counter of every volume, Count and the rows.
func (s *scene) expectCounts() {
	s.Helper()
	for v, err := range s.inv.Volumes(s.Context(), inventory.VolumeQuery{}) {
		require.NoError(s, err)
		q := inventory.SnapshotQuery{Volume: v.ID}
		n, err := s.inv.Count(s.Context(), q)
		require.NoError(s, err)
		require.Equal(s, int64(v.SnapshotCount), n, "volume %s: Count", v.ID)
		require.Len(s, collect(s, s.inv.Snapshots(s.Context(), q)), v.SnapshotCount, "volume %s: rows", v.ID)
	}
}

func snapshotExpired(s *scene) {
	v := s.volumes(1)[0]
	old, far, never, later := s.newSnapshot(v), s.newSnapshot(v), s.newSnapshot(v), s.newSnapshot(v)
	old.ExpiresAt = longAgo().AddDate(1, 0, 0)
	later.ExpiresAt = longAgo() // ids are older than times here
	later.Holds = []snapshot.Hold{{Name: "audit", Since: longAgo()}}
	far.ExpiresAt = time.Now().AddDate(100, 0, 0).UTC().Truncate(time.Microsecond)
	s.commit(put(old, far, never, later))
	find := func(q inventory.SnapshotQuery) []snapshot.ID {
		q.Expired = true
		ids := []snapshot.ID{}
		for _, r := range collect(s, s.inv.Snapshots(s.Context(), q)) {
			ids = append(ids, r.ID)
		}
		n, err := s.inv.Count(s.Context(), inventory.SnapshotQuery{Expired: true, Volume: q.Volume, State: q.State})
		require.NoError(s, err)
		require.GreaterOrEqual(s, n, int64(len(ids)))
		return ids
	}
	require.Equal(s, []snapshot.ID{old.ID, later.ID}, find(inventory.SnapshotQuery{}), "by id, not by time, and held ones too")
	require.Equal(s, []snapshot.ID{old.ID, later.ID}, find(inventory.SnapshotQuery{Volume: v.ID}))
	require.Empty(s, find(inventory.SnapshotQuery{State: snapshot.Missing}))
	behind := inventory.SnapshotQuery{}
	behind.After = old.ID
	require.Equal(s, []snapshot.ID{later.ID}, find(behind))

	old.Version, old.ExpiresAt = 1, far.ExpiresAt
	later.Version, later.ExpiresAt = 1, time.Time{}
	s.commit(put(old, later))
	require.Empty(s, find(inventory.SnapshotQuery{}), "it follows what is written")
	never.Version, never.ExpiresAt = 1, time.Now().Add(20*short).UTC().Truncate(time.Microsecond)
	s.commit(put(never))
	require.True(s, s.within(patience, func() bool { return len(find(inventory.SnapshotQuery{})) == 1 }), "and the clock")
	never = s.snapshot(never.ID)
	s.commit(drop(never.ID))
	require.Empty(s, find(inventory.SnapshotQuery{}))
}
