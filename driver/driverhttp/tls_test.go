package driverhttp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func secureServer(t *testing.T, config *tls.Config) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		_, _ = io.WriteString(w, "ok")
	}))
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, &n
}

func TestTrust(t *testing.T) {
	s, arrived := secureServer(t, nil)
	cert := s.Certificate()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	whole, key := fingerprint(cert.Raw), fingerprint(cert.RawSubjectPublicKeyInfo)
	var colons []string
	for i := 0; i < len(whole); i += 2 {
		colons = append(colons, strings.ToUpper(whole[i:i+2]))
	}
	wrong := strings.Repeat("ab", 32)
	tests := []struct {
		name  string
		tls   driverhttp.TLS
		fails string // part of the message
	}{
		{"nothing said", driverhttp.TLS{}, "pin this one's SHA-256 " + whole},
		{"pinned certificate", driverhttp.TLS{Pins: []string{whole}}, ""},
		{"pinned as openssl prints it", driverhttp.TLS{Pins: []string{strings.Join(colons, ":")}}, ""},
		{"pinned key", driverhttp.TLS{Pins: []string{key}}, ""},
		{"one of two pins", driverhttp.TLS{Pins: []string{wrong, whole}}, ""},
		{"wrong pin", driverhttp.TLS{Pins: []string{wrong}}, "its SHA-256 is " + whole},
		{"CA bundle", driverhttp.TLS{CA: ca}, ""},
		{"CA bundle, other name", driverhttp.TLS{CA: ca, ServerName: "example.com"}, ""},
		{"CA bundle, wrong name", driverhttp.TLS{CA: ca, ServerName: "array.test"}, "array.test"},
		{"CA bundle and pin", driverhttp.TLS{CA: ca, Pins: []string{key}}, ""},
		{"CA bundle and wrong pin", driverhttp.TLS{CA: ca, Pins: []string{wrong}}, "not the pinned one"},
		{"pin, but CA and wrong name", driverhttp.TLS{CA: ca, Pins: []string{key}, ServerName: "array.test"}, "array.test"},
		{"insecure", driverhttp.TLS{InsecureSkipVerify: true}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arrived.Store(0)
			o := quick()
			o.TLS = tt.tls
			attempts := 0
			o.Hooks.Before = func(ctx context.Context, _ driverhttp.Attempt) context.Context { attempts++; return ctx }
			_, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: s.URL, Body: []byte("{}")})
			require.Equal(t, 1, attempts, "a wrong certificate does not become right")
			if tt.fails == "" {
				require.NoError(t, err)
				require.EqualValues(t, 1, arrived.Load())
				return
			}
			requireError(t, err, driver.ErrUnavailable)
			require.ErrorContains(t, err, tt.fails)
			require.Zero(t, arrived.Load())
		})
	}
}

func TestOldTLS(t *testing.T) {
	old, _ := secureServer(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	plainRSA, _ := secureServer(t, &tls.Config{
		MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	})
	modern, _ := secureServer(t, nil)
	tests := []struct {
		name string
		url  string
		tls  driverhttp.TLS
		ok   bool
	}{
		{"TLS 1.1 by default", old.URL, driverhttp.TLS{}, false},
		{"TLS 1.1 allowed", old.URL, driverhttp.TLS{AllowOld: true}, true},
		{"TLS 1.1 below the least", old.URL, driverhttp.TLS{AllowOld: true, MinVersion: tls.VersionTLS12}, false},
		{"RSA key exchange by default", plainRSA.URL, driverhttp.TLS{}, false},
		{"RSA key exchange allowed", plainRSA.URL, driverhttp.TLS{AllowOld: true}, true},
		{"TLS 1.3 asked and spoken", modern.URL, driverhttp.TLS{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.3 asked of an old one", old.URL, driverhttp.TLS{MinVersion: tls.VersionTLS13}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := quick()
			o.TLS = tt.tls
			o.TLS.Pins = []string{fingerprint(old.Certificate().Raw)}
			_, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: tt.url})
			if tt.ok {
				require.NoError(t, err)
			} else {
				requireError(t, err, driver.ErrUnavailable)
			}
		})
	}
}

func TestBadTLSOptions(t *testing.T) {
	tests := []struct {
		name string
		tls  driverhttp.TLS
		says string
	}{
		{"short pin", driverhttp.TLS{Pins: []string{"abcd"}}, "TLS.Pins"},
		{"no hex", driverhttp.TLS{Pins: []string{strings.Repeat("zz", 32)}}, "TLS.Pins"},
		{"no PEM", driverhttp.TLS{CA: []byte("hello")}, "TLS.CA"},
		{"old without AllowOld", driverhttp.TLS{MinVersion: tls.VersionTLS11}, "AllowOld"},
		{"unknown version", driverhttp.TLS{MinVersion: tls.VersionTLS13 + 1}, "MinVersion"},
		{"insecure and pinned", driverhttp.TLS{InsecureSkipVerify: true, Pins: []string{strings.Repeat("ab", 32)}}, "contradicts"},
		{"insecure and a CA", driverhttp.TLS{InsecureSkipVerify: true, CA: bytes.Repeat([]byte("x"), 3)}, "TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := driverhttp.New(driverhttp.Options{TLS: tt.tls})
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, tt.says)
		})
	}
	t.Run("with a transport", func(t *testing.T) {
		o := driverhttp.Options{TLS: driverhttp.TLS{Pins: []string{strings.Repeat("ab", 32)}}}
		o.Env.Transport = &http.Transport{}
		_, err := driverhttp.New(o)
		require.ErrorIs(t, err, driver.ErrInvalid, "a pin must not be dropped in silence")
	})
}

func TestContextEndsInTheHandshake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := newPeer(t, func(p *peer, _ int, c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		cancel()
		<-p.stop
	})
	_, err := newClient(t, quick()).Do(ctx, &driverhttp.Request{URL: "https://" + p.addr + "/", Body: []byte("{}")})
	requireError(t, err, driver.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}

// A server that speaks no TLS, and one that hangs up in the handshake: nothing was sent, so a mutation is tried again.
func TestBrokenHandshake(t *testing.T) {
	s, arrived := counted(t, func(int32, http.ResponseWriter, *http.Request) {})
	attempts := 0
	o := quick()
	o.Hooks.Before = func(ctx context.Context, _ driverhttp.Attempt) context.Context { attempts++; return ctx }
	_, err := newClient(t, o).Do(t.Context(), &driverhttp.Request{URL: strings.Replace(s.URL, "http:", "https:", 1)})
	requireError(t, err, driver.ErrUnavailable)
	require.Equal(t, 4, attempts)
	require.Zero(t, arrived.Load())
}
