package inventorytest

import (
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
