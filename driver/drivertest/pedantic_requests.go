package drivertest

import (
	"github.com/storagesnap/storagesnap/driver"
)

// changes returns the volumes that a mutation is about: those of which the engine may send only one at a time. A clone
// changes nothing of its source, and what it makes has no id yet.
func changes(request any) []driver.VolumeID {
	switch r := request.(type) {
	case driver.CreateSnapshotRequest:
		return []driver.VolumeID{r.Volume}
	case driver.RevertRequest:
		return []driver.VolumeID{r.Volume}
	case driver.DeleteSnapshotRequest:
		return []driver.VolumeID{r.Snapshot.Volume}
	case driver.CreateGroupRequest:
		return r.Volumes
	case driver.DeleteVolumeRequest:
		return []driver.VolumeID{r.Volume}
	case driver.ResizeVolumeRequest:
		return []driver.VolumeID{r.Volume}
	case driver.RevokeRequest:
		return []driver.VolumeID{r.Volume}
	case driver.GrantRequest:
		return []driver.VolumeID{r.Volume}
	case driver.SplitRequest:
		return []driver.VolumeID{r.Volume}
	case driver.SnapshotRef: // SetExpiry
		return []driver.VolumeID{r.Volume}
	}
	return nil
}

// changesLUN returns the serial number of the LUN that a host's mutation is about.
func changesLUN(request any) string {
	switch r := request.(type) {
	case driver.Attachment:
		return r.LUN.Serial
	case driver.IntroduceRequest:
		return r.LUN.Serial
	case driver.WithdrawRequest:
		return r.LUN.Serial
	}
	return ""
}

// attempt returns what a request says of earlier sends.
func attemptOf(request any) (driver.Attempt, bool) {
	switch r := request.(type) {
	case driver.CreateSnapshotRequest:
		return r.Attempt, true
	case driver.LookupRequest:
		return r.Attempt, true
	case driver.RevertRequest:
		return r.Attempt, true
	case driver.DeleteSnapshotRequest:
		return r.Attempt, true
	case driver.CloneRequest:
		return r.Attempt, true
	case driver.FindCloneRequest:
		return r.Attempt, true
	case driver.DiscardRequest:
		return r.Attempt, true
	case driver.CreateGroupRequest:
		return r.Attempt, true
	case driver.LookupGroupRequest:
		return r.Attempt, true
	case driver.DeleteGroupRequest:
		return r.Attempt, true
	case driver.CreateVolumeRequest:
		return r.Attempt, true
	case driver.DeleteVolumeRequest:
		return r.Attempt, true
	case driver.ResizeVolumeRequest:
		return r.Attempt, true
	case driver.RevokeRequest:
		return r.Attempt, true
	case driver.GrantRequest:
		return r.Attempt, true
	case driver.SplitRequest:
		return r.Attempt, true
	case driver.IntroduceRequest:
		return r.Attempt, true
	case driver.WithdrawRequest:
		return r.Attempt, true
	case driver.QuiesceRequest:
		return r.Attempt, true
	}
	return driver.Attempt{}, false
}
