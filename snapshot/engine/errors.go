package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// Error is what a verb returns: what went wrong, in which operation and step, and what to do next. Match the class with
// errors.Is and the constants of driver.Class; driver.BlockersOf names what stands in the way.
type Error struct {
	_ [0]func()

	// Operation and Kind are those of the operation; Operation is zero when the request was refused before there was one.
	Operation inventory.OperationID
	Kind      string
	// State is how the operation stands: Failed leaves nothing behind; Waiting goes on, or waits for a person.
	State inventory.OperationState
	// Step is the one that failed, if any.
	Step string
	// Next is what to do about it, in a sentence.
	Next string
	// Err is the cause; its class is the error's class.
	Err error
}

// Error returns "engine: kind [operation]: step: cause; next".
func (e *Error) Error() string {
	text := "engine: " + e.Kind
	if !e.Operation.IsZero() {
		text += " " + e.Operation.String()
	}
	if e.State.Open() {
		text += " (" + string(e.State) + ")"
	}
	cause := e.Err.Error()
	if e.Step != "" && !strings.HasPrefix(cause, e.Step+": ") { // a step is mostly named after its call
		text += ": " + e.Step
	}
	text += ": " + cause
	if e.Next != "" {
		text += "; " + e.Next
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errLost says that this process no longer owns the operation, or cannot tell: it must not call a driver for it again.
// Whoever owns it next goes on from the journal.
var errLost = errors.New("the operation is no longer this process's")

// errClosed is returned once Close has begun.
func errClosed() error {
	return driver.Errorf(driver.ErrUnavailable, "the engine is closed")
}

// classified gives an inventory's error the class that the verbs promise.
func classified(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*driver.Error](err); ok {
		return err
	}
	class := driver.ErrUnavailable
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		class = driver.ErrNotFound
	case errors.Is(err, inventory.ErrConflict):
		class = driver.ErrConflict
	case errors.Is(err, inventory.ErrInvalid), errors.Is(err, inventory.ErrSchema):
		class = driver.ErrInvalid
	case errors.Is(err, inventory.ErrStale):
		class = driver.ErrBusy
	case errors.Is(err, inventory.ErrIndeterminate):
		class = driver.ErrIndeterminate
	}
	return &driver.Error{Class: class, Err: err}
}

// refused is the error of a request that was turned down before there was an operation.
func refused(kind string, err error, next string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: kind, Err: classified(err), Next: next}
}

// journaled rebuilds the error of an operation from its journal.
func journaled(op inventory.Operation) error {
	e := &Error{Operation: op.ID, Kind: op.Kind, State: op.State, Next: op.Reason}
	if op.Cursor < len(op.Steps) {
		e.Step = op.Steps[op.Cursor].Name
	}
	e.Err = recorded(op)
	return e
}

// recorded is the error that the journal tells of.
func recorded(op inventory.Operation) error {
	e := &record{text: op.Error}
	if op.CancelAsked && (op.Undoing || op.State == inventory.Failed) {
		e.cause = context.Canceled
	} else if d, err := decodeDetail(op.Detail); err == nil && d.Outdated {
		e.cause = inventory.ErrStale
	}
	return &driver.Error{Class: op.ErrorClass, Err: e}
}

// record is an error that was read back: its text, and that it was cancelled.
type record struct {
	text  string
	cause error
}

func (e *record) Error() string { return e.text }
func (e *record) Unwrap() error { return e.cause }
