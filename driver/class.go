package driver

import (
	"context"
	"errors"
)

// Class is the kind of an error: what the caller may conclude and what it should do next. The classes are constants that
// are errors themselves, so errors.Is(err, driver.ErrNotFound) asks for one. See the table in the package documentation.
type Class int //nolint:errname // its constants are the errors

const (
	// ErrNotFound says, conclusively, that the object is not there. "I could not tell" is never ErrNotFound.
	ErrNotFound Class = iota + 1
	// ErrConflict says that something else stands where the call would act: the token on another object, another
	// backend id, a snapshot that a revert may not drop. Nothing was touched.
	ErrConflict
	// ErrInvalid says that the request or the configuration is wrong; the same call will fail again.
	ErrInvalid
	// ErrPermission says that the credentials are wrong or do not allow the call.
	ErrPermission
	// ErrExhausted says that a limit or the space is used up. Final: it is not retried, somebody must make room.
	ErrExhausted
	// ErrInUse says that dependants stand in the way, named in [Error.Blockers]. Final until they are gone.
	ErrInUse
	// ErrBusy says that the array refused for now, before any effect; the same call may succeed after [Error.RetryAfter].
	ErrBusy
	// ErrUnavailable says that the call was never sent or was refused unread; nothing happened.
	ErrUnavailable
	// ErrIndeterminate says that the call was sent and that its effect is unknown: the reply was lost or undecodable.
	ErrIndeterminate
	// ErrPartial says that the effect took place in part: the volume's content is neither the old nor the new. Only
	// completing the same call helps; the volume must not be attached before.
	ErrPartial
	// ErrUnsupported says that this instance cannot do the call (licence, firmware, file system), with the reason.
	// Returned before any effect.
	ErrUnsupported
)

// Error returns the class in words.
func (c Class) Error() string {
	switch c {
	case ErrNotFound:
		return "not found"
	case ErrConflict:
		return "conflict"
	case ErrInvalid:
		return "invalid"
	case ErrPermission:
		return "permission denied"
	case ErrExhausted:
		return "limit reached"
	case ErrInUse:
		return "in use"
	case ErrBusy:
		return "busy"
	case ErrUnavailable:
		return "unavailable"
	case ErrIndeterminate:
		return "outcome unknown"
	case ErrPartial:
		return "partly done"
	case ErrUnsupported:
		return "not supported"
	}
	return "unclassified"
}

// Effect returns what an error of the class says about the call's effect when the error itself does not.
func (c Class) Effect() Effect {
	switch c {
	case ErrPartial:
		return EffectPartial
	case ErrNotFound, ErrConflict, ErrInvalid, ErrPermission, ErrExhausted, ErrInUse, ErrBusy, ErrUnavailable, ErrUnsupported:
		return EffectNone
	case ErrIndeterminate:
	}
	return EffectUnknown
}

// Transient reports whether the same call may succeed later without anybody changing anything.
func (c Class) Transient() bool {
	return c == ErrBusy || c == ErrUnavailable || c == ErrIndeterminate || c == ErrPartial
}

// Effect says whether the effect of a failed mutation took place.
type Effect int

const (
	// EffectByClass leaves the answer to [Class.Effect].
	EffectByClass Effect = iota
	// EffectNone: nothing changed.
	EffectNone
	// EffectDone: the effect took place; what failed came after it.
	EffectDone
	// EffectPartial: part of it took place.
	EffectPartial
	// EffectUnknown: nobody can tell without looking.
	EffectUnknown
)

// String returns the effect in words.
func (e Effect) String() string {
	switch e {
	case EffectNone:
		return "none"
	case EffectDone:
		return "done"
	case EffectPartial:
		return "partial"
	case EffectByClass, EffectUnknown:
	}
	return "unknown"
}

// ClassOf returns the class of the first classified error in err's tree, the outermost first and joined ones in their
// order, and [ErrIndeterminate] for every other error: the only safe reading of an unclassified failure is that the effect
// is unknown. A nil error has class 0.
func ClassOf(err error) Class {
	if err == nil {
		return 0
	}
	if c, ok := classIn(err); ok {
		return c
	}
	return ErrIndeterminate
}

// EffectOf returns what err says about the effect of the mutation that failed with it: the first error in err's tree that
// has a class or an effect of its own decides.
func EffectOf(err error) Effect {
	if err == nil {
		return EffectDone
	}
	effect := EffectUnknown
	search(err, func(err error) bool {
		if e, ok := err.(*Error); ok && e.Effect != EffectByClass { //nolint:errorlint // search walks the tree
			effect = e.Effect
			return true
		}
		c := classAt(err)
		effect = c.Effect()
		return c != 0
	})
	return effect
}

func classIn(err error) (Class, bool) {
	var class Class
	found := search(err, func(err error) bool {
		class = classAt(err)
		return class != 0
	})
	return class, found
}

// classAt returns the class of err itself, or 0.
func classAt(err error) Class {
	switch e := err.(type) { //nolint:errorlint // search walks the tree
	case *Error:
		return e.Class
	case Class:
		return e
	}
	return 0
}

// search shows visit the errors of err's tree, each before those that it wraps, until visit returns true.
func search(err error, visit func(error) bool) bool {
	if err == nil {
		return false
	}
	if visit(err) {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // this walks the tree, as errors.Is does
	case interface{ Unwrap() error }:
		return search(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if search(inner, visit) {
				return true
			}
		}
	}
	return false
}

// Canceled reports whether err comes from the caller's context rather than from the array.
func Canceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
