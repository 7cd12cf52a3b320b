package inventorytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

const (
	// short leases are over as soon as somebody looks; long ones outlast any check.
	short = time.Millisecond
	long  = time.Hour
	// patience bounds the wait for a short lease's end by the store's clock.
	patience = 30 * time.Second
)

func leaseChecks() []check {
	return []check{
		{
			name: "LeaseByStoresClock", run: leaseByStoresClock,
			why: "processes with different clocks must agree on when a lease ends: only the store's clock counts",
		},
		{
			name: "LeaseRenewedAndReleased", run: leaseRenewedAndReleased,
			why: "a long operation keeps its lease; a finished one must not hold it",
		},
		{
			name: "TakeOverRefusedWhileLeased", run: takeOverRefusedWhileLeased,
			why: "two processes in one operation would send its calls twice",
		},
		{
			name: "TakeOverAfterExpiry", run: takeOverAfterExpiry,
			why: "the operation of a process that died has to be finished by another",
		},
		{
			name: "TakeOverBySameOwner", run: takeOverBySameOwner,
			why: "a process that restarts under its name goes on at once, under a new epoch",
		},
		{
			name: "TakeOverOfUnleased", run: takeOverOfUnleased,
			why: "an operation that nobody has leased is anybody's",
		},
		{
			name: "TakeOverOfEnded", run: takeOverOfEnded,
			why: "recovery may work from an old listing: what has ended meanwhile must not begin a second time",
		},
		{
			name: "TakeOverOfWhatWasRead", run: takeOverOfWhatWasRead,
			why: "its owner may still have written between the reading and the take-over: an older journal over it forgets effects",
		},
		{
			name: "LeaseExpiredQuery", run: leaseExpiredQuery,
			why: "recovery looks for work with this query; what it does not find waits for ever",
		},
	}
}

func leased(o inventory.Operation, ifEpoch int64, ttl time.Duration) inventory.OperationChange {
	return inventory.OperationChange{Operation: o, IfEpoch: ifEpoch, LeaseTTL: ttl}
}

func takeOver(o inventory.Operation, owner string) inventory.OperationChange {
	o.LeaseOwner, o.Epoch = owner, o.Epoch+1
	return inventory.OperationChange{Operation: o, IfEpoch: o.Epoch - 1, TakeOver: true, LeaseTTL: long}
}

func leaseByStoresClock(s *scene) {
	o := s.newOperation()
	o.LeaseOwner, o.LeaseUntil = "p1", made().AddDate(100, 0, 0)
	s.commit(operate(leased(o, 0, long)))
	first := s.operation(o.ID)
	require.Equal(s, "p1", first.LeaseOwner)
	require.False(s, first.LeaseUntil.IsZero())
	require.NotEqual(s, o.LeaseUntil, first.LeaseUntil, "the caller's LeaseUntil does not count")
	require.Equal(s, time.UTC, first.LeaseUntil.Location())

	other := s.newOperation()
	other.LeaseOwner = "p1"
	s.commit(operate(leased(other, 0, 3*long)))
	apart := s.operation(other.ID).LeaseUntil.Sub(first.LeaseUntil)
	require.GreaterOrEqual(s, apart, 2*long, "both leases count from the store's now, the longer one from a later now")
}

func leaseRenewedAndReleased(s *scene) {
	o := s.newOperation()
	o.LeaseOwner = "p1"
	s.commit(operate(leased(o, 0, long)))
	first := s.operation(o.ID).LeaseUntil
	s.commit(operate(leased(o, 1, 2*long)))
	require.GreaterOrEqual(s, s.operation(o.ID).LeaseUntil.Sub(first), long)

	o.State, o.LeaseOwner = inventory.Succeeded, ""
	s.commit(advance(o))
	got := s.operation(o.ID)
	require.Zero(s, got.LeaseUntil)
	require.Empty(s, got.LeaseOwner)
}

func takeOverRefusedWhileLeased(s *scene) {
	o := s.newOperation()
	o.LeaseOwner = "p1"
	s.commit(operate(leased(o, 0, long)))
	s.refuse(inventory.ErrStale, operate(takeOver(o, "p2")))
	nobody := takeOver(o, "")
	nobody.LeaseTTL = 0
	s.refuse(inventory.ErrStale, operate(nobody))
	require.Equal(s, "p1", s.operation(o.ID).LeaseOwner)
}

