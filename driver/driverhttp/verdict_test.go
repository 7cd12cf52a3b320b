package driverhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// TestVerdicts: what Check says decides. A mutation is sent again only on its explicit word.
func TestVerdicts(t *testing.T) {
	tests := []struct {
		name             string
		verdict          error
		mutation, read   driver.Class
		mutations, reads int // attempts
		retryAfter       time.Duration
	}{
		{"accepted", nil, 0, 0, 1, 1, 0},
		{"busy", driver.Errorf(driver.ErrBusy, "later"), driver.ErrBusy, driver.ErrBusy, 1, 3, 0},
		{"busy, resend", driverhttp.Resend(driver.Errorf(driver.ErrBusy, "xNotPrimary")), driver.ErrBusy, driver.ErrBusy, 3, 3, 0},
		{
			"dead session, resend", driverhttp.Resend(driver.Errorf(driver.ErrPermission, "SESSION_INVALID")),
			driver.ErrPermission, driver.ErrPermission, 3, 3, 0,
		},
		{"bare class", driver.ErrBusy, driver.ErrBusy, driver.ErrBusy, 1, 3, 0},
		{"bare class, resend", driverhttp.Resend(driver.ErrBusy), driver.ErrBusy, driver.ErrBusy, 3, 3, 0},
		{
			"resend inside", fmt.Errorf("volume 7: %w", driverhttp.Resend(driver.ErrBusy)),
			driver.ErrBusy, driver.ErrBusy, 3, 3, 0,
		},
		{"unknown effect", driver.Errorf(driver.ErrIndeterminate, "xDBConnectionLoss"), driver.ErrIndeterminate, driver.ErrIndeterminate, 1, 3, 0},
		{
			"unknown effect, resend", driverhttp.Resend(driver.Errorf(driver.ErrIndeterminate, "no")),
			driver.ErrIndeterminate, driver.ErrIndeterminate, 1, 3, 0,
		},
		{
			"busy, but done, resend", driverhttp.Resend(&driver.Error{Class: driver.ErrBusy, Effect: driver.EffectDone}),
			driver.ErrBusy, driver.ErrBusy, 1, 3, 0,
		},
		{"undecodable", errors.New("unexpected end of JSON input"), driver.ErrIndeterminate, driver.ErrUnavailable, 1, 3, 0},
		{"undecodable, resend", driverhttp.Resend(errors.New("bad")), driver.ErrIndeterminate, driver.ErrUnavailable, 1, 3, 0},
		{"not found", driver.Errorf(driver.ErrNotFound, "xVolumeIDDoesNotExist"), driver.ErrNotFound, driver.ErrNotFound, 1, 1, 0},
		{"limit", driver.Errorf(driver.ErrExhausted, "32 snapshots"), driver.ErrExhausted, driver.ErrExhausted, 1, 1, 0},
		{"partial", driver.ErrPartial, driver.ErrPartial, driver.ErrPartial, 1, 1, 0},
		{
			"own wait", &driver.Error{Class: driver.ErrBusy, RetryAfter: 9 * time.Second},
			driver.ErrBusy, driver.ErrBusy, 1, 3, 9 * time.Second,
		},
	}
	for _, tt := range tests {
		for kind, class := range map[driverhttp.Kind]driver.Class{driverhttp.Mutation: tt.mutation, driverhttp.Read: tt.read} {
			t.Run(tt.name+"/"+kind.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := always(200, "hello")
					c := over(t, f, func(o *driverhttp.Options) { o.Attempts = 3 })
					r, err := c.Do(driverhttp.WithKind(t.Context(), kind), &driverhttp.Request{
						URL: url, Check: func(r *driverhttp.Reply) error {
							require.Equal(t, "hello", string(r.Body))
							require.Equal(t, kind, r.Kind)
							return tt.verdict
						},
					})
					attempts := map[driverhttp.Kind]int{driverhttp.Mutation: tt.mutations, driverhttp.Read: tt.reads}[kind]
					require.Len(t, f.times, attempts)
					if tt.verdict == nil {
						require.NoError(t, err)
						require.Equal(t, "hello", string(r.Body))
						return
					}
					require.Nil(t, r)
					e := driverError(t, err, class)
					require.Equal(t, tt.retryAfter, e.RetryAfter)
					require.ErrorContains(t, err, "POST "+url)
				})
			})
		}
	}
}

