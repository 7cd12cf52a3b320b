package driver

import "time"

// Description is what the array says about itself.
type Description struct {
	_ [0]func()

	// Backend is the array's own serial or cluster uuid. The engine stores it at first use; another one later under the
	// same name is an error, and so are two names with one id.
	Backend BackendID
	// Product and Version are for people and logs: "SolidFire", "12.5.0.897".
	Product string
	Version string
	Facts   Facts
	Limits  Limits
	// Time is the array's clock when it answered; zero if it does not tell.
	Time time.Time
}

// Unit says what an array's operation or limit is about.
type Unit int

const (
	// UnitVolume: each volume by itself.
	UnitVolume Unit = iota
	// UnitContainer: all volumes of a container together.
	UnitContainer
)

// String returns the unit in words.
func (u Unit) String() string {
	if u == UnitContainer {
		return "container"
	}
	return "volume"
}

// Facts are what the engine must know about an array's behaviour and no type can express. The zero value is the most
// comfortable array: everything per volume, independent, atomic, immediate. They are true for every volume of the backend.
type Facts struct {
	_ [0]func()

	// Settle is how long after a mutation was sent it may still take effect although the reply was lost.
	Settle time.Duration

	// SnapshotUnit is what one snapshot covers, RevertUnit what one revert rolls back, LimitUnit what
	// Limits.SnapshotsPerVolume counts. In a container, siblings are touched too, so the engine locks it whole and names them.
	SnapshotUnit Unit
	RevertUnit   Unit
	LimitUnit    Unit

	// RevertNeedsDetach: the array's revert is only right, or only possible, when no host has access. It tells people why; the
	// engine always takes access away first, where it can.
	RevertNeedsDetach bool
	// RevertFenced: the array itself refuses a revert (ErrInUse) while anything has the volume open, keeps it closed until
	// the content is replaced, and applies one token at most once. Then the engine needs no fence of its own.
	RevertFenced bool
	// RevertDropsYounger: a revert deletes the snapshots that are younger by the array's clock, foreign ones too.
	RevertDropsYounger bool
	// RevertNonAtomic: a revert that is interrupted leaves a mixture, reported as ErrPartial, until it is completed.
	RevertNonAtomic bool
	// RevertChangesID: a revert gives the volume another native id (and serial); old snapshots keep the old one.
	RevertChangesID bool

	// SnapshotsDependent: a snapshot with younger ones cannot be deleted (ErrInUse).
	SnapshotsDependent bool
	// SnapshotsDieWithVolume: deleting a volume deletes its snapshots.
	SnapshotsDieWithVolume bool
	// DeleteToTrash: a deleted snapshot stays recoverable for a while and may still count against limits.
	DeleteToTrash bool
	// TokenInName: the token is stored only in the object's name, so a rename at the array loses it.
	TokenInName bool

	// CloneDependence says how long a clone needs its snapshot.
	CloneDependence CloneDependence

	// GroupNonAtomic: the members of a group snapshot are not of one instant.
	GroupNonAtomic bool
	// GroupMemberDelete says what deleting one member of a group snapshot does.
	GroupMemberDelete GroupMemberDelete
}

// CloneDependence says how long a clone needs the snapshot that it came from.
type CloneDependence int

const (
	// CloneIndependent: not at all, once Clone has returned.
	CloneIndependent CloneDependence = iota
	// CloneUntilSplit: until [Splitter] has split it.
	CloneUntilSplit
	// CloneDependent: as long as it lives.
	CloneDependent
)

// GroupMemberDelete says what becomes of a group snapshot when one of its members is deleted.
type GroupMemberDelete int

const (
	// MemberDeleteOK: nothing; the others can still be reverted, alone or together.
	MemberDeleteOK GroupMemberDelete = iota
	// MemberDeleteBreaksGroup: the others remain, each by itself.
	MemberDeleteBreaksGroup
	// MemberDeleteRefused: a member cannot be deleted (ErrUnsupported), only the whole group.
	MemberDeleteRefused
)

// Limits are what the array allows. Zero means no limit, or none that it tells. The array's refusal (ErrExhausted) is
// authoritative; these serve to refuse before the round trip and to tell people how much is left.
type Limits struct {
	_ [0]func()

	// SnapshotsPerVolume is per volume, or per container where Facts.LimitUnit says so.
	SnapshotsPerVolume  int
	SnapshotsPerBackend int
	VolumesPerBackend   int
	// GroupSize is the most volumes in one group snapshot.
	GroupSize int
	// NameLength is the most characters in an object's name.
	NameLength int
	// MinVolumeSize and MaxVolumeSize are in bytes; VolumeGranularity is what sizes are rounded up to.
	MinVolumeSize     int64
	MaxVolumeSize     int64
	VolumeGranularity int64
	// Jobs is how many long calls (clones, splits) run at once; JobsPerVolume per source volume.
	Jobs          int
	JobsPerVolume int
	// Requests is how many calls of any kind the array serves at once; the engine keeps below it.
	Requests int
}
