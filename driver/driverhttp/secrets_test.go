package driverhttp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// TestNoSecretsAnywhere sends a request full of secrets through every way to fail, and greps what comes out.
func TestNoSecretsAnywhere(t *testing.T) {
	const secret = "s3cr3t/&x" // one that escapes differently in a URL
	forms := []string{secret, neturl.QueryEscape(secret), neturl.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte("admin:" + secret))}
	rawURL := func(addr string) string {
		return "http://admin:" + neturl.QueryEscape(secret) + "@" + addr + "/rpc?key=" + neturl.QueryEscape(secret) + "&v=1"
	}
	quoting := func(_ *peer, _ int, c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 64))
		_, _ = io.WriteString(c, "Authorization: "+forms[3]+" "+secret+" key="+forms[1]+"\r\n\r\n")
	}
	tests := []struct {
		name string
		url  func() string
		rt   http.RoundTripper
	}{
		{"refused", func() string { return rawURL(unused(t)) }, nil},
		{"a first line that quotes the request", func() string { return rawURL(newPeer(t, quoting).addr) }, nil},
		{"reply", func() string {
			s, _ := counted(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Set-Cookie", "session="+secret)
				w.Header().Set("X-Vendor-Token", secret)
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, secret)
			})
			return rawURL(strings.TrimPrefix(s.URL, "http://"))
		}, nil},
		{"malformed URL", func() string { return "http://admin:" + secret + "@[::1/" }, nil},
		{"other scheme", func() string { return "ftp://admin:" + neturl.QueryEscape(secret) + "@array.test/" }, nil},
		{"password with a bare slash", func() string { return "http://127.0.0.1:1/" + secret + "@array.test/" }, nil},
		{"transport that quotes the URL", func() string { return rawURL("array.test") }, &fake{
			answer: func(_ int, r *http.Request) (*http.Response, error) {
				return nil, &neturl.Error{Op: "Post", URL: r.URL.String(), Err: fmt.Errorf("no route to %s", r.URL)}
			},
		}},
		{"transport that quotes the header", func() string { return rawURL("array.test") }, &fake{
			answer: func(_ int, r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("refused: %v", r.Header) },
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			o := quick()
			o.Env.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Env.Transport = tt.rt
			o.Redact.ShowHeaders = []string{"Authorization", "Set-Cookie"} // which is not obeyed
			_, err := newClient(t, o).Do(read(t), &driverhttp.Request{
				URL: tt.url(), Body: []byte(secret),
				Header: http.Header{"Cookie": {"session=" + secret}, "X-Auth-Token": {secret}, "X-Plain": {"a " + secret}},
			})
			require.Error(t, err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				_, _ = fmt.Fprintf(&log, "\n%v %+v %#v", e, e, e)
			}
			for _, form := range append(forms, "admin") {
				require.NotContains(t, log.String(), form)
			}
		})
	}
}

func TestLogShowsWhatHelps(t *testing.T) {
	var log bytes.Buffer
	f := always(503, "<html>down</html>", "Server", "nginx", "X-Array", "west", "X-Token", "hush")
	c := over(t, f, func(o *driverhttp.Options) {
		o.Env.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Redact.ShowHeaders = []string{"X-Array"}
		o.Redact.Bodies = true
		o.Redact.Scrub = func(text string) string { return strings.ReplaceAll(text, "down", "up") }
		o.BackoffMin, o.BackoffMax, o.Attempts = 1, 1, 2
	})
	_, err := c.Do(read(t), &driverhttp.Request{URL: url + "/down?key=value&b", Body: []byte("calm down")})
	requireError(t, err, driver.ErrBusy)
	text := log.String()
	for _, want := range []string{
		"http request", "http reply", "nginx", "west", "calm up", "<html>up</html>", "status=503", "sent again", "kind=read",
		"http://array.test/rpc/up?key=[redacted]", "attempt=2",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "down")
	require.NotContains(t, text, "hush")
}

func TestBodiesAreNotLoggedUnscrubbed(t *testing.T) {
	_, err := driverhttp.New(driverhttp.Options{Redact: driverhttp.Redact{Bodies: true}})
	require.ErrorIs(t, err, driver.ErrInvalid)

	var log bytes.Buffer
	c := over(t, always(200, "reply-body"), func(o *driverhttp.Options) {
		o.Env.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	_, err = c.Do(t.Context(), &driverhttp.Request{URL: url, Body: []byte("request-body")})
	require.NoError(t, err)
	require.NotContains(t, log.String(), "-body")
	require.NotEmpty(t, log.String())
}
