package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// QuiesceMax is how long writes are held at most where a request does not say.
const QuiesceMax = 10 * time.Second

// Quiesce asks that the hosts hold the guests' writes while snapshots are taken.
type Quiesce struct {
	// Max is the longest time that writes may be held; zero is [QuiesceMax]. A freeze that lasted longer counts as none.
	Max time.Duration `json:"max,omitempty"`
	// Required: without a freeze there is no snapshot. Otherwise it falls back to one as after a power cut, and says so.
	Required bool `json:"required,omitempty"`
}

func (q *Quiesce) validate() error {
	if q != nil && q.Max < 0 {
		return driver.Errorf(driver.ErrInvalid, "a quiesce of at most %s", q.Max)
	}
	return nil
}

// freeze is what the journal remembers of a quiesce: a lease, whose tokens are durable before any host is asked, so that
// whoever takes the operation over can end it.
type freeze struct {
	Max      time.Duration `json:"max"`
	Required bool          `json:"required,omitempty"`
	Hosts    []frozenHost  `json:"hosts,omitempty"`
	// Until is when the longest freeze is over by itself, as far as this process knows.
	Until time.Time `json:"until,omitzero"`
	// Outcome says what came of it, Flushed whether guests were told to flush, For how long writes were held.
	Outcome snapshot.Quiesce `json:"outcome,omitempty"`
	Flushed bool             `json:"flushed,omitempty"`
	For     time.Duration    `json:"for,omitempty"`
	Thawed  bool             `json:"thawed,omitempty"`
}

type frozenHost struct {
	Host  string       `json:"host"`
	Token driver.Token `json:"token"`
	LUNs  []driver.LUN `json:"luns"`
}

// prepareFreeze finds the hosts that hold the writes of all members. If one cannot, the quiesce is refused or falls back.
func (r *run) prepareFreeze(ctx context.Context, q *Quiesce) error {
	if q == nil {
		return nil
	}
	f := &freeze{Max: q.Max, Required: q.Required}
	if f.Max == 0 {
		f.Max = QuiesceMax
	}
	err := r.each(func() error { return r.addFrozen(ctx, f) })
	if err != nil && (f.Required || driver.ClassOf(err) != driver.ErrUnsupported) {
		return err
	}
	if r.d.Freeze = f; err != nil {
		f.Hosts, f.Outcome, f.Thawed = nil, snapshot.QuiesceFellBack, true
	}
	return nil
}

// addFrozen adds the LUN of the member in focus to those of its host.
func (r *run) addFrozen(ctx context.Context, f *freeze) error {
	if r.vol.Host == "" {
		return driver.Errorf(driver.ErrUnsupported, "volume %s is attached to no known host that could hold its writes", r.vol.ID)
	}
	if err := r.useHost(ctx, r.vol.Host); err != nil {
		return err
	}
	if r.h.host.Abilities().Quiescer == nil {
		return driver.Errorf(driver.ErrUnsupported, "host %q cannot quiesce", r.vol.Host)
	}
	i := slices.IndexFunc(f.Hosts, func(h frozenHost) bool { return h.Host == r.vol.Host })
	if i < 0 {
		token, err := r.e.newToken(ctx)
		if err != nil {
			return err
		}
		i = len(f.Hosts)
		f.Hosts = append(f.Hosts, frozenHost{Host: r.vol.Host, Token: token})
	}
	f.Hosts[i].LUNs = append(f.Hosts[i].LUNs, r.lun(r.vol))
	return nil
}

// freezing calls take while the hosts hold writes, and gives them free again, whatever comes. Nothing is committed in
// between: the freeze is as long as the calls. take's context ends with the freeze.
//
// An error with the effect none means that nothing was taken and nothing is frozen.
func (r *run) freezing(ctx context.Context, take func(ctx context.Context) error) error {
	f := r.d.Freeze
	if f == nil || len(f.Hosts) == 0 {
		return take(ctx)
	}
	began := time.Now()
	f.Until, f.Thawed = r.e.now().Add(f.Max), false
	frozen := r.freeze(ctx, f)
	if frozen != nil && f.Required {
		return r.thawedOr(ctx, frozen)
	}
	watchdog := time.AfterFunc(f.Max-time.Since(began), func() { r.thawAll(f.Hosts) }) // a call may hang
	defer watchdog.Stop()
	within, cancel := context.WithTimeout(ctx, max(f.Max-time.Since(began), 0))
	defer cancel()
	if frozen != nil {
		within = ctx
	}
	err := take(within)
	held := time.Since(began)
	thawed := r.thaw(ctx)
	f.Outcome, f.For = snapshot.QuiesceFrozen, held
	if frozen != nil || err != nil || held >= f.Max {
		f.Outcome, f.For, f.Flushed = snapshot.QuiesceFellBack, 0, false
	}
	switch {
	case err == nil && f.Required && f.Outcome != snapshot.QuiesceFrozen:
		return partly(driver.Errorf(driver.ErrUnavailable, "writes were held for %s at most, and the snapshots took %s", f.Max, held))
	case err != nil && thawed != nil:
		return partly(err)
	}
	return err
}

