package drivertest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// backendDriver is one opened driver on a [Backend]. It implements every ability; abilities says which it shows.
type backendDriver struct {
	b         *Backend
	abilities driver.Abilities
	closed    atomic.Bool
}

var (
	_ driver.Driver           = (*backendDriver)(nil)
	_ driver.Cloner           = (*backendDriver)(nil)
	_ driver.GroupSnapshotter = (*backendDriver)(nil)
	_ driver.VolumeManager    = (*backendDriver)(nil)
	_ driver.AccessController = (*backendDriver)(nil)
	_ driver.ExpirySetter     = (*backendDriver)(nil)
	_ driver.Splitter         = (*backendDriver)(nil)
	_ driver.Checker          = (*backendDriver)(nil)
)

func abilityNames() []string {
	return []string{"Cloner", "Groups", "Volumes", "Access", "Expiry", "Splitter", "Checker"}
}

func newBackendDriver(b *Backend) *backendDriver {
	d := &backendDriver{b: b}
	has := func(name string) bool { return !slices.Contains(b.opts.Without, name) }
	if has("Cloner") {
		d.abilities.Cloner = d
	}
	if has("Groups") {
		d.abilities.Groups = d
	}
	if has("Volumes") {
		d.abilities.Volumes = d
	}
	if has("Access") {
		d.abilities.Access = d
	}
	if has("Expiry") {
		d.abilities.Expiry = d
	}
	if has("Splitter") && b.facts.CloneDependence == driver.CloneUntilSplit {
		d.abilities.Splitter = d
	}
	if has("Checker") {
		d.abilities.Checker = d
	}
	return d
}

// Abilities implements [driver.Driver].
func (d *backendDriver) Abilities() driver.Abilities { return d.abilities }

// Close implements [driver.Driver].
func (d *backendDriver) Close() error {
	d.closed.Store(true)
	return nil
}

// Describe implements [driver.Driver].
func (d *backendDriver) Describe(ctx context.Context) (driver.Description, error) {
	return trip(ctx, d, route{method: "Describe"}, func() (driver.Description, error) {
		b := d.b
		return driver.Description{
			Backend: b.opts.ID, Product: "memory", Version: "1", Facts: b.facts, Limits: b.opts.Limits, Time: b.tick(),
		}, nil
	})
}

// Check implements [driver.Checker].
func (d *backendDriver) Check(ctx context.Context) ([]driver.Finding, error) {
	return trip(ctx, d, route{method: "Check", ability: "Checker"}, func() ([]driver.Finding, error) {
		return []driver.Finding{{Name: "memory", Status: driver.StatusOK, Detail: "the array is in this process"}}, nil
	})
}

// route says how a call goes to the array.
type route struct {
	method string
	// ability is the field of [driver.Abilities] that the method belongs to, if any.
	ability string
	// volume is what the call changes, for the detection of two mutations at once.
	volume driver.VolumeID
	// again marks another round trip of a call that has been counted.
	again bool
}

// trip makes one round trip: it runs work at the array, which is locked meanwhile.
func trip[R any](ctx context.Context, d *backendDriver, via route, work func() (R, error)) (R, error) {
	var none R
	if err := d.sendable(ctx, via); err != nil {
		return none, driver.In(via.method, err)
	}
	leave, err := d.b.enter(via)
	if err != nil {
		return none, driver.In(via.method, err)
	}
	defer leave()
	if d.b.opts.Latency > 0 {
		if err := sleep(ctx, d.b.opts.Latency); err != nil {
			return none, &driver.Error{Class: driver.ErrIndeterminate, Op: via.method, Err: err}
		}
	}
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	d.b.housekeep()
	r, err := work()
	if err != nil {
		return none, driver.In(via.method, err)
	}
	return r, nil
}

// sendable refuses what never leaves this machine, and what the licence does not allow.
func (d *backendDriver) sendable(ctx context.Context, via route) error {
	if slices.Contains(d.b.opts.Unlicensed, via.ability) {
		return driver.Errorf(driver.ErrUnsupported, "this array has no licence for %s", via.ability)
	}
	// A request that is on its way arrives even if its sender is gone.
	if d.closed.Load() && !isLate(ctx) {
		return driver.Errorf(driver.ErrUnavailable, "the driver is closed")
	}
	if err := ctx.Err(); err != nil {
		return driver.Errorf(driver.ErrUnavailable, "not sent: %w", err)
	}
	return nil
}

// enter counts a request in, and returns what counts it out.
func (b *Backend) enter(via route) (leave func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !via.again {
		b.counts[via.method]++
	}
	if limit := b.opts.Limits.Requests; limit > 0 && b.inflight >= limit {
		return nil, &driver.Error{
			Class: driver.ErrBusy, RetryAfter: max(b.opts.Latency, time.Millisecond),
			Err: errors.New("the array serves as many requests as it can"),
		}
	}
	b.inflight++
	key := b.lockKey(via.volume)
	if other := b.mutating[key]; key != "" && other != "" {
		b.violate("two mutations at once of %s: %s and %s", key, other, via.method)
		key = "" // the other one has it
	} else if key != "" {
		b.mutating[key] = via.method
	}
	return func() { b.leave(key) }, nil
}

func (b *Backend) leave(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inflight--
	delete(b.mutating, key)
}

// lockKey names what a mutation of the volume must have for itself.
func (b *Backend) lockKey(id driver.VolumeID) string {
	v := b.ever[id]
	switch {
	case v == nil:
		return ""
	case b.covers() == driver.UnitContainer:
		return "container " + string(v.container)
	}
	return "volume " + string(v.id)
}

// settled repeats a look-up until its ErrNotFound is conclusive: an earlier send may still take effect for a while.
func settled[R any](ctx context.Context, d *backendDriver, a driver.Attempt, look func(again bool) (R, error)) (R, error) {
	for again := false; ; again = true {
		// Read before the look, for what is not there before the time is over may come while the answer travels.
		wait := a.SentAt.Add(d.b.facts.Settle).Sub(d.b.opts.Now())
		r, err := look(again)
		if !errors.Is(err, driver.ErrNotFound) || !a.Resume || wait <= 0 {
			return r, err
		}
		if ended := sleep(ctx, min(wait, d.b.facts.Settle/8+1)); ended != nil {
			return r, driver.Errorf(driver.ErrUnavailable, "an earlier send may still take effect for %s: %w", wait, ended)
		}
	}
}
