package driver

import (
	"encoding/json"
	"time"
)

// AccessRecord is a driver's own account of who could reach a volume, as [AccessController.Revoke] found it: a JSON
// document that the engine stores with the operation and hands to Grant unread. It holds no secret. Empty means nobody.
type AccessRecord = json.RawMessage

// Path is how a host reaches a volume: what the array grants and the host attaches.
type Path struct {
	_ [0]func()

	// Protocol is "iscsi", "fc", "nvme-tcp", "file".
	Protocol string `json:"protocol,omitempty"`
	// Portals are host:port of each target portal, or WWPNs.
	Portals []string `json:"portals,omitempty"`
	// Target is the IQN, NQN, or the path of a file.
	Target string `json:"target,omitempty"`
	// LUN is the logical unit or namespace number.
	LUN int `json:"lun"`
}

// IsZero reports whether the path says nothing.
func (p Path) IsZero() bool {
	return p.Protocol == "" && len(p.Portals) == 0 && p.Target == "" && p.LUN == 0
}

// Initiator is one end that a host connects from.
type Initiator struct {
	_ [0]func()

	// Protocol as in [Path]; Name is an IQN, NQN or WWPN.
	Protocol string `json:"protocol"`
	Name     string `json:"name"`
	// Host is the host's name of the machine that it belongs to.
	Host string `json:"host,omitempty"`
}

// Session is one open connection to a volume, as the array sees it.
type Session struct {
	_ [0]func()

	Initiator string
	Address   string
	Since     time.Time
}
