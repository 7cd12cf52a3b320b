package drivertest

import (
	"maps"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// AddDisk gives the pool access to the volume and attaches it, as it was before any engine came. Errors: as Introduce.
func (h *Hypervisor) AddDisk(id driver.VolumeID) (driver.Disk, error) {
	lun, err := h.b.LUN(id)
	if err != nil {
		return "", err
	}
	path, err := h.b.allow(id, h.initiators())
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if other := h.disk("", lun.Serial); other != nil {
		return "", driver.Errorf(driver.ErrConflict, "LUN %s is disk %s", lun.Serial, other.id)
	}
	disk := h.newDisk(h.newID(), lun)
	if err := h.introduce(disk, driver.IntroduceRequest{LUN: lun, Path: path}); err != nil {
		return "", err
	}
	return disk.id, nil
}

// allow gives the initiators access, as a person at the array's console would.
func (b *Backend) allow(id driver.VolumeID, initiators []string) (driver.Path, error) {
	return look(b, func() (driver.Path, error) {
		v, err := b.live(id)
		if err != nil {
			return driver.Path{}, err
		}
		for _, name := range initiators {
			if !slices.Contains(v.access, name) {
				v.access = append(v.access, name)
			}
		}
		return b.path(v), nil
	})
}

// Allow gives the initiators access to the volume, as a person at the array's console would, and returns the path to it.
// Errors: ErrNotFound.
func (b *Backend) Allow(id driver.VolumeID, initiators ...driver.Initiator) (driver.Path, error) {
	names := make([]string, len(initiators))
	for i, in := range initiators {
		names[i] = in.Name
	}
	return b.allow(id, names)
}

// Hold makes a virtual machine a holder of the disk; while it is running, Detach refuses. The machine goes with release.
// Errors: ErrNotFound.
func (h *Hypervisor) Hold(disk driver.Disk, machine string, running bool) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.disk(disk, "")
	if d == nil {
		return nil, driver.Errorf(driver.ErrNotFound, "disk %q", string(disk))
	}
	holder := driver.Holder{
		Blocker: driver.Blocker{Kind: "vm", ID: machine, Name: machine, Since: h.opts.Now().UTC()}, Running: running,
	}
	d.holders = append(d.holders, holder)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		d.holders = slices.DeleteFunc(d.holders, func(o driver.Holder) bool { return o.ID == machine })
	}, nil
}

// ReadAt fills p with what the host believes that the disk holds: the content when it was attached, with the host's own
// writes since. Errors: ErrNotFound, ErrUnavailable while it is detached, ErrInvalid beyond the end.
func (h *Hypervisor) ReadAt(disk driver.Disk, p []byte, off int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.opened(disk)
	if err != nil {
		return err
	}
	if err := inside(d.view, p, off); err != nil {
		return err
	}
	d.view.read(p, off)
	return nil
}

// Content returns all that the host believes that the disk holds. Errors as ReadAt.
func (h *Hypervisor) Content(disk driver.Disk) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.opened(disk)
	if err != nil {
		return nil, err
	}
	return d.view.bytes(), nil
}

// WriteAt writes as a guest does, to the host's view and through to the array. Errors as ReadAt; ErrBusy while the disk
// is frozen.
func (h *Hypervisor) WriteAt(disk driver.Disk, p []byte, off int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.opened(disk)
	if err != nil {
		return err
	}
	h.expireFreezes()
	if by := h.frozenBy(d.lun.Serial); by != "" {
		return driver.Errorf(driver.ErrBusy, "disk %s is frozen by %s", d.id, by)
	}
	if err := h.b.writeThrough(d.vol, p, off); err != nil {
		return err
	}
	d.view = d.view.writable()
	d.view.write(p, off)
	return nil
}

func (b *Backend) writeThrough(v *volume, p []byte, off int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return v.write(p, off)
}

func (h *Hypervisor) opened(disk driver.Disk) (*hostDisk, error) {
	d := h.disk(disk, "")
	if d == nil || disk == "" {
		return nil, driver.Errorf(driver.ErrNotFound, "disk %q", string(disk))
	}
	if d.view == nil {
		return nil, driver.Errorf(driver.ErrUnavailable, "disk %s is not attached", d.id)
	}
	return d, nil
}

// Disks returns the ids of all disks that the host has a record of, in order of creation.
func (h *Hypervisor) Disks() []driver.Disk {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]driver.Disk, len(h.disks))
	for i, d := range h.disks {
		ids[i] = d.id
	}
	return ids
}

// Attached reports on how many members the disk is attached.
func (h *Hypervisor) Attached(disk driver.Disk) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d := h.disk(disk, ""); d != nil && disk != "" {
		return len(d.members)
	}
	return 0
}

// Counts returns how many calls of each method reached the host, refused ones included.
func (h *Hypervisor) Counts() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.counts)
}

// Violations returns what an engine must never do to a host, in words. What only the array can see, as a volume that
// two hosts attach, is in [Backend.Violations].
func (h *Hypervisor) Violations() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.violations)
}
