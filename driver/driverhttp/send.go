package driverhttp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// send is one call of Do. go-retryablehttp drives it: RoundTrip makes one attempt, check judges it, backoff says how long
// to wait. They run one after the other, so nothing is locked.
type send struct {
	client *Client
	ctx    context.Context //nolint:containedctx // a send is one call, and lives no longer
	kind   Kind
	req    *Request
	id     string

	attempts int
	last     outcome
	wait     time.Duration
	waiting  bool
	err      error // the judgement on last; nil accepts its reply
}

// outcome is how one attempt ended: with a whole reply, or with err.
type outcome struct {
	what  string // method and address, as they may be shown
	reply *Reply // with err set: what came of it, without the body
	err   error
	sent  bool // something of the request may have reached the server
	stale bool // a kept connection was dead before anything was written
	final bool // err does not pass by trying again
	ready bool // err has its class already, and ends the call
}

func newSend(ctx context.Context, c *Client, req *Request) *send {
	s := &send{client: c, ctx: ctx, kind: KindOf(ctx), req: req, id: rand.Text()[:16]}
	s.err = s.fail(driver.ErrUnavailable, errors.New("not sent"))
	return s
}

// check is called after each attempt and says whether to make another.
func (s *send) check(context.Context, *http.Response, error) (bool, error) {
	var again bool
	if s.last.err != nil {
		again, s.err = s.lost()
	} else {
		again, s.err = s.judge()
	}
	again = again && s.attempts < s.client.options.Attempts && s.ctx.Err() == nil && s.plan()
	if again {
		s.client.logAgain(s)
	}
	return again, nil
}

// backoff starts the wait that check has planned.
func (s *send) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	s.waiting = true
	return s.wait
}

// plan sets the wait before the next attempt. It reports false if the server asks for too long a wait, or if the caller's
// deadline comes first: then it is better to say now what is wrong.
func (s *send) plan() bool {
	o := s.client.options
	s.wait = backoff(o.BackoffMin, o.BackoffMax, s.attempts)
	if asked := retryAfterOf(s.err); asked > 0 {
		if asked > o.MaxRetryAfter {
			return false
		}
		s.wait = max(s.wait, asked)
	}
	if s.last.stale {
		// Nothing is wrong with the server, and every other kept connection is as old as this one.
		s.client.closeIdle()
		s.wait = 0
	}
	deadline, ok := s.ctx.Deadline()
	return !ok || time.Until(deadline) > s.wait
}

// judge asks the caller's Check, or the status, about a whole reply.
func (s *send) judge() (again bool, err error) {
	check := s.req.Check
	if check == nil {
		check = CheckStatus
	}
	err = check(s.last.reply)
	if err == nil {
		return false, nil
	}
	again = mayResend(s.kind, err)
	if r, ok := err.(*resend); ok { //nolint:errorlint // only the outermost mark is taken off
		err = r.error
	}
	return again, s.complete(err)
}

// lost says what follows from an attempt without a whole reply.
func (s *send) lost() (again bool, err error) {
	o := s.last
	if o.reply != nil {
		// The status alone may tell enough: a refusal stays one although its page was cut off.
		if err := CheckStatus(o.reply); err != nil && driver.EffectOf(err) == driver.EffectNone {
			return s.kind == Read && mayResend(Read, err), s.complete(err)
		}
	}
	if o.ready {
		return false, s.complete(o.err)
	}
	if err := s.ctx.Err(); err != nil && !o.final {
		return false, s.ended(err)
	}
	switch {
	case !o.sent:
		return !o.final, s.fail(driver.ErrUnavailable, fmt.Errorf("not sent: %w", o.err))
	case s.kind == Read:
		return !o.final, s.fail(driver.ErrUnavailable, fmt.Errorf("no reply: %w", o.err))
	}
	return false, s.fail(driver.ErrIndeterminate, fmt.Errorf("sent, but no reply: %w", o.err))
}

// ended is the error when the caller's context is over.
func (s *send) ended(err error) error {
	if cause := context.Cause(s.ctx); !errors.Is(cause, err) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	switch {
	case s.waiting:
		// Only in words: the class of what came before is not this error's.
		return s.fail(driver.ErrUnavailable, fmt.Errorf("%w while waiting to send it again after: %s", err, s.err.Error()))
	case !s.last.sent:
		return s.fail(driver.ErrUnavailable, fmt.Errorf("not sent: %w", err))
	case s.kind == Read:
		return s.fail(driver.ErrUnavailable, fmt.Errorf("no reply: %w", err))
	}
	return s.fail(driver.ErrIndeterminate, fmt.Errorf("sent, but no reply: %w", err))
}

// result is what Do returns.
func (s *send) result() (*Reply, error) {
	if err := s.ctx.Err(); s.waiting && err != nil {
		return nil, s.ended(err)
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.last.reply, nil
}

// fail makes an error of the transport's.
func (s *send) fail(class driver.Class, cause error) error {
	return &driver.Error{Class: class, RequestID: s.id, Err: s.named(cause)}
}

// complete makes an error of a judgement: the judge's own, with the request id and what the server asks for.
func (s *send) complete(err error) error {
	e := driver.Error{Class: s.classOf(err)}
	cause := err
	if inner, ok := errors.AsType[*driver.Error](err); ok {
		e.Effect, e.RetryAfter, e.RequestID = inner.Effect, inner.RetryAfter, inner.RequestID
		if inner == err { //nolint:errorlint // only the outermost error is completed
			e = *inner
			cause = e.Err
		}
	}
	if cause == nil {
		cause = errors.New("the server refused")
	}
	e.Err = s.named(cause)
	id := s.id
	if reply := s.last.reply; reply != nil {
		id = reply.RequestID
		if e.RetryAfter == 0 && reply.Status >= http.StatusBadRequest {
			e.RetryAfter = reply.RetryAfter()
		}
	}
	if e.RequestID == "" {
		e.RequestID = id
	}
	return &e
}

// classOf reads a judgement. One without a class says no more than that the reply was of no use.
func (s *send) classOf(err error) driver.Class {
	_, class := errors.AsType[driver.Class](err)
	_, full := errors.AsType[*driver.Error](err)
	if s.kind == Read && !class && !full {
		return driver.ErrUnavailable
	}
	return driver.ClassOf(err)
}

func (s *send) named(err error) error {
	if s.last.what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.last.what, err)
}

func retryAfterOf(err error) time.Duration {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return 0
	}
	return e.RetryAfter
}
