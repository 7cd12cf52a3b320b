package driverhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	maxReplyHeader   = 256 << 10
)

// network returns what sends the requests: our own transport, the embedder's under watch, or the embedder's as it is.
func network(o Options) (http.RoundTripper, error) {
	if o.Env.Transport != nil && !o.TLS.isZero() {
		return nil, driver.Errorf(driver.ErrInvalid,
			"driverhttp: TLS options have no effect on the program's own transport; configure its trust there, leave TLS empty")
	}
	switch t := o.Env.Transport.(type) {
	case nil:
		return ownTransport(o)
	case *http.Transport:
		return watch(t.Clone()), nil
	default:
		return t, nil
	}
}

func ownTransport(o Options) (http.RoundTripper, error) {
	config, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		DialTLSContext:         dialTLS(dialer, config),
		MaxIdleConns:           o.Requests,
		MaxIdleConnsPerHost:    o.Requests,
		IdleConnTimeout:        o.IdleTimeout,
		MaxResponseHeaderBytes: maxReplyHeader,
	}
	return watch(t), nil
}

// dialTLS does the handshake itself, so that the watched connection is the one that carries HTTP: what TLS writes of its
// own accord, such as a farewell on a dead connection, is not taken for a part of the request.
func dialTLS(dialer *net.Dialer, config *tls.Config) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := config.Clone()
		if c.ServerName == "" {
			c.ServerName, _, _ = net.SplitHostPort(addr)
		}
		conn := tls.Client(raw, c)
		ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errHandshake)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			if context.Cause(ctx) == errHandshake { //nolint:errorlint // the very value that was set above
				err = errHandshake
			}
			return nil, &net.OpError{Op: "dial", Net: network, Addr: raw.RemoteAddr(), Err: err}
		}
		return conn, nil
	}
}

var errHandshake = errors.New("no TLS handshake in time")

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// watch makes the transport's connections tell what is written to them. HTTP/1.1 only: it is what arrays speak, and with
// one request at a time on a connection its bytes say whose they are.
func watch(t *http.Transport) *http.Transport {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	if c := t.TLSClientConfig; c != nil {
		c.NextProtos = slices.DeleteFunc(slices.Clone(c.NextProtos), func(p string) bool { return p == "h2" })
	}
	dial, dialTLS := dialers(t)
	t.DialContext, t.DialTLSContext = watched(dial), watched(dialTLS)
	return t
}

// dialers returns how the transport dials. The embedder's may still use the fields without a context.
func dialers(t *http.Transport) (dial, dialTLS dialFunc) {
	dial, dialTLS = t.DialContext, t.DialTLSContext
	old, oldTLS := t.Dial, t.DialTLS //nolint:staticcheck // see above
	if dial == nil && old != nil {
		dial = func(_ context.Context, network, addr string) (net.Conn, error) { return old(network, addr) }
	}
	if dialTLS == nil && oldTLS != nil {
		dialTLS = func(_ context.Context, network, addr string) (net.Conn, error) { return oldTLS(network, addr) }
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return dial, dialTLS
}

func watched(dial dialFunc) dialFunc {
	if dial == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: c}, nil
	}
}

// saysNeverSent reads the error of a transport that leaves no other evidence.
func saysNeverSent(err error) bool {
	op, dialled := errors.AsType[*net.OpError](err)
	return driver.ClassOf(err) == driver.ErrUnavailable || (dialled && op.Op == "dial")
}
