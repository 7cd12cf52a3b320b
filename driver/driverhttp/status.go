package driverhttp

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/storagesnap/storagesnap/driver"
)

// CheckStatus judges a reply by its status alone, as far as HTTP itself allows. It returns nil for 2xx, else:
//
//   - 401, 403, 407, 511: ErrPermission. 429: ErrBusy. 409, 412: ErrConflict.
//   - The other 4xx by which RFC 9110 and its companions say that the request was not acted on, and 307 and 308:
//     ErrInvalid. Among them is 404, never ErrNotFound: it may as well be the wrong path, and then "not found" would be
//     no proof that an object is gone.
//   - Every other status: ErrUnavailable for a read (503: ErrBusy), ErrIndeterminate for a mutation. A 5xx does not prove
//     that nothing happened: gateways answer 502, 503 and 504 also when the server behind them went away in the middle of
//     the work, and some so use 408. 301 to 303 are common answers to a POST that was done. Where the API is known to
//     refuse with such a status before any work, its Check says so.
func CheckStatus(r *Reply) error {
	if r.Status >= 200 && r.Status <= 299 {
		return nil
	}
	return driver.Errorf(statusClass(r.Status, r.Kind), "status %s%s", statusText(r.Status), target(r))
}

func statusClass(status int, kind Kind) driver.Class {
	switch status {
	case 401, 403, 407, 511:
		return driver.ErrPermission
	case 429:
		return driver.ErrBusy
	case 409, 412:
		return driver.ErrConflict
	case 307, 308, 400, 402, 404, 405, 406, 410, 411, 413, 414, 415, 416, 417, 421, 422, 426, 428, 431, 451:
		return driver.ErrInvalid
	}
	switch {
	case kind == Mutation:
		return driver.ErrIndeterminate
	case status == http.StatusServiceUnavailable:
		return driver.ErrBusy
	case status >= 300 && status <= 399:
		return driver.ErrInvalid
	}
	return driver.ErrUnavailable
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return strconv.Itoa(status)
}

// target says where a redirect points, without path and query, which may hold secrets.
func target(r *Reply) string {
	if r.Status < 300 || r.Status > 399 {
		return ""
	}
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || u.Host == "" {
		return "; redirects are not followed"
	}
	return fmt.Sprintf("; redirects are not followed: if %s://%s is the right server, configure that address", u.Scheme, u.Host)
}
