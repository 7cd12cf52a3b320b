package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/internal/keylock"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Options are the engine's settings; the zero value is right for most programs.
type Options struct {
	_ [0]func()

	// Logger receives the engine's records; nil discards them.
	Logger *slog.Logger
	// Clock is the engine's clock; nil is time.Now. Leases go by the store's clock, not by this one; but when this one is ahead
	// of the monotonic one, as after a suspend, the engine asks the store again before it trusts its lease.
	Clock func() time.Time
	// Owner names this process in leases. A process that is started again under the same name goes on with its operations
	// at once, so no two processes may have one name at a time. Empty means a random name: then what a dead process left
	// is taken up when its lease has ended.
	Owner string
	// TracerProvider and MeterProvider get the spans and metrics that [Scope] lists; nil records none, whatever the global
	// providers are: pass otel.GetTracerProvider() and otel.GetMeterProvider() to use those.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// OnEvent, if not nil, is told of every change of an operation, in this process. It must return soon.
	OnEvent func(Event)
	// LeaseTTL is how long an operation stays ours without a sign of life. Default 30 s.
	LeaseTTL time.Duration
	// Poll is how often operations that wait, or that others left, are looked for. Default 5 s.
	Poll time.Duration
	// CallTimeout is the longest that a call of a driver or host may take, LongCallTimeout for clones. Defaults 2 min, 6 h.
	CallTimeout     time.Duration
	LongCallTimeout time.Duration
	// Attempts is how often a step is tried before the operation waits; BackOff the first pause between tries, which
	// doubles up to MaxBackOff. Defaults 3, 200 ms, 1 min.
	Attempts   int
	BackOff    time.Duration
	MaxBackOff time.Duration
	// Requests is how many calls at once a backend gets that does not say how many it serves. Default 16.
	Requests int
	// DescribeEvery is how long a backend's description is trusted. Default 5 min.
	DescribeEvery time.Duration
	// ManualRecovery: nothing that waits or was left is taken up unless a person says so for it, by Retry, Resolve, Resume or
	// Cancel. It is for the first start on a restored backup of the inventory, whose journals may be older than what the
	// arrays have seen. Operations that this engine begins, or was told to take up, work as ever. It holds for this
	// process: start no other on the inventory meanwhile.
	ManualRecovery bool
	// Grace is how long a verb whose context ended waits for its operation to be undone before it returns. Default 10 s.
	Grace time.Duration
	// ExpiryMargin is how much later than a snapshot's expiry an array that can do so deletes it by itself, should no
	// engine be left to do it: normally Expire comes first, and the tree stays right. Default 24 h; negative tells no
	// array any expiry.
	ExpiryMargin time.Duration
}

// Event is one change of an operation.
type Event struct {
	_ [0]func()

	Operation inventory.OperationID
	Kind      string
	State     inventory.OperationState
	Volumes   []snapshot.VolumeID
	// Step is the one that has begun or failed; Undoing says that the operation goes back.
	Step    string
	Undoing bool
	Err     error
}

