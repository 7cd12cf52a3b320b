package driver

import (
	"context"
	"iter"
	"time"
)

// Abilities is what a type of driver can do beyond [Driver]. A nil field says that it cannot. New fields may be added.
type Abilities struct {
	_ [0]func()

	Cloner   Cloner
	Groups   GroupSnapshotter
	Volumes  VolumeManager
	Access   AccessController
	Expiry   ExpirySetter
	Splitter Splitter
	Checker  Checker
}

// Cloner makes new volumes from snapshots.
type Cloner interface {
	// Clone makes a volume with the snapshot's content and blocks until it can be used or ctx ends. The token is stored
	// with the new volume. The clone never changes with its source, nor the source with it. Size zero means the
	// snapshot's; a smaller one is ErrInvalid, a larger one leaves the rest zero. Several clones of one snapshot may be
	// made at once. The driver calls Note as soon as it has the job's handle or the new volume's id.
	// Repeated with Resume, it continues the job of the token, or returns its volume. A failed job leaves nothing behind
	// that Discard does not remove. A ctx that ends does not stop the array's job: Discard does.
	// Errors: ErrNotFound (snapshot), ErrExhausted, ErrUnsupported, ErrIndeterminate. Cost: one round trip, then polls.
	Clone(ctx context.Context, req CloneRequest) (Volume, error)

	// FindClone returns the volume that the token made, finished or not being told apart by ErrBusy (a job still runs).
	// It changes nothing. ErrNotFound is conclusive in the sense of [Driver.Lookup]: it waits for Facts.Settle after
	// SentAt. Cost: one or two reads.
	FindClone(ctx context.Context, req FindCloneRequest) (Volume, error)

	// Discard removes whatever the token has made: it cancels a running job, or answers ErrBusy until the job is over,
	// and deletes the volume, for good where the array has a trash. Absent is success, conclusive as in FindClone.
	// The volume has never been handed out; nobody uses it. Repeatable. Errors: ErrBusy, ErrIndeterminate.
	Discard(ctx context.Context, req DiscardRequest) error
}

// CloneRequest asks for a new volume.
type CloneRequest struct {
	_ [0]func()

	Snapshot SnapshotRef
	Token    Token
	// Name is the new volume's, for people; a driver may alter it to fit and to be unique.
	Name string
	// Size is in bytes; zero is the snapshot's. The array may round it up.
	Size   int64
	Labels map[string]string
	// Progress, if not nil, is told the part done, 0 to 1, now and then.
	Progress func(done float64)
	Attempt
	Notes
}

// FindCloneRequest asks for the volume of a token.
type FindCloneRequest struct {
	_ [0]func()

	Snapshot SnapshotRef
	Token    Token
	Attempt
	Notes
}

// DiscardRequest asks to remove what a token made.
type DiscardRequest struct {
	_ [0]func()

	Snapshot SnapshotRef
	Token    Token
	// Volume is the new volume's id, if it was ever known.
	Volume VolumeID
	Attempt
	Notes
}

// GroupSnapshotter makes snapshots of several volumes at one instant.
type GroupSnapshotter interface {
	// CheckGroup says whether the volumes can be snapshotted together: nil, or ErrUnsupported or ErrExhausted with a
	// Blocker for each volume that does not fit. It changes nothing. Cost: at most one read.
	CheckGroup(ctx context.Context, volumes []VolumeID) error

	// CreateGroup makes one snapshot of each volume, all of one instant unless [Facts.GroupNonAtomic]; all share the
	// token. All or none: after a definite error none exists. Repeated with Resume it returns the group of the token.
	// Errors as CreateSnapshot. Cost: one round trip.
	CreateGroup(ctx context.Context, req CreateGroupRequest) (Group, error)

	// LookupGroup returns the group of the token, with the members that are left; ErrNotFound is conclusive as in
	// [Driver.Lookup]. It changes nothing. Cost: one round trip.
	LookupGroup(ctx context.Context, req LookupGroupRequest) (Group, error)

	// DeleteGroup removes every member. Absent is success; repeatable. Errors: as DeleteSnapshot. Cost: one round trip.
	DeleteGroup(ctx context.Context, req DeleteGroupRequest) error
}

// CreateGroupRequest asks for one snapshot of each volume.
type CreateGroupRequest struct {
	_ [0]func()

	Volumes []VolumeID
	Token   Token
	Name    string
	Labels  map[string]string
	Expires time.Time
	Attempt
}

// LookupGroupRequest asks for the group of a token.
type LookupGroupRequest struct {
	_ [0]func()

	// ID is the array's id of the group, if known; Volumes are those that it was asked for.
	ID      string
	Token   Token
	Volumes []VolumeID
	Attempt
}

// DeleteGroupRequest asks to remove a group with all its members.
type DeleteGroupRequest struct {
	_ [0]func()

	ID      string
	Token   Token
	Members []SnapshotRef
	Attempt
}

// Group is a group snapshot at the array.
type Group struct {
	_ [0]func()

	ID      string
	Members []Snapshot
}

