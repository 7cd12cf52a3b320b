package engine

import (
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// forecast is what prepare says for a plan, beside what it says for the journal. A run has one while it makes a plan, or
// compares itself with one; nil forecasts take notes of nothing.
type forecast struct {
	checks []PlannedCall
	losses []PlannedLoss
	// shared are the snapshots that are deleted and that the array keeps, since they are another volume's too.
	shared []snapshot.ID
	// kept is the name of the snapshots of the content now that a revert takes first.
	kept string
}

// lose notes a snapshot that will be gone.
func (f *forecast) lose(s snapshot.Snapshot, why string) {
	if f == nil {
		return
	}
	if s.State == snapshot.Missing {
		f.loseRecord(s, "the array does not have the snapshot any more")
		return
	}
	since := s.TakenAt
	if since.IsZero() {
		since = s.CreatedAt
	}
	f.losses = append(f.losses, PlannedLoss{Kind: lossSnapshot, ID: s.ID.String(), Name: s.Name, Since: since, Why: why})
}

// loseForeign notes a snapshot at the array that the inventory does not know.
func (f *forecast) loseForeign(s driver.Snapshot, why string) {
	if f != nil {
		f.losses = append(f.losses, PlannedLoss{Kind: lossForeign, ID: s.Ref.ID, Name: s.Name, Since: s.CreatedAt, Why: why})
	}
}

// keep notes a snapshot of the content now.
func (f *forecast) keep(s snapshot.Snapshot) {
	if f != nil {
		f.kept = s.Name
	}
}

// loseRecord notes that only the record of a snapshot goes: the array keeps it, or does not have it.
func (f *forecast) loseRecord(s snapshot.Snapshot, why string) {
	if f != nil {
		f.losses = append(f.losses, PlannedLoss{Kind: lossRecord, ID: s.ID.String(), Name: s.Name, Since: s.CreatedAt, Why: why})
	}
}

// loseOf notes something of a volume that will be gone.
func (f *forecast) loseOf(kind string, v inventory.Volume, why string) {
	if f != nil {
		f.losses = append(f.losses, PlannedLoss{Kind: kind, ID: v.ID.String(), Name: v.Name, Why: why})
	}
}

// The kinds of losses.
const (
	lossSnapshot = "snapshot"
	lossForeign  = "foreign snapshot"
	lossVolume   = "volume"
	lossContent  = "content"
	lossRecord   = "record"
)

// checked notes a call that prepare makes.
func (r *run) checked(method string) {
	if r.fore != nil {
		r.fore.checks = append(r.fore.checks, r.sends(method)...)
	}
}

// sends lists calls about the member in focus, one of each method.
func (r *run) sends(methods ...string) []PlannedCall {
	calls := make([]PlannedCall, len(methods))
	for i, method := range methods {
		calls[i] = PlannedCall{Target: TargetArray, Name: r.p.Backend, Method: method, Mutates: !reads(method), Count: 1}
		if ofHost(method) {
			calls[i].Target, calls[i].Name = TargetHost, r.p.Host
		}
	}
	return calls
}

// commits is a number of changes to the inventory that are not the journal's alone.
func commits(n int) PlannedCall {
	return PlannedCall{Target: TargetInventory, Method: "Commit", Mutates: true, Count: n}
}

// times makes it n calls.
func (c PlannedCall) times(n int) PlannedCall {
	c.Count = n
	return c
}

// reads reports whether the method changes nothing.
func reads(method string) bool {
	switch method {
	case "Describe", "Volume", "Volumes", "Lookup", "Snapshots", "FindClone", "CheckGroup", "LookupGroup", "Sessions",
		"Attachments", "Initiators", "Impact", "Check":
		return true
	}
	return false
}

// says is a sentence that is always the same.
func says(sentence string) func(*run) string { return func(*run) string { return sentence } }

// theVolume names the volume in focus where there are several.
func (r *run) theVolume() string {
	if len(r.members) == 1 {
		return "the volume"
	}
	return "volume " + label(r.vol.Name, r.vol.ID.Short())
}

// label is a name with the short id behind it, or the id alone.
func label(name, id string) string {
	switch {
	case name == "":
		return id
	case id == "":
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q (%s)", name, id)
}

// fenceCalls are those by which [run.fence] makes sure that nobody can write.
func (r *run) fenceCalls() []PlannedCall {
	switch {
	case r.b.able.Access != nil:
		return r.sends("Sessions")
	case r.p.Attachment != nil:
		return r.sends("Attachments")
	}
	return nil
}

// unused refuses an operation that has to take the volume away from whoever runs on it: the host would refuse to let go, after
// the intent.
func (r *run) unused() error {
	if r.p.Attachment == nil {
		return nil
	}
	var running []driver.Blocker
	for _, h := range r.p.Attachment.Holders {
		if h.Running {
			running = append(running, h.Blocker)
		}
	}
	if len(running) == 0 {
		return nil
	}
	return driver.Blocked(driver.ErrInUse, running,
		"host %q would not let go of volume %s; stop what runs on it first", r.p.Host, r.vol.ID)
}
