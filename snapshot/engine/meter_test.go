package engine_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
)

// readings is a meter provider that keeps what it is told, by name{attribute=value,…} without the keys' prefixes.
type readings struct {
	metricnoop.MeterProvider

	refuses string // a metric, or "callback"

	mu        sync.Mutex
	counters  map[string]int64
	times     map[string][]float64
	units     map[string]string
	callbacks []*callback
}

type callback struct {
	metricnoop.Registration

	of  *readings
	f   metric.Callback
	off bool
}

func newReadings() *readings {
	return &readings{counters: map[string]int64{}, times: map[string][]float64{}, units: map[string]string{}}
}

type meter struct {
	metricnoop.Meter

	of *readings
}

func (r *readings) Meter(string, ...metric.MeterOption) metric.Meter { return meter{of: r} }

func key(name string, set attribute.Set) string {
	return name + "{" + strings.ReplaceAll(set.Encoded(attribute.DefaultEncoder()), "storagesnap.", "") + "}"
}

type counter struct {
	metricnoop.Int64Counter

	of   *readings
	name string
}

func (m meter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	m.of.made(name, metric.NewInt64CounterConfig(opts...).Unit())
	return counter{of: m.of, name: name}, m.of.refusal(name)
}

func (c counter) Add(_ context.Context, n int64, opts ...metric.AddOption) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.counters[key(c.name, metric.NewAddConfig(opts).Attributes())] += n
}

type histogram struct {
	metricnoop.Float64Histogram

	of   *readings
	name string
}

func (m meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	m.of.made(name, metric.NewFloat64HistogramConfig(opts...).Unit())
	return histogram{of: m.of, name: name}, m.of.refusal(name)
}

func (h histogram) Record(_ context.Context, v float64, opts ...metric.RecordOption) {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	k := key(h.name, metric.NewRecordConfig(opts).Attributes())
	h.of.times[k] = append(h.of.times[k], v)
}

type intGauge struct {
	metricnoop.Int64ObservableGauge

	name string
}

type floatGauge struct {
	metricnoop.Float64ObservableGauge

	name string
}

func (m meter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	m.of.made(name, metric.NewInt64ObservableGaugeConfig(opts...).Unit())
	return intGauge{name: name}, m.of.refusal(name)
}

func (m meter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	m.of.made(name, metric.NewFloat64ObservableGaugeConfig(opts...).Unit())
	return floatGauge{name: name}, m.of.refusal(name)
}

func (m meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	c := &callback{of: m.of, f: f}
	m.of.callbacks = append(m.of.callbacks, c)
	return c, m.of.refusal("callback")
}

func (c *callback) Unregister() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.off = true
	return nil
}

func (r *readings) refusal(name string) error {
	if name == r.refuses {
		return errors.New(name + " is refused")
	}
	return nil
}

func (r *readings) made(name, unit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units[name] = unit
}

type scrape struct {
	metricnoop.Observer

	// gauges are rounded to whole numbers.
	gauges map[string]int64
}

func (s scrape) ObserveInt64(o metric.Int64Observable, v int64, opts ...metric.ObserveOption) {
	s.gauges[key(o.(intGauge).name, metric.NewObserveConfig(opts).Attributes())] = v
}

func (s scrape) ObserveFloat64(o metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	s.gauges[key(o.(floatGauge).name, metric.NewObserveConfig(opts).Attributes())] = int64(math.Round(v))
}

// scrape is what a reader gets of the gauges that are registered. A callback must never fail.
func (r *readings) scrape(t testing.TB) map[string]int64 {
	t.Helper()
	r.mu.Lock()
	var live []metric.Callback
	for _, c := range r.callbacks {
		if !c.off {
			live = append(live, c.f)
		}
	}
	r.mu.Unlock()
	s := scrape{gauges: map[string]int64{}}
	for _, f := range live {
		require.NoError(t, f(ctx(t), s))
	}
	return s.gauges
}

func (r *readings) count(key string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counters[key]
}

// took returns how often a duration was recorded; none may be negative.
func (r *readings) took(t testing.TB, key string) int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.times[key] {
		require.GreaterOrEqual(t, v, 0.0, key)
	}
	return len(r.times[key])
}

// keys are all series that were written, for what must not be in them.
func (r *readings) keys() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for k := range r.counters {
		b.WriteString(k + "\n")
	}
	for k := range r.times {
		b.WriteString(k + "\n")
	}
	return b.String()
}
