//go:build !linux

package local

import (
	"errors"
	"os"
)

// fileSystem returns the name of the file system that the folder is on; "" where that cannot be told.
func fileSystem(*os.Root) (string, error) { return "", nil }

// freeSpace returns how many bytes may still be written; errors.ErrUnsupported where that is not known beforehand.
func freeSpace(*os.Root) (int64, error) { return 0, errors.ErrUnsupported }

// reflink makes dst share all blocks of src; errNoReflink where that cannot be.
func reflink(_, _ *os.File) error { return errNoReflink }

// nextData returns the first extent at or after the offset that may hold data: all the rest. Zeros are found by reading.
func nextData(_ *os.File, at, size int64) (start, end int64, err error) { return at, size, nil }

// copyRange asks to copy by hand.
func copyRange(_, _ *os.File, _, _ int64) (int64, error) { return 0, errors.ErrUnsupported }
