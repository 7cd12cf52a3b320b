package driverhttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// fake is a transport in memory; n counts the attempts from 1. It notes when each came.
type fake struct {
	answer func(n int, r *http.Request) (*http.Response, error)
	times  []time.Time
	bodies []string
	heads  []http.Header
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.times = append(f.times, time.Now())
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.bodies = append(f.bodies, string(body))
	f.heads = append(f.heads, r.Header)
	return f.answer(len(f.times), r)
}

func (f *fake) waits() []time.Duration {
	var waits []time.Duration
	for i := range len(f.times) - 1 {
		waits = append(waits, f.times[i+1].Sub(f.times[i]))
	}
	return waits
}

func response(status int, body string, header ...string) (*http.Response, error) {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r, nil
}

// always answers every attempt alike.
func always(status int, body string, header ...string) *fake {
	return &fake{answer: func(int, *http.Request) (*http.Response, error) { return response(status, body, header...) }}
}

func over(t *testing.T, f http.RoundTripper, change ...func(*driverhttp.Options)) *driverhttp.Client {
	t.Helper()
	var o driverhttp.Options
	o.Env.Transport = f
	for _, c := range change {
		c(&o)
	}
	return newClient(t, o)
}

const url = "http://array.test/rpc"

var errNoDial = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// A hundred tries of the whole back-off take no time inside the bubble.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 100 {
			f := &fake{answer: func(int, *http.Request) (*http.Response, error) { return nil, errNoDial }}
			c := over(t, f, func(o *driverhttp.Options) {
				o.Attempts, o.BackoffMin, o.BackoffMax = 6, time.Second, 5*time.Second
			})
			_, err := c.Do(t.Context(), &driverhttp.Request{URL: url})
			requireError(t, err, driver.ErrUnavailable)
			waits := f.waits()
			require.Len(t, waits, 5)
			for i, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
				require.LessOrEqual(t, waits[i], most)
				require.GreaterOrEqual(t, waits[i], most/2)
				seen[waits[i]] = true
			}
		}
		require.Greater(t, len(seen), 100, "there is jitter")
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tests := []struct {
			name, retryAfter string
			date             func() time.Time
			want             time.Duration
		}{
			{"seconds", "17", nil, 17 * time.Second},
			{"date", "", time.Now, 20 * time.Second},
			{"date of a server whose clock is a day late", "", func() time.Time { return time.Now().Add(-24 * time.Hour) }, 20 * time.Second},
		}
		for _, tt := range tests {
			f := &fake{answer: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 2 {
					return response(200, "ok")
				}
				if tt.date == nil {
					return response(429, "", "Retry-After", tt.retryAfter)
				}
				now := tt.date().UTC()
				return response(503, "", "Retry-After", now.Add(20*time.Second).Format(http.TimeFormat), "Date", now.Format(http.TimeFormat))
			}}
			_, err := over(t, f).Do(read(t), &driverhttp.Request{URL: url})
			require.NoError(t, err, tt.name)
			require.Equal(t, []time.Duration{tt.want}, f.waits(), tt.name)
		}
	})
}

// A wait that does not fit is not begun: the caller learns at once what is wrong and how long it lasts.
func TestWaitThatDoesNotFit(t *testing.T) {
	tests := []struct {
		name     string
		deadline time.Duration
		after    string
		waits    bool
	}{
		{"before the deadline", 31 * time.Second, "30", true},
		{"after the deadline", 29 * time.Second, "30", false},
		{"longer than the most", time.Hour, "61", false},
		{"as long as the most", time.Hour, "60", true},
		{"absurd", time.Hour, "99999999999999999999", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithTimeout(read(t), tt.deadline)
				defer cancel()
				f := always(429, "", "Retry-After", tt.after)
				c := over(t, f, func(o *driverhttp.Options) { o.Attempts = 2 })
				_, err := c.Do(ctx, &driverhttp.Request{URL: url})
				e := driverError(t, err, driver.ErrBusy)
				require.GreaterOrEqual(t, e.RetryAfter, 30*time.Second)
				require.Equal(t, tt.waits, len(f.times) == 2)
				require.Equal(t, tt.waits, time.Since(began) > 0)
				require.False(t, driver.Canceled(err))
			})
		})
	}
}

func TestBackoffThatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(read(t), 10*time.Millisecond)
		defer cancel()
		f := always(502, "")
		_, err := over(t, f).Do(ctx, &driverhttp.Request{URL: url})
		requireError(t, err, driver.ErrUnavailable)
		require.ErrorContains(t, err, "502 Bad Gateway")
		require.Len(t, f.times, 1)
		require.NoError(t, ctx.Err(), "the time that is left is the caller's")
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &fake{answer: func(int, *http.Request) (*http.Response, error) { return nil, errNoDial }}
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := over(t, f).Do(ctx, &driverhttp.Request{URL: url})
		requireError(t, err, driver.ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "connection refused")
		require.Len(t, f.times, 1)
	})
}

// The attempt's own time limit is not the caller's deadline, and must not be mistaken for it.
func TestAttemptTimeout(t *testing.T) {
	silent := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	halfway := func(_ int, r *http.Request) (*http.Response, error) {
		pr, pw := io.Pipe()
		context.AfterFunc(r.Context(), func() { _ = pw.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: http.StatusOK, Body: pr}, nil
	}
	for name, answer := range map[string]func(int, *http.Request) (*http.Response, error){"silent": silent, "halfway": halfway} {
		for kind, want := range map[driverhttp.Kind]struct {
			class    driver.Class
			attempts int
		}{
			driverhttp.Mutation: {driver.ErrIndeterminate, 1},
			driverhttp.Read:     {driver.ErrUnavailable, 4},
		} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &fake{answer: answer}
					c := over(t, f, func(o *driverhttp.Options) { o.Timeout = 30 * time.Second })
					_, err := c.Do(driverhttp.WithKind(t.Context(), kind), &driverhttp.Request{URL: url})
					requireError(t, err, want.class)
					require.ErrorContains(t, err, "longer than 30s")
					require.False(t, driver.Canceled(err), "%v", err)
					require.Len(t, f.times, want.attempts)
				})
			})
		}
	}
}

// A transport around another one hides the connections and here even the errors. That no connection was made is still
// seen; as soon as there is one, the request may have gone out on it.
func TestWrappedTransport(t *testing.T) {
	inner := &http.Transport{}
	defer inner.CloseIdleConnections()
	o := quick()
	o.Plaintext = true
	o.Env.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := inner.RoundTrip(r)
		if err != nil {
			return nil, errors.New("failed")
		}
		return resp, nil
	})
	c := newClient(t, o)
	_, err := c.Do(t.Context(), &driverhttp.Request{URL: "http://" + unused(t) + "/"})
	requireError(t, err, driver.ErrUnavailable)

	p := newPeer(t, func(p *peer, _ int, c *net.TCPConn) { p.take(bufio.NewReader(c)) })
	_, err = c.Do(t.Context(), &driverhttp.Request{URL: p.url(), Body: []byte("{}")})
	requireError(t, err, driver.ErrIndeterminate)
	require.EqualValues(t, 1, p.arrived.Load())
}

// What a foreign transport may claim: that it never sent anything. Everything else may have had an effect.
func TestForeignTransportErrors(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		class    driver.Class
		attempts int
	}{
		{"dial", errNoDial, driver.ErrUnavailable, 4},
		{"says unavailable", driver.Errorf(driver.ErrUnavailable, "switched off"), driver.ErrUnavailable, 4},
		{"wraps the class", fmt.Errorf("proxy: %w", driver.ErrUnavailable), driver.ErrUnavailable, 4},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, driver.ErrIndeterminate, 1},
		{"anything", errors.New("lost"), driver.ErrIndeterminate, 1},
		{"its own deadline", fmt.Errorf("pool: %w", context.DeadlineExceeded), driver.ErrIndeterminate, 1},
		{"its own cancelling", fmt.Errorf("pool: %w", context.Canceled), driver.ErrIndeterminate, 1},
		{"nothing at all", nil, driver.ErrIndeterminate, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: func(int, *http.Request) (*http.Response, error) { return nil, tt.err }}
				_, err := over(t, f).Do(t.Context(), &driverhttp.Request{URL: url})
				requireError(t, err, tt.class)
				require.False(t, driver.Canceled(err), "that is about the caller's context: %v", err)
				require.Len(t, f.times, tt.attempts)
			})
		})
	}
}
