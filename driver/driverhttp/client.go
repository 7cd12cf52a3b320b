package driverhttp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/storagesnap/storagesnap/driver"
)

// Client sends requests to servers under one policy. It is safe for concurrent use.
type Client struct {
	options   Options
	log       *slog.Logger
	transport http.RoundTripper
	slots     slots
	closed    atomic.Bool
}

// New makes a client. It does no I/O. Error: ErrInvalid, which names the option.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	transport, err := network(o)
	if err != nil {
		return nil, err
	}
	return &Client{options: o, log: o.Env.Log(), transport: transport, slots: make(slots, o.Requests)}, nil
}

// Do sends the request until a reply is accepted, the attempts are used up, or sending it again is not safe or not
// useful, and returns the accepted reply. The [Kind] comes from ctx. See the package documentation for the rules and for
// the errors, which all are *[driver.Error] with the request id.
func (c *Client) Do(ctx context.Context, req *Request) (*Reply, error) {
	s := newSend(ctx, c, req)
	policy := &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: s},
		RetryMax:     c.options.Attempts - 1,
		CheckRetry:   s.check,
		Backoff:      s.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	// The message is made anew for each attempt; this one only carries the context through the two libraries.
	m, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/", http.NoBody)
	if err != nil {
		return nil, s.fail(driver.ErrInvalid, err)
	}
	if done, err := policy.Do(&retryablehttp.Request{Request: m}); err == nil {
		_ = done.Body.Close()
	}
	return s.result()
}

// Close closes the connections that are not in use, and the others as soon as they are done. Later calls of Do fail with
// ErrUnavailable. A second Close does nothing.
func (c *Client) Close() error {
	if !c.closed.Swap(true) {
		c.closeIdle()
	}
	return nil
}

func (c *Client) closeIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// slots bounds the requests under way. A channel serves those who wait in the order in which they came.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) release() { <-s }

// Interface guards.
var (
	_ io.Closer         = (*Client)(nil)
	_ http.RoundTripper = (*send)(nil)
)
