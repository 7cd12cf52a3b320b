package inventorytest

import (
	"errors"
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

func sharedChecks() []check {
	return []check{
		{
			name: "SharedSeesCommits", run: sharedSeesCommits, needs: share,
			why: "two replicas work on one inventory: what one has committed, the other reads",
		},
		{
			name: "SharedOneWinner", run: sharedOneWinner, needs: share,
			why: "the lock has to hold between processes, not only inside one",
		},
		{
			name: "SharedFeed", run: sharedFeed, needs: share,
			why: "the feed of one replica has to hear of the operations of all",
		},
		{
			name: "LostReply", run: lostReply, needs: loseReply,
			why: "after a lost reply the store finds out by the change's id; a wrong answer makes the engine act twice or never",
		},
	}
}

// other opens the second handle; the caller closes it.
func (s *scene) other() inventory.Inventory {
	s.Helper()
	return s.h.Share(s.tb, s.inv)
}

func sharedSeesCommits(s *scene) {
	other := s.other()
	v := s.volumes(1)[0]
	for i := range 10 {
		from, to := s.inv, other
		if i%2 == 1 {
			from, to = other, s.inv
		}
		v.Size = int64(i)
		require.NoError(s, from.Commit(s.Context(), changeOf(write(v), put(s.newSnapshot(v)))))
		v.Version++
		got, err := to.Volume(s.Context(), v.ID)
		require.NoError(s, err)
		require.Equal(s, v.Version, got.Version)
		require.Equal(s, i+1, got.SnapshotCount)
		require.Equal(s, s.contentsOf(from), s.contentsOf(to))
	}
	a, err := s.inv.Installation(s.Context())
	require.NoError(s, err)
	b, err := other.Installation(s.Context())
	require.NoError(s, err)
	require.Equal(s, a, b)
	require.NoError(s, other.Close())
	s.commit(put(s.newSnapshot(v)))
}

func sharedOneWinner(s *scene) {
	handles := []inventory.Inventory{s.inv, s.other()}
	v := s.volumes(1)[0]
	for range rounds() / 4 {
		s.expectOneWinner(race(4, func(i int) error {
			w := v
			w.Name = strconv.Itoa(i)
			return patiently(s.Context(), handles[i%2], write(w))
		}), inventory.ErrStale)
		v.Version++
	}
	s.expectOneWinner(race(4, func(i int) error {
		w := s.newVolume()
		w.ExternalID = "wanted"
		return patiently(s.Context(), handles[i%2], write(w))
	}), inventory.ErrConflict)
	require.NoError(s, handles[1].Close())
}

func sharedFeed(s *scene) {
	other := s.other()
	s.expectFeed(s.inv, other)
	require.NoError(s, other.Close())
}

// lostReply loses the reply of commits of every shape. The answer may be success, or that nobody can tell; it must
// not be that nothing was written, nor may anything be written twice.
func lostReply(s *scene) {
	v := s.volumes(1)[0]
	o, rec := s.newOperation(v), s.newRecord()
	r := s.newSnapshot(v)
	for i, parts := range [][]part{
		{write(v), put(r), begin(o)},
		{advance(o)},
		{put(s.newSnapshot(v))},
		{keep(rec)},
	} {
		before := s.contents()
		s.h.LoseReply(s.tb, s.inv)
		err := s.inv.Commit(s.Context(), changeOf(parts...))
		after := s.contents()
		switch {
		case err == nil:
			require.NotEqual(s, before, after, "commit %d was reported as done", i)
		case errors.Is(err, inventory.ErrIndeterminate):
		default:
			require.Equal(s, before, after, "commit %d was reported as not done: %v", i, err)
		}
		s.Logf("commit %d: %v", i, err)
	}
	s.expectCounts()
	s.commit(put(s.newSnapshot(v)))
}
