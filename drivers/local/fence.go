package local

import (
	"errors"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// errInUse says that somebody else has the file open, or a lock on it.
var errInUse = errors.New("somebody else has the file open")

// refused returns err, if it is errInUse, as the contract's error that names who stands in the way.
func refused(err error, f *os.File, why string) error {
	if !errors.Is(err, errInUse) {
		return err
	}
	return driver.Blocked(driver.ErrInUse, holders(f), "%s is in use: %s: %w", f.Name(), why, err)
}
