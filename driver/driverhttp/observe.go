package driverhttp

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Hooks are called around every attempt: for spans and metrics. They may be called from many goroutines at once.
type Hooks struct {
	_ [0]func()

	// Before is called when the request has its slot; the context that it returns, never nil, is the transport's.
	Before func(ctx context.Context, a Attempt) context.Context
	// After is called when the reply was read or will not come, with Before's context. What the API makes of the reply
	// is not known yet.
	After func(ctx context.Context, a Attempt)
}

// Attempt is one sending of a request, as the hooks see it. It holds no secret.
type Attempt struct {
	_ [0]func()

	// RequestID is the same for all attempts of a call until the server gives its own.
	RequestID string
	// Number counts the attempts of the call from 1.
	Number int
	Kind   Kind
	Method string
	// URL is as it may be shown.
	URL string

	// The rest is for After. Status is 0 if no reply came.
	Status int
	// ReplyBytes is the size of the reply's body.
	ReplyBytes int
	// Sent: something of the request may have reached the server.
	Sent     bool
	Duration time.Duration
	// Err is why there is no whole reply.
	Err error
}

const bodyShown = 4 << 10

func (c *Client) before(ctx context.Context, a Attempt, m *http.Request, body []byte) context.Context {
	if c.log.Enabled(ctx, slog.LevelDebug) {
		attrs := append(a.attrs(), slog.Any("header", c.options.Redact.header(m.Header)))
		c.log.LogAttrs(ctx, slog.LevelDebug, "http request", append(attrs, c.shown(body)...)...)
	}
	if c.options.Hooks.Before == nil {
		return ctx
	}
	return c.options.Hooks.Before(ctx, a)
}

func (c *Client) after(ctx context.Context, a Attempt, r *Reply) {
	if c.options.Hooks.After != nil {
		c.options.Hooks.After(ctx, a)
	}
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := append(a.attrs(), slog.Duration("duration", a.Duration))
	if a.Err != nil {
		attrs = append(attrs, slog.Bool("sent", a.Sent), slog.Any("err", a.Err))
	}
	if r != nil {
		attrs = append(attrs, slog.Int("status", r.Status), slog.Int("bytes", len(r.Body)),
			slog.Any("header", c.options.Redact.header(r.Header)))
		attrs = append(attrs, c.shown(r.Body)...)
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "http reply", attrs...)
}

func (c *Client) logAgain(s *send) {
	c.log.LogAttrs(s.ctx, slog.LevelWarn, "http request will be sent again",
		slog.String("request_id", s.id), slog.Int("attempt", s.attempts), slog.String("kind", s.kind.String()),
		slog.Duration("wait", s.wait), slog.String("err", c.options.Redact.scrub(s.err.Error())))
}

func (a Attempt) attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("request_id", a.RequestID), slog.Int("attempt", a.Number), slog.String("kind", a.Kind.String()),
		slog.String("method", a.Method), slog.String("url", a.URL),
	}
}

// shown returns the body as it may be logged, if it may. It scrubs before it cuts, so that no part of a secret at the edge
// is left over.
func (c *Client) shown(body []byte) []slog.Attr {
	if !c.options.Redact.Bodies {
		return nil
	}
	text := c.options.Redact.scrub(string(body))
	return []slog.Attr{slog.String("body", text[:min(len(text), bodyShown)])}
}
