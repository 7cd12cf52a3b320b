package drivertest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/storagesnap/storagesnap/driver"
)

// Pedantic returns d with a check of every call: it fails the test when the caller breaks a promise that
// [driver.Driver] makes to its implementations. It checks the engine, not the driver: the call goes on in any case.
//
// What it remembers of tokens dies with it. For a test in which several processes follow one another, or that has several
// drivers and hosts, use [NewPedant].
func Pedantic(tb testing.TB, d driver.Driver, facts driver.Facts) driver.Driver {
	tb.Helper()
	return NewPedant(tb, facts).Driver(d)
}

// PedanticHost returns h with a check of every call, as [Pedantic] does for drivers.
func PedanticHost(tb testing.TB, h driver.Host) driver.Host {
	tb.Helper()
	return NewPedant(tb, driver.Facts{}).Host(h)
}

// Pedant remembers the tokens that an installation has used, through all drivers and hosts that it wraps. It is safe for
// concurrent use.
type Pedant struct {
	tb    testing.TB
	facts driver.Facts

	mu         sync.Mutex
	effects    map[driver.Token]effect
	sent       map[sending]bool
	containers map[driver.VolumeID]driver.ContainerID
	renamed    map[driver.VolumeID]driver.VolumeID // by reverts
	limits     driver.Limits
}

// NewPedant returns a pedant without memories. Facts are those of the drivers that it will wrap.
func NewPedant(tb testing.TB, facts driver.Facts) *Pedant {
	tb.Helper()
	return &Pedant{
		tb: tb, facts: facts,
		effects:    map[driver.Token]effect{},
		sent:       map[sending]bool{},
		containers: map[driver.VolumeID]driver.ContainerID{},
		renamed:    map[driver.VolumeID]driver.VolumeID{},
	}
}

// Driver returns d with a check of every call.
func (p *Pedant) Driver(d driver.Driver) driver.Driver {
	w := &pedantic{Pedant: p, expires: d.Abilities().Expiry != nil, busy: map[string]string{}}
	return driver.Wrap(d, w.hook)
}

// Host returns h with a check of every call.
func (p *Pedant) Host(h driver.Host) driver.Host {
	w := &pedantic{Pedant: p, busy: map[string]string{}}
	return driver.WrapHost(h, w.hook)
}

// pedantic watches one opened driver or host.
type pedantic struct {
	*Pedant

	expires bool
	closed  bool
	busy    map[string]string // the method that mutates, by what it has for itself
}

func (w *pedantic) hook(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
	w.tb.Helper()
	keys := w.before(ctx, call)
	err := next(ctx)
	w.after(call, keys)
	return err
}

// before checks the call and returns what it has for itself until it is over.
func (w *pedantic) before(ctx context.Context, call *driver.Call) (keys []string) {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if call.Method == "Close" {
		w.closed = true
		return nil
	}
	if w.closed {
		w.complain(call, "the driver is closed")
	}
	if _, has := ctx.Deadline(); !has {
		w.complain(call, "ctx has no deadline")
	}
	w.checkShape(call)
	w.checkIdentity(call)
	if call.Mutation {
		keys = w.claim(call)
	}
	return keys
}

// after learns from the call's result.
func (w *pedantic) after(call *driver.Call, keys []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		delete(w.busy, key)
	}
	switch r := call.Result.(type) {
	case driver.Volume:
		w.containers[r.ID] = r.Container
	case driver.RevertResult:
		if req, ok := call.Request.(driver.RevertRequest); ok && req.Volume != r.Volume {
			w.renamed[req.Volume] = r.Volume
		}
	case driver.Description:
		w.limits = r.Limits
	}
}

// claim notes what the mutation has for itself, and complains if another one has it.
func (w *pedantic) claim(call *driver.Call) (keys []string) {
	w.tb.Helper()
	for _, key := range w.touched(call.Request) {
		if other := w.busy[key]; other != "" {
			w.complain(call, "%s is still changing %s: one mutation at a time", other, key)
			continue
		}
		w.busy[key] = call.Method
		keys = append(keys, key)
	}
	return keys
}

// touched names what a request changes: volumes, or containers where the facts make siblings share, or LUNs.
func (w *pedantic) touched(request any) []string {
	var keys []string
	for _, id := range changes(request) {
		for w.renamed[id] != "" {
			id = w.renamed[id]
		}
		key := "volume " + string(id)
		shared := w.facts.SnapshotUnit == driver.UnitContainer || w.facts.RevertUnit == driver.UnitContainer
		if c := w.containers[id]; shared && c != "" {
			key = "container " + string(c)
		}
		if !slices.Contains(keys, key) { // a group may have several volumes of one container
			keys = append(keys, key)
		}
	}
	if serial := changesLUN(request); serial != "" {
		keys = append(keys, "LUN "+serial)
	}
	return keys
}

// complain fails the test with a sentence about the call.
func (p *Pedant) complain(call *driver.Call, format string, args ...any) {
	p.tb.Helper()
	p.tb.Errorf("the engine broke a promise in its call of %s: "+format, append([]any{call.Method}, args...)...)
}
