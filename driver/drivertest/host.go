package drivertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Hypervisor is a pool of hosts in memory that attaches the LUNs of a [Backend]: the reference implementation of
// [driver.Host]. It outlives the drivers that are opened on it.
//
// It does what makes hosts dangerous. It caches a LUN's content when it attaches, so a revert behind its back shows
// only after Detach and Attach. It knows a LUN again by a signature in the content, so a clone that is not re-signed
// looks like its source. Each member of the pool has a session of its own, and a call may stop between two of them.
//
// Methods of Hypervisor are its console and its guests. It is safe for concurrent use.
type Hypervisor struct {
	b    *Backend
	opts HostOptions

	mu         sync.Mutex
	seq        int
	disks      []*hostDisk
	freezes    map[driver.Token]*freeze
	stats      FreezeStats
	interrupt  int // after how many members the next call stops; -1 never
	counts     map[string]int
	violations []string
}

// HostOptions configure a [Hypervisor]. The zero value is a pool of two members that can do everything.
type HostOptions struct {
	// ID is what Describe answers; empty is "host-in-memory". It is part of the initiators' names.
	ID string
	// Members is how many machines the pool has; zero is two.
	Members int
	// CannotResign makes Introduce refuse clones with ErrUnsupported.
	CannotResign bool
	// Without names abilities that the host does not have, by the names of the fields of [driver.HostAbilities].
	Without []string
	// CrashOnly makes Quiesce merely stop writes, without a flush.
	CrashOnly bool
	// Now is the host's clock; nil is time.Now.
	Now func() time.Time
}

// hostDisk is the host's record of one LUN, and how it is attached.
type hostDisk struct {
	id        driver.Disk
	lun       driver.LUN
	name      string
	token     driver.Token // of the Introduce that made it
	signature string
	path      driver.Path
	members   map[int]func() // each member's session, and what closes it
	vol       *volume
	view      *image // what the host believes that the content is; nil while detached
	holders   []driver.Holder
}

// attachmentState is the document in [driver.Attachment].State.
type attachmentState struct {
	Members []int `json:"members"`
	// Path is how it is attached now: what Attach goes by if it is told none.
	Path driver.Path `json:"path"`
}

// NewHost makes a pool that attaches LUNs of b. It panics if an option names an ability that does not exist, since that is
// a mistake in the test.
func NewHost(b *Backend, opts HostOptions) *Hypervisor {
	for _, name := range opts.Without {
		if !slices.Contains(hostAbilityNames(), name) {
			panic(fmt.Sprintf("drivertest: NewHost: no ability %q; there are %v", name, hostAbilityNames()))
		}
	}
	if opts.ID == "" {
		opts.ID = "host-in-memory"
	}
	if opts.Members == 0 {
		opts.Members = 2
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Hypervisor{
		b: b, opts: opts, interrupt: -1,
		freezes: map[driver.Token]*freeze{}, counts: map[string]int{},
	}
}

// Driver returns a newly opened driver of the pool. Several may be open, as from several processes.
func (h *Hypervisor) Driver() driver.Host { return newHostDriver(h) }

// Initiators returns the ends from which the pool connects, one for each member.
func (h *Hypervisor) Initiators() []driver.Initiator {
	out := make([]driver.Initiator, h.opts.Members)
	for i := range out {
		out[i] = driver.Initiator{
			Protocol: "iscsi", Name: h.initiator(i), Host: fmt.Sprintf("%s-%d", h.opts.ID, i+1),
		}
	}
	return out
}

func (h *Hypervisor) initiator(member int) string {
	return fmt.Sprintf("iqn.2026-01.org.example:%s-%d", h.opts.ID, member+1)
}

func (h *Hypervisor) initiators() []string {
	names := make([]string, h.opts.Members)
	for i := range names {
		names[i] = h.initiator(i)
	}
	return names
}

func (h *Hypervisor) violate(format string, args ...any) {
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

// disk finds the record by the host's id, or by the serial number on the wire.
func (h *Hypervisor) disk(id driver.Disk, serial string) *hostDisk {
	for _, d := range h.disks {
		if id != "" && d.id == id || id == "" && serial != "" && d.lun.Serial == serial {
			return d
		}
	}
	return nil
}

// newDisk makes a record that is not attached.
func (h *Hypervisor) newDisk(id driver.Disk, lun driver.LUN) *hostDisk {
	d := &hostDisk{id: id, lun: lun, members: map[int]func(){}}
	d.lun.Disk = id
	return d
}

func (h *Hypervisor) newID() driver.Disk {
	h.seq++
	return driver.Disk(fmt.Sprintf("%s-disk-%d", h.opts.ID, h.seq))
}

func (d *hostDisk) attached() bool { return len(d.members) > 0 }

// running returns the holders for which a detach is refused.
func (d *hostDisk) running() []driver.Blocker {
	var out []driver.Blocker
	for _, holder := range d.holders {
		if holder.Running {
			out = append(out, holder.Blocker)
		}
	}
	return out
}

// attachment is what Attachments answers.
func (d *hostDisk) attachment(lun driver.LUN) (driver.Attachment, error) {
	state, err := json.Marshal(attachmentState{Members: slices.Sorted(maps.Keys(d.members)), Path: d.path})
	return driver.Attachment{
		LUN: lun, Known: true, Attached: d.attached(), Disk: d.id, Size: d.lun.Size,
		Holders: slices.Clone(d.holders), State: state,
	}, err
}
