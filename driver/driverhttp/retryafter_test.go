package driverhttp_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	const whole = math.MaxInt64 - math.MaxInt64%time.Second
	tests := []struct {
		name, text, date string
		want             time.Duration
		ok               bool
	}{
		{"seconds", "120", "", 2 * time.Minute, true},
		{"zero", "0", "", 0, true},
		{"blanks", " 7 ", "", 7 * time.Second, true},
		{"absurd", "99999999999999999999999", "", whole, true},
		{"date", "Sat, 01 Mar 2025 12:00:30 GMT", "", 30 * time.Second, true},
		{"old form of date", "Saturday, 01-Mar-25 12:00:30 GMT", "", 30 * time.Second, true},
		{"past", "Fri, 31 Dec 1999 23:59:59 GMT", "", 0, true},
		{"server's clock", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:49 GMT", 10 * time.Second, true},
		{"server's clock unreadable", "Sat, 01 Mar 2025 12:00:30 GMT", "yesterday", 30 * time.Second, true},
		{"none", "", "", 0, false},
		{"negative", "-5", "", 0, false},
		{"fraction", "1.5", "", 0, false},
		{"words", "soon", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			if tt.text != "" {
				h.Set("Retry-After", tt.text)
			}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			got, ok := driverhttp.ParseRetryAfter(h, now)
			require.Equal(t, tt.ok, ok)
			require.Equal(t, tt.want, got)
		})
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, text := range []string{"", "0", "120", "-1", "9223372036854775808", "Fri, 31 Dec 1999 23:59:59 GMT", "Mon, 01 Jan 9999 00:00:00 GMT", "1e9"} {
		f.Add(text, "")
		f.Add(text, "Fri, 31 Dec 1999 23:59:59 GMT")
	}
	now := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text, date string) {
		wait, ok := driverhttp.ParseRetryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, now)
		if wait < 0 || (!ok && wait != 0) {
			t.Fatalf("%q, %q: %v, %v", text, date, wait, ok)
		}
	})
}
