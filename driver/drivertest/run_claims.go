package drivertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// claims are what a check of either suite says about calls and their results.
type claims struct {
	testing.TB

	rec     *recorder
	timeout time.Duration // of one call
	marks   driver.InstallationID
}

// ctx returns a context for one call, with the deadline that every engine sets.
func (p *claims) ctx() context.Context {
	ctx, cancel := p.cancelable()
	p.Cleanup(cancel)
	return ctx
}

func (p *claims) cancelable() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(p.Context()), p.timeout)
}

// token returns a fresh token of the suite's installation.
func (p *claims) token() driver.Token {
	t, err := driver.NewToken(p.marks)
	p.ok(err, "NewToken")
	return t
}

// ok ends the check if err is not nil.
func (p *claims) ok(err error, what string) {
	if err != nil {
		p.Fatalf("%s: unexpected error: %v", what, err)
	}
}

// want ends the check unless err is of one of the classes.
func (p *claims) want(err error, what string, classes ...driver.Class) {
	for _, c := range classes {
		if errors.Is(err, c) {
			return
		}
	}
	var words []string
	for _, c := range classes {
		words = append(words, c.Error())
	}
	p.Fatalf("%s: got %v, want an error of class %q", what, err, strings.Join(words, " or "))
}

// wantNamed is want for the classes that must say what stands in the way.
func (p *claims) wantNamed(err error, what string, class driver.Class) {
	p.want(err, what, class)
	if len(driver.BlockersOf(err)) == 0 {
		p.Errorf("%s: the error names nothing that stands in the way (Error.Blockers): %v", what, err)
	}
}

// check fails the check if the condition does not hold, and goes on.
func (p *claims) check(holds bool, format string, args ...any) {
	if !holds {
		p.Errorf(format, args...)
	}
}

// must ends the check if the condition does not hold.
func (p *claims) must(holds bool, format string, args ...any) {
	if !holds {
		p.Fatalf(format, args...)
	}
}

// need skips the check, by name, if the harness or the driver does not have what it takes.
func (p *claims) need(has bool, format string, args ...any) {
	if !has {
		p.Skipf(format, args...)
	}
}