// Engine drives backends and hosts, and keeps the inventory. Make one with New; it is safe for concurrent use.
type Engine struct {
	inv   inventory.Inventory
	opts  Options
	kinds map[string]*kind
	log   *slog.Logger
	tel   *telemetry

	locks   keylock.Locks[string]
	sharing atomic.Bool // some backend shares containers

	mu           sync.Mutex
	installation driver.InstallationID
	backends     map[string]*backend
	hosts        map[string]*hostEntry
	runs         map[inventory.OperationID]*run
	own          map[inventory.OperationID]bool // what it began or was told to take up, for ManualRecovery
	changed      chan struct{}                  // closed and replaced whenever a run ends
	started      bool
	closing      bool

	base   context.Context //nolint:containedctx // the life of the engine; operations outlive their callers' contexts
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New returns an engine on the inventory, which stays the caller's to close. It does no I/O.
func New(inv inventory.Inventory, opts Options) (*Engine, error) {
	if inv == nil {
		return nil, driver.Errorf(driver.ErrInvalid, "engine: no inventory")
	}
	opts.fill()
	tel, err := newTelemetry(opts)
	if err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	return &Engine{
		inv: inv, opts: opts, log: opts.Logger, tel: tel, kinds: kinds(),
		backends: make(map[string]*backend), hosts: make(map[string]*hostEntry), runs: make(map[inventory.OperationID]*run),
		own:     make(map[inventory.OperationID]bool),
		changed: make(chan struct{}), base: base, cancel: cancel,
	}, nil
}

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Owner == "" {
		o.Owner = uuid.NewString()
	}
	if o.TracerProvider == nil {
		o.TracerProvider = tracenoop.NewTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = metricnoop.NewMeterProvider()
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	setDefault(&o.LeaseTTL, 30*time.Second)
	setDefault(&o.Poll, 5*time.Second)
	setDefault(&o.CallTimeout, 2*time.Minute)
	setDefault(&o.LongCallTimeout, 6*time.Hour)
	setDefault(&o.Attempts, 3)
	setDefault(&o.BackOff, 200*time.Millisecond)
	setDefault(&o.MaxBackOff, time.Minute)
	setDefault(&o.Requests, 16)
	setDefault(&o.DescribeEvery, 5*time.Minute)
	setDefault(&o.Grace, 10*time.Second)
	if o.ExpiryMargin == 0 {
		o.ExpiryMargin = 24 * time.Hour
	}
}

func setDefault[N int | time.Duration](field *N, value N) {
	if *field <= 0 {
		*field = value
	}
}

// Start takes up what this process or a dead one has left, and goes on with it in the background; it returns without
// waiting for any array. From then on operations that wait are retried, and other processes' abandoned ones are found.
// Call it once, after the backends and hosts were added; [Engine.Idle] waits until all that can be done is done.
// Errors: the inventory's; ErrInvalid for a second call, or a meter provider that refuses.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	if e.closing || e.started {
		e.mu.Unlock()
		return driver.Errorf(driver.ErrInvalid, "engine: Start is called once, before Close")
	}
	e.started = true
	e.mu.Unlock()
	if err := e.tel.watch(e); err != nil { // before anything runs
		return err
	}
	if err := e.recoverOnce(ctx, true); err != nil {
		e.tel.unwatch()
		return classified(err)
	}
	e.wg.Go(e.recoverLoop)
	e.wg.Go(e.heartbeatLoop)
	return nil
}

// Close stops the engine: no request is accepted any more, and what runs may come to its end until ctx ends. Then it is
// interrupted; the journal says how far it is, and the next engine on the inventory goes on with it. Close returns ctx's
// error if something was interrupted. A second call does nothing. Backends, hosts and inventory stay open.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	err := e.Idle(ctx)
	e.cancel()
	e.wg.Wait()
	e.tel.unwatch()
	return err
}

// Idle waits until this process works on no operation: each has ended or waits. It returns ctx's error if ctx ends first.
func (e *Engine) Idle(ctx context.Context) error {
	for {
		e.mu.Lock()
		idle, changed := len(e.runs) == 0, e.changed
		e.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// adopt registers a run, unless the engine is closing or works on the operation already: then it returns that run.
func (e *Engine) adopt(r *run) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closing:
		return nil, errClosed()
	case !e.started:
		return nil, driver.Errorf(driver.ErrInvalid, "the engine was not started: call Start first")
	}
	if other, ok := e.runs[r.id]; ok {
		return other, nil
	}
	e.runs[r.id] = r
	if e.opts.ManualRecovery {
		e.own[r.id] = true
	}
	return nil, nil //nolint:nilnil // it is registered
}

// release ends a run: whoever waits for it is told.
func (e *Engine) release(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, r.id)
	if !r.op.State.Open() {
		delete(e.own, r.id)
	}
	close(r.done)
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Engine) running(id inventory.OperationID) *run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[id]
}

func (e *Engine) now() time.Time { return micro(e.opts.Clock()) }

// newToken returns a fresh token of the inventory's installation.
func (e *Engine) newToken(ctx context.Context) (driver.Token, error) {
	id, err := e.installationID(ctx)
	if err != nil {
		return "", err
	}
	return driver.NewToken(id)
}

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
