package inventorytest

import (
	"context"
	"errors"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func listingChecks() []check {
	return []check{
		{
			name: "ListingsInOrder", run: listingsInOrder,
			why: "a reader goes on behind the last id that it saw: with another order it skips or repeats",
		},
		{
			name: "EarlyStop", run: earlyStop,
			why: "a loop that breaks off must leave nothing open: the next call would wait for it",
		},
		{
			name: "AnyMethodInsideTheLoop", run: anyMethodInsideTheLoop,
			why: "the engine changes rows while it walks them; with one connection and open rows that is a deadlock",
		},
		{
			name: "ChangesDuringTheListing", run: changesDuringTheListing,
			why: "an audit runs for minutes while others work: a row that is there all the time must appear, and once",
		},
		{
			name: "OperationsListingEnds", run: operationsListingEnds,
			why: "recovery commits each operation that it lists, which puts it behind all others: it must not meet it again",
		},
		{
			name: "NegativePage", run: negativePage,
			why: "a page computed wrongly must fail, not show everything",
		},
		{
			name: "RangeAgain", run: rangeAgain,
			why: "a sequence that is ranged over again is a new listing",
		},
		{
			name: "CancelledListing", run: cancelledListing,
			why: "a caller who gave up must be told that the listing is not whole",
		},
	}
}

// many stores n snapshots of one volume, more than a store is likely to read at once.
func (s *scene) many(n int) (inventory.Volume, []snapshot.ID) {
	s.Helper()
	v := s.volumes(1)[0]
	var ids []snapshot.ID
	for part := range slices.Chunk(make([]snapshot.Snapshot, n), inventory.MaxChange) {
		for i := range part {
			part[i] = s.newSnapshot(v)
			ids = append(ids, part[i].ID)
		}
		slices.Reverse(part)
		s.commit(put(part...))
	}
	return v, ids
}

const manyRows = 1500

func listingsInOrder(s *scene) {
	v, ids := s.many(manyRows)
	var got []snapshot.ID
	for _, r := range collect(s, s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Volume: v.ID})) {
		got = append(got, r.ID)
	}
	require.Equal(s, ids, got)

	q := inventory.SnapshotQuery{Volume: v.ID}
	q.Limit, q.Offset = manyRows/2+7, manyRows/2
	rest := collect(s, s.inv.Snapshots(s.Context(), q))
	require.Len(s, rest, manyRows/2, "a page may be larger than what the store reads at once, and than what is left")
	require.Equal(s, ids[manyRows/2], rest[0].ID)
	n, err := s.inv.Count(s.Context(), q)
	require.NoError(s, err)
	require.Equal(s, int64(manyRows), n)
}

func earlyStop(s *scene) {
	v, ids := s.many(20)
	for range 50 { // more than any pool has connections
		for r, err := range s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{}) {
			require.NoError(s, err)
			require.Equal(s, ids[0], r.ID)
			break
		}
		for _, err := range s.inv.Volumes(s.Context(), inventory.VolumeQuery{}) {
			require.NoError(s, err)
			break
		}
	}
	s.commit(write(v))
}

func anyMethodInsideTheLoop(s *scene) {
	v, _ := s.many(5)
	s.commit(begin(s.newOperation(v)), keep(s.newRecord()))
	rounds := 0
	for outer, err := range s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Volume: v.ID}) {
		require.NoError(s, err)
		for _, err := range s.inv.Volumes(s.Context(), inventory.VolumeQuery{}) {
			require.NoError(s, err)
			for _, err := range s.inv.Operations(s.Context(), inventory.OperationQuery{}) {
				require.NoError(s, err)
				for _, err := range s.inv.Records(s.Context(), inventory.RecordQuery{}) {
					require.NoError(s, err)
					outer = s.snapshot(outer.ID)
					outer.Name = "seen"
					s.commit(put(outer))
					_, err := s.inv.Count(s.Context(), inventory.SnapshotQuery{Name: "seen"})
					require.NoError(s, err)
				}
			}
		}
		rounds++
	}
	require.Equal(s, 5, rounds)
	n, err := s.inv.Count(s.Context(), inventory.SnapshotQuery{Name: "seen"})
	require.NoError(s, err)
	require.Equal(s, int64(5), n)
}

// changesDuringTheListing drops every fourth row, and adds rows, while it lists.
func changesDuringTheListing(s *scene) {
	v, ids := s.many(manyRows)
	dropped := map[snapshot.ID]bool{}
	seen := map[snapshot.ID]int{}
	at := 0
	for r, err := range s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Volume: v.ID}) {
		require.NoError(s, err)
		seen[r.ID]++
		if at < manyRows && at%40 == 0 {
			// One that was seen, one that may be near, one that is far; and new ones at the end.
			for _, victim := range []int{at, (at + 3) % manyRows, (at + manyRows/2 + 1) % manyRows} {
				if id := ids[victim]; !dropped[id] {
					dropped[id] = true
					s.commit(drop(id), put(s.newSnapshot(v)))
				}
			}
		}
		if at++; at > 10*manyRows {
			break
		}
	}
	for _, id := range ids {
		require.LessOrEqual(s, seen[id], 1, "a row appears at most once")
		if !dropped[id] {
			require.Equal(s, 1, seen[id], "a row that was there all the time appears")
		}
	}
}

// operationsListingEnds commits every operation that it meets, as recovery does.
func operationsListingEnds(s *scene) {
	const n = 200
	for range n {
		s.commit(begin(s.newOperation()))
	}
	rows, seen := 0, map[inventory.OperationID]bool{}
	for o, err := range s.inv.Operations(s.Context(), inventory.OperationQuery{Open: true}) {
		require.NoError(s, err)
		require.False(s, seen[o.ID], "operation %d of %d appears again after it was committed", len(seen), n)
		seen[o.ID] = true
		o.Attempts++
		s.commit(advance(o))
		rows++
	}
	require.Equal(s, n, rows)
}

func negativePage(s *scene) {
	s.many(3)
	for _, p := range []inventory.Page[snapshot.ID]{{Limit: -1}, {Offset: -1}} {
		require.ErrorIs(s, onlyError(s, s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Page: p})), inventory.ErrInvalid)
	}
	records := inventory.RecordQuery{}
	records.Limit = -1
	require.ErrorIs(s, onlyError(s, s.inv.Records(s.Context(), records)), inventory.ErrInvalid)
}

func rangeAgain(s *scene) {
	v, _ := s.many(3)
	rows := s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{})
	require.Len(s, collect(s, rows), 3)
	s.commit(put(s.newSnapshot(v)))
	require.Len(s, collect(s, rows), 4)
}

// cancelledListing allows a store that has read its rows already to yield them, but not to end as if they were all.
func cancelledListing(s *scene) {
	s.many(manyRows)
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	var rows int
	var last error
	for _, err := range s.inv.Snapshots(ctx, inventory.SnapshotQuery{}) {
		require.NoError(s, last, "an error is the last thing that a listing yields")
		if last = err; err == nil {
			rows++
		}
		cancel()
	}
	require.True(s, rows == manyRows || errors.Is(last, context.Canceled), "%d of %d rows, and %v", rows, manyRows, last)
}
