//go:build !linux

package local

import (
	"errors"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// fence is a lock on a file. Here it says nothing about those who open the file and ignore locks.
type fence struct {
	file *os.File
}

// fenceOff locks the open file; errInUse if somebody else has it locked.
func fenceOff(f *os.File, exclusive bool) (*fence, error) {
	err := flock(f, exclusive)
	if errors.Is(err, errLocked) {
		err = errInUse
	}
	if err != nil {
		return nil, err
	}
	return &fence{f}, nil
}

func (l *fence) intact() error { return nil }

// release takes the lock away. The file stays open.
func (l *fence) release() { _ = unlock(l.file) }

// leases reports whether the kernel can tell that nobody else has a file open.
func leases(*os.File) bool { return false }

// holders cannot tell who has a file locked.
func holders(f *os.File) []driver.Blocker {
	return []driver.Blocker{{Kind: "lock", ID: f.Name(), Name: "held by a process that this system does not name"}}
}
