package engine_test

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// spans is a tracer provider that keeps what it is told.
type spans struct {
	tracenoop.TracerProvider

	mu   sync.Mutex
	all  []*span
	last uint64
}

// span is one of them; the provider's mutex guards it.
type span struct {
	tracenoop.Span

	of      *spans
	scope   string
	name    string
	kind    trace.SpanKind
	context trace.SpanContext
	parent  trace.SpanContext
	links   []trace.SpanContext
	attrs   map[string]attribute.Value
	status  codes.Code
	about   string
	ends    int
}

type tracer struct {
	tracenoop.Tracer

	of    *spans
	scope string
}

func (s *spans) Tracer(scope string, _ ...trace.TracerOption) trace.Tracer {
	return tracer{of: s, scope: scope}
}

func (t tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	config := trace.NewSpanStartConfig(opts...)
	s := &span{of: t.of, scope: t.scope, name: name, kind: config.SpanKind(), attrs: map[string]attribute.Value{}}
	for _, a := range config.Attributes() {
		s.attrs[string(a.Key)] = a.Value
	}
	for _, l := range config.Links() {
		s.links = append(s.links, l.SpanContext)
	}
	t.of.last++
	ids := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled}
	binary.BigEndian.PutUint64(ids.SpanID[:], t.of.last)
	binary.BigEndian.PutUint64(ids.TraceID[:], t.of.last)
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() && !config.NewRoot() {
		s.parent, ids.TraceID = parent, parent.TraceID()
	}
	s.context = trace.NewSpanContext(ids)
	t.of.all = append(t.of.all, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *span) SpanContext() trace.SpanContext { return s.context }
func (s *span) IsRecording() bool              { return true }

func (s *span) SetAttributes(attrs ...attribute.KeyValue) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for _, a := range attrs {
		s.attrs[string(a.Key)] = a.Value
	}
}

func (s *span) AddLink(l trace.Link) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.links = append(s.links, l.SpanContext)
}

func (s *span) SetStatus(code codes.Code, about string) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.status, s.about = code, about
}

func (s *span) End(...trace.SpanEndOption) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.ends++
}

// has requires an attribute's value, as text; an empty want is none at all.
func (s *span) has(t testing.TB, key, want string) {
	t.Helper()
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	v, ok := s.attrs[key]
	require.Equal(t, want != "", ok, "%s: %s", s.name, key)
	if ok {
		require.Equal(t, want, v.String(), "%s: %s", s.name, key)
	}
}

// named returns the spans of that name, in the order in which they began.
func (s *spans) named(name string) []*span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*span
	for _, one := range s.all {
		if one.name == name {
			found = append(found, one)
		}
	}
	return found
}

// one returns the only span of that name.
func (s *spans) one(t testing.TB, name string) *span {
	t.Helper()
	found := s.named(name)
	require.Len(t, found, 1, "spans %q of %q", name, s.names())
	return found[0]
}

func (s *spans) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.all))
	for i, one := range s.all {
		names[i] = one.name
	}
	return names
}

// clear forgets what was recorded so far.
func (s *spans) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}

// below requires that the span is a child of the other.
func (s *span) below(t testing.TB, parent *span) {
	t.Helper()
	require.Equal(t, parent.context, s.parent, "%s is below %s", s.name, parent.name)
	require.Equal(t, parent.context.TraceID(), s.context.TraceID(), s.name)
}

// linkedTo requires a link to the other, which another process may have begun.
func (s *span) linkedTo(t testing.TB, other *span) {
	t.Helper()
	require.True(t, slices.ContainsFunc(s.links, func(sc trace.SpanContext) bool {
		return sc.WithRemote(false).Equal(other.context)
	}), "%s is linked to %s", s.name, other.name)
}

// whole requires that every span was ended once, and belongs to the engine.
func (s *spans) whole(t testing.TB, scope string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.scope == scope {
			require.Equal(t, 1, one.ends, "%s was ended %d times", one.name, one.ends)
		}
	}
}

// text is all that was recorded, for what must not be in it.
func (s *spans) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, one := range s.all {
		b.WriteString(one.name + " " + one.about)
		for _, key := range slices.Sorted(maps.Keys(one.attrs)) {
			b.WriteString(" " + key + "=" + one.attrs[key].String())
		}
		b.WriteString("\n")
	}
	return b.String()
}
