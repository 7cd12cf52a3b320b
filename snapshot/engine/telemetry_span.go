package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// attrMost bounds what an array says of itself, in bytes.
const attrMost = 128

// traced begins the operation's span, linked to the caller's and, when it is taken up, to the first one of the operation; it
// returns ctx with it.
func (r *run) traced(ctx context.Context, attrs ...attribute.KeyValue) context.Context {
	var links []trace.Link
	caller := trace.SpanFromContext(ctx)
	for _, sc := range []trace.SpanContext{caller.SpanContext(), parseTrace(r.d.Trace)} {
		if sc.IsValid() {
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	ctx, r.span = r.e.tel.tracer.Start(ctx, SpanOperation+" "+r.kind.name,
		trace.WithNewRoot(), trace.WithLinks(links...), trace.WithAttributes(append(r.identity(), attrs...)...))
	sc := r.span.SpanContext()
	r.trace = formatTrace(sc)
	if !sc.Equal(caller.SpanContext()) {
		caller.AddLink(trace.Link{SpanContext: sc})
	}
	return ctx
}

// takenUp begins the span of an operation that was found in the journal, and counts it.
func (r *run) takenUp(ctx context.Context, was inventory.OperationState) {
	reason := takenAbandoned
	if was == inventory.Waiting {
		reason = takenForRetry
	}
	r.e.tel.takeOvers.Add(ctx, 1,
		metric.WithAttributes(attribute.String(AttrKind, r.kind.name), attribute.String(AttrTakeOver, reason)))
	r.traced(ctx, attribute.String(AttrTakeOver, reason))
}

// spanned returns ctx with the operation's span: what runs in the background has lost the context that it was begun in. A plan
// and an audit have none.
func (r *run) spanned(ctx context.Context) context.Context {
	if r.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, r.span)
}

func (r *run) identity() []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String(AttrOperation, r.id.String()), attribute.String(AttrKind, r.kind.name)}
}

// untraced ends the span of a request that did not begin, as far as this process knows, and counts it.
func (r *run) untraced(ctx context.Context, err error) {
	state := stateRefused
	if driver.ClassOf(err) == driver.ErrIndeterminate {
		state = stateLost
	}
	r.e.tel.count(ctx, r.kind.name, state)
	r.span.SetAttributes(attribute.String(AttrState, state))
	spoil(r.span, err)
	r.span.End()
}

// spanOver ends the operation's span when this process has done with it.
func (r *run) spanOver(err error) {
	state := string(r.op.State)
	if errors.Is(err, errLost) {
		state = stateLost
	}
	attrs := []attribute.KeyValue{attribute.String(AttrState, state), attribute.Int64(AttrEpoch, r.op.Epoch)}
	if r.op.State == inventory.Waiting {
		attrs = append(attrs, attribute.String(AttrWaitsFor, waitsFor(r.op)))
	}
	r.span.SetAttributes(append(attrs, volumesAttr(r.op.Volumes...))...)
	spoil(r.span, r.err)
	r.span.End()
}

func volumesAttr(ids ...snapshot.VolumeID) attribute.KeyValue {
	volumes := make([]string, len(ids))
	for i, v := range ids {
		volumes[i] = v.String()
	}
	return attribute.StringSlice(AttrVolume, volumes)
}

func waitsFor(op inventory.Operation) string {
	if op.NextAt.IsZero() {
		return waitsForPerson
	}
	return waitsForRetry
}

// stepSpan begins the span of a try of the step at the cursor; what it returns ends it.
func (r *run) stepSpan(ctx context.Context, name string, at driver.Attempt) (context.Context, func(error)) {
	step, undoing := attribute.String(AttrStep, r.op.Steps[r.op.Cursor].Name), attribute.Bool(AttrUndoing, r.op.Undoing)
	r.stepAttrs = []attribute.KeyValue{
		step, undoing, attribute.Bool(AttrResume, at.Resume), attribute.Int(AttrAttempt, r.tries),
		attribute.Int64(AttrEpoch, r.op.Epoch), volumesAttr(r.p.Volume),
	}
	ctx, span := r.e.tel.tracer.Start(ctx, name+" "+step.Value.AsString(),
		trace.WithAttributes(r.identity()...), trace.WithAttributes(r.stepAttrs...))
	began := time.Now()
	return ctx, func(err error) {
		r.stepAttrs = nil
		spoil(span, err)
		span.End()
		r.e.tel.stepTook.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
			failed(err, attribute.String(AttrKind, r.kind.name), step, undoing)...))
	}
}

