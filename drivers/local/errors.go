package local

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/storagesnap/storagesnap/driver"
)

// errNoReflink says that blocks cannot be shared between two files here.
var errNoReflink = errors.New("the file system does not share blocks between these files (no reflink)")

// classed returns err as an error of the contract. Failures of the file system come from before any effect, or their
// effect has been undone, unless [unknown] has marked them. A missing file is never conclusive here: whoever concludes
// anything from it says so with a class of its own.
func classed(op string, err error) error {
	if err == nil {
		return nil
	}
	_, isError := errors.AsType[*driver.Error](err)
	_, isClass := errors.AsType[driver.Class](err)
	if isError || isClass {
		return driver.In(op, err)
	}
	class := driver.ErrUnavailable
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case isFull(err):
		class = driver.ErrExhausted
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		class = driver.ErrPermission
	}
	return &driver.Error{Class: class, Op: op, Effect: driver.EffectNone, Err: err}
}

// unknown marks a failure after the point of no return: the effect is there, but perhaps not durable.
func unknown(err error) error {
	if err == nil {
		return nil
	}
	return driver.Errorf(driver.ErrIndeterminate, "the change was made, but may not outlive a power failure: %w", err)
}

// absent reports whether the file is not there.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// notFound returns an error of the class for what is conclusively not there.
func notFound(format string, args ...any) error {
	return driver.Errorf(driver.ErrNotFound, format, args...)
}
