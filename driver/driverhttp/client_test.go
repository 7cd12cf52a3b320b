package driverhttp_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

func TestBadOptions(t *testing.T) {
	tests := []struct {
		name string
		o    driverhttp.Options
	}{
		{"MaxReply", driverhttp.Options{MaxReply: -1}},
		{"Requests", driverhttp.Options{Requests: -1}},
		{"Attempts", driverhttp.Options{Attempts: -1}},
		{"BackoffMin", driverhttp.Options{BackoffMin: -1}},
		{"BackoffMax", driverhttp.Options{BackoffMin: time.Second, BackoffMax: time.Millisecond}},
		{"MaxRetryAfter", driverhttp.Options{MaxRetryAfter: -1}},
		{"Timeout", driverhttp.Options{Timeout: -1}},
		{"IdleTimeout", driverhttp.Options{IdleTimeout: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := driverhttp.New(tt.o)
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, tt.name)
		})
	}
}

func TestBadRequests(t *testing.T) {
	tests := []struct {
		name string
		req  driverhttp.Request
	}{
		{"no URL", driverhttp.Request{}},
		{"relative", driverhttp.Request{URL: "/json-rpc"}},
		{"other scheme", driverhttp.Request{URL: "file:///etc/passwd"}},
		{"no host", driverhttp.Request{URL: "https:///rpc"}},
		{"method", driverhttp.Request{URL: "http://127.0.0.1/", Method: "A B"}},
		{"plain http to another machine", driverhttp.Request{URL: "http://192.0.2.1/"}},
		{"plain http to a name", driverhttp.Request{URL: "http://array.test/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newClient(t, quick()).Do(t.Context(), &tt.req)
			requireError(t, err, driver.ErrInvalid)
		})
	}
}

func TestRequestAsSent(t *testing.T) {
	f := always(200, "ok", "X-Request-Id", "srv-9")
	c := over(t, f)
	r, err := c.Do(t.Context(), &driverhttp.Request{URL: "http://joe:pw@array.test/a%2Fb?x=1", Body: []byte("{}")})
	require.NoError(t, err)
	require.Equal(t, 200, r.Status)
	require.Equal(t, "srv-9", r.RequestID)
	h := f.heads[0]
	require.Equal(t, "storagesnap", h.Get("User-Agent"))
	require.NotEmpty(t, h.Get("X-Request-Id"))
	require.Equal(t, "Basic am9lOnB3", h.Get("Authorization"))
	require.Equal(t, "{}", f.bodies[0])

	_, err = c.Do(t.Context(), &driverhttp.Request{URL: url, Header: http.Header{"User-Agent": {"mine"}, "X-Request-Id": {"id-1"}}})
	require.NoError(t, err)
	require.Equal(t, "mine", f.heads[1].Get("User-Agent"))
	require.Equal(t, "id-1", f.heads[1].Get("X-Request-Id"))
}

// On the wire: length known, method and path as given, and a name of its own for the host.
func TestRequestOnTheWire(t *testing.T) {
	type seen struct {
		method, uri, host, body string
		length                  int64
	}
	got := make(chan seen, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.RequestURI, r.Host, string(b), r.ContentLength}
	}))
	defer s.Close()
	c := newClient(t, quick())
	_, err := c.Do(t.Context(), &driverhttp.Request{URL: s.URL + "/a%2Fb?x=1", Body: []byte("{}"), Header: http.Header{"Host": {"array.test"}}})
	require.NoError(t, err)
	require.Equal(t, seen{"POST", "/a%2Fb?x=1", "array.test", "{}", 2}, <-got)
	_, err = c.Do(t.Context(), &driverhttp.Request{Method: http.MethodDelete, URL: s.URL + "/x"})
	require.NoError(t, err)
	require.Equal(t, seen{"DELETE", "/x", strings.TrimPrefix(s.URL, "http://"), "", 0}, <-got)
}

