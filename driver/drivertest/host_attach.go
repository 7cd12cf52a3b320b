package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
)

// Detach implements [driver.Host].
func (d *hostDriver) Detach(ctx context.Context, a driver.Attachment) error {
	_, err := visit(ctx, d, route{method: "Detach"}, func() (struct{}, error) {
		disk := d.h.disk(a.Disk, a.LUN.Serial)
		if disk == nil {
			return struct{}{}, nil
		}
		if running := disk.running(); disk.attached() && len(running) > 0 {
			return struct{}{}, driver.Blocked(driver.ErrInUse, running, "disk %s is in use", disk.id)
		}
		return struct{}{}, d.h.detach(disk)
	})
	return err
}

// Attach implements [driver.Host].
func (d *hostDriver) Attach(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
	return visit(ctx, d, route{method: "Attach"}, func() (driver.Disk, error) {
		if !a.Known {
			return "", nil
		}
		h := d.h
		disk := h.disk(a.Disk, a.LUN.Serial)
		if disk == nil {
			return "", driver.Errorf(driver.ErrNotFound, "the host has no record of disk %q, LUN %s", string(a.Disk), a.LUN.Serial)
		}
		if !a.Attached {
			return disk.id, nil
		}
		var state attachmentState
		if err := json.Unmarshal(a.State, &state); err != nil {
			return "", driver.Errorf(driver.ErrInvalid, "the attachment's state: %w", err)
		}
		if p.IsZero() {
			p = state.Path
		}
		return disk.id, h.attach(disk, a.LUN, p, state.Members)
	})
}

// detach closes each member's session, converging from any partial state.
func (h *Hypervisor) detach(d *hostDisk) error {
	for member := range h.opts.Members {
		if h.interrupted() {
			return &driver.Error{Class: driver.ErrIndeterminate, Err: errors.New("interrupted between two members")}
		}
		if closeSession := d.members[member]; closeSession != nil {
			closeSession()
			delete(d.members, member)
		}
	}
	d.view, d.vol = nil, nil
	return nil
}

// attach opens a session on each of the members and verifies that lun is what answers.
func (h *Hypervisor) attach(d *hostDisk, lun driver.LUN, p driver.Path, members []int) error {
	for _, member := range members {
		if h.interrupted() {
			return &driver.Error{Class: driver.ErrIndeterminate, Err: errors.New("interrupted between two members")}
		}
		if d.members[member] != nil {
			continue
		}
		if err := h.login(d, lun, p, member); err != nil {
			return err
		}
	}
	if d.vol != nil {
		return h.verify(d.vol, lun)
	}
	return nil
}

// login opens one member's session. The first one reads the LUN anew.
func (h *Hypervisor) login(d *hostDisk, lun driver.LUN, p driver.Path, member int) error {
	v, logout, err := h.b.login(p, h.initiator(member), h.initiators())
	if err != nil {
		return err
	}
	if err := errors.Join(h.verify(v, lun), h.recognize(d, v)); err != nil {
		logout()
		return err
	}
	if !d.attached() {
		d.vol, d.path, d.view = v, p, h.b.freezeContent(v)
		d.signature, d.lun = d.view.signature, lun
		d.lun.Disk = d.id
	}
	d.members[member] = logout
	return nil
}

// verify says whether the volume is the LUN.
func (h *Hypervisor) verify(v *volume, lun driver.LUN) error {
	found := h.b.identity(v)
	if found.Serial != lun.Serial || found.Size != lun.Size {
		return driver.Errorf(driver.ErrConflict, "found LUN %s of %d bytes, not %s of %d",
			found.Serial, found.Size, lun.Serial, lun.Size)
	}
	return nil
}

// recognize refuses a LUN that looks like another disk. The engine should never have come so far.
func (h *Hypervisor) recognize(d *hostDisk, v *volume) error {
	signature := h.b.freezeContent(v).signature
	for _, o := range h.disks {
		if o == d || o.signature != signature {
			continue
		}
		h.violate("disk %s and LUN %s have one signature: a clone was not re-signed", o.id, h.b.identity(v).Serial)
		return driver.Blocked(driver.ErrConflict, []driver.Blocker{{Kind: "disk", ID: string(o.id), Name: o.name}},
			"the LUN has the signature of another disk")
	}
	return nil
}

// interrupted reports whether the call stops before the next member.
func (h *Hypervisor) interrupted() bool {
	if h.interrupt < 0 {
		return false
	}
	h.interrupt--
	return h.interrupt < 0
}

// InterruptNext makes the next Detach, Attach, Introduce or Withdraw stop with ErrIndeterminate after it has served that
// many members.
func (h *Hypervisor) InterruptNext(members int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interrupt = members
}

// freezeContent returns the volume's content of this instant.
func (b *Backend) freezeContent(v *volume) *image {
	b.mu.Lock()
	defer b.mu.Unlock()
	return v.content.freeze()
}

func (b *Backend) identity(v *volume) driver.LUN {
	b.mu.Lock()
	defer b.mu.Unlock()
	return driver.LUN{Serial: v.serial, Size: v.content.size}
}

// resign gives the volume's content a signature of its own.
func (b *Backend) resign(v *volume) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v.content = v.content.writable()
	v.content.signature = fmt.Sprintf("signature %d", b.next())
}
