package driverhttp

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// ParseRetryAfter reads how long a server asks to be left alone, from the header Retry-After: seconds, or a date. A date
// is taken against the reply's own Date if it has one, because the server's clock need not agree with ours, else against
// now. A date in the past is zero. It reports false if there is no such header or it is malformed. The result is never
// negative.
func ParseRetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, ok := digits(text); ok {
		return seconds, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now)), true
}

// digits reads whole seconds; what does not fit a Duration is the longest one.
func digits(text string) (time.Duration, bool) {
	const most = int64(math.MaxInt64 / time.Second)
	var n int64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = min(n, most)*10 + int64(text[i]-'0')
		n = min(n, most)
	}
	return time.Duration(n) * time.Second, text != ""
}
