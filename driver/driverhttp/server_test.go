package driverhttp_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// quick are options whose waits do not slow the tests down.
func quick() driverhttp.Options {
	return driverhttp.Options{BackoffMin: time.Microsecond, BackoffMax: time.Microsecond}
}

func newClient(t *testing.T, o driverhttp.Options) *driverhttp.Client {
	t.Helper()
	c, err := driverhttp.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func read(t *testing.T) context.Context {
	t.Helper()
	return driverhttp.WithKind(t.Context(), driverhttp.Read)
}

// requireError checks the class and that the error is a complete driver error.
func requireError(t *testing.T, err error, class driver.Class) {
	t.Helper()
	require.NotNil(t, driverError(t, err, class))
}

// driverError is requireError for those who want to look further.
func driverError(t *testing.T, err error, class driver.Class) *driver.Error {
	t.Helper()
	require.Error(t, err)
	e, ok := err.(*driver.Error) //nolint:errorlint // the outermost error is what the contract speaks of
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, class.Error(), e.Class.Error(), "%v", err)
	require.NotEmpty(t, e.RequestID, "%v", err)
	return e
}

// peer is a server on a raw socket. It counts the requests that arrived whole: the number that may have had an effect.
type peer struct {
	addr    string
	arrived atomic.Int32
	conns   atomic.Int32
	stop    chan struct{}
}

// turn handles connection number n, from 1. It returns to close it.
type turn func(p *peer, n int, c *net.TCPConn)

func newPeer(t *testing.T, handle turn) *peer {
	t.Helper()
	return newPeerAt(t, "127.0.0.1:0", handle)
}

func newPeerAt(t *testing.T, addr string, handle turn) *peer {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	p := &peer{addr: l.Addr().String(), stop: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(p.conns.Add(1))
			tcp := c.(*net.TCPConn)
			done := make(chan struct{})
			wg.Go(func() {
				defer close(done)
				handle(p, n, tcp)
				_ = tcp.Close()
			})
			wg.Go(func() {
				select {
				case <-p.stop:
					_ = tcp.Close()
				case <-done:
				}
			})
		}
	})
	t.Cleanup(func() {
		close(p.stop)
		_ = l.Close()
		wg.Wait()
	})
	return p
}

func (p *peer) url() string { return "http://" + p.addr + "/rpc" }

// take reads one whole request and counts it.
func (p *peer) take(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	p.arrived.Add(1)
	return true
}

// reset closes the connection so that the other side sees a reset instead of an end.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// unused returns an address on which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// counted is an HTTP server that counts requests.
func counted(t *testing.T, handle func(n int32, w http.ResponseWriter, r *http.Request)) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		handle(n.Add(1), w, r)
	}))
	t.Cleanup(s.Close)
	return s, &n
}
