package inventory

import "errors"

// The classes of a store's errors. A store wraps them with what, where and what to do.
var (
	// ErrNotFound: conclusively not there.
	ErrNotFound = errors.New("not in the inventory")
	// ErrStale: the stored version, epoch or lease is not what the change assumed. Nothing was written; read again.
	ErrStale = errors.New("changed meanwhile")
	// ErrConflict: a unique value is taken: a native id within a backend, an external id. Nothing was written. (An id that exists
	// although the change says that it must not is ErrStale.)
	ErrConflict = errors.New("already taken")
	// ErrInvalid: the change or query breaks a rule. Nothing was written.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: the store cannot be reached, is full or is busy; nothing was written.
	ErrUnavailable = errors.New("store unavailable")
	// ErrIndeterminate: it is unknown whether the change was written.
	ErrIndeterminate = errors.New("outcome of the commit unknown")
	// ErrSchema: the store's schema is damaged, of another program, or newer than this program can read.
	ErrSchema = errors.New("schema cannot be used")
)