// freeze asks the hosts, one after the other.
func (r *run) freeze(ctx context.Context, f *freeze) error {
	f.Flushed = true
	for _, fh := range f.Hosts {
		h, err := r.e.hostByName(fh.Host)
		if err != nil {
			return err
		}
		q := h.host.Abilities().Quiescer
		if q == nil {
			return driver.Errorf(driver.ErrUnsupported, "host %q cannot quiesce", fh.Host)
		}
		res, err := ask(atHost(ctx, fh.Host), r, "Quiesce", func(ctx context.Context) (driver.QuiesceResult, error) {
			return q.Quiesce(ctx, driver.QuiesceRequest{LUNs: fh.LUNs, Token: fh.Token, Max: f.Max})
		})
		if err != nil {
			return fmt.Errorf("host %q: %w", fh.Host, err)
		}
		f.Flushed = f.Flushed && res.Consistent
	}
	return nil
}

// thawedOr returns the error of a quiesce that failed, once everything is free again.
func (r *run) thawedOr(ctx context.Context, err error) error {
	if r.thaw(ctx) != nil {
		return partly(err)
	}
	return &driver.Error{
		Class: driver.ClassOf(err), Effect: driver.EffectNone, Blockers: driver.BlockersOf(err), Err: err,
	}
}

// thaw ends the freeze at every host, also when the caller has gone; it is harmless when there is none.
func (r *run) thaw(ctx context.Context) error {
	f := r.d.Freeze
	if f == nil || f.Thawed {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	var all error
	for _, fh := range f.Hosts {
		h, err := r.e.hostByName(fh.Host)
		if err == nil && h.host.Abilities().Quiescer != nil {
			err = act(atHost(ctx, fh.Host), r, "Thaw", func(ctx context.Context) error {
				return h.host.Abilities().Quiescer.Thaw(ctx, fh.Token)
			})
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("host %q: %w", fh.Host, err))
		}
	}
	f.Thawed = all == nil
	return all
}

// thawAll is the watchdog's: it runs beside the run's own goroutine, and what it fails at, the run tries again.
func (r *run) thawAll(hosts []frozenHost) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.spanned(r.e.base)), r.e.opts.CallTimeout)
	defer cancel()
	for _, fh := range hosts {
		h, err := r.e.hostByName(fh.Host)
		if err != nil {
			continue
		}
		thawing, over := r.e.tel.call(ctx, attribute.String(AttrHost, fh.Host), "Thaw", r.identity()...)
		err = h.host.Abilities().Quiescer.Thaw(thawing, fh.Token)
		over(err)
		r.e.log.WarnContext(ctx, "a freeze has lasted its longest time and was ended",
			"operation", r.id.String(), "host", fh.Host, "error", err)
	}
}

const stepThaw = "Thaw"

// doThaw makes sure that nothing is frozen any more; nearly always that was done before.
func doThaw(ctx context.Context, r *run, _ driver.Attempt) error { return r.thaw(ctx) }

// inForce reports whether the operation has writes frozen, as far as its journal tells: its first step, which does it, was
// sent, and that it was ended is not written.
func (f *freeze) inForce(op inventory.Operation) bool {
	return f != nil && !f.Thawed && len(f.Hosts) > 0 && op.State.Open() &&
		len(op.Steps) > 0 && op.Steps[0].State != inventory.StepPlanned
}

// tellThaw: the step before has sent it.
func tellThaw(*run) PlannedStep {
	return PlannedStep{Does: "if something is still frozen, it goes on"}
}

// freezeCalls are those of one method, at every host that holds writes.
func (r *run) freezeCalls(method string) []PlannedCall {
	if r.d.Freeze == nil {
		return nil
	}
	var calls []PlannedCall
	for _, h := range r.d.Freeze.Hosts {
		calls = append(calls, PlannedCall{Target: TargetHost, Name: h.Host, Method: method, Mutates: true, Count: 1})
	}
	return calls
}

// thawFirst is what a process does first with an operation that it has taken over, even while the array is down.
func (r *run) thawFirst(ctx context.Context) {
	f := r.d.Freeze
	if told := r.assumed() && f != nil && !f.Thawed; !f.inForce(r.op) && !told {
		return
	}
	if err := r.thaw(ctx); err != nil {
		r.e.log.ErrorContext(ctx, "a freeze could not be ended yet; it is tried again", "operation", r.id.String(), "error", err)
	}
}
