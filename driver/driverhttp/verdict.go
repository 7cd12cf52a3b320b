package driverhttp

import (
	"context"
	"errors"

	"github.com/storagesnap/storagesnap/driver"
)

// Resend marks an error of [Request.Check]: the server certainly did nothing, and the request should be sent again, even
// a mutation. It is for refusals before any work (Element's xNotPrimary in a reply of status 200) and for dead sessions
// that Prepare renews. On a mutation, an error whose effect is not none cannot be marked: it stays final.
// Attempts, back-off and the context's deadline bind it as they bind reads. Resend(nil) is nil.
func Resend(err error) error {
	if err == nil {
		return nil
	}
	return &resend{err}
}

type resend struct{ error }

func (r *resend) Unwrap() error { return r.error }

// Call sends the request and decodes the reply, all under the client's one policy: decode takes the place of
// [Request.Check], so a reply that it refuses is sent again or not by the same rules. Decode most often begins with
// [CheckStatus]. Errors: as [Client.Do].
func Call[T any](ctx context.Context, c *Client, req *Request, decode func(*Reply) (T, error)) (T, error) {
	var result T
	r := *req
	r.Check = func(reply *Reply) (err error) {
		result, err = decode(reply)
		return err
	}
	if _, err := c.Do(ctx, &r); err != nil {
		var none T
		return none, err
	}
	return result, nil
}

// mayResend is the policy for a reply that was refused with err.
func mayResend(kind Kind, err error) bool {
	_, marked := errors.AsType[*resend](err)
	if kind == Mutation {
		return marked && driver.EffectOf(err) == driver.EffectNone
	}
	switch driver.ClassOf(err) { //nolint:exhaustive // the other classes do not pass by themselves
	case driver.ErrBusy, driver.ErrUnavailable, driver.ErrIndeterminate:
		return true
	}
	return marked
}
