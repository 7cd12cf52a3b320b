package driverhttp_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// answer takes the request and answers with the text, whatever it is.
func answer(text string) turn {
	return func(p *peer, _ int, c *net.TCPConn) {
		if p.take(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, text)
		}
	}
}

// TestFailuresOnTheWire is the heart of the package: whatever the network does, a mutation that may have had an effect
// arrives once, and a read gets its chances.
func TestFailuresOnTheWire(t *testing.T) {
	const attempts = 3
	tests := []struct {
		name   string
		handle turn
		// what a mutation and a read end in, and how often each arrives whole
		mutation, read               driver.Class
		mutationArrives, readArrives int32
		mutationConns, readConns     int32
	}{
		{
			"reset after the request was read",
			func(p *peer, _ int, c *net.TCPConn) { p.take(bufio.NewReader(c)); reset(c) },
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"closed after the request was read",
			func(p *peer, _ int, c *net.TCPConn) { p.take(bufio.NewReader(c)) },
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"reset after the first byte",
			func(_ *peer, _ int, c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)); reset(c) },
			driver.ErrIndeterminate, driver.ErrUnavailable, 0, 0, 1, attempts,
		},
		{
			"half a body", answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":"),
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"half a chunk", answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf"),
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"half a header", answer("HTTP/1.1 200 OK\r\nContent-Le"),
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"not HTTP at all", answer("SSH-2.0-OpenSSH_9.9\r\n"),
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
		{
			"too large, announced", answer("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
			driver.ErrIndeterminate, driver.ErrInvalid, 1, 1, 1, 1,
		},
		{
			"a refusal whose page is cut off", answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n<html>"),
			driver.ErrPermission, driver.ErrPermission, 1, 1, 1, 1,
		},
		{
			"too many requests, and the page is cut off", answer("HTTP/1.1 429 Slow\r\nContent-Length: 100\r\n\r\n<html>"),
			driver.ErrBusy, driver.ErrBusy, 1, attempts, 1, attempts,
		},
		{
			"a failure whose page is cut off", answer("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\n<html>"),
			driver.ErrIndeterminate, driver.ErrUnavailable, 1, attempts, 1, attempts,
		},
	}
	for _, tt := range tests {
		for _, kind := range []driverhttp.Kind{driverhttp.Mutation, driverhttp.Read} {
			t.Run(tt.name+"/"+kind.String(), func(t *testing.T) {
				class, arrives, conns := tt.mutation, tt.mutationArrives, tt.mutationConns
				if kind == driverhttp.Read {
					class, arrives, conns = tt.read, tt.readArrives, tt.readConns
				}
				p := newPeer(t, tt.handle)
				o := quick()
				o.Attempts, o.MaxReply = attempts, 1000
				_, err := newClient(t, o).Do(driverhttp.WithKind(t.Context(), kind), &driverhttp.Request{URL: p.url(), Body: []byte("{}")})
				requireError(t, err, class)
				require.Equal(t, arrives, p.arrived.Load(), "arrivals; %v", err)
				require.Equal(t, conns, p.conns.Load(), "connections; %v", err)
			})
		}
	}
}

// A server that resets before it reads anything cannot have done anything, but the sender cannot know: the bytes were on
// their way. What must hold is that it never arrives twice.
func TestResetBeforeReading(t *testing.T) {
	p := newPeer(t, func(_ *peer, _ int, c *net.TCPConn) { reset(c) })
	_, err := newClient(t, quick()).Do(t.Context(), &driverhttp.Request{URL: p.url(), Body: []byte("{}")})
	require.Contains(t, []driver.Class{driver.ErrIndeterminate, driver.ErrUnavailable}, driver.ClassOf(err))
	require.Zero(t, p.arrived.Load())
}

func TestRefusedConnections(t *testing.T) {
	for _, kind := range []driverhttp.Kind{driverhttp.Mutation, driverhttp.Read} {
		t.Run(kind.String(), func(t *testing.T) {
			var attempts []driverhttp.Attempt
			o := quick()
			o.Hooks.After = func(_ context.Context, a driverhttp.Attempt) { attempts = append(attempts, a) }
			_, err := newClient(t, o).Do(driverhttp.WithKind(t.Context(), kind), &driverhttp.Request{URL: "http://" + unused(t) + "/"})
			requireError(t, err, driver.ErrUnavailable)
			require.ErrorContains(t, err, "connection refused")
			require.Len(t, attempts, 4, "nothing was sent, so both kinds are tried again")
			for _, a := range attempts {
				require.False(t, a.Sent)
			}
		})
	}
}

// The array comes back while a mutation is tried again after connections were refused.
func TestMutationAfterRefusedConnection(t *testing.T) {
	addr := unused(t)
	o := quick()
	var p *peer
	o.Hooks.Before = func(ctx context.Context, a driverhttp.Attempt) context.Context {
		if a.Number == 3 {
			p = newPeerAt(t, addr, func(p *peer, _ int, c *net.TCPConn) {
				if p.take(bufio.NewReader(c)) {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
				}
			})
		}
		return ctx
	}
	r, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: "http://" + addr + "/", Body: []byte("{}")})
	require.NoError(t, err)
	require.Equal(t, "ok", string(r.Body))
	require.EqualValues(t, 1, p.arrived.Load())
}

func TestStallUntilTheContextEnds(t *testing.T) {
	tests := []struct {
		name  string
		kind  driverhttp.Kind
		class driver.Class
	}{
		{"mutation", driverhttp.Mutation, driver.ErrIndeterminate},
		{"read", driverhttp.Read, driver.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(driverhttp.WithKind(t.Context(), tt.kind))
			defer cancel()
			p := newPeer(t, func(p *peer, _ int, c *net.TCPConn) {
				p.take(bufio.NewReader(c))
				cancel()
				<-p.stop
			})
			_, err := newClient(t, quick()).Do(ctx, &driverhttp.Request{URL: p.url(), Body: []byte("{}")})
			requireError(t, err, tt.class)
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, driver.Canceled(err))
			require.EqualValues(t, 1, p.arrived.Load())
		})
	}
}

func TestContextEndedBeforeSending(t *testing.T) {
	p := newPeer(t, func(p *peer, _ int, c *net.TCPConn) { p.take(bufio.NewReader(c)) })
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	_, err := newClient(t, quick()).Do(ctx, &driverhttp.Request{URL: p.url()})
	requireError(t, err, driver.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Zero(t, p.conns.Load())
}

func TestOversizeBody(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n0\r\n\r\n"
	handle := func(p *peer, _ int, c *net.TCPConn) {
		if p.take(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, long)
		}
	}
	for most, class := range map[int64]driver.Class{5: driver.ErrIndeterminate, 6: 0} {
		p := newPeer(t, handle)
		o := quick()
		o.MaxReply = most
		r, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: p.url()})
		require.Equal(t, class, driver.ClassOf(err), "%d: %v", most, err)
		require.EqualValues(t, 1, p.arrived.Load())
		if err == nil {
			require.Equal(t, "123456", string(r.Body))
		}
	}
}

// The limit is on what the reply becomes in memory.
func TestOversizeBodyCompressed(t *testing.T) {
	s, arrived := counted(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 1<<20))
		_ = z.Close()
	})
	o := quick()
	o.MaxReply = 100_000
	_, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: s.URL})
	requireError(t, err, driver.ErrIndeterminate)
	require.ErrorContains(t, err, "larger than 100000 bytes")
	require.EqualValues(t, 1, arrived.Load())
}