func takeOverAfterExpiry(s *scene) {
	v := s.volumes(1)[0]
	o := s.newOperation(v)
	o.LeaseOwner = "p1"
	s.commit(operate(leased(o, 0, short)))
	taken := s.within(patience, func() bool {
		err := s.inv.Commit(s.Context(), changeOf(operate(takeOver(o, "p2")), write(v)))
		if err != nil {
			require.ErrorIs(s, err, inventory.ErrStale)
		}
		return err == nil
	})
	require.True(s, taken, "a lease of %s has not expired after %s", short, patience)
	got := s.operation(o.ID)
	require.Equal(s, "p2", got.LeaseOwner)
	require.Equal(s, int64(2), got.Epoch)
	require.Equal(s, int64(2), s.volume(v.ID).Version)
	s.refuse(inventory.ErrStale, operate(leased(o, 1, long)))
	s.refuse(inventory.ErrStale, write(v))
}

func takeOverBySameOwner(s *scene) {
	o := s.newOperation()
	o.LeaseOwner = "p1"
	s.commit(operate(leased(o, 0, long)))
	s.commit(operate(takeOver(o, "p1")))
	require.Equal(s, int64(2), s.operation(o.ID).Epoch)
	s.refuse(inventory.ErrStale, operate(leased(o, 1, long)))
}

func takeOverOfUnleased(s *scene) {
	o := s.newOperation()
	s.commit(begin(o))
	s.commit(operate(takeOver(o, "p2")))
	got := s.operation(o.ID)
	require.Equal(s, "p2", got.LeaseOwner)
	require.Equal(s, int64(2), got.Epoch)
	require.False(s, got.LeaseUntil.IsZero())

	absent := s.newOperation()
	s.refuse(inventory.ErrStale, operate(takeOver(absent, "p2")))
}

func takeOverOfEnded(s *scene) {
	for _, state := range []inventory.OperationState{
		inventory.Queued, inventory.Running, inventory.Waiting, inventory.Succeeded, inventory.Failed, inventory.Abandoned,
	} {
		o := s.newOperation()
		o.State, o.LeaseOwner = state, "p1"
		s.commit(operate(leased(o, 0, long))) // a lease that was not given up is no reason either
		given := s.newOperation()
		given.State = state
		s.commit(begin(given))
		if state.Open() {
			s.commit(operate(takeOver(o, "p1")))
			s.commit(operate(takeOver(given, "p2")))
			continue
		}
		o.State, given.State = inventory.Running, inventory.Running // as whoever takes over would go on
		s.refuse(inventory.ErrStale, operate(takeOver(o, "p1")))
		s.refuse(inventory.ErrStale, operate(takeOver(given, "p2")))
	}
}

func takeOverOfWhatWasRead(s *scene) {
	o := s.newOperation()
	o.State = inventory.Waiting
	s.commit(begin(o))
	read := s.operation(o.ID)
	o.Reason = "written since"
	s.commit(advance(o))
	asRead := func(seq int64) inventory.OperationChange {
		c := takeOver(o, "p2")
		c.IfSeq = seq
		return c
	}
	s.refuse(inventory.ErrStale, operate(asRead(read.Seq)))
	got := s.operation(o.ID)
	require.Equal(s, int64(1), got.Epoch)
	require.Equal(s, "written since", got.Reason)
	s.commit(operate(asRead(got.Seq)))
	require.Equal(s, int64(2), s.operation(o.ID).Epoch)
}

func leaseExpiredQuery(s *scene) {
	held, dying, never, ended := s.newOperation(), s.newOperation(), s.newOperation(), s.newOperation()
	held.LeaseOwner, dying.LeaseOwner = "p1", "p1"
	ended.State = inventory.Succeeded
	s.commit(operate(leased(held, 0, long)))
	s.commit(operate(leased(dying, 0, short)))
	s.commit(begin(never))
	s.commit(begin(ended))
	find := func(q inventory.OperationQuery) []inventory.OperationID {
		ids := []inventory.OperationID{}
		for _, o := range collect(s, s.inv.Operations(s.Context(), q)) {
			ids = append(ids, o.ID)
		}
		return ids
	}
	expired := s.within(patience, func() bool {
		return len(find(inventory.OperationQuery{LeaseExpired: true, LeaseOwner: "p1"})) > 0
	})
	require.True(s, expired, "a lease of %s has not expired after %s", short, patience)
	require.Equal(s, []inventory.OperationID{dying.ID, never.ID}, find(inventory.OperationQuery{Open: true, LeaseExpired: true}))
	require.Equal(s, []inventory.OperationID{dying.ID, never.ID, ended.ID}, find(inventory.OperationQuery{LeaseExpired: true}))
	require.Equal(s, []inventory.OperationID{held.ID, dying.ID}, find(inventory.OperationQuery{LeaseOwner: "p1"}))
}