// doing is the name of the span of a step that goes forward or back.
func (r *run) doing() string {
	if r.op.Undoing {
		return SpanUndo
	}
	return SpanStep
}

// callSpan begins the span of a call of the backend or host in focus; what it returns ends it.
func (r *run) callSpan(ctx context.Context, method string) (context.Context, func(error)) {
	at := attribute.String(AttrBackend, r.b.name)
	if name, ok := ctx.Value(hostKey{}).(string); ok {
		at = attribute.String(AttrHost, name)
	} else if r.h != nil && ofHost(method) {
		at = attribute.String(AttrHost, r.h.name)
	}
	if r.span == nil { // of a plan or an audit: there is no operation
		return r.e.tel.call(ctx, at, method)
	}
	return r.e.tel.call(ctx, at, method, append(r.identity(), r.stepAttrs...)...)
}

type hostKey struct{}

// atHost returns ctx for a call of a host that need not be the one in focus.
func atHost(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, hostKey{}, name)
}

// ofHost reports whether a call is one of [driver.Host] or its abilities, and not of a driver.
func ofHost(method string) bool {
	switch method {
	case "Attachments", "Detach", "Attach", "Introduce", "Withdraw", "Initiators", "Impact":
		return true
	}
	return false
}

// call begins the span of a call of a backend's driver or of a host, which at names.
func (t *telemetry) call(
	ctx context.Context, at attribute.KeyValue, method string, about ...attribute.KeyValue,
) (context.Context, func(error)) {
	attrs := []attribute.KeyValue{at, attribute.String(AttrCall, method)}
	ctx, span := t.tracer.Start(ctx, SpanCall+" "+method,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...), trace.WithAttributes(about...))
	began := time.Now()
	return ctx, func(err error) {
		spoil(span, err)
		span.End()
		t.callTook.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(failed(err, attrs...)...))
	}
}

// described asks the backend or host that at names what it is.
func described[T any](ctx context.Context, e *Engine, at attribute.KeyValue, f func(context.Context) (T, error)) (T, error) {
	ctx, over := e.tel.call(ctx, at, "Describe")
	desc, err := f(ctx)
	over(err)
	return desc, err
}

// failed adds the class of an error to the attributes of a measurement.
func failed(err error, attrs ...attribute.KeyValue) []attribute.KeyValue {
	if err == nil {
		return attrs
	}
	return append(attrs, attribute.String(AttrError, driver.ClassOf(err).Error()))
}

// spoil marks a span as failed. The text of the error stays out: it may hold what a user, or a careless driver, put into it.
func spoil(span trace.Span, err error) {
	if err == nil || !span.IsRecording() {
		return
	}
	class := driver.ClassOf(err).Error()
	attrs := []attribute.KeyValue{attribute.String(AttrError, class), attribute.String(AttrEffect, driver.EffectOf(err).String())}
	for e, ok := errors.AsType[*driver.Error](err); ok; e, ok = errors.AsType[*driver.Error](e.Err) {
		if e.RequestID != "" {
			attrs = append(attrs, attribute.String(AttrRequestID, cut(e.RequestID)))
		}
		if e.VendorCode != "" {
			attrs = append(attrs, attribute.String(AttrVendorCode, cut(e.VendorCode)))
		}
	}
	span.SetAttributes(attrs...)
	span.SetStatus(codes.Error, class)
}

// cut makes an array's word fit for an attribute.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), attrMost)], "") }

// formatTrace returns the W3C traceparent of a span, or nothing for one that is not recorded anywhere.
func formatTrace(sc trace.SpanContext) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	return carrier.Get("traceparent")
}

// parseTrace is the reverse; a text that is none is a span context that is not valid.
func parseTrace(s string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": s})
	return trace.SpanContextFromContext(ctx)
}
