package driverhttp_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

func TestCheckStatus(t *testing.T) {
	tests := []struct {
		statuses       []int
		mutation, read driver.Class
	}{
		{[]int{200, 201, 202, 204, 299}, 0, 0},
		{[]int{401, 403, 407, 511}, driver.ErrPermission, driver.ErrPermission},
		{[]int{429}, driver.ErrBusy, driver.ErrBusy},
		{[]int{409, 412}, driver.ErrConflict, driver.ErrConflict},
		{[]int{400, 404, 405, 410, 413, 415, 422, 431, 307, 308}, driver.ErrInvalid, driver.ErrInvalid},
		{[]int{301, 302, 303, 304}, driver.ErrIndeterminate, driver.ErrInvalid},
		{[]int{503}, driver.ErrIndeterminate, driver.ErrBusy},
		{[]int{0, 101, 408, 499, 500, 501, 502, 504, 599, 999}, driver.ErrIndeterminate, driver.ErrUnavailable},
	}
	for _, tt := range tests {
		for _, status := range tt.statuses {
			for kind, want := range map[driverhttp.Kind]driver.Class{driverhttp.Mutation: tt.mutation, driverhttp.Read: tt.read} {
				err := driverhttp.CheckStatus(&driverhttp.Reply{Status: status, Kind: kind})
				require.Equal(t, want, driver.ClassOf(err), "%d %v", status, kind)
			}
		}
	}
}

// No status by itself says that an object is gone, or lets a mutation be sent again.
func TestNoStatusProvesTooMuch(t *testing.T) {
	for status := 100; status < 600; status++ {
		for _, kind := range []driverhttp.Kind{driverhttp.Mutation, driverhttp.Read} {
			require.NotErrorIs(t, driverhttp.CheckStatus(&driverhttp.Reply{Status: status, Kind: kind}), driver.ErrNotFound)
		}
		if status < 200 || status == http.StatusNoContent {
			continue
		}
		f := always(status, "", "Retry-After", "1")
		_, _ = over(t, f).Do(t.Context(), &driverhttp.Request{URL: url})
		require.Len(t, f.times, 1, "%d", status)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, arrived := counted(t, func(int32, http.ResponseWriter, *http.Request) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s, _ := counted(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", elsewhere.URL+"/in?session=hush-hush")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, "<html>moved</html>")
			})
			_, err := newClient(t, quick()).Do(read(t), &driverhttp.Request{
				Method: method, URL: s.URL, Header: http.Header{"Authorization": {"Bearer hush-hush"}},
			})
			requireError(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, elsewhere.URL, "the operator must learn the address")
			require.NotContains(t, err.Error(), "hush-hush")
		}
	}
	require.Zero(t, arrived.Load())
}
