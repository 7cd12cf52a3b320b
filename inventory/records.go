package inventory

import (
	"encoding/json"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

type (
	// OperationKind marks the ids of operations.
	OperationKind struct{}
	// ChangeKind marks the ids of changes.
	ChangeKind struct{}

	// OperationID identifies an operation; the caller may choose it, which makes it an idempotency key.
	OperationID = snapshot.UUID[OperationKind]
	// ChangeID identifies one call of Commit, so that a lost reply can be resolved.
	ChangeID = snapshot.UUID[ChangeKind]
)

// Volume is our record of one volume: the header of its snapshot tree, and the lock on it.
// (driver.Volume is what the array says.)
type Volume struct {
	_ [0]func()

	ID snapshot.VolumeID `json:"id"`
	// Backend is the name of the configured driver, Native the array's id now, Former its earlier ids, oldest first.
	// (Backend, Native) is unique; Native is empty while an operation still makes the volume, and then not unique.
	Backend string            `json:"backend"`
	Native  driver.VolumeID   `json:"native"`
	Former  []driver.VolumeID `json:"former,omitempty"`
	Name    string            `json:"name,omitempty"`
	// ExternalID is the embedder's own id of the volume: unique if not empty. Owner is its account or tenant.
	ExternalID string            `json:"external_id,omitempty"`
	Owner      string            `json:"owner,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Host is the name of the configured host that has it attached, and Disk that host's id of it; empty if none.
	Host string      `json:"host,omitempty"`
	Disk driver.Disk `json:"disk,omitempty"`
	// Serial, Size (bytes) and Container are the array's, as last seen.
	Serial    string             `json:"serial,omitempty"`
	Size      int64              `json:"size"`
	Container driver.ContainerID `json:"container,omitempty"`
	// Head is the snapshot that the present content descends from; none for content that descends from no snapshot.
	// HeadUnknown: nobody can tell, after an abandoned revert.
	Head        snapshot.ID `json:"head,omitzero"`
	HeadUnknown bool        `json:"head_unknown,omitempty"`
	// SnapshotCount is how many snapshot records the volume has. The store keeps it.
	SnapshotCount int `json:"snapshot_count"`
	// Origin is the snapshot that the volume was cloned from; OriginVolume that snapshot's volume.
	Origin       snapshot.ID       `json:"origin,omitzero"`
	OriginVolume snapshot.VolumeID `json:"origin_volume,omitzero"`
	// Independent: a clone that was split from its origin, which it needs no more.
	Independent bool `json:"independent,omitempty"`
	// Token is that of the clone that made it.
	Token driver.Token `json:"token,omitempty"`
	// Pending is the operation that is open on the volume: at most one.
	Pending   OperationID `json:"pending,omitzero"`
	CreatedAt time.Time   `json:"created_at"`
	// DeletedAt is set once the array's volume is gone and only the history of its snapshots is kept.
	DeletedAt time.Time `json:"deleted_at,omitzero"`
	// Version counts the changes of this record. The store keeps it.
	Version int64 `json:"version"`
}

// OperationState says how far an operation is.
type OperationState string

// The states of an operation.
const (
	// Queued: durable, not begun; the volume is busy.
	Queued OperationState = "queued"
	// Running: a process works on it, or did when it died.
	Running OperationState = "running"
	// Waiting: for a retry, or for a person; Reason says which and why.
	Waiting OperationState = "waiting"
	// Succeeded: done.
	Succeeded OperationState = "succeeded"
	// Failed: nothing is left behind.
	Failed OperationState = "failed"
	// Abandoned: a person ended it; something may be left behind.
	Abandoned OperationState = "abandoned"
)

// Open reports whether the operation may still do something.
func (s OperationState) Open() bool { return s == Queued || s == Running || s == Waiting }

// Operation is the journal of one operation: what was asked, how far it is, who works on it.
type Operation struct {
	_ [0]func()

	ID OperationID `json:"id"`
	// Kind and Format say which program can go on with it; an engine leaves kinds and formats alone that it does not know.
	Kind   string         `json:"kind"`
	Format int            `json:"format"`
	State  OperationState `json:"state"`
	// Volumes are those that it locks, in the order of their ids.
	Volumes []snapshot.VolumeID `json:"volumes,omitempty"`
	// Actor is who asked, for the audit; Owner the account that it is charged to.
	Actor string `json:"actor,omitempty"`
	Owner string `json:"owner,omitempty"`
	// Args is the request and ArgsHash its digest: another request under the same id is refused.
	Args     json.RawMessage `json:"args,omitempty"`
	ArgsHash string          `json:"args_hash,omitempty"`
	// Undoing: it goes back instead of forward. Cursor is the index of the step under way or next.
	Undoing bool   `json:"undoing,omitempty"`
	Cursor  int    `json:"cursor"`
	Steps   []Step `json:"steps,omitempty"`
	// Detail is the engine's own document: tokens, attachments, access records. It holds no secret.
	Detail json.RawMessage `json:"detail,omitempty"`
	// Result names what it made or changed, once it has succeeded.
	Result json.RawMessage `json:"result,omitempty"`
	// Error, ErrorClass and Reason are for people: why it failed or what it waits for; the class decides whether time
	// heals it. NextAt is when it is tried again, Attempts how often it was.
	Error      string       `json:"error,omitempty"`
	ErrorClass driver.Class `json:"error_class,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	Attempts   int          `json:"attempts,omitempty"`
	NextAt     time.Time    `json:"next_at,omitzero"`
	// CancelAsked: somebody wants it undone as soon as it can be.
	CancelAsked bool      `json:"cancel_asked,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`

	// LeaseOwner is the process that works on it; LeaseUntil is when that ends, by the store's clock. Epoch counts the
	// take-overs. Seq orders operations by their last commit. The store keeps LeaseUntil and Seq.
	LeaseOwner string    `json:"lease_owner,omitempty"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	Epoch      int64     `json:"epoch"`
	Seq        int64     `json:"seq"`
}

// Step is the journal of one step of an operation.
type Step struct {
	_ [0]func()

	Name string `json:"name"`
	// Volume is the one that the step is about, where the operation has several.
	Volume snapshot.VolumeID `json:"volume,omitzero"`
	State  StepState         `json:"state"`
	// SentAt is when its call was about to be sent for the first time.
	SentAt   time.Time `json:"sent_at,omitzero"`
	Attempts int       `json:"attempts,omitempty"`
	// Note is the driver's last note, Result what the step brought, Error why it failed last.
	Note   json.RawMessage `json:"note,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// StepState says how far a step is.
type StepState string

// The states of a step.
const (
	// StepPlanned: not begun.
	StepPlanned StepState = "planned"
	// StepSent: its call may have been sent.
	StepSent StepState = "sent"
	// StepDone: its effect took place.
	StepDone StepState = "done"
	// StepUndone: whatever it did is undone.
	StepUndone StepState = "undone"
)

// Record is a row of a later package: a policy, an archive, a backend's identity. The store understands only its keys.
type Record struct {
	_ [0]func()

	Kind string `json:"kind"`
	ID   string `json:"id"`
	// Volume, if set, is a volume that exists; the record goes with it.
	Volume snapshot.VolumeID `json:"volume,omitzero"`
	// Due, if set, is when somebody has to look at it.
	Due     time.Time       `json:"due,omitzero"`
	Data    json.RawMessage `json:"data,omitempty"`
	Version int64           `json:"version"`
}

// RecordKey is the key of a record.
type RecordKey struct{ Kind, ID string }
