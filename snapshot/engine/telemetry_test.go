package engine_test

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// observed is a world whose spans and metrics are kept; those of its making are dropped.
func observed(t *testing.T, s settings) (*world, *spans, *readings) {
	t.Helper()
	seen, read := new(spans), newReadings()
	s.opts.TracerProvider, s.opts.MeterProvider = seen, read
	w := newWorld(t, s)
	seen.clear()
	t.Cleanup(func() { w.close(); seen.whole(t, engine.Scope) })
	return w, seen, read
}

// asked is a context with a caller's span.
func asked(t *testing.T, s *spans) (context.Context, *span) {
	t.Helper()
	c, caller := s.Tracer("caller").Start(ctx(t), "request")
	return c, caller.(*span)
}

// last is the operation that was committed last.
func (w *world) last() inventory.Operation {
	w.t.Helper()
	var last inventory.Operation
	for op, err := range w.inv.Operations(ctx(w.t), inventory.OperationQuery{}) {
		require.NoError(w.t, err)
		last = op
	}
	return last
}

func TestSpansOfACreate(t *testing.T) {
	w, seen, read := observed(t, settings{})
	c, caller := asked(t, seen)
	_, err := w.eng.Create(c, engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)

	op, step, call := seen.one(t, "operation create"), seen.one(t, "step CreateSnapshot"), seen.one(t, "call CreateSnapshot")
	require.False(t, op.parent.IsValid(), "an operation is a trace of its own")
	require.NotEqual(t, caller.context.TraceID(), op.context.TraceID())
	require.Equal(t, []trace.SpanContext{caller.context}, op.links, "linked to who asked")
	require.Equal(t, []trace.SpanContext{op.context}, caller.links, "and back")
	step.below(t, op)
	call.below(t, step)
	require.Equal(t, trace.SpanKindClient, call.kind)
	id := w.last().ID.String()
	for _, s := range []*span{op, step, call} {
		s.has(t, engine.AttrOperation, id)
		s.has(t, engine.AttrKind, "create")
		s.has(t, engine.AttrError, "")
		s.has(t, engine.AttrEffect, "")
		require.Equal(t, codes.Unset, s.status, s.name)
	}
	op.has(t, engine.AttrState, "succeeded")
	op.has(t, engine.AttrEpoch, "1")
	op.has(t, engine.AttrVolume, `["`+w.volume.ID.String()+`"]`)
	for _, s := range []*span{step, call} {
		s.has(t, engine.AttrStep, "CreateSnapshot")
		s.has(t, engine.AttrUndoing, "false")
		s.has(t, engine.AttrResume, "false")
		s.has(t, engine.AttrAttempt, "1")
	}
	call.has(t, engine.AttrBackend, "array")
	call.has(t, engine.AttrHost, "")

	require.Equal(t, int64(1), read.count("storagesnap.operation.outcomes{operation.kind=create,operation.state=succeeded}"))
	require.Equal(t, 1, read.took(t, "storagesnap.operation.duration{operation.kind=create,operation.state=succeeded}"))
	require.Equal(t, 1, read.took(t, "storagesnap.step.duration{operation.kind=create,step=CreateSnapshot,undoing=false}"))
	require.Equal(t, 1, read.took(t, "storagesnap.call.duration{backend=array,call=CreateSnapshot}"))
	require.Equal(t, 1, read.took(t, "storagesnap.call.duration{backend=array,call=Describe}"))
}