// VolumeManager makes and removes volumes.
type VolumeManager interface {
	// CreateVolume makes an empty volume that reads as zeros, and stores the token with it. Repeated with Resume it
	// returns the volume of the token. Errors: ErrExhausted, ErrInvalid (size). Cost: one round trip without Resume.
	CreateVolume(ctx context.Context, req CreateVolumeRequest) (Volume, error)

	// DeleteVolume removes the volume; its snapshots go with it exactly if [Facts.SnapshotsDieWithVolume]. Absent is
	// success; repeatable. Errors: ErrInUse with who has it open or which clones need it. Cost: one or two round trips.
	DeleteVolume(ctx context.Context, req DeleteVolumeRequest) (DeleteResult, error)

	// ResizeVolume makes the volume at least Size bytes; the new part reads as zeros. A smaller size than now is
	// ErrInvalid; the same is success; repeatable. Cost: one round trip.
	ResizeVolume(ctx context.Context, req ResizeVolumeRequest) (Volume, error)

	// Volumes lists every volume of the backend that the credentials may see, as [Driver.Snapshots] lists snapshots.
	Volumes(ctx context.Context) iter.Seq2[Volume, error]
}

// CreateVolumeRequest asks for an empty volume.
type CreateVolumeRequest struct {
	_ [0]func()

	Token  Token
	Name   string
	Size   int64
	Labels map[string]string
	Attempt
}

// DeleteVolumeRequest asks to remove a volume.
type DeleteVolumeRequest struct {
	_ [0]func()

	Volume VolumeID
	// Token identifies this deletion; it serves the driver's log.
	Token Token
	Attempt
}

// ResizeVolumeRequest asks to enlarge a volume.
type ResizeVolumeRequest struct {
	_ [0]func()

	Volume VolumeID
	Size   int64
	Attempt
}

// AccessController decides which hosts can reach a volume, and so holds the fence of a revert.
type AccessController interface {
	// Revoke takes every host's access to the volume away and returns the record by which Grant brings it back exactly.
	// When it returns, no new session can begin; open ones are for Sessions to tell. Where the record cannot be read
	// again afterwards, it is made durable through Note before the first effect. A volume that nobody can reach is
	// success. Repeated with Resume it returns the same record. Errors: ErrIndeterminate. Cost: one or two round trips.
	Revoke(ctx context.Context, req RevokeRequest) (AccessRecord, error)

	// Grant gives access, as a record says or to initiators, and returns the path by which hosts reach the volume.
	// Access that is there already is success; repeatable. Errors: ErrExhausted (initiators per volume). Cost: one or two
	// round trips.
	Grant(ctx context.Context, req GrantRequest) (Path, error)

	// Sessions lists who has the volume open now. It changes nothing; one round trip. After Revoke, an empty list is the
	// engine's proof that nobody writes.
	Sessions(ctx context.Context, volume VolumeID) ([]Session, error)
}

// RevokeRequest asks to take all access away.
type RevokeRequest struct {
	_ [0]func()

	Volume VolumeID
	Token  Token
	Attempt
	Notes
}

// GrantRequest asks for access: what Record says, or the Initiators. Token is that of the Revoke that it takes back, or the
// clone's; it serves the driver's log.
type GrantRequest struct {
	_ [0]func()

	Volume     VolumeID
	Token      Token
	Record     AccessRecord
	Initiators []Initiator
	Attempt
}

// ExpirySetter lets the array delete a snapshot by itself: a safety net should nobody be left to do it.
type ExpirySetter interface {
	// SetExpiry sets when the array deletes the snapshot; the zero time means never. Repeatable.
	// Errors: ErrNotFound, ErrUnsupported (this firmware cannot clear it). Cost: one round trip.
	SetExpiry(ctx context.Context, snapshot SnapshotRef, at time.Time) error
}

// Splitter makes a clone independent of its snapshot.
type Splitter interface {
	// Split blocks until the clone needs its snapshot no more, or ctx ends. Repeated with Resume it continues; a clone
	// that is independent is success. Cost: one round trip, then polls.
	Split(ctx context.Context, req SplitRequest) error
}

// SplitRequest asks to make a clone independent.
type SplitRequest struct {
	_ [0]func()

	Volume   VolumeID
	Token    Token
	Progress func(done float64)
	Attempt
	Notes
}

// Checker produces the list that a support person reads first.
type Checker interface {
	// Check looks at everything that the driver needs from its surroundings and says how each stands, in a fixed order.
	// It changes nothing. An error means that the checks could not be made at all.
	Check(ctx context.Context) ([]Finding, error)
}

// Finding is one line of a support list.
type Finding struct {
	_ [0]func()

	// Name is stable, lower case with dashes: "reflink", "cluster-fullness".
	Name   string
	Status Status
	// Detail says what was found, with numbers; Hint what to do, when Status is not StatusOK.
	Detail string
	Hint   string
}

// Status is how a [Finding] stands.
type Status string

// The statuses of a finding.
const (
	StatusOK   Status = "ok"
	StatusWarn Status = "warn"
	StatusFail Status = "fail"
	// StatusSkip: could not be looked at, with the reason in Detail.
	StatusSkip Status = "skip"
)
