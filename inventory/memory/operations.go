package memory

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// operations is the table of operations. Listings go by Seq, so every index but byID has it as its key.
type operations struct {
	byID     tree[inventory.OperationID, *inventory.Operation]
	rows     tree[int64, *inventory.Operation]
	byVolume index[snapshot.VolumeID, int64, inventory.Operation]
	byLeaser index[string, int64, inventory.Operation]
	open     index[struct{}, int64, inventory.Operation]
}

func newOperations() operations {
	seq := cmp.Compare[int64]
	return operations{
		byID: tree[inventory.OperationID, *inventory.Operation]{compare: compareID[inventory.OperationKind]},
		rows: tree[int64, *inventory.Operation]{compare: seq},
		byVolume: newIndex(compareID[snapshot.VolumeKind], seq,
			func(o *inventory.Operation) []snapshot.VolumeID { return o.Volumes }),
		byLeaser: newIndex(compareText[string], seq, func(o *inventory.Operation) []string { return nonzero(o.LeaseOwner) }),
		open:     newIndex(compareFlag, seq, func(o *inventory.Operation) []struct{} { return flag(o.State.Open()) }),
	}
}

// replace puts after, which has a new Seq, in the place of before, which may be nil.
func (t *operations) replace(e *edit, before, after *inventory.Operation) {
	if before != nil {
		t.rows.remove(e, before.Seq)
		t.byVolume.replace(e, before.Seq, before, nil)
		t.byLeaser.replace(e, before.Seq, before, nil)
		t.open.replace(e, before.Seq, before, nil)
	}
	t.byID.set(e, after.ID, after)
	t.rows.set(e, after.Seq, after)
	t.byVolume.replace(e, after.Seq, nil, after)
	t.byLeaser.replace(e, after.Seq, nil, after)
	t.open.replace(e, after.Seq, nil, after)
}

// find yields the operations that the query selects behind q.After, by the narrowest index that serves.
func (t *operations) find(q inventory.OperationQuery, now time.Time) iter.Seq[*inventory.Operation] {
	match := func(o *inventory.Operation) bool { return matchOperation(q, o, now) }
	switch {
	case !q.Volume.IsZero():
		return rowsOf(&t.rows, t.byVolume.in(q.Volume, q.After), q.After, match)
	case q.Open || q.State.Open():
		return rowsOf(&t.rows, t.open.in(struct{}{}, q.After), q.After, match)
	case q.LeaseOwner != "":
		return rowsOf(&t.rows, t.byLeaser.in(q.LeaseOwner, q.After), q.After, match)
	}
	return scan(&t.rows, q.After, match)
}

func matchOperation(q inventory.OperationQuery, o *inventory.Operation, now time.Time) bool {
	return (q.Volume.IsZero() || slices.Contains(o.Volumes, q.Volume)) &&
		(q.Kind == "" || q.Kind == o.Kind) &&
		(q.State == "" || q.State == o.State) &&
		(!q.Open || o.State.Open()) &&
		(!q.LeaseExpired || leaseExpired(o, now)) &&
		(q.LeaseOwner == "" || q.LeaseOwner == o.LeaseOwner)
}

// leaseExpired also holds for an operation that nobody has leased.
func leaseExpired(o *inventory.Operation, now time.Time) bool { return !o.LeaseUntil.After(now) }
