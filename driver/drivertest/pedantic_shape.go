package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// checkShape checks that a request is complete and well-formed by itself.
func (w *pedantic) checkShape(call *driver.Call) {
	w.tb.Helper()
	if token, _, _, ok := effectOf(call.Request); ok {
		w.token(call, "Token", token)
	}
	switch r := call.Request.(type) {
	case driver.VolumeID:
		w.volumeID(call, r)
	case driver.SnapshotRef:
		w.ref(call, r)
	case driver.CreateSnapshotRequest:
		w.volumeID(call, r.Volume)
		w.label(call, r.Name, r.Token)
		w.require(call, r.Expires.IsZero() || w.expires, "Expires is set and the driver has no ExpirySetter")
	case driver.LookupRequest:
		w.ref(call, r.Snapshot)
	case driver.RevertRequest:
		w.revertShape(call, r)
	case driver.DeleteSnapshotRequest:
		w.ref(call, r.Snapshot)
	default:
		w.abilityShape(call)
		w.hostShape(call)
	}
}

func (w *pedantic) revertShape(call *driver.Call, r driver.RevertRequest) {
	w.tb.Helper()
	w.volumeID(call, r.Volume)
	w.ref(call, r.Snapshot)
	w.noteSet(call, r.Notes)
	for _, ref := range r.MayDrop {
		w.ref(call, ref)
		w.require(call, refName(ref) != refName(r.Snapshot), "MayDrop names the snapshot that the volume is reverted to")
	}
}

func (w *pedantic) abilityShape(call *driver.Call) {
	w.tb.Helper()
	switch r := call.Request.(type) {
	case driver.CloneRequest:
		w.ref(call, r.Snapshot)
		w.label(call, r.Name, r.Token)
		w.noteSet(call, r.Notes)
		w.require(call, r.Size >= 0, "Size is %d bytes", r.Size)
	case driver.FindCloneRequest:
		w.token(call, "Token", r.Token)
	case driver.DiscardRequest:
		w.token(call, "Token", r.Token)
	case []driver.VolumeID: // CheckGroup
		w.members(call, r)
	case driver.CreateGroupRequest:
		w.members(call, r.Volumes)
		w.label(call, r.Name, r.Token)
		w.require(call, r.Expires.IsZero() || w.expires, "Expires is set and the driver has no ExpirySetter")
	case driver.LookupGroupRequest:
		w.token(call, "Token", r.Token)
	case driver.DeleteGroupRequest:
		w.token(call, "Token", r.Token)
		for _, ref := range r.Members {
			w.ref(call, ref)
		}
	case driver.CreateVolumeRequest:
		w.label(call, r.Name, r.Token)
		w.require(call, r.Size > 0, "Size is %d bytes", r.Size)
	case driver.DeleteVolumeRequest:
		w.volumeID(call, r.Volume)
		w.token(call, "Token", r.Token)
	case driver.ResizeVolumeRequest:
		w.volumeID(call, r.Volume)
		w.require(call, r.Size > 0, "Size is %d bytes", r.Size)
	case driver.RevokeRequest:
		w.volumeID(call, r.Volume)
		w.noteSet(call, r.Notes)
	case driver.GrantRequest:
		w.volumeID(call, r.Volume)
		w.token(call, "Token", r.Token)
	case driver.SplitRequest:
		w.volumeID(call, r.Volume)
		w.noteSet(call, r.Notes)
	}
}

func (w *pedantic) hostShape(call *driver.Call) {
	w.tb.Helper()
	switch r := call.Request.(type) {
	case driver.LUN:
		w.lun(call, r)
	case driver.Attachment:
		w.lun(call, r.LUN)
	case driver.IntroduceRequest:
		w.lun(call, r.LUN)
		w.noteSet(call, r.Notes)
		if r.Clone {
			w.lun(call, r.Source)
			w.require(call, r.Source.Serial != r.LUN.Serial, "the clone and its source are one LUN, %s", r.LUN.Serial)
		}
	case driver.WithdrawRequest:
		w.lun(call, r.LUN)
		w.token(call, "Token", r.Token)
	case driver.QuiesceRequest:
		w.require(call, len(r.LUNs) > 0, "there are no LUNs")
		w.require(call, r.Max > 0, "Max is %s: a freeze must have an end", r.Max)
		for _, lun := range r.LUNs {
			w.lun(call, lun)
		}
	case driver.Token: // Thaw
		w.token(call, "the token", r)
	}
}

func (w *pedantic) require(call *driver.Call, holds bool, format string, args ...any) {
	w.tb.Helper()
	if !holds {
		w.complain(call, format, args...)
	}
}

func (w *pedantic) token(call *driver.Call, field string, t driver.Token) {
	w.tb.Helper()
	if err := t.Validate(); err != nil {
		w.complain(call, "%s: %v", field, err)
	}
}

func (w *pedantic) volumeID(call *driver.Call, id driver.VolumeID) {
	w.tb.Helper()
	w.require(call, id != "", "a volume's id is empty")
}

// ref checks a reference. Its token may be of an installation that made it by other rules, so only its presence counts.
func (w *pedantic) ref(call *driver.Call, ref driver.SnapshotRef) {
	w.tb.Helper()
	w.require(call, ref.Volume != "", "the snapshot's volume is empty")
	w.require(call, ref.ID != "" || ref.Token != "", "the snapshot has neither id nor token")
}

func (w *pedantic) members(call *driver.Call, volumes []driver.VolumeID) {
	w.tb.Helper()
	w.require(call, len(volumes) > 0, "the group has no volumes")
	for i, id := range volumes {
		w.volumeID(call, id)
		w.require(call, !slices.Contains(volumes[:i], id), "volume %s is in the group twice", id)
	}
}

// label checks a name against the limits, as far as Describe has told them.
func (w *pedantic) label(call *driver.Call, name string, token driver.Token) {
	w.tb.Helper()
	most := w.limits.NameLength
	if most == 0 {
		return
	}
	if w.facts.TokenInName {
		most -= len(token)
	}
	w.require(call, len(name) <= most, "Name has %d characters, at most %d fit", len(name), most)
}

func (w *pedantic) noteSet(call *driver.Call, n driver.Notes) {
	w.tb.Helper()
	w.require(call, n.Note != nil, "Note is nil: nobody could find the job again")
}

func (w *pedantic) lun(call *driver.Call, lun driver.LUN) {
	w.tb.Helper()
	w.require(call, lun.Volume != "", "the LUN's volume is empty")
	w.require(call, lun.Serial != "", "the LUN's serial number is empty")
	w.require(call, lun.Size > 0, "the LUN has %d bytes", lun.Size)
}
