package driverhttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const hidden = "[redacted]"

// Redact says what logs and errors may show. The zero value shows method, scheme, host, path and the names of the query's
// fields, and the headers that never hold a secret.
type Redact struct {
	_ [0]func()

	// ShowHeaders are more headers whose values may be logged. Authorization, Cookie and their like never are.
	ShowHeaders []string
	// Scrub, if not nil, is the last filter for every text that goes to a log or into an error: paths, causes, bodies.
	// It may be called from many goroutines.
	Scrub func(text string) string
	// Bodies logs the requests' and replies' bodies at debug level, 4 KiB of each, through Scrub, which must be set.
	Bodies bool
}

// harmless are the headers that are shown; the others may be a vendor's own token.
var harmless = []string{ //nolint:gochecknoglobals // a constant, which Go cannot express
	"Accept", "Accept-Encoding", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date",
	"Retry-After", "Server", "User-Agent", "Via",
}

// secretive are never shown, whatever the options say.
var secretive = []string{ //nolint:gochecknoglobals // as above
	"Authorization", "Cookie", "Location", "Proxy-Authorization", "Referer", "Set-Cookie", "Www-Authenticate",
}

func (r Redact) shows(name string) bool {
	same := func(other string) bool { return strings.EqualFold(name, other) }
	if slices.ContainsFunc(secretive, same) {
		return false
	}
	return slices.ContainsFunc(harmless, same) || slices.ContainsFunc(r.ShowHeaders, same)
}

// header returns the header as it may be logged.
func (r Redact) header(h http.Header) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		if r.shows(name) {
			clean[name] = values
		} else {
			clean[name] = []string{hidden}
		}
	}
	return clean
}

func (r Redact) scrub(text string) string {
	if r.Scrub == nil {
		return text
	}
	return r.Scrub(text)
}

// url returns the address as it may be shown: no user, no values in the query, no fragment.
func (r Redact) url(u *url.URL) string {
	// A slash in a password that nobody escaped makes a path of the password's end.
	if u.User == nil && strings.Contains(u.Path, "@") {
		return hidden
	}
	var names []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, ok := strings.Cut(part, "="); ok {
			names = append(names, name+"="+hidden)
		}
	}
	text := u.Scheme + "://" + u.Host + u.EscapedPath()
	if len(names) > 0 {
		text += "?" + strings.Join(names, "&")
	}
	return r.scrub(text)
}

// text returns an address as it may be shown; one that cannot be parsed is not shown at all.
func (r Redact) text(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return hidden
	}
	return r.url(u)
}

// secrets are the texts of one request that no error may repeat: net/http and the server's first line may quote them.
type secrets []string

func secretsOf(m *http.Request, r Redact) secrets {
	var s secrets
	add := func(text string) {
		if len(text) >= 4 {
			s = append(s, text)
		}
	}
	for name, values := range m.Header {
		for _, v := range values {
			if r.shows(name) {
				continue
			}
			add(v)
			scheme, rest, _ := strings.Cut(v, " ")
			add(rest)
			if plain, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "basic") {
				_, password, _ := strings.Cut(string(plain), ":")
				add(password)
			}
		}
	}
	for part := range strings.SplitSeq(m.URL.RawQuery, "&") {
		_, value, _ := strings.Cut(part, "=")
		add(value)
		if plain, err := url.QueryUnescape(value); err == nil {
			add(plain)
		}
	}
	if password, ok := m.URL.User.Password(); ok {
		add(password)
		add(url.QueryEscape(password))
	}
	// The longest first: a secret may be a part of another.
	slices.SortFunc(s, func(a, b string) int { return len(b) - len(a) })
	return s
}

var anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>]+`)

// clean returns the transport's error without what it may quote. What errors.Is and errors.As find in it stays, as long
// as nothing had to be removed and it cannot be taken for an end of the caller's context.
func (s secrets) clean(err error, r Redact) error {
	for {
		e, ok := errors.AsType[*url.Error](err)
		if !ok || e.Err == nil {
			break
		}
		err = e.Err
	}
	text := err.Error()
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	text = anyURL.ReplaceAllStringFunc(text, func(found string) string {
		return r.text(found)
	})
	text = r.scrub(text)
	if text != err.Error() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New(text)
	}
	return err
}
