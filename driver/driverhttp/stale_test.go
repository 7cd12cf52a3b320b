package driverhttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

const okKeepAlive = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// warm is a server that answers the first request of its first connection, takes the second and closes without an answer:
// the case in which net/http sends some requests again by itself. Other connections are served well.
func warm(p *peer, n int, c *net.TCPConn) {
	r := bufio.NewReader(c)
	for i := 0; p.take(r); i++ {
		if n == 1 && i == 1 {
			return
		}
		_, _ = io.WriteString(c, okKeepAlive)
	}
}

func TestNetHTTPDoesNotRepeatMutations(t *testing.T) {
	tests := []struct {
		name string
		req  driverhttp.Request
	}{
		{"POST", driverhttp.Request{Body: []byte("{}")}},
		{"POST without a body", driverhttp.Request{}},
		{"GET", driverhttp.Request{Method: http.MethodGet}},
		{"DELETE", driverhttp.Request{Method: http.MethodDelete}},
		{"idempotency key", driverhttp.Request{Body: []byte("{}"), Header: http.Header{"Idempotency-Key": {"1"}}}},
		{"idempotency key without a body", driverhttp.Request{Header: http.Header{"X-Idempotency-Key": {"1"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, warm)
			c := newClient(t, quick())
			tt.req.URL = p.url()
			_, err := c.Do(t.Context(), &tt.req)
			require.NoError(t, err)
			_, err = c.Do(t.Context(), &tt.req)
			requireError(t, err, driver.ErrIndeterminate)
			require.EqualValues(t, 2, p.arrived.Load(), "one for each call")
		})
	}
}

func TestReadsAreRepeatedOnDeadConnections(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			p := newPeer(t, warm)
			c := newClient(t, quick())
			for range 2 {
				_, err := c.Do(read(t), &driverhttp.Request{Method: method, URL: p.url()})
				require.NoError(t, err)
			}
			require.EqualValues(t, 3, p.arrived.Load())
		})
	}
}

// brittle is a connection whose writes fail after it was broken; of each, some bytes still go out.
type brittle struct {
	net.Conn

	broken *atomic.Bool
	passes int
}

func (b *brittle) Write(p []byte) (int, error) {
	if !b.broken.Load() {
		return b.Conn.Write(p)
	}
	n, _ := b.Conn.Write(p[:b.passes])
	return n, syscall.EPIPE
}

// A kept connection that dies before the first byte of a mutation is replaced; after one byte it is too late.
func TestKeptConnectionBreaks(t *testing.T) {
	for _, passes := range []int{0, 1} {
		s, arrived := counted(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
		var broken atomic.Bool
		var attempts []driverhttp.Attempt
		o := quick()
		o.BackoffMin, o.BackoffMax = 1<<60, 1<<60 // it must not be waited
		o.Hooks.After = func(_ context.Context, a driverhttp.Attempt) { attempts = append(attempts, a) }
		o.Env.Transport = &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			broken.Store(false)
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &brittle{c, &broken, passes}, err
		}}
		c := newClient(t, o)
		req := &driverhttp.Request{URL: s.URL, Body: []byte("{}")}
		_, err := c.Do(t.Context(), req)
		require.NoError(t, err)
		broken.Store(true)
		attempts = nil
		_, err = c.Do(t.Context(), req)
		if passes == 0 {
			require.NoError(t, err)
			require.EqualValues(t, 2, arrived.Load())
			require.Len(t, attempts, 2)
			require.False(t, attempts[0].Sent)
			require.True(t, attempts[1].Sent)
			continue
		}
		requireError(t, err, driver.ErrIndeterminate)
		require.EqualValues(t, 1, arrived.Load())
		require.Len(t, attempts, 1)
	}
}

// A server that closes each connection right behind its answer races with the next request. Every mutation must arrive
// at most once whatever wins, and exactly once if it succeeded.
func TestServerClosesIdleConnections(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "tls"}[secure]
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			arrived := map[string]int{}
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				mu.Lock()
				arrived[r.Header.Get("X-Request-Id")]++
				mu.Unlock()
				_, _ = io.WriteString(w, "ok")
			}))
			s.Config.ConnState = func(c net.Conn, state http.ConnState) {
				if state == http.StateIdle {
					_ = c.Close()
				}
			}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			o := quick()
			if secure {
				s.StartTLS()
				o.TLS.Pins = []string{fingerprint(s.Certificate().Raw)}
			} else {
				s.Start()
			}
			defer s.Close()
			c := newClient(t, o)
			for range 100 {
				r, err := c.Do(t.Context(), &driverhttp.Request{URL: s.URL, Body: []byte("{}")})
				mu.Lock()
				if err == nil {
					require.Equal(t, 1, arrived[r.RequestID])
				} else {
					e := driverError(t, err, driver.ErrIndeterminate)
					require.LessOrEqual(t, arrived[e.RequestID], 1)
				}
				mu.Unlock()
			}
		})
	}
}

// The embedder's http.Transport is watched too, however it dials, and HTTP/2 is kept out.
func TestAdoptedTransports(t *testing.T) {
	dialTLS := func(network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), network, addr)
	}
	tests := []struct {
		name string
		make func(s *httptest.Server) *http.Transport
	}{
		{"client of the test server", func(s *httptest.Server) *http.Transport { return s.Client().Transport.(*http.Transport) }},
		{"DialTLS", func(*httptest.Server) *http.Transport {
			return &http.Transport{DialTLS: dialTLS} //nolint:staticcheck // programs may still use it
		}},
		{"DialTLSContext", func(*httptest.Server) *http.Transport {
			return &http.Transport{DialTLSContext: func(_ context.Context, n, a string) (net.Conn, error) { return dialTLS(n, a) }}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var arrived atomic.Int32
			protocols := make(chan string, 3)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				protocols <- r.Proto
				if arrived.Add(1) == 2 {
					panic(http.ErrAbortHandler) // which net/http on the other side takes for a dead connection
				}
			}))
			s.EnableHTTP2 = true
			s.Config.ErrorLog = log.New(io.Discard, "", 0) // net/http may dial once more than it needs
			s.StartTLS()
			defer s.Close()
			o := quick()
			o.Env.Transport = tt.make(s)
			c := newClient(t, o)
			req := &driverhttp.Request{Method: http.MethodGet, URL: s.URL}
			_, err := c.Do(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1", <-protocols)
			_, err = c.Do(t.Context(), req)
			requireError(t, err, driver.ErrIndeterminate)
			require.EqualValues(t, 2, arrived.Load())
		})
	}
}
