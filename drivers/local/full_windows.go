package local

import (
	"errors"

	"golang.org/x/sys/windows"
)

const openSafely = 0

// isFull reports whether space or quota is used up.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// tooLarge leaves the refusal of a size as it is: its code is that of a full disk.
func tooLarge(err error) error { return err }
