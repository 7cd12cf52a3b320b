package drivertest

import (
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// effect is what a token stands for.
type effect struct {
	method string
	// of tells two effects of one method apart. Members of a group share a token on different volumes, so for a snapshot
	// it is empty.
	of string
}

// sending is one mutation that has been sent: a request with Resume false promises that there was none.
type sending struct {
	effect

	volume driver.VolumeID
	token  driver.Token
}

// effectOf returns the token of a request that makes or changes something under it, and what it stands for. A token
// that a request names only to find or undo what it made is left out.
func effectOf(request any) (t driver.Token, of string, volume driver.VolumeID, ok bool) {
	switch r := request.(type) {
	case driver.CreateSnapshotRequest:
		return r.Token, "", r.Volume, true
	case driver.RevertRequest:
		return r.Token, refName(r.Snapshot), "", true // the volume may have got another id by it
	case driver.CloneRequest:
		return r.Token, fmt.Sprintf("%s in %d bytes", refName(r.Snapshot), r.Size), "", true
	case driver.CreateGroupRequest:
		return r.Token, fmt.Sprint(slices.Sorted(slices.Values(r.Volumes))), "", true
	case driver.CreateVolumeRequest:
		return r.Token, fmt.Sprintf("%d bytes", r.Size), "", true
	case driver.RevokeRequest:
		return r.Token, string(r.Volume), r.Volume, true
	case driver.SplitRequest:
		return r.Token, string(r.Volume), r.Volume, true
	case driver.IntroduceRequest:
		return r.Token, r.LUN.Serial, "", true
	case driver.QuiesceRequest:
		serials := make([]string, len(r.LUNs))
		for i, lun := range r.LUNs {
			serials[i] = lun.Serial
		}
		return r.Token, fmt.Sprint(slices.Sorted(slices.Values(serials))), "", true
	}
	return "", "", "", false
}

// refName names a snapshot in a way that does not change when the engine learns its id.
func refName(ref driver.SnapshotRef) string {
	if ref.Token != "" {
		return string(ref.Volume) + "/" + string(ref.Token)
	}
	return string(ref.Volume) + "#" + ref.ID
}

// checkIdentity checks what a request's token stands for and whether it was sent before.
func (p *Pedant) checkIdentity(call *driver.Call) {
	p.tb.Helper()
	attempt, has := attemptOf(call.Request)
	if has && attempt.Resume && attempt.SentAt.IsZero() {
		p.complain(call, "Resume is set but SentAt is not: the driver cannot tell when an ErrNotFound is conclusive")
	}
	token, of, volume, ok := effectOf(call.Request)
	if !ok {
		return
	}
	now := effect{call.Method, of}
	if before, known := p.effects[token]; known && before != now {
		p.complain(call, "token %s stands for %s of %s already, not for %s of %s",
			token, before.method, before.of, now.method, now.of)
	} else {
		p.effects[token] = now
	}
	this := sending{now, volume, token}
	if p.sent[this] && !attempt.Resume {
		p.complain(call, "Resume is false although token %s was sent before", token)
	}
	p.sent[this] = true
}