// TestNothingSecretIsRecorded: a careless driver puts a password into its error, and users name their things. Neither is in
// any span or metric; what helps to find the call in the array's log is.
func TestNothingSecretIsRecorded(t *testing.T) {
	w, seen, read := observed(t, settings{})
	w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: &driver.Error{
		Class: driver.ErrPermission, RequestID: "req-7", VendorCode: "xAuth",
		Blockers: []driver.Blocker{{Kind: "vm", ID: "vm-1", Name: "swordfish"}},
		Err:      errors.New("POST https://admin:swordfish@array/json: 401"),
	}})
	_, err := w.eng.Create(ctx(t), engine.CreateRequest{
		Common: engine.Common{Actor: "secretive-actor"}, Volume: w.volume.ID, Name: "secretive-name", Owner: "secretive-owner",
		Labels: map[string]string{"secretive-label": "secretive-value"},
	})
	require.ErrorIs(t, err, driver.ErrPermission)
	require.ErrorContains(t, err, "swordfish", "else this test shows nothing")

	for _, name := range []string{"operation create", "step CreateSnapshot", "call CreateSnapshot"} {
		s := seen.one(t, name)
		require.Equal(t, codes.Error, s.status)
		require.Equal(t, "permission denied", s.about)
		s.has(t, engine.AttrError, "permission denied")
		s.has(t, engine.AttrEffect, "none")
		s.has(t, engine.AttrRequestID, "req-7")
		s.has(t, engine.AttrVendorCode, "xAuth")
	}
	seen.one(t, "operation create").has(t, engine.AttrState, "failed")
	require.Equal(t, int64(1), read.count("storagesnap.operation.outcomes{operation.kind=create,operation.state=failed}"))
	require.Equal(t, 1, read.took(t, "storagesnap.call.duration{error.type=permission denied,backend=array,call=CreateSnapshot}"))
	for _, word := range []string{"swordfish", "secretive", "admin"} {
		require.NotContains(t, seen.text(), word)
		require.NotContains(t, read.keys(), word)
	}
}

func TestSpansOfARevertThatIsUndone(t *testing.T) {
	w, seen, read := observed(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	seen.clear()
	w.faults.Add(drivertest.Fault{Method: "Revert", Err: driver.Errorf(driver.ErrInUse, "no")})
	_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
	require.ErrorIs(t, err, driver.ErrInUse)
	w.tree()

	op := seen.one(t, "operation revert")
	op.has(t, engine.AttrState, "failed")
	for _, name := range []string{"step Detach", "step Revoke", "step Revert", "undo Revoke", "undo Detach"} {
		seen.one(t, name).below(t, op)
		seen.one(t, name).has(t, engine.AttrUndoing, strconv.FormatBool(name[:4] == "undo"))
	}
	require.Equal(t, codes.Error, seen.one(t, "step Revert").status)
	seen.one(t, "call Sessions").below(t, seen.one(t, "step Revert"))
	attach := seen.one(t, "call Attach")
	attach.below(t, seen.one(t, "undo Detach"))
	attach.has(t, engine.AttrHost, "pool")
	attach.has(t, engine.AttrUndoing, "true")
	attach.has(t, engine.AttrStep, "Detach")
	seen.named("call Attachments")[0].below(t, op) // before the intent
	require.Equal(t, 1, read.took(t, "storagesnap.step.duration{operation.kind=revert,step=Detach,undoing=true}"))
	require.Equal(t, 1, read.took(t, "storagesnap.call.duration{call=Attach,host=pool}"))
}

func TestSpansOfALostReply(t *testing.T) {
	w, seen, _ := observed(t, settings{})
	w.loseReply("CreateSnapshot")
	w.create("one")
	op, step, find := seen.one(t, "operation create"), seen.one(t, "step CreateSnapshot"), seen.one(t, "find CreateSnapshot")
	require.Equal(t, codes.Unset, op.status, "it succeeded")
	require.Equal(t, "outcome unknown", step.about)
	step.has(t, engine.AttrEffect, "unknown")
	find.below(t, op)
	find.has(t, engine.AttrResume, "true")
	require.Equal(t, codes.Unset, find.status)
	seen.one(t, "call Lookup").below(t, find)
}

func TestSpansOfARefusal(t *testing.T) {
	w, seen, read := observed(t, settings{limits: driver.Limits{SnapshotsPerVolume: 1}, facts: driver.Facts{LimitUnit: driver.UnitVolume}})
	w.create("one")
	seen.clear()
	_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "two"})
	require.ErrorIs(t, err, driver.ErrExhausted)
	op := seen.one(t, "operation create")
	op.has(t, engine.AttrState, "refused")
	require.Equal(t, "limit reached", op.about)
	require.Equal(t, int64(1), read.count("storagesnap.operation.outcomes{operation.kind=create,operation.state=refused}"))
	require.Zero(t, read.count("storagesnap.operation.outcomes{operation.kind=create,operation.state=failed}"))
}

