package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// AuditReport is what an audit has found, and what it did.
type AuditReport struct {
	_ [0]func()

	// Applied is false for a dry run: then nothing was changed.
	Applied bool `json:"applied"`
	// Backends are in the order of their names.
	Backends []AuditedBackend `json:"backends"`
}

// AuditedBackend is the part of one backend.
type AuditedBackend struct {
	_ [0]func()

	Name  string       `json:"name"`
	State BackendState `json:"state"`
	// Err is why the backend could not be audited, or not to the end: then the findings are those made before.
	Err string `json:"err,omitempty"`
	// Volumes and Snapshots are how many records of it the inventory has, as far as they were asked for; ListedVolumes and
	// ListedSnapshots are how many the array listed. Volumes are listed only where the backend can; else each is asked for.
	Volumes         int `json:"volumes"`
	Snapshots       int `json:"snapshots"`
	ListedVolumes   int `json:"listed_volumes"`
	ListedSnapshots int `json:"listed_snapshots"`
	// Young are unknown objects of this installation that are not older than the grace; Busy are records that an operation
	// was changing. Neither is a finding; the next audit sees them.
	Young int `json:"young,omitempty"`
	Busy  int `json:"busy,omitempty"`
	// Findings are in the order in which they are acted upon: by kind, then volume, time and id.
	Findings []Finding `json:"findings"`
}

// Finding is one difference between the inventory and an array.
type Finding struct {
	_ [0]func()

	Kind    FindingKind `json:"kind"`
	Backend string      `json:"backend"`
	// Volume is our record's id, none for a volume that has no record; NativeVolume is the array's id of it, for a
	// snapshot as it was when that was made.
	Volume       snapshot.VolumeID `json:"volume,omitzero"`
	NativeVolume driver.VolumeID   `json:"native_volume,omitempty"`
	// Snapshot is our record's id, and Native the array's id of the snapshot; both empty if the finding is the volume's.
	Snapshot snapshot.ID  `json:"snapshot,omitzero"`
	Native   string       `json:"native,omitempty"`
	Token    driver.Token `json:"token,omitempty"`
	// Name is the array's name of what only the array has, else ours. Size is in bytes, the array's if it has the object.
	Name string `json:"name,omitempty"`
	Size int64  `json:"size,omitempty"`
	// TakenAt is the instant of a snapshot's content, or when a volume was made, by the array's clock.
	TakenAt   time.Time `json:"taken_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Detail says it in a sentence.
	Detail string `json:"detail"`
	// Actions are what can be done about this finding, what is done by default first.
	Actions []AuditAction `json:"actions"`
	// Taken is what was done: empty in a dry run, and where nothing was to be done. Operation did it; Err is why it failed.
	Taken     AuditAction           `json:"taken,omitempty"`
	Operation inventory.OperationID `json:"operation,omitzero"`
	Err       string                `json:"err,omitempty"`

	became driver.VolumeID // a volume's id now, where it has changed
	origin driver.VolumeID // the id of the volume that a clone came from
}

// Findings returns the findings of all backends.
func (r AuditReport) Findings() []Finding {
	var all []Finding
	for _, b := range r.Backends {
		all = append(all, b.Findings...)
	}
	return all
}

// Clean reports whether every backend was audited to the end and nothing was found.
func (r AuditReport) Clean() bool {
	return !slices.ContainsFunc(r.Backends, func(b AuditedBackend) bool { return b.Err != "" || len(b.Findings) > 0 })
}

// String returns the report as lines of text.
func (r AuditReport) String() string {
	var b strings.Builder
	for _, backend := range r.Backends {
		b.WriteString(backend.String())
	}
	if !r.Applied {
		b.WriteString("this was a dry run: nothing was changed\n")
	}
	return b.String()
}

// String returns the backend's part as lines of text.
func (a AuditedBackend) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s: %s; %d volumes and %d snapshots in the inventory, %d and %d listed by the array; findings: %d\n",
		a.Name, a.State, a.Volumes, a.Snapshots, a.ListedVolumes, a.ListedSnapshots, len(a.Findings))
	if a.Err != "" {
		fmt.Fprintf(&b, "  not audited to the end: %s\n", a.Err)
	}
	if a.Young+a.Busy > 0 {
		fmt.Fprintf(&b, "  left to the next audit: %d too young, %d being changed\n", a.Young, a.Busy)
	}
	for _, f := range a.Findings {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

// String returns the finding as one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s", f.Kind, f.Detail)
	switch {
	case f.Err != "" && f.Taken != "":
		text += fmt.Sprintf("; %s failed: %s", f.Taken, f.Err)
	case f.Err != "":
		text += "; " + f.Err
	case f.Taken != "":
		text += fmt.Sprintf("; done: %s", f.Taken)
	default:
		names := make([]string, len(f.Actions))
		for i, a := range f.Actions {
			names[i] = string(a)
		}
		text += "; possible: " + strings.Join(names, ", ")
	}
	return text
}

// order makes reports of one state equal.
func order(findings []Finding) {
	kinds := findingKinds()
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind),
			a.later().Compare(b.later()),
			cmp.Compare(a.NativeVolume, b.NativeVolume),
			cmp.Compare(a.Native, b.Native),
			cmp.Compare(a.Volume.String(), b.Volume.String()),
			cmp.Compare(a.Snapshot.String(), b.Snapshot.String()),
		)
	})
}

// later is the time by which findings of one kind are acted upon: a chain of snapshots, or of clones, grows from its root.
func (f Finding) later() time.Time {
	if f.Kind == FindingOrphan || f.Kind == FindingOrphanVolume {
		return f.TakenAt
	}
	return time.Time{}
}