// The verdict keeps what the API said, and the original can still be reached.
func TestVerdictKeepsVendorDetail(t *testing.T) {
	vendor := &driver.Error{
		Class: driver.ErrInUse, Op: "DeleteSnapshot", VendorCode: "xInUse", Blockers: []driver.Blocker{{Kind: "clone", ID: "9"}}, Err: io.ErrNoProgress,
	}
	check := func(err error) error {
		_, got := over(t, always(503, "", "Retry-After", "5", "X-Request-Id", "srv-1")).Do(t.Context(),
			&driverhttp.Request{URL: url, Check: func(*driverhttp.Reply) error { return err }})
		return got
	}
	e := driverError(t, check(vendor), driver.ErrInUse)
	require.Equal(t, "xInUse", e.VendorCode)
	require.Equal(t, "DeleteSnapshot", e.Op)
	require.Equal(t, vendor.Blockers, e.Blockers)
	require.Equal(t, "srv-1", e.RequestID)
	require.Equal(t, 5*time.Second, e.RetryAfter)
	require.ErrorIs(t, e, io.ErrNoProgress)
	require.Empty(t, vendor.RequestID, "the judge's own error is not changed")

	e = driverError(t, check(fmt.Errorf("delete: %w", vendor)), driver.ErrInUse)
	require.Equal(t, vendor.Blockers, driver.BlockersOf(e))
	require.ErrorIs(t, e, io.ErrNoProgress)

	done := fmt.Errorf("delete: %w", &driver.Error{Class: driver.ErrBusy, Effect: driver.EffectDone})
	require.Equal(t, driver.EffectDone, driver.EffectOf(check(done)))
}

func TestResendNil(t *testing.T) { require.NoError(t, driverhttp.Resend(nil)) }

// A dead session: Check says so, Prepare brings the next attempt a new one, of another length.
func TestPrepareMakesFreshRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(_ int, r *http.Request) (*http.Response, error) { return response(200, r.Header.Get("X-Session")) }}
		session := "s"
		req := &driverhttp.Request{
			URL: "http://wrong.test/", Header: http.Header{"X-Mine": {"1"}},
			Prepare: func(ctx context.Context, r *driverhttp.Request) error {
				require.Equal(t, driverhttp.Mutation, driverhttp.KindOf(ctx), "a login is not a read because the call is one")
				session += "s"
				r.URL, r.Body = url, []byte("<"+session+">")
				r.Header.Set("X-Session", session)
				return nil
			},
			Check: func(r *driverhttp.Reply) error {
				if string(r.Body) != "ssss" {
					return driverhttp.Resend(driver.ErrPermission)
				}
				return nil
			},
		}
		_, err := over(t, f).Do(read(t), req)
		require.NoError(t, err)
		require.Equal(t, []string{"<ss>", "<sss>", "<ssss>"}, f.bodies)
		require.Equal(t, http.Header{"X-Mine": {"1"}}, req.Header, "the caller's request is not touched")
		require.Equal(t, "http://wrong.test/", req.URL)
		require.Nil(t, req.Body)
		require.Equal(t, "1", f.heads[2].Get("X-Mine"))
	})
}

