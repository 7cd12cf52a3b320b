package drivertest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/storagesnap/storagesnap/driver"
)

// hostDriver is one opened driver of a [Hypervisor].
type hostDriver struct {
	h         *Hypervisor
	abilities driver.HostAbilities
	closed    atomic.Bool
}

var (
	_ driver.Host     = (*hostDriver)(nil)
	_ driver.Quiescer = (*hostDriver)(nil)
	_ driver.Impact   = (*hostDriver)(nil)
	_ driver.Checker  = (*hostDriver)(nil)
)

func hostAbilityNames() []string { return []string{"Quiescer", "Impact", "Checker"} }

func newHostDriver(h *Hypervisor) *hostDriver {
	d := &hostDriver{h: h}
	has := func(name string) bool { return !slices.Contains(h.opts.Without, name) }
	if has("Quiescer") {
		d.abilities.Quiescer = d
	}
	if has("Impact") {
		d.abilities.Impact = d
	}
	if has("Checker") {
		d.abilities.Checker = d
	}
	return d
}

// visit makes one call at the host, which is locked meanwhile.
func visit[R any](ctx context.Context, d *hostDriver, via route, work func() (R, error)) (R, error) {
	var none R
	if d.closed.Load() && !isLate(ctx) {
		return none, driver.In(via.method, driver.Errorf(driver.ErrUnavailable, "the host's driver is closed"))
	}
	if err := ctx.Err(); err != nil {
		return none, driver.In(via.method, driver.Errorf(driver.ErrUnavailable, "not sent: %w", err))
	}
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	if !via.again {
		d.h.counts[via.method]++
	}
	r, err := work()
	if err != nil {
		return none, driver.In(via.method, err)
	}
	return r, nil
}

// Abilities implements [driver.Host].
func (d *hostDriver) Abilities() driver.HostAbilities { return d.abilities }

// Close implements [driver.Host].
func (d *hostDriver) Close() error {
	d.closed.Store(true)
	return nil
}

// Describe implements [driver.Host].
func (d *hostDriver) Describe(ctx context.Context) (driver.HostDescription, error) {
	return visit(ctx, d, route{method: "Describe"}, func() (driver.HostDescription, error) {
		return driver.HostDescription{HostID: d.h.opts.ID, Product: "memory", Version: "1", Resign: !d.h.opts.CannotResign}, nil
	})
}

// Attachments implements [driver.Host].
func (d *hostDriver) Attachments(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
	return visit(ctx, d, route{method: "Attachments"}, func() (driver.Attachment, error) {
		disk := d.h.disk(lun.Disk, lun.Serial)
		if disk == nil {
			return driver.Attachment{LUN: lun}, nil
		}
		return disk.attachment(lun)
	})
}

// Initiators implements [driver.Host].
func (d *hostDriver) Initiators(ctx context.Context) ([]driver.Initiator, error) {
	return visit(ctx, d, route{method: "Initiators"}, func() ([]driver.Initiator, error) { return d.h.Initiators(), nil })
}

// Impact implements [driver.Impact].
func (d *hostDriver) Impact(ctx context.Context, lun driver.LUN) ([]driver.Blocker, error) {
	return visit(ctx, d, route{method: "Impact"}, func() ([]driver.Blocker, error) {
		if disk := d.h.disk(lun.Disk, lun.Serial); disk != nil {
			return disk.running(), nil
		}
		return nil, nil
	})
}

// Check implements [driver.Checker].
func (d *hostDriver) Check(ctx context.Context) ([]driver.Finding, error) {
	return visit(ctx, d, route{method: "Check"}, func() ([]driver.Finding, error) {
		detail := fmt.Sprintf("%d members, all in this process", d.h.opts.Members)
		return []driver.Finding{{Name: "pool", Status: driver.StatusOK, Detail: detail}}, nil
	})
}
