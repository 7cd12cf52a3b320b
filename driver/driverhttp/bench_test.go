package driverhttp_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// What the policy costs is Do less Bare: both make the same round trip in memory.
func BenchmarkRoundTrip(b *testing.B) {
	f := roundTripper(func(*http.Request) (*http.Response, error) { return response(http.StatusOK, "ok") })
	b.Run("Bare", func(b *testing.B) {
		c := &http.Client{Transport: f}
		for b.Loop() {
			resp, err := c.Post(url, "text/plain", bytes.NewReader([]byte("{}")))
			require.NoError(b, err)
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
	})
	b.Run("Do", func(b *testing.B) {
		var o driverhttp.Options
		o.Env.Transport = f
		c, err := driverhttp.New(o)
		require.NoError(b, err)
		for b.Loop() {
			_, err := c.Do(b.Context(), &driverhttp.Request{URL: url, Body: []byte("{}")})
			require.NoError(b, err)
		}
	})
}
