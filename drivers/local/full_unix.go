//go:build unix

package local

import (
	"errors"
	"syscall"

	"github.com/storagesnap/storagesnap/driver"
)

// openSafely keeps open from waiting: for the other end of a pipe, or for the owner of a lease.
const openSafely = syscall.O_NONBLOCK | syscall.O_NOCTTY

// isFull reports whether space or quota is used up.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// tooLarge makes the refusal of a size that the file system cannot have an ErrInvalid.
func tooLarge(err error) error {
	if errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.EINVAL) {
		return driver.Errorf(driver.ErrInvalid, "the file system has no files of that size: %w", err)
	}
	return err
}
