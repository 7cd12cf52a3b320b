package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// telemetry is the engine's tracer and its instruments, and what gauges say that the inventory does not know.
type telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter

	outcomes, takeOvers               metric.Int64Counter
	operationTook, stepTook, callTook metric.Float64Histogram
	open, waiting, quiesced           metric.Int64ObservableGauge
	inventoryUp, backendUp            metric.Int64ObservableGauge
	oldest, lastCreate                metric.Float64ObservableGauge
	registration                      metric.Registration

	mu   sync.Mutex
	seen map[string]backendSeen
}

// backendSeen is how a backend was met last.
type backendSeen struct {
	known, up  bool
	lastCreate time.Time
}

// newTelemetry makes the instruments. Errors: those of the meter, as ErrInvalid.
func newTelemetry(opts Options) (*telemetry, error) {
	t := &telemetry{
		tracer: opts.TracerProvider.Tracer(Scope), meter: opts.MeterProvider.Meter(Scope), seen: make(map[string]backendSeen),
	}
	m := instruments{meter: t.meter}
	t.outcomes = m.counter(MetricOutcomes, "Operations by the state that this process brought them to.")
	t.takeOvers = m.counter(MetricTakeOvers, "Operations that this process took up from their journal.")
	t.operationTook = m.duration(MetricOperationDuration, "Time from the request to the end of the operation.")
	t.stepTook = m.duration(MetricStepDuration, "Time that one try of a step took.")
	t.callTook = m.duration(MetricCallDuration, "Time that a call of a driver or host took.")
	t.open = m.gauge(MetricOpen, "{operation}", "Operations that have not ended.")
	t.waiting = m.gauge(MetricWaiting, "{operation}", "Operations that wait for a retry or for a person.")
	t.quiesced = m.gauge(MetricQuiesced, "{operation}", "Operations that have, or may have, frozen a guest.")
	t.inventoryUp = m.gauge(MetricInventoryUp, "", "Whether the open operations could be listed.")
	t.backendUp = m.gauge(MetricBackendUp, "", "Whether the backend answered last.")
	t.oldest = m.age(MetricOldestAge, "Time since the oldest open operation was asked for.")
	t.lastCreate = m.age(MetricLastCreateAge, "Time since this process last made a snapshot on the backend.")
	if err := errors.Join(m.errs...); err != nil {
		return nil, driver.Errorf(driver.ErrInvalid, "engine: the meter provider refuses an instrument: %w", err)
	}
	return t, nil
}

// instruments makes instruments and collects the errors.
type instruments struct {
	meter metric.Meter
	errs  []error
}

func (m *instruments) counter(name, what string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit("{operation}"), metric.WithDescription(what))
	m.errs = append(m.errs, err)
	return c
}

// duration: calls take milliseconds, a clone takes hours.
func (m *instruments) duration(name, what string) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200))
	m.errs = append(m.errs, err)
	return h
}

func (m *instruments) gauge(name, unit, what string) metric.Int64ObservableGauge {
	g, err := m.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.errs = append(m.errs, err)
	return g
}

func (m *instruments) age(name, what string) metric.Float64ObservableGauge {
	g, err := m.meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(what))
	m.errs = append(m.errs, err)
	return g
}

// count adds an operation that came to a state, or was refused.
func (t *telemetry) count(ctx context.Context, kind, state string) {
	t.outcomes.Add(ctx, 1, metric.WithAttributes(attribute.String(AttrKind, kind), attribute.String(AttrState, state)))
}

// ended counts an operation that ended. A success that made snapshots is remembered for their backends.
func (t *telemetry) ended(ctx context.Context, r *run, state inventory.OperationState) {
	t.count(ctx, r.op.Kind, string(state))
	now := r.e.now()
	t.operationTook.Record(ctx, max(now.Sub(r.op.CreatedAt), 0).Seconds(),
		metric.WithAttributes(attribute.String(AttrKind, r.op.Kind), attribute.String(AttrState, string(state))))
	if state != inventory.Succeeded {
		return
	}
	for _, m := range r.members {
		if m.b != nil && m.p.Made != nil {
			t.meet(m.b.name, func(s *backendSeen) { s.lastCreate = now })
		}
	}
}

// meet changes what is remembered of a backend.
func (t *telemetry) meet(name string, change func(*backendSeen)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.seen[name]
	change(&s)
	t.seen[name] = s
}

// answered remembers whether a backend answered.
func (t *telemetry) answered(name string, err error) {
	t.meet(name, func(s *backendSeen) { s.known, s.up = true, err == nil })
}

// forget drops what is remembered of a backend that was removed.
func (t *telemetry) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, name)
}