// TestSpansOfATakeOver: wherever the process dies, also while it goes back, the span of the next one leads to the first.
func TestSpansOfATakeOver(t *testing.T) {
	refused := driver.Errorf(driver.ErrInUse, "no")
	for name, fault := range map[string]*drivertest.Fault{"forward": nil, "back": {Method: "Revert", Call: 1, Err: refused}} {
		t.Run(name, func(t *testing.T) {
			undone := 0
			for n := 1; ; n++ {
				died, undoing := takeOver(t, n, fault)
				if !died {
					break
				}
				undone += undoing
			}
			require.Equal(t, fault != nil, undone > 0, "%d deaths while it went back", undone)
		})
	}
}

// takeOver lets a revert's process die at its n-th point and the next one go on.
func takeOver(t *testing.T, n int, fault *drivertest.Fault) (died bool, undoing int) {
	t.Helper()
	w, seen, read := observed(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	w.close()
	seen.clear()
	w.killer = newKiller(n)
	w.open()
	if fault != nil {
		w.faults.Add(*fault)
	}
	id := snapshot.NewID[inventory.OperationID]()
	_, _ = w.eng.Revert(ctx(t), engine.RevertRequest{Common: engine.Common{OperationID: id}, Volume: w.volume.ID, Snapshot: one.ID})
	idle(w)
	if !w.killer.isDead() {
		return false, 0
	}
	w.die()
	left, err := w.inv.Operation(ctx(t), id)
	if err != nil || !left.State.Open() {
		return true, 0
	}
	first := seen.one(t, "operation revert")
	seen.clear()
	w.open()
	idle(w)
	next := seen.one(t, "operation revert")
	next.linkedTo(t, first)
	next.has(t, engine.AttrTakeOver, "abandoned")
	next.has(t, engine.AttrEpoch, "2")
	next.has(t, engine.AttrOperation, id.String())
	require.Equal(t, int64(1), read.count("storagesnap.operation.takeovers{operation.kind=revert,takeover.reason=abandoned}"))
	if left.Undoing {
		undoing = 1
	}
	return true, undoing
}

// TestSpansAreKeptThroughARetry: what waits for time is linked, too, and says why it was taken up.
func TestSpansAreKeptThroughARetry(t *testing.T) {
	w, seen, read := observed(t, settings{})
	one := w.create("one")
	seen.clear()
	w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "lost")})
	err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID})
	require.Error(t, err)
	first := seen.named("operation delete")[0]
	first.has(t, engine.AttrState, "waiting")
	first.has(t, engine.AttrWaitsFor, "retry")
	require.Positive(t, read.count("storagesnap.operation.outcomes{operation.kind=delete,operation.state=waiting}"))
	w.faults.Clear()
	c, person := asked(t, seen)
	_ = w.eng.Retry(c, w.last().ID)
	_, err = w.eng.Wait(ctx(t), w.last().ID)
	require.NoError(t, err)
	require.NoError(t, w.eng.Idle(ctx(t)))
	all := seen.named("operation delete")
	next := all[len(all)-1]
	next.linkedTo(t, first)
	next.has(t, engine.AttrTakeOver, "retry")
	next.has(t, engine.AttrState, "succeeded")
	if len(all) == 2 { // else the engine itself was faster
		next.linkedTo(t, person)
	}
}

// TestDriversSpansNest: what a driver does with its context is below the call's span; and without a provider, below
// whatever the caller is in.
func TestDriversSpansNest(t *testing.T) {
	for name, on := range map[string]bool{"with a provider": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			w, seen, _ := observed(t, settings{})
			if !on {
				w.close()
				w.opts.TracerProvider, w.opts.MeterProvider = nil, nil
				w.open()
			}
			array := drivertest.NewBackend(drivertest.BackendOptions{ID: "another"})
			transport := seen.Tracer("transport")
			require.NoError(t, w.eng.AddBackend("spied", driver.Wrap(array.Driver(),
				func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
					ctx, span := transport.Start(ctx, "HTTP "+call.Method)
					defer span.End()
					return next(ctx)
				})))
			c, caller := asked(t, seen)
			vol, err := w.eng.Import(c, engine.ImportRequest{Backend: "spied", Native: array.AddVolume(size)})
			require.NoError(t, err)
			_, err = w.eng.Create(c, engine.CreateRequest{Volume: vol.ID, Name: "one"})
			require.NoError(t, err)
			for _, call := range []string{"Describe", "Volume", "Snapshots", "CreateSnapshot"} {
				parent := caller
				if on {
					parent = seen.one(t, "call "+call)
				}
				seen.one(t, "HTTP "+call).below(t, parent)
			}
			if !on {
				require.Empty(t, caller.links, "it is not linked to itself")
				require.Empty(t, seen.named("operation create"))
			}
		})
	}
}

