package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// journalOf begins an operation that does nothing, and returns its run.
func journalOf(t *testing.T, inv inventory.Inventory) *run {
	t.Helper()
	eng, err := New(inv, Options{Owner: "me", LeaseTTL: time.Minute, BackOff: 10 * time.Second})
	require.NoError(t, err)
	r := newRun(eng, eng.kinds[kindCreate])
	r.id, r.enter = snapshot.NewID[inventory.OperationID](), entryNew
	r.op = inventory.Operation{
		ID: r.id, Kind: kindCreate, Format: 1, State: inventory.Running, LeaseOwner: "me", CreatedAt: eng.now(),
		Volumes: []snapshot.VolumeID{snapshot.NewID[snapshot.VolumeID]()},
	}
	require.NoError(t, r.commit(t.Context(), inventory.Change{}))
	return r
}

// TestRenewNeverWritesAnOldJournal: the heartbeat renews the lease while the run commits what it has done. What it writes
// must be the journal of that moment: an older one would say that a step was never sent, or that what has ended goes on.
func TestRenewNeverWritesAnOldJournal(t *testing.T) {
	inv := memory.New()
	defer func() { require.NoError(t, inv.Close()) }()
	r := journalOf(t, inv)
	ctx, stop := context.WithCancel(t.Context())
	var beat sync.WaitGroup
	for range 4 {
		beat.Go(func() {
			for ctx.Err() == nil {
				_ = r.renew(ctx)
			}
		})
	}
	regressed := 0
	for n := range 1000 {
		r.op.Attempts = n + 1
		require.NoError(t, r.commit(ctx, inventory.Change{}))
		stored, err := inv.Operation(ctx, r.id)
		require.NoError(t, err)
		if stored.Attempts != n+1 {
			regressed++
		}
	}
	r.op.State = inventory.Succeeded
	require.NoError(t, r.commit(ctx, inventory.Change{}))
	stop()
	beat.Wait()
	require.Zero(t, regressed, "an old journal was written over a new one")
	stored, err := inv.Operation(t.Context(), r.id)
	require.NoError(t, err)
	require.Equal(t, inventory.Succeeded, stored.State)
}

// losing is a store whose next request is lost, while somebody else's arrives.
type losing struct {
	inventory.Inventory

	meanwhile func()
}

func (s *losing) Commit(ctx context.Context, c inventory.Change) error {
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
		return inventory.ErrIndeterminate
	}
	return s.Inventory.Commit(ctx, c)
}

// TestLostCommitIsNotTakenForAnothersAtTheSameInstant: two processes begin one operation id in the same microsecond, and the
// reply to one is lost. What is in the store then is the other's: both would do the work.
func TestLostCommitIsNotTakenForAnothersAtTheSameInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where the time stands still
		inv := memory.New()
		first := journalOf(t, inv)
		second := journalOf(t, memory.New())
		second.e.opts.Owner, second.e.inv = "other", &losing{Inventory: inv, meanwhile: func() {}}
		second.id, second.op.ID, second.enter, second.saved = first.id, first.id, entryNew, inventory.Operation{}
		err := second.commit(t.Context(), inventory.Change{})
		require.ErrorIs(t, err, inventory.ErrStale)
		require.True(t, second.taken(t.Context()))
	})
}
