package engine

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// NameLength is the longest name that a snapshot or volume may have, in bytes.
const NameLength = 255

// Request is one of the request types of this package; give it to [Engine.Submit].
type Request interface {
	common() Common
	kind() string
	validate() error
}

// Common is what every request has.
type Common struct {
	// OperationID makes the request safe to repeat: the same id with the same arguments returns the same operation, as
	// long as what it made exists; after a failure it starts anew; with other arguments it is ErrConflict. Zero lets
	// the engine choose.
	OperationID inventory.OperationID `json:"-"`
	// Actor is who asks, for the journal.
	Actor string `json:"-"`
	// IfVersion, if not empty, is the Version of the [Plan] by which somebody decided. If what would run is not what that plan
	// says any more, nothing does: the error matches inventory.ErrStale and driver.ErrConflict and says what has changed.
	// That is looked at when the operation's turn comes, on the data that its intent is made from. It is no part of the
	// request's identity: one that is repeated under its OperationID is the same, whatever its IfVersion.
	IfVersion string `json:"-"`
}

func (c Common) common() Common { return c }

// CreateRequest asks for a snapshot of a volume.
type CreateRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
	// Name is for people and need not be unique.
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Owner is the embedder's account; empty means the volume's.
	Owner string `json:"owner,omitempty"`
	// ExpiresAt, in the future, is when [Engine.Expire] may delete it; zero for never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Quiesce, if not nil, holds the guest's writes meanwhile.
	Quiesce *Quiesce `json:"quiesce,omitempty"`
}

// DeleteRequest asks to delete a snapshot. Its children become children of its parent.
type DeleteRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	// IfExpiresAt, if not zero, deletes the snapshot only if that is still its expiry; else the request is ErrConflict.
	IfExpiresAt time.Time `json:"if_expires_at,omitzero"`
}

// RevertRequest asks to make a volume's content that of one of its snapshots. The content now is lost unless KeepCurrent.
type RevertRequest struct {
	_ [0]func()

	Common
	Volume   snapshot.VolumeID `json:"volume"`
	Snapshot snapshot.ID       `json:"snapshot"`
	// KeepCurrent takes an ordinary snapshot of the content now, before the revert, with this name and labels.
	KeepCurrent bool              `json:"keep_current,omitempty"`
	KeepName    string            `json:"keep_name,omitempty"`
	KeepLabels  map[string]string `json:"keep_labels,omitempty"`
	// DropYounger agrees to lose the snapshots that the array drops with a revert; without it such a revert is refused
	// and names them. It changes nothing on arrays that keep them.
	DropYounger bool `json:"drop_younger,omitempty"`
	// Siblings agrees to roll back the other volumes of the container too, where the array does that; all must be named,
	// and on other arrays none.
	Siblings []snapshot.VolumeID `json:"siblings,omitempty"`
	// AssertDetached is a person's word that nothing has the volume open, for volumes whose access neither the array nor a
	// host lets us control. If the outcome of the revert is lost, it then waits for a person.
	AssertDetached *Assertion `json:"assert_detached,omitempty"`
}

// Assertion is a person's word, kept in the journal.
type Assertion struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// CloneRequest asks for a new volume with a snapshot's content.
type CloneRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	Name     string      `json:"name"`
	// Size is in bytes; zero is the snapshot's.
	Size       int64             `json:"size,omitempty"`
	Owner      string            `json:"owner,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Host is the name of the host that the clone is introduced to; empty for none.
	Host string `json:"host,omitempty"`
	// Split makes the clone independent of its snapshot before it is handed out, where the array makes dependent ones.
	Split bool `json:"split,omitempty"`
	// Progress, if not nil, is told the part done, 0 to 1. It is not kept over a restart.
	Progress func(done float64) `json:"-"`
}

// ImportRequest asks to put a volume of a backend under management, with the snapshots that it has.
type ImportRequest struct {
	_ [0]func()

	Common
	Backend string          `json:"backend"`
	Native  driver.VolumeID `json:"native"`
	// Name defaults to the array's name of the volume.
	Name       string            `json:"name,omitempty"`
	Owner      string            `json:"owner,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Host is the name of the host that has it attached; empty for none.
	Host string `json:"host,omitempty"`
	// WithoutSnapshots leaves the array's snapshots of the volume alone.
	WithoutSnapshots bool `json:"without_snapshots,omitempty"`
}

// ForgetRequest asks to drop a volume and its snapshots from the inventory. The array keeps everything.
type ForgetRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
}

// DeleteVolumeRequest asks to delete a volume at the array.
type DeleteVolumeRequest struct {
	_ [0]func()

	Common
	Volume    snapshot.VolumeID `json:"volume"`
	Snapshots SnapshotsPolicy   `json:"snapshots,omitempty"`
}

// SnapshotsPolicy says what becomes of a deleted volume's snapshots.
type SnapshotsPolicy string

