package drivertest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// freeze is one quiesce that has not been thawed.
type freeze struct {
	serials []string
	until   time.Time
}

// FreezeStats counts freezes.
type FreezeStats struct {
	// Started counts Quiesce calls that froze something, Thawed those ended by Thaw, and Expired those that the host
	// had to end itself.
	Started, Thawed, Expired int
}

// Quiesce implements [driver.Quiescer].
func (d *hostDriver) Quiesce(ctx context.Context, req driver.QuiesceRequest) (driver.QuiesceResult, error) {
	return visit(ctx, d, route{method: "Quiesce"}, func() (driver.QuiesceResult, error) {
		h := d.h
		h.expireFreezes()
		if f := h.freezes[req.Token]; f != nil {
			return driver.QuiesceResult{Consistent: !h.opts.CrashOnly, Until: f.until}, nil
		}
		f := &freeze{until: h.opts.Now().Add(req.Max)}
		for _, lun := range req.LUNs {
			if other := h.frozenBy(lun.Serial); other != "" {
				return driver.QuiesceResult{}, driver.Blocked(driver.ErrBusy,
					[]driver.Blocker{{Kind: "freeze", ID: string(other)}}, "LUN %s is frozen already", lun.Serial)
			}
			f.serials = append(f.serials, lun.Serial)
		}
		h.freezes[req.Token] = f
		h.stats.Started++
		return driver.QuiesceResult{Consistent: !h.opts.CrashOnly, Until: f.until}, nil
	})
}

// Thaw implements [driver.Quiescer].
func (d *hostDriver) Thaw(ctx context.Context, token driver.Token) error {
	_, err := visit(ctx, d, route{method: "Thaw"}, func() (struct{}, error) {
		d.h.expireFreezes()
		if d.h.freezes[token] != nil {
			delete(d.h.freezes, token)
			d.h.stats.Thawed++
		}
		return struct{}{}, nil
	})
	return err
}

// expireFreezes ends what lasts too long.
func (h *Hypervisor) expireFreezes() {
	now := h.opts.Now()
	maps.DeleteFunc(h.freezes, func(_ driver.Token, f *freeze) bool {
		over := !f.until.After(now)
		if over {
			h.stats.Expired++
		}
		return over
	})
}

func (h *Hypervisor) frozenBy(serial string) driver.Token {
	for token, f := range h.freezes {
		if slices.Contains(f.serials, serial) {
			return token
		}
	}
	return ""
}

// Frozen returns the tokens of the freezes that last now, sorted.
func (h *Hypervisor) Frozen() []driver.Token {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expireFreezes()
	return slices.Sorted(maps.Keys(h.freezes))
}

// Freezes returns how many freezes there have been.
func (h *Hypervisor) Freezes() FreezeStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expireFreezes()
	return h.stats
}
