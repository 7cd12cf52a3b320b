package local

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// fence is the proof that nobody else has a file open (exclusive), or open for writing (shared), for as long as it is held.
type fence struct {
	file  *os.File
	lease int // F_WRLCK, F_RDLCK, or F_UNLCK where there are no leases
}

// fenceOff puts a fence around the open file; errInUse if somebody has it open or locked. Three things must agree: flock
// and a byte-range lock over the whole file, which other machines of a network file system see and QEMU respects, and a
// lease, which the kernel grants only if there is no other descriptor.
func fenceOff(f *os.File, exclusive bool) (*fence, error) {
	kind := int16(unix.F_RDLCK)
	if exclusive {
		kind = unix.F_WRLCK
	}
	if err := flock(f, exclusive); err != nil {
		return nil, busy(err)
	}
	l := &fence{file: f, lease: unix.F_UNLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Whence: io.SeekStart})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = errInUse
	} else {
		err = lockable(err)
	}
	if err == nil {
		err = l.takeLease(int(kind))
	}
	if err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *fence) takeLease(kind int) error {
	err := setLease(l.file, kind)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return errInUse
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP):
		return nil // no leases on this file system: the locks must do, and Describe says so
	case err != nil:
		return &os.PathError{Op: "lease (needs to be the file's owner, or root)", Path: l.file.Name(), Err: err}
	}
	l.lease = kind
	return nil
}

func setLease(f *os.File, kind int) error {
	// Whoever opens the file makes the kernel send a signal; SIGURG is ignored unless asked for, SIGIO ends a program.
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETSIG, int(unix.SIGURG)); err != nil {
		return err
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, kind)
	return err
}

// intact returns errInUse once somebody has begun to open the file. The kernel keeps him waiting until the fence is
// released, at most /proc/sys/fs/lease-break-time.
func (l *fence) intact() error {
	if l.lease == unix.F_UNLCK {
		return nil
	}
	now, err := unix.FcntlInt(l.file.Fd(), unix.F_GETLEASE, 0)
	if err != nil {
		return &os.PathError{Op: "getlease", Path: l.file.Name(), Err: err}
	}
	if now != l.lease {
		return errInUse
	}
	return nil
}

// release takes the fence away. The file stays open.
func (l *fence) release() {
	if l.lease != unix.F_UNLCK {
		_, _ = unix.FcntlInt(l.file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	_ = unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart})
	_ = unlock(l.file)
}

// lockable forgives a file system that has no locks of a kind, or wants a descriptor of another mode for it.
func lockable(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EBADF) {
		return nil
	}
	return err
}

func busy(err error) error {
	if errors.Is(err, errLocked) {
		return errInUse
	}
	return err
}

// leases reports whether the file system of the open file grants leases to us. It changes nothing.
func leases(f *os.File) bool {
	err := setLease(f, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == nil || errors.Is(err, unix.EAGAIN)
}
