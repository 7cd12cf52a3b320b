package drivertest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// introduceNote is what Note stores: the id that the new disk will have.
type introduceNote struct {
	Disk driver.Disk `json:"disk"`
}

// Introduce implements [driver.Host].
func (d *hostDriver) Introduce(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
	via := route{method: "Introduce"}
	disk, err := visit(ctx, d, via, func() (*hostDisk, error) { return d.h.introducible(req) })
	if err != nil {
		return "", err
	}
	if err := req.Save(ctx, introduceNote{disk.id}); err != nil {
		return "", &driver.Error{Class: driver.ErrUnavailable, Op: via.method, Err: err}
	}
	via.again = true
	return visit(ctx, d, via, func() (driver.Disk, error) {
		// Another call may have come between.
		if again, err := d.h.introducible(req); err != nil {
			return "", err
		} else if slices.Contains(d.h.disks, again) {
			disk = again
		}
		return disk.id, d.h.introduce(disk, req)
	})
}

// introducible returns the disk of the token, or a new one that nobody has seen yet, or says what forbids it.
func (h *Hypervisor) introducible(req driver.IntroduceRequest) (*hostDisk, error) {
	if req.Clone && h.opts.CannotResign {
		return nil, driver.Errorf(driver.ErrUnsupported, "this host cannot give a clone a signature of its own")
	}
	for _, disk := range h.disks {
		if disk.token == req.Token {
			if disk.lun.Serial != req.LUN.Serial {
				return nil, driver.Errorf(driver.ErrConflict, "token %s introduced LUN %s", req.Token, disk.lun.Serial)
			}
			return disk, nil
		}
	}
	if other := h.disk("", req.LUN.Serial); other != nil {
		return nil, driver.Blocked(driver.ErrConflict, []driver.Blocker{{Kind: "disk", ID: string(other.id), Name: other.name}},
			"the host knows LUN %s already", req.LUN.Serial)
	}
	disk := h.newDisk("", req.LUN)
	disk.name, disk.token = req.Name, req.Token
	var note introduceNote
	if json.Unmarshal(req.Noted, &note) == nil && note.Disk != "" && h.disk(note.Disk, "") == nil {
		disk.id = note.Disk
	} else {
		disk.id = h.newID()
	}
	return disk, nil
}

// introduce re-signs a clone, and only then records and attaches the LUN.
func (h *Hypervisor) introduce(disk *hostDisk, req driver.IntroduceRequest) error {
	if !slices.Contains(h.disks, disk) {
		if err := h.meet(disk, req); err != nil {
			return err
		}
		h.disks = append(h.disks, disk)
	}
	return h.attach(disk, req.LUN, req.Path, h.everyMember())
}

// meet looks at the LUN for the first time, through the first member, and lets it go.
func (h *Hypervisor) meet(disk *hostDisk, req driver.IntroduceRequest) error {
	v, logout, err := h.b.login(req.Path, h.initiator(0), h.initiators())
	if err != nil {
		return err
	}
	defer logout()
	if err := h.verify(v, req.LUN); err != nil {
		return err
	}
	if req.Clone {
		h.b.resign(v)
	}
	if err := h.recognize(disk, v); err != nil {
		return err
	}
	disk.signature = h.b.freezeContent(v).signature
	return nil
}

func (h *Hypervisor) everyMember() []int {
	all := make([]int, h.opts.Members)
	for i := range all {
		all[i] = i
	}
	return all
}

// Withdraw implements [driver.Host].
func (d *hostDriver) Withdraw(ctx context.Context, req driver.WithdrawRequest) error {
	_, err := visit(ctx, d, route{method: "Withdraw"}, func() (struct{}, error) {
		h := d.h
		disk := h.introduced(req)
		if disk == nil {
			return struct{}{}, nil
		}
		if disk.lun.Serial != req.LUN.Serial {
			return struct{}{}, driver.Errorf(driver.ErrConflict, "disk %s is LUN %s, not %s",
				disk.id, disk.lun.Serial, req.LUN.Serial)
		}
		if running := disk.running(); len(running) > 0 {
			return struct{}{}, driver.Blocked(driver.ErrInUse, running, "disk %s is in use", disk.id)
		}
		if err := h.detach(disk); err != nil {
			return struct{}{}, err
		}
		h.disks = slices.DeleteFunc(h.disks, func(o *hostDisk) bool { return o == disk })
		return struct{}{}, nil
	})
	return err
}

// introduced finds the disk by the id, if it is known, or by the token.
func (h *Hypervisor) introduced(req driver.WithdrawRequest) *hostDisk {
	if req.Disk != "" {
		return h.disk(req.Disk, "")
	}
	for _, disk := range h.disks {
		if req.Token != "" && disk.token == req.Token {
			return disk
		}
	}
	return nil
}
