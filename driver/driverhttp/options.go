package driverhttp

import (
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Options configure a [Client]. The zero value is safe and works: system CAs, TLS 1.2 or newer, https only except towards
// this machine, four attempts. A negative number is ErrInvalid.
type Options struct {
	_ [0]func()

	// TLS says whom to trust.
	TLS TLS
	// Plaintext allows http:// to other machines, which shows everyone on the way the credentials.
	Plaintext bool
	// Env brings the logger, and the transport that replaces the network. An [*http.Transport] is cloned, speaks
	// HTTP/1.1 and is watched like our own. Any other transport must not send a request twice by itself; it is believed
	// that a mutation was never sent only if its error is a driver.ErrUnavailable or comes from dialling. With a
	// transport, TLS must be zero: the transport brings its own trust.
	Env driver.Env
	// UserAgent is sent with each request; the default is "storagesnap".
	UserAgent string
	// RequestIDHeader is the header in which the request id goes out and the server's may come back; the default is
	// X-Request-Id.
	RequestIDHeader string

	// MaxReply is the most bytes of a reply's body, after decompression; the default is 16 MiB.
	MaxReply int64
	// Requests is how many are under way at once; the others wait in the order in which they came. The default is 16.
	Requests int

	// Attempts is how often a request is sent at most, the first time included; the default is 4.
	Attempts int
	// BackoffMin and BackoffMax bound the wait before a request is sent again: it doubles from one to the other, and a
	// random part of up to half is taken off. The defaults are 250 ms and 10 s.
	BackoffMin time.Duration
	BackoffMax time.Duration
	// MaxRetryAfter is the longest wait that a server may ask for; a longer one fails the call at once, with RetryAfter
	// in the error. The default is 1 minute.
	MaxRetryAfter time.Duration

	// Timeout is how long one attempt may take, from dialling to the reply's last byte; the default is 2 minutes, for
	// arrays think about a snapshot for more than one.
	Timeout time.Duration
	// IdleTimeout is how long an unused connection is kept; the default is 10 s. A value above the server's own makes
	// mutations end in ErrIndeterminate, because the server closes connections while requests are on their way.
	IdleTimeout time.Duration

	Redact Redact
	Hooks  Hooks
}

func (o Options) withDefaults() (Options, error) {
	for name, n := range map[string]int64{
		"MaxReply": o.MaxReply, "Requests": int64(o.Requests), "Attempts": int64(o.Attempts), "BackoffMin": int64(o.BackoffMin),
		"BackoffMax": int64(o.BackoffMax), "MaxRetryAfter": int64(o.MaxRetryAfter), "Timeout": int64(o.Timeout),
		"IdleTimeout": int64(o.IdleTimeout),
	} {
		if n < 0 {
			return o, driver.Errorf(driver.ErrInvalid, "driverhttp: %s is negative", name)
		}
	}
	setDefault(&o.UserAgent, "storagesnap")
	setDefault(&o.RequestIDHeader, "X-Request-Id")
	setDefault(&o.MaxReply, 16<<20)
	setDefault(&o.Requests, 16)
	setDefault(&o.Attempts, 4)
	setDefault(&o.BackoffMin, 250*time.Millisecond)
	setDefault(&o.BackoffMax, max(10*time.Second, o.BackoffMin))
	setDefault(&o.MaxRetryAfter, time.Minute)
	setDefault(&o.Timeout, 2*time.Minute)
	setDefault(&o.IdleTimeout, 10*time.Second)
	if o.BackoffMax < o.BackoffMin {
		return o, driver.Errorf(driver.ErrInvalid, "driverhttp: BackoffMax %v is below BackoffMin %v", o.BackoffMax, o.BackoffMin)
	}
	if o.Redact.Bodies && o.Redact.Scrub == nil {
		return o, driver.Errorf(driver.ErrInvalid, "driverhttp: bodies are logged only through a Scrub function; set Redact.Scrub")
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
