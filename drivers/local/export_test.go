package local

import "github.com/storagesnap/storagesnap/driver"

// OpenStepped is Open with a hook that is told of every change to the file system just before it is made, and can fail it.
func OpenStepped(config Config, env driver.Env, step func(op, path string) error) (driver.Driver, error) {
	d, err := Open(config, env)
	if b, ok := d.(*backend); ok {
		b.step = step
	}
	return d, err
}

// SafeName is safeName.
func SafeName(name string, limit int) string { return safeName(name, limit) }