// The policies; empty means SnapshotsRefuse.
const (
	// SnapshotsRefuse: a volume with snapshots is not deleted.
	SnapshotsRefuse SnapshotsPolicy = "refuse"
	// SnapshotsKeep: they stay at the array and in the inventory, if the array can keep them.
	SnapshotsKeep SnapshotsPolicy = "keep"
	// SnapshotsDelete: they are deleted first. Held ones refuse it.
	SnapshotsDelete SnapshotsPolicy = "delete"
)

func (CreateRequest) kind() string       { return kindCreate }
func (DeleteRequest) kind() string       { return kindDelete }
func (RevertRequest) kind() string       { return kindRevert }
func (CloneRequest) kind() string        { return kindClone }
func (ImportRequest) kind() string       { return kindImport }
func (ForgetRequest) kind() string       { return kindForget }
func (DeleteVolumeRequest) kind() string { return kindDeleteVolume }

func (r CreateRequest) validate() error {
	if r.Volume.IsZero() {
		return needs("volume")
	}
	return errors.Join(validName("name", r.Name), validLabels(r.Labels), validText("owner", r.Owner), r.Quiesce.validate())
}

func (r DeleteRequest) validate() error {
	if r.Snapshot.IsZero() {
		return needs("snapshot")
	}
	return nil
}

func (r RevertRequest) validate() error {
	switch {
	case r.Volume.IsZero():
		return needs("volume")
	case r.Snapshot.IsZero():
		return needs("snapshot")
	case r.KeepCurrent:
		return errors.Join(validName("keep name", r.KeepName), validLabels(r.KeepLabels), r.AssertDetached.validate())
	case r.KeepName != "" || len(r.KeepLabels) > 0:
		return driver.Errorf(driver.ErrInvalid, "a keep name or labels without keep current")
	}
	return r.AssertDetached.validate()
}

func (r CloneRequest) validate() error {
	switch {
	case r.Snapshot.IsZero():
		return needs("snapshot")
	case r.Size < 0:
		return driver.Errorf(driver.ErrInvalid, "size %d bytes is negative", r.Size)
	}
	return errors.Join(validName("name", r.Name), validLabels(r.Labels),
		validText("owner", r.Owner), validText("external id", r.ExternalID))
}

func (r ImportRequest) validate() error {
	switch {
	case r.Backend == "":
		return needs("backend")
	case r.Native == "":
		return needs("native volume id")
	}
	return errors.Join(validText("name", r.Name), validLabels(r.Labels),
		validText("owner", r.Owner), validText("external id", r.ExternalID))
}

func (r ForgetRequest) validate() error {
	if r.Volume.IsZero() {
		return needs("volume")
	}
	return nil
}

func (r DeleteVolumeRequest) validate() error {
	if r.Volume.IsZero() {
		return needs("volume")
	}
	switch r.Snapshots {
	case "", SnapshotsRefuse, SnapshotsKeep, SnapshotsDelete:
		return nil
	}
	return driver.Errorf(driver.ErrInvalid, "snapshots policy %q; known: %s, %s, %s",
		r.Snapshots, SnapshotsRefuse, SnapshotsKeep, SnapshotsDelete)
}

func (a *Assertion) validate() error {
	if a != nil && (strings.TrimSpace(a.By) == "" || strings.TrimSpace(a.Reason) == "") {
		return driver.Errorf(driver.ErrInvalid, "an assertion that the volume is detached needs who says so and why")
	}
	return nil
}

func needs(what string) error {
	return driver.Errorf(driver.ErrInvalid, "the request has no %s", what)
}

// validName is validText for what must not be empty.
func validName(what, name string) error {
	if name == "" {
		return needs(what)
	}
	return validText(what, name)
}

// validText refuses what no array, database or terminal should meet.
func validText(what, text string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case len(text) > NameLength:
		return driver.Errorf(driver.ErrInvalid, "%s of %d bytes; the most is %d", what, len(text), NameLength)
	case !utf8.ValidString(text):
		return driver.Errorf(driver.ErrInvalid, "%s %+q is not UTF-8", what, text)
	case strings.IndexFunc(text, odd) >= 0:
		return driver.Errorf(driver.ErrInvalid, "%s %+q has a character that cannot be printed", what, text)
	case strings.TrimSpace(text) != text:
		return driver.Errorf(driver.ErrInvalid, "%s %q begins or ends with a space", what, text)
	}
	return nil
}

// labelsMost is how many labels one object may have.
const labelsMost = 64

func validLabels(labels map[string]string) error {
	if len(labels) > labelsMost {
		return driver.Errorf(driver.ErrInvalid, "%d labels; the most is %d", len(labels), labelsMost)
	}
	for key, value := range labels {
		if err := errors.Join(validName("label", key), validText("value of label "+key, value)); err != nil {
			return err
		}
	}
	return nil
}

// fitted cuts a name to what the array can store, at a character's edge.
func fitted(name string, limits driver.Limits) string {
	room := len(name)
	if limits.NameLength > 0 {
		room = max(limits.NameLength-driver.TokenLength-1, 0)
	}
	if len(name) <= room {
		return name
	}
	for room > 0 && !utf8.RuneStart(name[room]) {
		room--
	}
	return strings.TrimSpace(name[:room])
}

// micro is the resolution of time in the inventory.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
