package inventory

import (
	"context"
	"iter"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Inventory is a store of volumes, snapshots, operations and records. Every read sees whole commits only, and sees every
// commit that returned before the read began. All methods are safe for concurrent use by any number of goroutines, and
// the listings may be ranged over while any method is called inside the loop.
//
// Errors are [ErrNotFound], [ErrStale], [ErrConflict], [ErrInvalid], [ErrUnavailable], [ErrIndeterminate] or the context's;
// match them with errors.Is.
type Inventory interface {
	// Installation returns the id that was made once with the store, and starts every token.
	Installation(ctx context.Context) (driver.InstallationID, error)

	// Volume returns one volume. ErrNotFound is conclusive.
	Volume(ctx context.Context, id snapshot.VolumeID) (Volume, error)
	// Volumes lists volumes in the order of their ids. It pages by key inside, so memory is constant; a row that is there
	// during the whole listing appears once; one error at most is yielded, last.
	Volumes(ctx context.Context, q VolumeQuery) iter.Seq2[Volume, error]

	// Snapshot returns one snapshot. ErrNotFound is conclusive.
	Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error)
	// Snapshots lists snapshots in the order of their ids, as Volumes does.
	Snapshots(ctx context.Context, q SnapshotQuery) iter.Seq2[snapshot.Snapshot, error]
	// Count returns how many snapshots the query selects; Limit, Offset and After do not count.
	Count(ctx context.Context, q SnapshotQuery) (int64, error)

	// Operation returns one operation. ErrNotFound is conclusive.
	Operation(ctx context.Context, id OperationID) (Operation, error)
	// Operations lists operations in the order of their Seq, the order of their last commits: a reader that remembers the
	// last Seq and asks for what is after it misses no operation's end. A listing ends with the last Seq that there was when
	// it began, so that a loop which commits what it lists comes to an end; an operation that others commit before its
	// turn may be missing from it, and is found by the next listing.
	Operations(ctx context.Context, q OperationQuery) iter.Seq2[Operation, error]

	// Records lists the records of later packages, in the order of kind and id.
	Records(ctx context.Context, q RecordQuery) iter.Seq2[Record, error]

	// Commit applies the change, all or nothing, durable on return.
	//
	// ErrStale: a version, epoch or lease is not what the change assumed, or what it drops is not there; read again,
	// compute again. ErrConflict: a unique value is taken; final. ErrInvalid: the change breaks a rule, names a volume
	// that does not exist, or is larger than [MaxChange]. Nothing was written in these cases, nor with ErrUnavailable.
	// ErrIndeterminate: the store cannot tell whether it was written, even after it looked for the change's id;
	// the caller must not act on either assumption.
	Commit(ctx context.Context, c Change) error

	// Close releases the store. A second call does nothing and returns nil.
	Close() error
}

// MaxChange is the most rows that one [Change] may touch: volumes, snapshots put and dropped, reparentings, records and the
// operation, counted together. (A store with 128 operations per transaction can serve it.)
const MaxChange = 120

// VolumeQuery selects volumes; every set field must match. Zero selects all.
type VolumeQuery struct {
	_ [0]func()

	Owner, Backend, Host string
	// Native is the array's id, with Backend; a former native id matches too.
	Native driver.VolumeID
	// ExternalID is the embedder's own id.
	ExternalID string
	// Origin selects the clones of a snapshot.
	Origin snapshot.ID
	// Pending: only volumes on which an operation is open.
	Pending bool
	Page[snapshot.VolumeID]
}

// SnapshotQuery selects snapshots; every set field must match. Zero selects all.
type SnapshotQuery struct {
	_ [0]func()

	Volume snapshot.VolumeID
	Owner  string
	// Parent selects the children of a snapshot; Roots those without a parent.
	Parent snapshot.ID
	Roots  bool
	Name   string
	Token  string
	State  snapshot.State
	Group  snapshot.GroupID
	// Expired selects snapshots whose ExpiresAt is set and not after now, by the store's clock: one replica with a wrong
	// clock must not expire what the others would keep. Holds do not matter here.
	Expired bool
	Page[snapshot.ID]
}

// OperationQuery selects operations; every set field must match. Zero selects all.
type OperationQuery struct {
	_ [0]func()

	Volume snapshot.VolumeID
	Kind   string
	State  OperationState
	// Open: Queued, Running or Waiting. LeaseExpired: by the store's clock, or never leased.
	Open         bool
	LeaseExpired bool
	// LeaseOwner is the process that holds the lease.
	LeaseOwner string
	Page[int64]
}

// RecordQuery selects records; every set field must match.
type RecordQuery struct {
	_ [0]func()

	Kind, ID string
	Volume   snapshot.VolumeID
	// Due selects records whose Due is set and not after now, by the store's clock.
	Due bool
	Page[RecordKey]
}

// Page cuts a listing. After goes on behind a key that was seen, at any depth for the same price; Offset skips rows one by
// one and exists for numbered web pages only.
type Page[K any] struct {
	After  K
	Limit  int
	Offset int
}