func TestHooks(t *testing.T) {
	type key struct{}
	var before, after []driverhttp.Attempt
	f := &fake{}
	f.answer = func(n int, r *http.Request) (*http.Response, error) {
		require.Equal(t, n, r.Context().Value(key{}), "the hook's context reaches the transport")
		if n == 1 {
			return nil, errNoDial
		}
		return response(200, "four", "X-Request-Id", "srv-2")
	}
	c := over(t, f, func(o *driverhttp.Options) {
		o.BackoffMin, o.BackoffMax = 1, 1
		o.Hooks.Before = func(ctx context.Context, a driverhttp.Attempt) context.Context {
			before = append(before, a)
			return context.WithValue(ctx, key{}, a.Number)
		}
		o.Hooks.After = func(ctx context.Context, a driverhttp.Attempt) {
			require.Equal(t, a.Number, ctx.Value(key{}))
			after = append(after, a)
		}
	})
	_, err := c.Do(t.Context(), &driverhttp.Request{URL: url + "?k=v"})
	require.NoError(t, err)
	require.Len(t, before, 2)
	require.Len(t, after, 2)
	require.Equal(t, before[0].RequestID, before[1].RequestID)
	require.NotEmpty(t, before[0].RequestID)
	require.Equal(t, "srv-2", after[1].RequestID)
	require.Equal(t, url+"?k=[redacted]", before[0].URL)
	require.Equal(t, "POST", before[0].Method)
	require.False(t, after[0].Sent)
	require.ErrorIs(t, after[0].Err, errNoDial)
	require.True(t, after[1].Sent)
	require.Equal(t, 200, after[1].Status)
	require.Equal(t, 4, after[1].ReplyBytes)
}

// At most Requests are under way; the others come in turn, and leave the queue when their context ends.
func TestRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		under, most := 0, 0
		f := roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			under++
			most = max(most, under)
			order = append(order, r.URL.Path)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			return response(200, "")
		})
		c := over(t, f, func(o *driverhttp.Options) { o.Requests = 2 })
		var wg sync.WaitGroup
		for _, path := range []string{"/1", "/2", "/3", "/4", "/5", "/6"} {
			wg.Go(func() {
				_, err := c.Do(t.Context(), &driverhttp.Request{URL: "http://array.test" + path})
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := c.Do(ctx, &driverhttp.Request{URL: "http://array.test/never"})
		requireError(t, err, driver.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		wg.Wait()
		require.Equal(t, 2, most)
		require.Len(t, order, 6)
		for i, pair := range [][]string{{"/1", "/2"}, {"/3", "/4"}, {"/5", "/6"}} {
			require.ElementsMatch(t, pair, order[2*i:2*i+2])
		}
	})
}

// Nobody holds a place while waiting to try again.
func TestWaitingTakesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/busy" {
				return nil, errNoDial
			}
			return response(200, "")
		})
		c := over(t, f, func(o *driverhttp.Options) { o.Requests = 1; o.BackoffMin = time.Hour })
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Do(t.Context(), &driverhttp.Request{URL: "http://array.test/busy"})
			require.Error(t, err)
		})
		synctest.Wait()
		began := time.Now()
		_, err := c.Do(t.Context(), &driverhttp.Request{URL: "http://array.test/free"})
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		wg.Wait()
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClose(t *testing.T) {
	s, arrived := counted(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	c, err := driverhttp.New(quick())
	require.NoError(t, err)
	_, err = c.Do(t.Context(), &driverhttp.Request{URL: s.URL})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = c.Do(t.Context(), &driverhttp.Request{URL: s.URL})
	requireError(t, err, driver.ErrUnavailable)
	require.EqualValues(t, 1, arrived.Load())
}

// A call under way ends well, and its connection does not outlive the client: goleak would find it.
func TestCloseWhileInUse(t *testing.T) {
	o := quick()
	o.IdleTimeout = time.Hour
	c, err := driverhttp.New(o)
	require.NoError(t, err)
	gone := make(chan struct{})
	p := newPeer(t, func(p *peer, _ int, conn *net.TCPConn) {
		defer close(gone)
		r := bufio.NewReader(conn)
		p.take(r)
		_ = c.Close()
		_, _ = io.WriteString(conn, okKeepAlive)
		_, _ = r.ReadByte() // until the client closes
	})
	r, err := c.Do(t.Context(), &driverhttp.Request{URL: p.url()})
	require.NoError(t, err)
	require.Equal(t, "ok", string(r.Body))
	<-gone
}

func TestConcurrentUse(t *testing.T) {
	s, arrived := counted(t, func(_ int32, w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	o := quick()
	o.Requests = 3
	c := newClient(t, o)
	req := &driverhttp.Request{URL: s.URL + "/same", Header: http.Header{"X-A": {"b"}}, Body: []byte("{}")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				r, err := c.Do(t.Context(), req)
				if err != nil || string(r.Body) != "/same" {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 160, arrived.Load())
}

func TestKind(t *testing.T) {
	ctx := t.Context()
	require.Equal(t, driverhttp.Mutation, driverhttp.KindOf(ctx), "the safe one is the default")
	ctx = driverhttp.WithKind(ctx, driverhttp.Read)
	require.Equal(t, driverhttp.Read, driverhttp.KindOf(ctx))
	require.Equal(t, driverhttp.Mutation, driverhttp.KindOf(driverhttp.WithKind(ctx, driverhttp.Mutation)))
}
