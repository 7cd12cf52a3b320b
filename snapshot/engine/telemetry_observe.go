package engine

import (
	"context"
	"maps"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// observeTimeout is how long a scrape waits for the inventory: less than scrapers wait for us.
const observeTimeout = 2 * time.Second

// watch registers the gauges; unwatch makes sure that the inventory is not read any more.
func (t *telemetry) watch(e *Engine) error {
	reg, err := t.meter.RegisterCallback(e.observe,
		t.open, t.waiting, t.oldest, t.quiesced, t.inventoryUp, t.backendUp, t.lastCreate)
	if err != nil {
		return driver.Errorf(driver.ErrInvalid, "engine: the meter provider refuses a callback: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.registration = reg
	return nil
}

func (t *telemetry) unwatch() {
	t.mu.Lock()
	reg := t.registration
	t.registration = nil
	t.mu.Unlock()
	if reg != nil {
		_ = reg.Unregister() // it was registered, so it can be
	}
}

// observe answers a reader that collects. It never fails: what cannot be read is absent, and the rest is reported.
func (e *Engine) observe(ctx context.Context, o metric.Observer) error {
	e.tel.observeBackends(e.now(), o)
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	w, err := e.backlog(ctx)
	o.ObserveInt64(e.tel.inventoryUp, oneIf(err == nil))
	if err != nil {
		e.log.WarnContext(ctx, "open operations cannot be listed for the metrics", "error", err)
		return nil
	}
	e.tel.observeBacklog(w, o)
	return nil
}

func (t *telemetry) observeBackends(now time.Time, o metric.Observer) {
	t.mu.Lock()
	seen := maps.Clone(t.seen)
	t.mu.Unlock()
	for name, s := range seen {
		of := metric.WithAttributes(attribute.String(AttrBackend, name))
		if s.known {
			o.ObserveInt64(t.backendUp, oneIf(s.up), of)
		}
		if !s.lastCreate.IsZero() {
			o.ObserveFloat64(t.lastCreate, max(now.Sub(s.lastCreate), 0).Seconds(), of)
		}
	}
}

func (t *telemetry) observeBacklog(w backlog, o metric.Observer) {
	for of, n := range w.open {
		o.ObserveInt64(t.open, n, metric.WithAttributes(
			attribute.String(AttrKind, of.kind), attribute.String(AttrState, string(of.state))))
	}
	o.ObserveInt64(t.waiting, w.retry, metric.WithAttributes(attribute.String(AttrWaitsFor, waitsForRetry)))
	o.ObserveInt64(t.waiting, w.person, metric.WithAttributes(attribute.String(AttrWaitsFor, waitsForPerson)))
	o.ObserveInt64(t.quiesced, w.quiesced)
	o.ObserveFloat64(t.oldest, w.oldest.Seconds())
}

// backlog is what the open operations of the inventory come to.
type backlog struct {
	open                    map[kindState]int64
	retry, person, quiesced int64
	oldest                  time.Duration
}

type kindState struct {
	kind  string
	state inventory.OperationState
}

// backlog reads the open operations: one listing by index, whose length is what is under way and not what ever was.
func (e *Engine) backlog(ctx context.Context) (backlog, error) {
	w, now := backlog{open: make(map[kindState]int64)}, e.now()
	for op, err := range e.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
		if err != nil {
			return w, err
		}
		w.open[kindState{op.Kind, op.State}]++
		w.oldest = max(w.oldest, now.Sub(op.CreatedAt))
		switch {
		case op.State != inventory.Waiting:
		case op.NextAt.IsZero():
			w.person++
		default:
			w.retry++
		}
		d, err := decodeDetail(op.Detail)
		w.quiesced += oneIf(err == nil && d.Freeze.inForce(op))
	}
	return w, ctx.Err()
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