// What happened to the login is not what happened to the request.
func TestPrepareFails(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		class    driver.Class
		canceled bool
	}{
		{"wrong password", driver.Errorf(driver.ErrPermission, "login"), driver.ErrPermission, false},
		{"login lost", driver.Errorf(driver.ErrIndeterminate, "login"), driver.ErrUnavailable, false},
		{"session not found", driver.Errorf(driver.ErrNotFound, "session"), driver.ErrUnavailable, false},
		{"anything", errors.New("vault is sealed"), driver.ErrUnavailable, false},
		{"cancelled", context.Canceled, driver.ErrUnavailable, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := always(200, "")
			_, err := over(t, f).Do(t.Context(), &driverhttp.Request{
				URL: url, Prepare: func(context.Context, *driverhttp.Request) error { return tt.err },
			})
			requireError(t, err, tt.class)
			require.NotErrorIs(t, err, driver.ErrNotFound)
			require.NotErrorIs(t, err, driver.ErrIndeterminate)
			require.Equal(t, driver.EffectNone, driver.EffectOf(err))
			require.Equal(t, tt.canceled, driver.Canceled(err))
			require.Empty(t, f.times)
		})
	}
}

// A login inside Prepare goes through the same client, even if that has one slot only.
func TestPrepareMayUseTheClient(t *testing.T) {
	f := always(200, "ok")
	c := over(t, f, func(o *driverhttp.Options) { o.Requests = 1 })
	_, err := c.Do(t.Context(), &driverhttp.Request{URL: url, Prepare: func(ctx context.Context, _ *driverhttp.Request) error {
		_, err := c.Do(ctx, &driverhttp.Request{URL: url})
		return err
	}})
	require.NoError(t, err)
	require.Len(t, f.times, 2)
}

func TestCallDecodesUnderThePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(n int, _ *http.Request) (*http.Response, error) {
			return response(200, []string{"<html>", `{"n":`, `{"n":7}`}[n-1])
		}}
		decode := func(r *driverhttp.Reply) (int, error) {
			var v struct{ N int }
			v.N = -1
			err := json.Unmarshal(r.Body, &v)
			return v.N, err
		}
		c := over(t, f)
		n, err := driverhttp.Call(read(t), c, &driverhttp.Request{URL: url}, decode)
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Len(t, f.times, 3)

		f.times = nil
		n, err = driverhttp.Call(t.Context(), c, &driverhttp.Request{URL: url}, decode)
		requireError(t, err, driver.ErrIndeterminate)
		require.Zero(t, n)
		require.Len(t, f.times, 1)
	})
}

// The same, against a real server: each mutation arrives as often as the API itself said that it did nothing, plus once.
func TestMutationsArriveOnce(t *testing.T) {
	tests := []struct {
		name   string
		first  func(w http.ResponseWriter)
		class  driver.Class
		arrive int32
	}{
		{"refused in a reply of status 200", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "xNotPrimary") }, 0, 2},
		{"500", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, driver.ErrIndeterminate, 1},
		{"502", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, driver.ErrIndeterminate, 1},
		{"503", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, driver.ErrIndeterminate, 1},
		{"429", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}, driver.ErrBusy, 1},
		{"401", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, driver.ErrPermission, 1},
		{"page of a proxy", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, driver.ErrIndeterminate, 1},
		{"redirect elsewhere", func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, driver.ErrInvalid, 1},
		{"redirect here", func(w http.ResponseWriter) { w.Header().Set("Location", "/other"); w.WriteHeader(http.StatusFound) }, driver.ErrIndeterminate, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, arrived := counted(t, func(n int32, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					tt.first(w)
					return
				}
				_, _ = io.WriteString(w, "ok")
			})
			var checks atomic.Int32
			_, err := newClient(t, quick()).Do(t.Context(), &driverhttp.Request{URL: s.URL, Body: []byte("{}"), Check: func(r *driverhttp.Reply) error {
				checks.Add(1)
				if err := driverhttp.CheckStatus(r); err != nil {
					return err
				}
				switch string(r.Body) {
				case "ok":
					return nil
				case "xNotPrimary":
					return driverhttp.Resend(driver.Errorf(driver.ErrBusy, "xNotPrimary"))
				}
				return errors.New("not JSON")
			}})
			require.Equal(t, tt.class, driver.ClassOf(err), "%v", err)
			require.Equal(t, tt.arrive, arrived.Load())
			require.Equal(t, tt.arrive, checks.Load())
		})
	}
}
