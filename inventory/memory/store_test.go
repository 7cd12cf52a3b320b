package memory_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func newVolume(n int) inventory.Volume {
	return inventory.Volume{
		ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Native: driver.VolumeID(fmt.Sprintf("lun-%d", n)),
	}
}

func newSnapshot(v inventory.Volume, parent snapshot.ID) snapshot.Snapshot {
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: v.ID, Parent: parent, Owner: "o",
		State: snapshot.Ready, Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
	}
}

func commit(tb testing.TB, s *memory.Store, c inventory.Change) {
	tb.Helper()
	c.ID = snapshot.NewID[inventory.ChangeID]()
	require.NoError(tb, s.Commit(context.Background(), c)) //nolint:usetesting // also called when tb's context is over
}

// grow fills the store with volumes of a hundred snapshots each, and returns the last volume.
func grow(tb testing.TB, s *memory.Store, volumes int) inventory.Volume {
	tb.Helper()
	var v inventory.Volume
	for i := range volumes {
		v = newVolume(i)
		c := inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v}}}
		var parent snapshot.ID
		for range 100 {
			r := newSnapshot(v, parent)
			parent = r.ID
			c.Put = append(c.Put, r)
		}
		commit(tb, s, c)
	}
	return v
}

// TestCostDoesNotGrowWithTheStore compares what a commit and a query allocate in a small and in a large store: a scan of
// anything would show.
func TestCostDoesNotGrowWithTheStore(t *testing.T) {
	measure := func(volumes int) (commits, reads float64) {
		s := memory.New()
		v := grow(t, s, volumes)
		v.Version = 1
		commits = testing.AllocsPerRun(50, func() {
			commit(t, s, inventory.Change{
				Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
				Put:     []snapshot.Snapshot{newSnapshot(v, snapshot.ID{})},
			})
			v.Version++
		})
		reads = testing.AllocsPerRun(10, func() {
			for _, q := range []inventory.SnapshotQuery{{Volume: v.ID}, {Volume: v.ID, Roots: true}, {Token: "t"}} {
				for _, err := range s.Snapshots(t.Context(), q) {
					require.NoError(t, err)
				}
			}
		})
		return commits, reads
	}
	smallCommits, smallReads := measure(10)
	largeCommits, largeReads := measure(500)
	require.Less(t, largeCommits, 2*smallCommits, "allocations of a commit at 1,000 and at 50,000 snapshots")
	require.Less(t, largeReads, 1.2*smallReads, "allocations of listings of one volume")
}

// TestListingsGoOnOverTheirState: what a listing began with is what it yields.
func TestListingsGoOnOverTheirState(t *testing.T) {
	s := memory.New()
	v := grow(t, s, 1)
	seen := 0
	for r, err := range s.Snapshots(t.Context(), inventory.SnapshotQuery{}) {
		require.NoError(t, err)
		require.Equal(t, int64(1), r.Version)
		if seen++; seen == 1 {
			commit(t, s, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 1, Delete: true}}})
		}
	}
	require.Equal(t, 100, seen)
	n, err := s.Count(t.Context(), inventory.SnapshotQuery{})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestCloseEndsListings(t *testing.T) {
	s := memory.New()
	grow(t, s, 1)
	rows := 0
	var last error
	for _, err := range s.Snapshots(t.Context(), inventory.SnapshotQuery{}) {
		if last = err; err == nil {
			rows++
		}
		require.NoError(t, s.Close())
	}
	require.Equal(t, 1, rows)
	require.ErrorIs(t, last, inventory.ErrUnavailable)
}

// TestLeaseEndsOnTime looks at the very instant, which no store with a clock of its own lets a test do.
func TestLeaseEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		o := inventory.Operation{
			ID: snapshot.NewID[inventory.OperationID](), Kind: "k", State: inventory.Running, Epoch: 1, LeaseOwner: "p1",
		}
		commit(t, s, inventory.Change{Operation: &inventory.OperationChange{Operation: o, LeaseTTL: time.Minute}})
		take := inventory.Change{
			ID:        snapshot.NewID[inventory.ChangeID](),
			Operation: &inventory.OperationChange{Operation: o, IfEpoch: 1, TakeOver: true, LeaseTTL: time.Minute},
		}
		take.Operation.Operation.LeaseOwner, take.Operation.Operation.Epoch = "p2", 2
		expired := func() int {
			n := 0
			for range s.Operations(t.Context(), inventory.OperationQuery{LeaseExpired: true}) {
				n++
			}
			return n
		}
		time.Sleep(time.Minute - time.Microsecond) //nolint:forbidigo // in a bubble this is the clock's hand
		require.Zero(t, expired())
		require.ErrorIs(t, s.Commit(t.Context(), take), inventory.ErrStale)
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble this is the clock's hand
		require.Equal(t, 1, expired())
		require.NoError(t, s.Commit(t.Context(), take))
	})
}

// TestErrorsSayWhatToLookAt: a person reads them at night.
func TestErrorsSayWhatToLookAt(t *testing.T) {
	s := memory.New()
	v := newVolume(1)
	commit(t, s, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v}}})
	double := newVolume(1)
	err := s.Commit(t.Context(), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: double}},
	})
	require.ErrorContains(t, err, `native id "lun-1" of backend "array" belongs to volume `+v.ID.String())
	_, err = s.Volume(t.Context(), double.ID)
	require.ErrorContains(t, err, double.ID.String())
	err = s.Commit(t.Context(), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 7}},
	})
	require.ErrorContains(t, err, "has version 1, not 7")
}
