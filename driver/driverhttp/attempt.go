package driverhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

var (
	errClosed  = driver.Errorf(driver.ErrUnavailable, "the client is closed")
	errNoReply = errors.New("the transport returned neither reply nor error")
)

// timeoutError is the cause of an attempt that took too long. It must not match context.DeadlineExceeded, for it is not the
// caller's deadline.
type timeoutError time.Duration

func (e timeoutError) Error() string { return fmt.Sprintf("it took longer than %v", time.Duration(e)) }

// RoundTrip makes one attempt: prepare, wait for a slot, send, read the whole reply. What happened is in s.last; the
// return value only keeps net/http and go-retryablehttp going. They never see the server's status and header, so net/http
// has no redirect to follow: it would carry credentials elsewhere, or repeat a mutation.
func (s *send) RoundTrip(carrier *http.Request) (*http.Response, error) {
	s.attempts++
	s.waiting = false
	s.last = outcome{}
	s.attempt(carrier.Context())
	if s.last.err != nil {
		return nil, s.last.err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: carrier}, nil
}

func (s *send) attempt(ctx context.Context) {
	c := s.client
	if c.closed.Load() {
		s.last.refuse(errClosed)
		return
	}
	r, m, err := s.prepare(ctx)
	if err != nil {
		s.last.refuse(err)
		return
	}
	// Only now: Prepare may need a slot for a login.
	if err := c.slots.acquire(ctx); err != nil {
		s.last.err = err
		return
	}
	defer c.slots.release()
	s.exchange(ctx, m, r.Body)
	if c.closed.Load() {
		c.closeIdle() // Close came in between, and this connection was in use then
	}
}

// prepare makes the attempt's own message. Every error means that nothing was sent.
func (s *send) prepare(ctx context.Context) (*Request, *http.Request, error) {
	o := s.client.options
	r := s.req.own()
	s.last.what = r.Method + " " + o.Redact.text(r.URL)
	if r.Prepare != nil {
		if err := r.Prepare(WithKind(ctx, Mutation), r); err != nil {
			return nil, nil, prepareError(err)
		}
		s.last.what = r.Method + " " + o.Redact.text(r.URL)
	}
	u, err := r.address(o.Plaintext || !overNetwork(s.client.transport))
	if err != nil {
		return nil, nil, err
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", o.UserAgent)
	}
	if id := r.Header.Get(o.RequestIDHeader); id != "" {
		s.id = id
	} else {
		r.Header.Set(o.RequestIDHeader, s.id)
	}
	m, err := r.message(ctx, u)
	return r, m, err
}

// prepareError keeps what the error says about this request. That something else was not found, or is of unknown effect,
// must not be read as this request's outcome, which is that it was not sent.
func prepareError(err error) error {
	switch class := driver.ClassOf(err); class { //nolint:exhaustive // the others are about something else
	case driver.ErrInvalid, driver.ErrPermission, driver.ErrUnsupported, driver.ErrExhausted,
		driver.ErrBusy, driver.ErrUnavailable:
		return fmt.Errorf("prepare the request: %w", err)
	}
	text := fmt.Sprintf("prepare the request: %v", err)
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return driver.Errorf(driver.ErrUnavailable, "%w: %s", ended, text)
		}
	}
	return driver.Errorf(driver.ErrUnavailable, "%s", text)
}

// exchange sends the message and reads the reply, with hooks and log records around.
func (s *send) exchange(ctx context.Context, m *http.Request, body []byte) {
	c := s.client
	limited, cancel := context.WithTimeoutCause(ctx, c.options.Timeout, timeoutError(c.options.Timeout))
	defer cancel()
	a := Attempt{
		RequestID: s.id, Number: s.attempts, Kind: s.kind, Method: m.Method, URL: c.options.Redact.url(m.URL),
	}
	ctx = c.before(limited, a, m, body)
	began := time.Now()
	ev := &evidence{kind: s.kind}
	m = m.WithContext(httptrace.WithClientTrace(ctx, ev.trace()))
	reply, err := s.receive(m)
	if err != nil {
		s.settle(limited, m, ev, err)
	} else {
		s.last.sent = true
	}
	a.Duration, a.Sent, a.Err = time.Since(began), s.last.sent, s.last.err
	if s.last.reply != nil {
		s.last.reply.Body = reply
		a.Status, a.ReplyBytes, a.RequestID = s.last.reply.Status, len(reply), s.last.reply.RequestID
	}
	c.after(ctx, a, s.last.reply)
}

// receive reads the reply into s.last. With an error there is at most its head.
func (s *send) receive(m *http.Request) ([]byte, error) {
	resp, err := s.client.transport.RoundTrip(m)
	if err != nil {
		return nil, err
	}
	if resp == nil {
		return nil, errNoReply
	}
	id := resp.Header.Get(s.client.options.RequestIDHeader)
	if id == "" {
		id = s.id
	}
	s.last.reply = &Reply{Status: resp.StatusCode, Header: resp.Header, Kind: s.kind, RequestID: id}
	if resp.Body == nil {
		return nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return readAll(resp, s.client.options.MaxReply)
}

// settle says what an attempt means that failed with err.
func (s *send) settle(ctx context.Context, m *http.Request, ev *evidence, err error) {
	never, stale := false, false
	if s.last.reply == nil {
		never, stale = ev.neverSent(err)
	}
	s.last.sent, s.last.stale = !never, stale
	if hint := untrusted(err); hint != nil {
		s.last.final = true
		err = hint
	}
	_, tooLarge := errors.AsType[tooLargeError](err)
	if late, ok := context.Cause(ctx).(timeoutError); ok { //nolint:errorlint // the very value that exchange sets
		err = late
	}
	if s.last.reply != nil {
		err = fmt.Errorf("status %s came, but not its body: %w", statusText(s.last.reply.Status), err)
	}
	s.last.err = secretsOf(m, s.client.options.Redact).clean(err, s.client.options.Redact)
	if tooLarge && s.kind == Read {
		s.last.refuse(driver.Errorf(driver.ErrInvalid, "%w", s.last.err))
	}
}

// refuse ends the call with an error that has its class already.
func (o *outcome) refuse(err error) { o.err, o.ready = err, true }

type tooLargeError int64

func (e tooLargeError) Error() string {
	return fmt.Sprintf("the reply is larger than %d bytes; ask for less at a time, or raise MaxReply", int64(e))
}

func readAll(resp *http.Response, most int64) ([]byte, error) {
	if resp.ContentLength > most {
		return nil, tooLargeError(most)
	}
	var b bytes.Buffer
	if resp.ContentLength > 0 {
		b.Grow(int(resp.ContentLength))
	}
	n, err := io.Copy(&b, io.LimitReader(resp.Body, most+1))
	if n > most {
		return nil, tooLargeError(most)
	}
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func overNetwork(t http.RoundTripper) bool {
	_, ok := t.(*http.Transport)
	return ok
}
