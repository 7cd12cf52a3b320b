//go:build unix && !solaris && !illumos && !aix

package local

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errWouldBlock is what open and flock answer instead of waiting.
const errWouldBlock = unix.EWOULDBLOCK

// flock locks the open file without waiting; errLocked if somebody else has it.
func flock(f *os.File, exclusive bool) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLocked
		case err != nil:
			return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// unlock gives the lock back without closing the file.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
