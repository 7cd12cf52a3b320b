package inventorytest

import (
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func operationChecks() []check {
	return []check{
		{
			name: "OperationBegun", run: operationBegun,
			why: "the intent is durable before anything is touched: this row is what recovery reads",
		},
		{
			name: "OperationNotFound", run: operationNotFound,
			why: "ErrNotFound is conclusive: a request with this id was never accepted",
		},
		{
			name: "OperationBegunTwice", run: operationBegunTwice,
			why: "the id is the caller's idempotency key: the second request must find the first",
		},
		{
			name: "OperationEpoch", run: operationEpoch,
			why: "a process that was taken over must not write any more, however late it wakes up",
		},
		{
			name: "RestartOnlyFailed", run: restartOnlyFailed,
			why: "an operation that succeeded or may have left something behind must not begin anew",
		},
		{
			name: "SeqGrows", run: seqGrows,
			why: "the operations by Seq are the durable feed: one that comes in behind what was read is never seen",
		},
		{
			name: "SeqOfRefusedChange", run: seqOfRefusedChange,
			why: "a refused change is no commit: it must not move the operation in the feed",
		},
	}
}

func operationBegun(s *scene) {
	v := s.newVolume()
	o := s.newOperation(v)
	v.Pending = o.ID
	s.commit(write(v), begin(o))
	got := s.operation(o.ID)
	require.Positive(s, got.Seq)
	o.Seq = got.Seq
	require.Equal(s, canon(o), canon(got))
	require.Equal(s, []inventory.Operation{canon(o)}, s.contents().Operations)
	require.Equal(s, o.ID, s.volume(v.ID).Pending)
}

func operationNotFound(s *scene) {
	s.commit(begin(s.newOperation()))
	_, err := s.inv.Operation(s.Context(), snapshot.NewID[inventory.OperationID]())
	require.ErrorIs(s, err, inventory.ErrNotFound)
	_, err = s.inv.Operation(s.Context(), inventory.OperationID{})
	require.ErrorIs(s, err, inventory.ErrNotFound)
}

func operationBegunTwice(s *scene) {
	o := s.newOperation()
	s.commit(begin(o))
	o.Actor = "second"
	s.refuse(inventory.ErrStale, begin(o))
}

func operationEpoch(s *scene) {
	o := s.newOperation()
	s.refuse(inventory.ErrStale, advance(o))
	s.commit(begin(o))
	o.Cursor = 1
	s.commit(advance(o))
	require.Equal(s, int64(1), s.operation(o.ID).Epoch, "the epoch counts take-overs, not commits")
	require.Equal(s, 1, s.operation(o.ID).Cursor)

	o.Epoch = 2
	s.refuse(inventory.ErrStale, advance(o))
	s.commit(operate(inventory.OperationChange{Operation: o, IfEpoch: 1, TakeOver: true}))
	require.Equal(s, int64(2), s.operation(o.ID).Epoch)
	o.Epoch = 1
	s.refuse(inventory.ErrStale, advance(o))
	o.Epoch = 2
	s.refuse(inventory.ErrStale, operate(inventory.OperationChange{Operation: o, IfEpoch: 1, TakeOver: true}))
}

func restartOnlyFailed(s *scene) {
	for _, state := range []inventory.OperationState{
		inventory.Queued, inventory.Running, inventory.Waiting, inventory.Succeeded, inventory.Failed, inventory.Abandoned,
	} {
		o := s.newOperation()
		o.State = state
		s.commit(begin(o))
		o.State, o.Epoch = inventory.Queued, 2
		anew := operate(inventory.OperationChange{Operation: o, IfEpoch: 1, Restart: true})
		if state != inventory.Failed {
			s.refuse(inventory.ErrStale, anew)
			continue
		}
		s.commit(anew)
		require.Equal(s, inventory.Queued, s.operation(o.ID).State)
		require.Equal(s, int64(2), s.operation(o.ID).Epoch)
		o.Epoch = 3
		s.refuse(inventory.ErrStale, operate(inventory.OperationChange{Operation: o, IfEpoch: 2, Restart: true}))
	}
	absent := s.newOperation()
	absent.Epoch = 2
	s.refuse(inventory.ErrStale, operate(inventory.OperationChange{Operation: absent, IfEpoch: 1, Restart: true}))
}

func seqGrows(s *scene) {
	all := make([]inventory.Operation, 3)
	for i := range all {
		all[i] = s.newOperation()
		all[i].Seq = 1000 - int64(i) // the store keeps it
	}
	var last int64
	begun := map[int]bool{}
	for i, at := range []int{2, 0, 1, 0, 0, 2, 1} {
		if !begun[at] {
			begun[at] = true
			s.commit(begin(all[at]))
		} else {
			all[at].Cursor++
			s.commit(advance(all[at]))
		}
		got := s.operation(all[at].ID)
		require.Greater(s, got.Seq, last, "commit %d", i)
		after := inventory.OperationQuery{}
		after.After = last
		news := collect(s, s.inv.Operations(s.Context(), after))
		require.Len(s, news, 1, "exactly the last commit is new")
		require.Equal(s, canon(got), canon(news[0]))
		last = got.Seq
	}
	order := s.contents().Operations
	require.Equal(s, all[0].ID, order[0].ID)
	require.Equal(s, all[2].ID, order[1].ID)
	require.Equal(s, all[1].ID, order[2].ID)

	end := inventory.OperationQuery{}
	end.After = math.MaxInt64
	require.Empty(s, collect(s, s.inv.Operations(s.Context(), end)))
}

func seqOfRefusedChange(s *scene) {
	v := s.volumes(1)[0]
	o := s.newOperation(v)
	s.commit(begin(o))
	before := s.operation(o.ID).Seq
	o.State = inventory.Succeeded
	s.refuse(inventory.ErrStale, advance(o), writeIf(v, 7))
	s.refuse(inventory.ErrInvalid, advance(o), keep(inventory.Record{Kind: "k", ID: "i", Volume: s.newVolume().ID}))
	require.Equal(s, before, s.operation(o.ID).Seq)
	require.Equal(s, time.Time{}, s.operation(o.ID).LeaseUntil)
}
