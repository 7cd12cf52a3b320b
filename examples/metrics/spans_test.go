package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestSpansReachTheSDK: with the real SDK, an operation is one trace, linked to the caller's, whose calls are below its steps.
func TestSpansReachTheSDK(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(kept))
	ctx, caller := provider.Tracer("caller").Start(t.Context(), "request")
	err := withEngine(ctx, engine.Options{TracerProvider: provider}, func(w work) error { return w.do(ctx) })
	caller.End()
	require.NoError(t, err)

	byName := map[string][]tracetest.SpanStub{}
	for _, s := range kept.GetSpans() {
		byName[s.Name] = append(byName[s.Name], s)
		if s.Name != "request" {
			require.Equal(t, engine.Scope, s.InstrumentationScope.Name)
		}
	}
	for name, n := range map[string]int{
		"operation import": 2, "operation create": 2, "operation revert": 1, "operation delete": 1,
		"step CreateSnapshot": 2, "call CreateSnapshot": 2, "step Revert": 1, "call Revert": 1, "call Describe": 1,
	} {
		require.Len(t, byName[name], n, name)
	}
	op, step, call := byName["operation revert"][0], byName["step Revert"][0], byName["call Revert"][0]
	require.False(t, op.Parent.IsValid())
	require.Len(t, op.Links, 1)
	require.Equal(t, caller.SpanContext(), op.Links[0].SpanContext)
	require.Equal(t, op.SpanContext.SpanID(), step.Parent.SpanID())
	require.Equal(t, step.SpanContext.SpanID(), call.Parent.SpanID())
	require.Equal(t, op.SpanContext.TraceID(), call.SpanContext.TraceID())
	require.Contains(t, call.Attributes, attribute.String(engine.AttrBackend, "images"))
	require.Len(t, byName["request"][0].Links, 6, "one for each operation")

	refused := byName["operation import"][1]
	require.Equal(t, codes.Error, refused.Status.Code)
	require.Equal(t, "not found", refused.Status.Description)
	require.Contains(t, refused.Attributes, attribute.String(engine.AttrState, "refused"))
}
