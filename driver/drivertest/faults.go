package drivertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// When says where on its way a call meets a [Fault].
type When int

const (
	// Before: the call has no effect and fails.
	Before When = iota
	// After: the call has its effect, and its reply is lost.
	After
	// Late: the call fails at once and takes effect after Delay, whatever has become of the caller: the request that was
	// still on its way. What only reads just fails.
	Late
	// Slow: the call begins after Delay and is otherwise normal. One whose ctx ends before is never sent.
	Slow
	// Hang: the call has its effect, and nothing is heard of it until its ctx ends.
	Hang
)

// Fault is what goes wrong with a call.
type Fault struct {
	// Method is the contract's name of the call, as [driver.Call] has it; empty is any but Close.
	Method string
	// Mutation limits the fault to calls that may change something.
	Mutation bool
	// Call is which matching call meets the fault, counted from now and from 1, once; 0 is every one.
	Call int
	When When
	// Err is what the caller gets; nil is ErrUnavailable for Before, and ErrIndeterminate for After, Late and Hang.
	Err error
	// Delay is for Late and Slow.
	Delay time.Duration
}

// Faults plants faults into drivers and hosts: give its Hook to [driver.Wrap] or [driver.WrapHost], inside of
// [Pedantic], since a late call keeps no promise. The zero value has no faults. It is safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	rules  []*faultRule
	random *rand.Rand
	chance float64
	choice []Fault
	fired  int
	late   sync.WaitGroup
}

type faultRule struct {
	Fault

	seen int
}

// NewFaults returns a planter with the faults.
func NewFaults(faults ...Fault) *Faults {
	f := new(Faults)
	f.Add(faults...)
	return f
}

// Add plants faults. Where several match a call, all of them count it, and the one added first is met.
func (f *Faults) Add(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		f.rules = append(f.rules, &faultRule{Fault: fault})
	}
}

// Random makes each call that meets no planted fault meet one of the choice with the given chance, 0 to 1. Equal seeds
// give equal faults to equal sequences of calls. Call is ignored.
func (f *Faults) Random(seed uint64, chance float64, choice ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.random = rand.New(rand.NewPCG(seed, seed))
	f.chance, f.choice = chance, choice
}

// Clear removes all faults, random ones too. Late effects that are on their way still come.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.chance = nil, 0
}

// Fired returns how many calls have met a fault.
func (f *Faults) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Wait returns when all late effects have come. Call it before the test ends, with no call under way.
func (f *Faults) Wait() { f.late.Wait() }

// Hook returns the hook that makes calls meet the faults.
func (f *Faults) Hook() driver.Hook {
	return func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		if fault, ok := f.meet(call); ok {
			return f.play(ctx, fault, call, next)
		}
		return next(ctx)
	}
}

// meet counts the call and returns the fault that it meets.
func (f *Faults) meet(call *driver.Call) (met Fault, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rules {
		if !rule.matches(call) {
			continue
		}
		rule.seen++
		if !ok && (rule.Call == 0 || rule.Call == rule.seen) {
			met, ok = rule.Fault, true
		}
	}
	if !ok {
		met, ok = f.roll(call)
	}
	if ok {
		f.fired++
	}
	return met, ok
}

// roll decides whether the call meets a random fault.
func (f *Faults) roll(call *driver.Call) (Fault, bool) {
	if f.chance <= 0 || f.random.Float64() >= f.chance {
		return Fault{}, false
	}
	var fitting []Fault
	for _, fault := range f.choice {
		if fault.matches(call) {
			fitting = append(fitting, fault)
		}
	}
	if len(fitting) == 0 {
		return Fault{}, false
	}
	return fitting[f.random.IntN(len(fitting))], true
}

func (f Fault) matches(call *driver.Call) bool {
	if f.Mutation && !call.Mutation {
		return false
	}
	return f.Method == call.Method || f.Method == "" && call.Method != "Close"
}

// play lets the call meet the fault.
func (f *Faults) play(ctx context.Context, fault Fault, call *driver.Call, next func(context.Context) error) error {
	switch fault.When {
	case Before:
	case After:
		_ = next(ctx) // whatever the reply was, it is lost
	case Late:
		if call.Mutation {
			f.later(ctx, fault.Delay, next)
		}
	case Slow:
		if err := sleep(ctx, fault.Delay); err != nil {
			return &driver.Error{Class: driver.ErrUnavailable, Op: call.Method, Err: err}
		}
		return next(ctx)
	case Hang:
		_ = next(ctx) // whatever the reply was, it never comes
		<-ctx.Done()
		return &driver.Error{Class: driver.ErrIndeterminate, Op: call.Method, Err: ctx.Err()}
	}
	return fault.error(call.Method)
}

// later lets the call take effect in a while.
func (f *Faults) later(ctx context.Context, delay time.Duration, next func(context.Context) error) {
	ctx = context.WithValue(context.WithoutCancel(ctx), lateKey{}, true)
	f.late.Go(func() {
		if sleep(ctx, delay) == nil {
			_ = next(ctx) // nobody listens any more
		}
	})
}

func (f Fault) error(method string) error {
	switch {
	case f.Err != nil:
		return f.Err
	case f.When == Before:
		return &driver.Error{Class: driver.ErrUnavailable, Op: method, Err: errors.New("planted: the call was never sent")}
	}
	return &driver.Error{Class: driver.ErrIndeterminate, Op: method, Err: errors.New("planted: the reply was lost")}
}

type lateKey struct{}

// isLate reports whether the call is a request that arrives although its sender has given up on it.
func isLate(ctx context.Context) bool { return ctx.Value(lateKey{}) != nil }
