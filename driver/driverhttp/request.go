package driverhttp

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Request is one call of a server. [Client.Do] does not change it, so it may be used again.
type Request struct {
	_ [0]func()

	// Method is POST if empty. It says nothing about the [Kind]: the context does.
	Method string
	// URL is absolute, http or https. A user and password in it are sent as basic authentication.
	URL string
	// Header is sent beside User-Agent and the request id, which it may replace.
	Header http.Header
	Body   []byte

	// Prepare, if not nil, is called before each attempt with the attempt's own copy of the request, and may change its
	// Method, URL, Header and Body: a request that is sent again may need a new session, signature or address. Its
	// context is a [Mutation]'s again, whatever the request is. It may call Do of the same client. Its error ends the call;
	// nothing of this attempt was sent then.
	Prepare func(ctx context.Context, r *Request) error

	// Check, if not nil, judges a reply in place of [CheckStatus]. It is the only one who knows what the wire protocol's
	// replies mean, so it decodes the body, and its error decides, by its [driver.Class], what happens next. Nil accepts
	// the reply. A read is sent again after ErrBusy, ErrUnavailable, ErrIndeterminate and errors without a class. A
	// mutation is sent again only after an error that Check marked with [Resend].
	// It is called once per whole reply, never for one that was cut off or too large.
	Check func(r *Reply) error
}

// Reply is the server's whole answer.
type Reply struct {
	_ [0]func()

	Status int
	Header http.Header
	// Body is at most Options.MaxReply bytes.
	Body []byte
	// Kind is that of the request, for a Check that serves both.
	Kind Kind
	// RequestID is the server's id of the request, or else ours.
	RequestID string
}

// RetryAfter returns how long the server asks to be left alone; zero if it does not say.
func (r *Reply) RetryAfter() time.Duration {
	wait, _ := ParseRetryAfter(r.Header, time.Now())
	return wait
}

// own returns a copy whose fields can be changed without touching r.
func (r *Request) own() *Request {
	c := *r
	c.Header = r.Header.Clone()
	if c.Header == nil {
		c.Header = http.Header{}
	}
	if c.Method == "" {
		c.Method = http.MethodPost
	}
	return &c
}

// address parses the URL. Its error never quotes what it was given, for there may be a password in it.
func (r *Request) address(plaintext bool) (*url.URL, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, driver.Errorf(driver.ErrInvalid, "the request's URL is malformed; want http://host/path or https://host/path")
	}
	if u.Scheme == "http" && !plaintext && !loopback(u.Hostname()) {
		return nil, driver.Errorf(driver.ErrInvalid,
			"http:// would show the credentials for %s to everyone on the way; use https:// or allow Plaintext", u.Host)
	}
	return u, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback())
}

// message makes the message of one attempt. It has no GetBody, so that net/http cannot send the body a second time.
func (r *Request) message(ctx context.Context, u *url.URL) (*http.Request, error) {
	m, err := http.NewRequestWithContext(ctx, r.Method, "http://host/", bytes.NewReader(r.Body))
	if err != nil {
		return nil, driver.Errorf(driver.ErrInvalid, "malformed method %q", r.Method)
	}
	m.GetBody = nil
	m.URL, m.Host = u, u.Host
	m.Header = r.Header
	if password, _ := u.User.Password(); u.User != nil && m.Header.Get("Authorization") == "" {
		m.SetBasicAuth(u.User.Username(), password)
	}
	if host := r.Header.Get("Host"); host != "" {
		m.Host = host
	}
	return m, nil
}