// TestCallsOfAPlan: they are the caller's, and speak of no operation, since there is none.
func TestCallsOfAPlan(t *testing.T) {
	w, seen, read := observed(t, settings{host: true})
	one := w.create("one")
	seen.clear()
	c, caller := asked(t, seen)
	_, err := w.eng.Plan(c, engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
	require.NoError(t, err)
	require.Empty(t, seen.named("operation revert"))
	for _, call := range seen.named("call Attachments") {
		call.below(t, caller)
		call.has(t, engine.AttrOperation, "")
		call.has(t, engine.AttrHost, "pool")
	}
	require.NotEmpty(t, seen.named("call Attachments"))
	require.Zero(t, read.count("storagesnap.operation.outcomes{operation.kind=revert,operation.state=refused}"))
}

// TestHostsCallsAreKnown: a call that package driver adds to hosts is said to be a host's. (Those of a freeze name theirs.)
func TestHostsCallsAreKnown(t *testing.T) {
	for _, of := range []reflect.Type{reflect.TypeFor[driver.Host](), reflect.TypeFor[driver.Impact]()} {
		for m := range of.Methods() {
			switch m.Name {
			case "Abilities", "Close", "Describe": // not asked for operations
			default:
				require.True(t, engine.OfHost(m.Name), m.Name)
			}
		}
	}
	for m := range reflect.TypeFor[driver.Driver]().Methods() {
		require.False(t, engine.OfHost(m.Name), m.Name)
	}
}

// TestSpansOfAFreeze: every host's calls are said to be that host's, and the freeze is seen from outside while it lasts.
func TestSpansOfAFreeze(t *testing.T) {
	w, seen, read := observed(t, settings{host: true})
	f := w.addFar(drivertest.BackendOptions{})
	const quiesced = "storagesnap.operation.quiesced{}"
	require.Zero(t, read.scrape(t)[quiesced])
	seen.clear()
	during := int64(-1)
	w.onCall(func(method string) {
		if method == "CreateSnapshot" {
			during = read.scrape(t)[quiesced]
		}
	})
	_, err := farGroup(w, f, &engine.Quiesce{Required: true})
	require.NoError(t, err)
	require.Equal(t, int64(1), during)
	gauges := read.scrape(t)
	require.Zero(t, gauges[quiesced])
	require.Contains(t, gauges, "storagesnap.backend.last_create_age{backend=array}")
	require.Contains(t, gauges, "storagesnap.backend.last_create_age{backend=far}")

	step := seen.one(t, "step CreateGroup")
	for _, call := range []string{"Quiesce", "Thaw"} {
		both := seen.named("call " + call)
		require.Len(t, both, 2, call)
		for i, host := range []string{"pool", "far pool"} {
			both[i].below(t, step)
			both[i].has(t, engine.AttrHost, host)
			require.Equal(t, 1, read.took(t, "storagesnap.call.duration{call="+call+",host="+host+"}"))
		}
	}
	shots := seen.named("call CreateSnapshot")
	require.Len(t, shots, 2)
	shots[0].has(t, engine.AttrBackend, "array")
	shots[1].has(t, engine.AttrBackend, "far")
}

// TestWatchdogsThawIsTraced: a freeze that lasted its longest time is ended beside the run; that call is seen, too.
func TestWatchdogsThawIsTraced(t *testing.T) {
	w, seen, _ := observed(t, settings{host: true})
	var calls atomic.Int64
	w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", When: drivertest.Hang})
	w.onCall(func(method string) {
		if method == "Thaw" {
			calls.Add(1)
		}
	})
	_, _ = w.eng.Create(ctx(t), engine.CreateRequest{
		Volume: w.volume.ID, Name: "x", Quiesce: &engine.Quiesce{Max: time.Millisecond},
	})
	require.Eventually(t, func() bool {
		return calls.Load() > 0 && len(seen.named("call Thaw")) == int(calls.Load())
	}, time.Minute, time.Millisecond)
	op := seen.one(t, "operation create")
	for _, s := range seen.named("call Thaw") {
		s.has(t, engine.AttrHost, "pool")
		require.Equal(t, op.context.TraceID(), s.context.TraceID())
	}
}
