package driver

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is the error of every call of a driver or host. Match its class with errors.Is and the constants of [Class]; reach
// a vendor's own error type with errors.As, through Err. No field ever holds a secret.
type Error struct {
	_ [0]func()

	// Class decides what the caller does next.
	Class Class
	// Op is the call as the contract names it: "CreateSnapshot", "Detach".
	Op string
	// Effect overrides what the class says about the effect; zero leaves it to the class.
	Effect Effect
	// RetryAfter is how long the array asks to be left alone; zero if it does not say.
	RetryAfter time.Duration
	// RequestID is the array's or the transport's id of the call, for its log.
	RequestID string
	// VendorCode is the array's own name of the error, verbatim.
	VendorCode string
	// Blockers are what stands in the way, with [ErrInUse], [ErrConflict] and [ErrExhausted].
	Blockers []Blocker
	// Err is the cause: what happened, in words.
	Err error
}

// Blocker is one thing that stands in the way of a call: what a person must look at first.
type Blocker struct {
	// Kind is a word of the array or host: "clone", "session", "snapshot", "vm", "process", "lock", "hold".
	Kind string `json:"kind"`
	// ID is its id at the array or host, and Name what people call it, if it has a name.
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Since is when it came to be, by the array's or host's clock; zero if unknown.
	Since time.Time `json:"since,omitzero"`
}

// String returns the blocker as an error text names it.
func (b Blocker) String() string {
	s := b.Kind + " " + b.ID
	if b.Name != "" && b.Name != b.ID {
		s += fmt.Sprintf(" (%s)", b.Name)
	}
	if !b.Since.IsZero() {
		s += " since " + b.Since.UTC().Format(time.RFC3339)
	}
	return s
}

// Errorf returns an [*Error] of the class whose cause is the formatted text; %w wraps.
func Errorf(class Class, format string, args ...any) *Error {
	return &Error{Class: class, Err: fmt.Errorf(format, args...)}
}

// Blocked returns an [*Error] of the class that names what stands in the way.
func Blocked(class Class, blockers []Blocker, format string, args ...any) *Error {
	e := Errorf(class, format, args...)
	e.Blockers = blockers
	return e
}

// In returns err as an error of the named call. An [*Error] is copied with Op filled in if it has none; any other error
// is wrapped with the class that [ClassOf] gives it, and the effect and RetryAfter of the first Error in it. In(nil) is nil.
func In(op string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error) //nolint:errorlint // only the outermost error is completed; a wrapped one keeps its own Op
	if !ok {
		outer := &Error{Class: ClassOf(err), Op: op, Err: err}
		if inner, ok := errors.AsType[*Error](err); ok {
			outer.Effect, outer.RetryAfter = EffectOf(err), inner.RetryAfter
		}
		return outer
	}
	if e.Op != "" {
		return err
	}
	c := *e
	c.Op = op
	return &c
}

// Error returns "op: cause: class (vendor code; request id; in the way: …)"; a class that the cause ends with is not
// said twice.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	class := e.Class.Error()
	if e.Err == nil {
		b.WriteString(class)
	} else if cause := e.Err.Error(); strings.HasSuffix(cause, class) {
		b.WriteString(cause)
	} else {
		b.WriteString(cause + ": " + class)
	}
	if notes := e.notes(); len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, "; ") + ")")
	}
	return b.String()
}

func (e *Error) notes() []string {
	var notes []string
	if e.VendorCode != "" {
		notes = append(notes, e.VendorCode)
	}
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if len(e.Blockers) > 0 {
		names := make([]string, len(e.Blockers))
		for i, blocker := range e.Blockers {
			names[i] = blocker.String()
		}
		notes = append(notes, "in the way: "+strings.Join(names, ", "))
	}
	return notes
}

// Is makes errors.Is match the error's class.
func (e *Error) Is(target error) bool {
	c, ok := target.(Class)
	return ok && c == e.Class
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// BlockersOf returns the blockers of the first error in err's tree that names any.
func BlockersOf(err error) []Blocker {
	var blockers []Blocker
	search(err, func(err error) bool {
		if e, ok := err.(*Error); ok { //nolint:errorlint // search walks the tree
			blockers = e.Blockers
		}
		return len(blockers) > 0
	})
	return blockers
}
