package driver

import (
	"context"
	"encoding/json"
	"time"
)

// Host is a hypervisor, or a pool of them, that has LUNs attached. An array-side revert or clone is only of use if the
// host follows: it lets go of a LUN before a revert, reads it anew after, and is shown a clone without confusing it
// with its source.
//
// A Disk is the host's own opaque id of what it made of a LUN. The promises between engine and host are those of [Driver]:
// one mutation per LUN at a time, ctx with a deadline, nothing after Close; errors are classified. Every mutation
// converges: called again after any interruption it goes on from whatever state it finds.
type Host interface {
	// Abilities returns what this type of host can do beyond this interface; constant and free.
	Abilities() HostAbilities

	// Describe asks the host who it is. The engine stores HostID at first use, as it does a backend's.
	// It changes nothing. Errors: ErrUnavailable, ErrPermission.
	Describe(ctx context.Context) (HostDescription, error)

	// Attachments reports whether and how the LUN is attached: what Attach would need to bring it back exactly, and who
	// holds it. It changes nothing. The result is stored in the operation's intent, so it serialises and has no secret.
	// A LUN that the host does not know is an Attachment with Known false, not an error.
	Attachments(ctx context.Context, lun LUN) (Attachment, error)

	// Detach makes the host let go of the LUN on every member: no session, no cache, no device left. It refuses with
	// ErrInUse, naming the holders, while something runs on it that it cannot unplug, before any effect. The host's
	// records of the disk stay. Repeatable; an unattached LUN is success. When it returns nil, nothing on this host
	// writes to the LUN until Attach. Errors: ErrInUse, ErrBusy, ErrIndeterminate.
	Detach(ctx context.Context, a Attachment) error

	// Attach brings back what a says, by path, reads the LUN anew and verifies that it is the disk with the identity and
	// size of a.LUN: ErrConflict, with what was found, if it is not. A zero path is the one that it was attached by
	// before, which a.State remembers. Repeatable; attached already is success.
	// An Attachment that was not attached stays so; the call then only verifies what can be.
	Attach(ctx context.Context, a Attachment, p Path) (Disk, error)

	// Introduce shows a new or cloned LUN to the host and attaches it. A clone carries its source's signatures, so it is
	// re-signed first; the host must never see both with one identity. Note is called before anything that could not be
	// found again. Repeated with Resume it converges on one disk. Errors: ErrUnsupported (the host cannot re-sign; with
	// the reason, before any effect), ErrConflict, ErrIndeterminate.
	Introduce(ctx context.Context, req IntroduceRequest) (Disk, error)

	// Withdraw is the undo of Introduce: the host forgets the disk and lets the LUN go; the content is not its business.
	// Absent is success; repeatable. Errors: ErrInUse with the holders.
	Withdraw(ctx context.Context, req WithdrawRequest) error

	// Initiators lists the ends from which the host connects, for Grant. It changes nothing.
	Initiators(ctx context.Context) ([]Initiator, error)

	// Close logs out. A second call does nothing and returns nil.
	Close() error
}

// Disk is the host's own opaque id of an attached LUN.
type Disk string

// LUN names a volume towards a host.
type LUN struct {
	_ [0]func()

	Backend BackendID `json:"backend"`
	Volume  VolumeID  `json:"volume"`
	// Serial is [Volume].Serial: what the host sees on the wire.
	Serial string `json:"serial"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Disk is the host's id, if it is known.
	Disk Disk `json:"disk,omitempty"`
}

// Attachment is how a host has a LUN attached, in a form that can be stored and brought back later by another process.
type Attachment struct {
	_ [0]func()

	LUN LUN `json:"lun"`
	// Known: the host has a record of the LUN; Attached: at least one member has it open.
	Known    bool `json:"known"`
	Attached bool `json:"attached"`
	// Disk is the host's id of it, and Size what it believes the size to be.
	Disk Disk  `json:"disk,omitempty"`
	Size int64 `json:"size,omitempty"`
	// Holders are who uses it: what Detach would refuse for, or unplug.
	Holders []Holder `json:"holders,omitempty"`
	// State is the host's own document; the engine stores it unread. It holds no secret.
	State json.RawMessage `json:"state,omitempty"`
}

// Holder is something on the host that uses a disk.
type Holder struct {
	_ [0]func()

	Blocker
	// Running: it uses the disk now, so Detach refuses.
	Running bool `json:"running"`
}

// HostDescription is what the host says about itself.
type HostDescription struct {
	_ [0]func()

	// HostID is the pool's or machine's own uuid.
	HostID  string
	Product string
	Version string
	// Resign: it can introduce a clone beside its source.
	Resign bool
}

// HostAbilities is what a type of host can do beyond [Host]. A nil field says that it cannot. New fields may be added.
type HostAbilities struct {
	_ [0]func()

	Quiescer Quiescer
	Impact   Impact
	Checker  Checker
}

// IntroduceRequest asks to show a LUN to the host.
type IntroduceRequest struct {
	_ [0]func()

	LUN   LUN
	Path  Path
	Token Token
	Name  string
	// Clone: the LUN is a copy of what the host knows as Source, so it must be re-signed.
	Clone  bool
	Source LUN
	Labels map[string]string
	Attempt
	Notes
}

// WithdrawRequest asks to undo an Introduce.
type WithdrawRequest struct {
	_ [0]func()

	LUN   LUN
	Token Token
	// Disk is what Introduce returned, if it did.
	Disk Disk
	Attempt
	Notes
}

// Quiescer stops a host's writes to some LUNs for a moment. The freeze is a lease named by a token, never a closure:
// another process can thaw it.
type Quiescer interface {
	// Quiesce stops writes to all the LUNs, at most for the given time, after which the host thaws by itself if it can.
	// It returns the consistency reached. Repeatable with the same token. Errors: ErrUnsupported, ErrBusy.
	Quiesce(ctx context.Context, req QuiesceRequest) (QuiesceResult, error)
	// Thaw ends the freeze of the token. One that is over, or never began, is success; repeatable.
	Thaw(ctx context.Context, token Token) error
}

// QuiesceRequest asks to stop writes.
type QuiesceRequest struct {
	_ [0]func()

	LUNs  []LUN
	Token Token
	// Max is the longest time that the freeze may last.
	Max time.Duration
	Attempt
}

// QuiesceResult says what was reached.
type QuiesceResult struct {
	_ [0]func()

	// Consistent: file systems and applications were told to flush; otherwise writes merely stopped.
	Consistent bool
	// Until is when the host thaws by itself; zero if it never does.
	Until time.Time
}

// Impact tells what a revert of the LUN would cost on the host's side, for the plan: hypervisor snapshots that it loses,
// machines that must stop.
type Impact interface {
	// Impact changes nothing. Each Blocker is one thing that would be lost or must yield.
	Impact(ctx context.Context, lun LUN) ([]Blocker, error)
}
