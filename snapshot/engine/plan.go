package engine

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Plan says what a request would do, as things are now: it comes from the same checks and the same steps that execute it.
// What it says of names, ids and content is for people who decide; Version makes sure that what they saw is what runs.
type Plan struct {
	_ [0]func()

	// Kind is the operation's: "revert".
	Kind string `json:"kind"`
	// Version is for [Common].IfVersion.
	Version string `json:"version"`
	// Repeats is the operation that the request's operation id stands for already; then nothing is done again.
	Repeats inventory.OperationID `json:"repeats,omitzero"`
	// Volumes are the records that the operation has for itself while it runs.
	Volumes []PlannedVolume `json:"volumes,omitempty"`
	// Checks are the calls, all of them reads, that precede the first step; making the plan has made them too.
	Checks []PlannedCall `json:"checks,omitempty"`
	// Steps are in their order; none if the request would be refused.
	Steps []PlannedStep `json:"steps,omitempty"`
	// Vanish is what will be gone for good, or to the array's trash.
	Vanish []PlannedLoss `json:"vanish,omitempty"`
	// Hosts are the names of those that the steps change something at.
	Hosts []string `json:"hosts,omitempty"`
	// Holders are who uses the disks on their hosts now.
	Holders []driver.Holder `json:"holders,omitempty"`
	// Refusal, if not nil, is why the request would be turned down; Blockers are what stands in its way.
	Refusal  *PlannedRefusal  `json:"refusal,omitempty"`
	Blockers []driver.Blocker `json:"blockers,omitempty"`
	// Queued are the operations that come first. The plan is made as if they were over and had changed nothing.
	Queued []driver.Blocker `json:"queued,omitempty"`
	// Warnings are sentences about what is allowed and yet should be known.
	Warnings []string `json:"warnings,omitempty"`
}

// PlannedVolume is one volume's record before and after.
type PlannedVolume struct {
	_ [0]func()

	// ID is zero for a volume that the operation makes: New.
	ID      snapshot.VolumeID `json:"id,omitzero"`
	New     bool              `json:"new,omitempty"`
	Name    string            `json:"name,omitempty"`
	Backend string            `json:"backend"`
	// Native is the array's id now; empty for a volume that the array has to make.
	Native driver.VolumeID `json:"native,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Version is the record's.
	Version int64 `json:"version"`
	// HeadBefore and HeadAfter are what its content descends from.
	HeadBefore PlannedHead `json:"head_before"`
	HeadAfter  PlannedHead `json:"head_after"`
	// Gone: the inventory has no such volume afterwards, or only the history of its snapshots.
	Gone bool `json:"gone,omitempty"`
}

// PlannedHead is what a volume's content descends from: a snapshot, or none.
type PlannedHead struct {
	_ [0]func()

	Snapshot snapshot.ID `json:"snapshot,omitzero"`
	Name     string      `json:"name,omitempty"`
	// New: the operation makes it. Unknown: nobody can tell; after an import, not before the array's snapshots were listed.
	New     bool `json:"new,omitempty"`
	Unknown bool `json:"unknown,omitempty"`
}

// PlannedStep is one step of the operation. The last one is always the outcome, which the inventory alone is about.
type PlannedStep struct {
	_ [0]func()

	Name string `json:"name"`
	// Volume is the one that it is about, where the operation has several.
	Volume snapshot.VolumeID `json:"volume,omitzero"`
	// Does and Undo are sentences; Undo is empty if there is nothing to take back.
	Does string `json:"does"`
	Undo string `json:"undo,omitempty"`
	// Pivot: before it the operation goes back if something fails; after it only forward.
	Pivot bool `json:"pivot,omitempty"`
	// Calls are what it sends if nothing goes wrong, in their order.
	Calls []PlannedCall `json:"calls,omitempty"`
}

// The targets of a [PlannedCall].
const (
	TargetArray     = "array"
	TargetHost      = "host"
	TargetInventory = "inventory"
)

// PlannedCall is a call of a driver, a host or the inventory. The journal's own commits are not listed.
type PlannedCall struct {
	_ [0]func()

	// Target is one of the constants; Name that of the backend or host, and empty for the inventory.
	Target string `json:"target"`
	Name   string `json:"name,omitempty"`
	// Method is the contract's name of it: "CreateSnapshot".
	Method  string `json:"method"`
	Mutates bool   `json:"mutates,omitempty"`
	// Count is how often it is sent, one after the other; AtLeast where nobody can know how much more often.
	Count   int  `json:"count"`
	AtLeast bool `json:"at_least,omitempty"`
}

// PlannedLoss is something that will be gone.
type PlannedLoss struct {
	_ [0]func()

	// Kind is "snapshot", "foreign snapshot" (one that the inventory does not know), "volume", "content" (what the volume
	// holds now), or "record" (of the inventory alone).
	Kind string `json:"kind"`
	// ID is our id of the snapshot or volume, or of the volume with the content; of a foreign snapshot it is the array's.
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Since is when it came to be; zero if that does not apply.
	Since time.Time `json:"since,omitzero"`
	// Why is a sentence.
	Why string `json:"why"`
}

// PlannedRefusal is why a request would be turned down.
type PlannedRefusal struct {
	_ [0]func()

	// Class is that of the error, Code the class in words.
	Class driver.Class `json:"-"`
	Code  string       `json:"class"`
	Text  string       `json:"text"`
	// Next is what to do about it; empty if the text says it.
	Next string `json:"next,omitempty"`
}
