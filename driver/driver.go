package driver

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Driver is one opened storage backend: what every array can do. A vendor implements it in its own repository with
// nothing but this package, proves it with package drivertest, and registers it in an init function.
//
// What the engine promises every implementation, and drivertest.Pedantic checks: ids and tokens are well-formed and not
// empty; ctx has a deadline; at most one mutation per volume is under way at a time (per container where
// [Facts.SnapshotUnit] or [Facts.RevertUnit] says so); nothing is called after Close; a token is never used twice for
// different effects. Calls for different volumes come from many goroutines at once.
//
// What every implementation promises: an error is an [*Error] or wraps a [Class]; nothing but what a method's contract
// names is changed; no call outlives its ctx by more than the time of one unanswered request; no secret is in an error or
// a log record. After v1 this interface gains no methods: abilities, facts and request fields may be added.
type Driver interface {
	// Abilities returns what this type of driver can do beyond this interface, each field nil or ready to use. The
	// answer never changes and costs nothing. An ability that only this array's licence or firmware lacks is returned
	// all the same, and its calls answer [ErrUnsupported] with the reason, before any effect.
	Abilities() Abilities

	// Describe asks the array who it is, what it can do and how much. It changes nothing and may be repeated. The engine
	// calls it first, caches the answer and asks again when it is old.
	// Errors: ErrUnavailable when the array cannot be reached, ErrPermission when it does not know the credentials.
	// Cost: as many reads as the array needs, once; they are not counted as part of an operation.
	Describe(ctx context.Context) (Description, error)

	// Volume returns what the array says about one volume now: size, serial number, container, siblings, and how many
	// snapshots it may still have. It changes nothing and may be repeated. The engine reads it again after a revert.
	// Errors: ErrNotFound, conclusive, also for a volume in the array's trash; ErrBusy while a clone's job still makes it.
	// Cost: one round trip.
	Volume(ctx context.Context, id VolumeID) (Volume, error)

	// CreateSnapshot makes a snapshot of the volume's content at one instant between call and return, and stores the
	// token with it. A volume may have any number of snapshots up to its limits, also with equal names.
	// Repeated with Resume, it returns the snapshot that the token already has; a token that stands on another volume
	// is its own snapshot there (a group's), not a conflict. There is no partial effect.
	// Errors: ErrNotFound (no such volume), ErrExhausted (a limit, named; final), ErrBusy, ErrUnavailable,
	// ErrIndeterminate when the reply was lost. Cost: one round trip without Resume; plus one look-up with it.
	CreateSnapshot(ctx context.Context, req CreateSnapshotRequest) (Snapshot, error)

	// Lookup returns the snapshot with the reference's id or token. It changes nothing.
	// ErrNotFound is conclusive: the snapshot is not there and no earlier send will still make it. So where
	// Attempt.Resume says that a create was sent at SentAt, the driver waits until [Facts.Settle] after SentAt before it
	// answers ErrNotFound, within ctx. Whatever is not conclusive is another class.
	// Errors: ErrConflict when id and token are two snapshots. Cost: one round trip, repeated while it waits.
	Lookup(ctx context.Context, req LookupRequest) (Snapshot, error)

	// Snapshots lists the snapshots of one volume, or of the whole backend when req.Volume is empty, in no promised
	// order; foreign ones too, with an empty or foreign Token, and those of volumes that are gone, if the array keeps
	// them. It reads page by page while the caller ranges, stops when the caller does, and yields at most one error, last.
	// A snapshot that exists during the whole listing is yielded exactly once; one that covers a container, under the
	// volume that it was asked for. An unknown volume yields ErrNotFound. A volume whose id a revert has changed is listed by
	// its id now, with the snapshots from before the change too.
	// Cost: one round trip per page.
	Snapshots(ctx context.Context, req ListRequest) iter.Seq2[Snapshot, error]

	// Revert makes the volume's content that of the snapshot, in place. Precondition, kept by the engine: nothing has
	// the volume open. Every snapshot stays unless [Facts.RevertDropsYounger] says otherwise; then MayDrop lists what the
	// caller agrees to lose, and if anything else would go the call fails with ErrConflict and names it, before any
	// effect. The volume's content now is lost unless the caller took a snapshot first.
	// The same token again returns the same result, even when the revert changed the native id and the old one is gone;
	// it may roll back a second time unless [Facts.RevertFenced], which is why the engine holds a fence. After an unknown
	// outcome the engine repeats the call and waits for Facts.Settle before it gives the volume back; the driver need not.
	// Partial effect: ErrPartial, only where [Facts.RevertNonAtomic]; the same call with Resume completes it.
	// Errors: ErrNotFound (volume or snapshot), ErrInUse with who has it open, ErrIndeterminate.
	// Cost: one round trip; a driver that reverts by clone and swap reports its job through Note.
	Revert(ctx context.Context, req RevertRequest) (RevertResult, error)

	// DeleteSnapshot removes one snapshot and nothing else. An absent snapshot is success with Absent set, so the call
	// may always be repeated; after a create of unknown outcome the engine calls Lookup first, which waits.
	// Where snapshots depend on each other or clones depend on them the array decides: ErrInUse names the dependants.
	// Errors: ErrConflict when id and token are two snapshots (neither is touched), ErrInUse, ErrBusy, ErrIndeterminate.
	// Cost: one round trip when the ID is known; plus one look-up when only the token is.
	DeleteSnapshot(ctx context.Context, req DeleteSnapshotRequest) (DeleteResult, error)

	// Close releases what the driver holds on this machine: connections, sessions, locks. It changes nothing at the
	// array. A second call does nothing and returns nil; a call under way may fail with ErrUnavailable.
	Close() error
}

