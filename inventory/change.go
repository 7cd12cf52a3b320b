package inventory

import (
	"time"

	"github.com/storagesnap/storagesnap/snapshot"
)

// Change is one transaction. The parts are applied in the order of the fields, and take effect together.
type Change struct {
	_ [0]func()

	// ID is fresh for each call of Commit. A store whose reply can be lost writes it to every row that the change writes, so
	// that it can find out afterwards whether the change was applied. (A volume whose SnapshotCount alone changes is not
	// written by the change, and keeps its Version.)
	ID ChangeID
	// Volumes are changed in the order of their ids, whatever the order here.
	Volumes []VolumeChange
	// Put writes whole snapshot records. Version is that which the record was read with, 0 for one that must not exist;
	// the stored record gets Version + 1. The volume must exist, or be created by the same change, and never changes.
	Put []snapshot.Snapshot
	// Reparent moves all children of one snapshot to another in one statement; each record's Version grows by one.
	Reparent []Reparent
	// Drop removes snapshot records; each must exist.
	Drop      []snapshot.ID
	Operation *OperationChange
	Records   []RecordChange
}

// VolumeChange writes or deletes one volume.
type VolumeChange struct {
	_ [0]func()

	// Volume is the whole record. Version and SnapshotCount in it are ignored: the store keeps them.
	Volume Volume
	// IfVersion is the stored version that the change was computed from; 0 means that the volume must not exist. The
	// stored record gets IfVersion + 1.
	IfVersion int64
	// Delete removes the volume with all its snapshots and records.
	Delete bool
}

// Reparent moves the children of From, in one volume, to To (none makes them roots).
type Reparent struct {
	Volume   snapshot.VolumeID
	From, To snapshot.ID
}

// OperationChange writes one operation.
type OperationChange struct {
	_ [0]func()

	// Operation is the whole record. LeaseUntil and Seq in it are ignored: the store keeps them.
	Operation Operation
	// IfEpoch is the epoch that the caller works under; the stored one must be equal. 0 means that the operation must
	// not exist. Epochs begin with 1.
	IfEpoch int64
	// IfSeq, with TakeOver, is the Seq of the operation that the caller has read: what it takes over must not have been
	// written since, by whomever; else it is refused as stale. 0 takes over whatever is there.
	IfSeq int64
	// TakeOver: the caller takes the operation from another process, with Operation.Epoch = IfEpoch + 1. It is refused as
	// stale unless the operation is open, and the lease has expired by the store's clock, there is none, or it is the same
	// LeaseOwner's.
	TakeOver bool
	// Restart: a terminal operation begins anew under its id, with Operation.Epoch = IfEpoch + 1; stale unless the stored
	// one is Failed.
	Restart bool
	// LeaseTTL grants Operation.LeaseOwner the lease until then, by the store's clock; 0 means that nobody holds it.
	LeaseTTL time.Duration
}

// RecordChange writes or deletes one record.
type RecordChange struct {
	_ [0]func()

	// Record is the whole record; IfVersion as in [VolumeChange], 0 for one that must not exist.
	Record    Record
	IfVersion int64
	Delete    bool
}
