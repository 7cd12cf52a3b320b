package driver

import "time"

// VolumeID is the array's own id of a volume: its native id. It is opaque to everyone but the driver, never empty in a
// request, and compared byte by byte. An array may give a volume another one when it reverts it ([Facts.RevertChangesID]).
type VolumeID string

// ContainerID is the array's own id of what holds a volume and shares its snapshots or limits: a pool, a FlexVol, a
// consistency group. Empty where the array has none.
type ContainerID string

// BackendID is the serial number or cluster uuid that the array itself reports. It tells two arrays apart whatever
// name, address or credentials they are reached by, and stays the same for the life of the array.
type BackendID string

// InstallationID identifies one inventory, for as long as it lives: [InstallationLength] characters [a-z][a-z0-9]*.
// Every [Token] begins with it, so that an array shared by several installations shows whose an object is.
type InstallationID string

// SnapshotRef names one snapshot at an array.
//
// Volume is the native id of the volume as it was when the snapshot was made; a revert may have changed the volume's id
// since. Token is the snapshot's identity when one of our installations made it, and empty for a foreign one. ID is the
// array's own id; the engine fills it as soon as it is known. At least one of ID and Token is set. Where both are set and
// the array has them on different objects, the call fails with [ErrConflict] and nothing is touched.
type SnapshotRef struct {
	Volume VolumeID `json:"volume"`
	ID     string   `json:"id,omitempty"`
	Token  Token    `json:"token,omitempty"`
}

// Attempt tells a driver what is known of earlier sends of the same mutation.
//
// Resume false promises that this token was never sent: the driver may send without looking, in one round trip. Resume
// true says that the call may have been applied already, wholly or in part, sent no later than SentAt by the engine's clock:
// the driver looks first, and applies only what is missing. Either way the result is that of one application.
type Attempt struct {
	Resume bool      `json:"resume,omitempty"`
	SentAt time.Time `json:"sent_at,omitzero"`
}