// Volume is what the array says about one volume at this moment. (inventory.Volume is our record of it.)
type Volume struct {
	_ [0]func()

	// ID is the native id now, and Name the array's name for it.
	ID   VolumeID
	Name string
	// Size is in bytes.
	Size int64
	// Serial is the volume's identity as hosts see it on the wire (SCSI page 0x83 NAA, NVMe NGUID, or the path of a
	// file), upper or lower case as the array prints it. It stays the same over a revert unless the id changes.
	Serial string
	// Container holds the volume, and Siblings are the other volumes in it when one of the units in [Facts] is the container.
	Container ContainerID
	Siblings  []VolumeID
	// SnapshotCount is how many snapshots it has, foreign ones included, and SnapshotsLeft how many more it may have by
	// every limit that applies; -1 where the array does not say.
	SnapshotCount int
	SnapshotsLeft int
	// Token is that of the clone or creation that made the volume; empty for a foreign one.
	Token Token
	// Origin is the snapshot that the volume was cloned from, if the array remembers it.
	Origin SnapshotRef
	// CreatedAt is by the array's clock; zero if unknown.
	CreatedAt time.Time
}

// Snapshot is what the array says about one snapshot. (snapshot.Snapshot is our record of it.)
type Snapshot struct {
	_ [0]func()

	// Ref has Volume and ID always, and Token unless the snapshot is foreign.
	Ref SnapshotRef
	// Name is the array's name for it.
	Name string
	// CreatedAt is the instant of the content by the array's clock, which need not agree with ours: compare it with
	// the array's other times only.
	CreatedAt time.Time
	// Size is the volume's size in bytes at that instant: the least size of a clone.
	Size int64
	// UsedBytes is the space that deleting it would free; -1 if the array does not say.
	UsedBytes int64
	// Expires is when the array will delete it by itself; zero for never.
	Expires time.Time
	// Group is the array's id of the group snapshot that it is a member of.
	Group string
	// Ready is false while the array still makes it: it exists, but cannot be used yet.
	Ready bool
	// Labels are the caller's, as far as the array stores them.
	Labels map[string]string
}

// CreateSnapshotRequest asks for one snapshot.
type CreateSnapshotRequest struct {
	_ [0]func()

	Volume VolumeID
	Token  Token
	// Name is for people who look at the array; a driver that has no second name field may leave it out. Never longer
	// than [Limits.NameLength] less the token's length where the name carries the token.
	Name string
	// Labels are stored with the snapshot where the array can.
	Labels map[string]string
	// Expires asks the array to delete the snapshot by itself at that time; set only if the driver has [ExpirySetter].
	Expires time.Time
	Attempt
}

// LookupRequest asks for one snapshot by id or token; with Resume it may still come to be.
type LookupRequest struct {
	_ [0]func()

	Snapshot SnapshotRef
	Attempt
}

// ListRequest asks for snapshots; an empty Volume means the whole backend.
type ListRequest struct {
	_ [0]func()

	Volume VolumeID
}

// RevertRequest asks to roll one volume back to one of its snapshots.
type RevertRequest struct {
	_ [0]func()

	// Volume is the native id now, which may differ from Snapshot.Volume after an earlier revert.
	Volume   VolumeID
	Snapshot SnapshotRef
	// Token is the revert's own identity, not the snapshot's.
	Token Token
	// MayDrop are all the snapshots that the caller agrees to lose.
	MayDrop []SnapshotRef
	Attempt
	Notes
}

// RevertResult says what the volume is now.
type RevertResult struct {
	_ [0]func()

	// Volume is the native id from now on.
	Volume VolumeID
	// Size in bytes: the volume's size at the time of the snapshot, if the array goes back to that.
	Size int64
	// Dropped are the snapshots that went with the revert, of our installation and foreign ones. A repeat need not know
	// them any more; the engine then looks up which of MayDrop are left.
	Dropped []SnapshotRef
}

// DeleteSnapshotRequest asks to remove one snapshot.
type DeleteSnapshotRequest struct {
	_ [0]func()

	Snapshot SnapshotRef
	Attempt
}

// DeleteResult says how a deletion ended.
type DeleteResult struct {
	_ [0]func()

	// Absent: it was gone already.
	Absent bool
	// RecoverableUntil is when the array's trash gives it up for good; zero where there is no trash.
	RecoverableUntil time.Time
}

// Notes lets a long call survive the death of the process that made it. The driver calls Note as soon as it has a handle
// of the job at the array (and before anything that it could not find again without the handle); Note returns when the
// JSON document is durable, and the call must fail without further effect if Note fails. Noted is the last document, on
// resume and on undo. The engine always sets Note; nil, in tests, means that nobody will resume.
type Notes struct {
	Note  func(ctx context.Context, doc json.RawMessage) error
	Noted json.RawMessage
}

// Save calls Note, if there is one, with v as JSON.
func (n Notes) Save(ctx context.Context, v any) error {
	if n.Note == nil {
		return nil
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return n.Note(ctx, doc)
}
