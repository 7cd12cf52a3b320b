package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/inventory"
)

// refused reports whether the error says that the change breaks a rule or an assumption, which another attempt would meet
// again: the database itself is well.
func refused(err error) bool {
	return errors.Is(err, inventory.ErrStale) || errors.Is(err, inventory.ErrConflict) || errors.Is(err, inventory.ErrInvalid)
}

// classified returns the error of a statement or a query, in whose course nothing was written, as one of the inventory's
// classes, with what a person can do.
func (s *Store) classified(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // whatever the driver makes of it
		return fmt.Errorf("inventory: %s: %w", doing, ctx.Err())
	case s.closed():
		return errClosed(doing)
	case errors.Is(err, errRow):
		return fmt.Errorf("inventory: %s: %w", doing, damaged(err))
	}
	class, advice := inventory.ErrUnavailable, "see that the database can be reached"
	switch s.dialect.fault(err) {
	case faultBusy, faultAgain:
		advice = "somebody else holds a lock in the database; try again"
	case faultFull:
		advice = "there is no room for the database; make some"
	case faultReadOnly:
		advice = "the database cannot be opened or written; check the permissions of its file and folder"
	case faultDamaged:
		class, advice = inventory.ErrSchema, "the database is damaged; restore it from a backup"
	case faultTooLarge:
		class, advice = inventory.ErrInvalid, "a value is larger than the database takes"
	case faultTaken, faultOther:
	}
	return fmt.Errorf("inventory: %s: %w (%w; %s)", doing, class, err, advice)
}

func errClosed(doing string) error {
	return fmt.Errorf("inventory: %s: the store is closed: %w", doing, inventory.ErrUnavailable)
}

// stale, conflict and invalid are refusals of a change.

func stale(format string, args ...any) error { return refusal(inventory.ErrStale, format, args...) }

func conflict(format string, args ...any) error {
	return refusal(inventory.ErrConflict, format, args...)
}

func invalid(format string, args ...any) error {
	return refusal(inventory.ErrInvalid, format, args...)
}

func refusal(class error, format string, args ...any) error {
	return fmt.Errorf("inventory: %s: %w", fmt.Sprintf(format, args...), class)
}
