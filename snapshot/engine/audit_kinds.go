package engine

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// FindingKind says what an audit has found.
type FindingKind string

// The kinds of findings. What is Ready in the inventory and there at the array, as it was last seen, is none.
const (
	// FindingStuck: a record is marked as being worked on (a volume's Pending, a snapshot in Creating or Deleting, a pin), and
	// no operation is open that does. The engine never leaves that behind: the inventory was damaged or edited.
	FindingStuck FindingKind = "stuck"
	// FindingNativeChanged: the array has the volume or snapshot under another id than the inventory says. The volume's token,
	// its snapshots or the snapshot's token prove that it is the same.
	FindingNativeChanged FindingKind = "native-id-changed"
	// FindingVolumeGone: the array no longer has the volume, and nobody asked us to delete it.
	FindingVolumeGone FindingKind = "volume-gone"
	// FindingSizeChanged: the volume or snapshot has another size at the array.
	FindingSizeChanged FindingKind = "size-changed"
	// FindingRenamed: the volume has another name at the array than was last seen; or a snapshot, found by its native id, has
	// lost its token or carries another, which happens where the name carries it.
	FindingRenamed FindingKind = "renamed"
	// FindingHeadUnknown: nobody can tell what the volume's content descends from.
	FindingHeadUnknown FindingKind = "head-unknown"
	// FindingOrphan: a snapshot at the array with a token of this installation, in no record and in no open operation.
	FindingOrphan FindingKind = "orphan"
	// FindingOrphanVolume: a volume at the array with a token of this installation (a clone) that no record knows.
	FindingOrphanVolume FindingKind = "orphan-volume"
	// FindingForeign: a snapshot on one of our volumes that this installation did not make. It is never touched.
	FindingForeign FindingKind = "foreign"
	// FindingMissing: a snapshot that is Ready in the inventory and conclusively not at the array.
	FindingMissing FindingKind = "missing"
	// FindingExpired: as missing, but its expiry had passed: the array deleted it as it was told.
	FindingExpired FindingKind = "expired-at-array"
	// FindingReappeared: a snapshot that was marked Missing is at the array again.
	FindingReappeared FindingKind = "there-again"
)

// AuditAction is what an audit does about a finding.
type AuditAction string

// The actions.
const (
	// ActionReport: nothing.
	ActionReport AuditAction = "report"
	// ActionAdopt: what the array has gets a record. A snapshot is placed in its volume's tree by time, with assumed lineage; a
	// volume is imported with its snapshots. Of both, what the array does not store is lost: see [Engine.Audit].
	ActionAdopt AuditAction = "adopt"
	// ActionRepair: the record becomes what the array says: a missing snapshot is marked Missing and keeps its place in the
	// tree, one that is there again becomes Ready, sizes, names and ids are taken over. Of an orphan, repair is adopt.
	ActionRepair AuditAction = "repair"
	// ActionDrop: a missing snapshot's record is removed, its children move up; an orphan snapshot is deleted at the array.
	ActionDrop AuditAction = "drop"
)

// findingKinds lists all kinds in the order in which they are reported and acted upon: a record must be free, and its volume
// known by its id, before anything else can be done; the source of a clone is adopted before the clone.
func findingKinds() []FindingKind {
	return []FindingKind{
		FindingStuck, FindingNativeChanged, FindingVolumeGone, FindingSizeChanged, FindingRenamed, FindingOrphan,
		FindingOrphanVolume, FindingHeadUnknown, FindingForeign, FindingReappeared, FindingMissing, FindingExpired,
	}
}

// actions returns what can be done about the kind, what is done by default first.
func (k FindingKind) actions() []AuditAction {
	switch k {
	case FindingOrphan:
		return []AuditAction{ActionAdopt, ActionDrop, ActionReport}
	case FindingOrphanVolume:
		return []AuditAction{ActionAdopt, ActionReport}
	case FindingMissing:
		return []AuditAction{ActionRepair, ActionDrop, ActionReport}
	case FindingExpired:
		return []AuditAction{ActionDrop, ActionRepair, ActionReport}
	case FindingStuck, FindingNativeChanged, FindingSizeChanged, FindingRenamed, FindingReappeared:
		return []AuditAction{ActionRepair, ActionReport}
	case FindingVolumeGone, FindingHeadUnknown: // a person should know first
		return []AuditAction{ActionReport, ActionRepair}
	case FindingForeign:
		return []AuditAction{ActionReport}
	}
	return nil
}

// validate refuses an action that the kind does not have. Zero is the default.
func (k FindingKind) validate(action AuditAction) error {
	possible := k.actions()
	switch {
	case possible == nil:
		return driver.Errorf(driver.ErrInvalid, "finding kind %q; known: %v", string(k), findingKinds())
	case !slices.Contains(possible, k.meant(action)):
		return driver.Errorf(driver.ErrInvalid, "action %q for findings of kind %q; possible: %v", string(action), string(k), possible)
	}
	return nil
}

// meant translates what may be said in two ways.
func (k FindingKind) meant(action AuditAction) AuditAction {
	if action == ActionRepair && (k == FindingOrphan || k == FindingOrphanVolume) {
		return ActionAdopt
	}
	return action
}
