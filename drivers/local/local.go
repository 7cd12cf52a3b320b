package local

import (
	"path/filepath"
	"sync/atomic"

	"github.com/storagesnap/storagesnap/driver"
)

// Name is what the driver is registered as.
const Name = "local"

func init() { //nolint:gochecknoinits // a driver registers itself, as package driver asks
	driver.Register(Name, driver.Typed(Open))
}

// Config is the driver's configuration.
type Config struct {
	// Dir is the folder of the images, an absolute path.
	Dir string `json:"dir" required:"true" help:"folder of the image files, an absolute path"`
	// Reflink is one of the constants below; empty is [ReflinkAuto].
	Reflink string `json:"reflink" default:"auto" help:"auto: share blocks where possible; always: or fail; never: full copies"`
	// MaxSnapshots is the most snapshots of one volume; zero is no limit.
	MaxSnapshots int `json:"max_snapshots" help:"most snapshots of one volume; 0 is no limit"`
	// MinFree is how many bytes of the file system a new snapshot, clone or revert must leave free.
	MinFree int64 `json:"min_free" help:"bytes of the file system that snapshots and clones must leave free"`
}

// The values of [Config].Reflink.
const (
	// ReflinkAuto shares blocks where the file system can, and copies in full where it cannot.
	ReflinkAuto = "auto"
	// ReflinkAlways refuses (ErrUnsupported) rather than copy.
	ReflinkAlways = "always"
	// ReflinkNever always copies, so that a bad block of the disk spoils one of them only.
	ReflinkNever = "never"
)

// validate reports, as an ErrInvalid that names the field, what is wrong.
func (c *Config) validate() error {
	if c.Reflink == "" {
		c.Reflink = ReflinkAuto
	}
	var err error
	switch {
	case !filepath.IsAbs(c.Dir):
		err = driver.Errorf(driver.ErrInvalid, "field %q is %q; want an absolute path", "dir", c.Dir)
	case c.Reflink != ReflinkAuto && c.Reflink != ReflinkAlways && c.Reflink != ReflinkNever:
		err = driver.Errorf(driver.ErrInvalid, "field %q is %q; want auto, always or never", "reflink", c.Reflink)
	case c.MaxSnapshots < 0:
		err = driver.Errorf(driver.ErrInvalid, "field %q is negative", "max_snapshots")
	case c.MinFree < 0:
		err = driver.Errorf(driver.ErrInvalid, "field %q is negative", "min_free")
	}
	return driver.In("Open", err)
}

// Open returns a driver for the folder. It does no I/O. Errors: ErrInvalid, which names the field.
func Open(config Config, env driver.Env) (driver.Driver, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config.Dir = filepath.Clean(config.Dir)
	return &backend{config: config, env: env}, nil
}

// backend is one folder.
type backend struct {
	config Config
	env    driver.Env
	// id is the backend's id once Describe has read it; nil before. Later calls refuse a folder with another one.
	id     atomic.Pointer[string]
	closed atomic.Bool
	// step, if not nil, is told of every change to the file system and every lock just before it is made, and can fail it.
	// Tests crash here.
	step func(op, path string) error
}

// Abilities returns what the driver can do: clone, manage volumes, check.
func (b *backend) Abilities() driver.Abilities {
	return driver.Abilities{Cloner: b, Volumes: b, Checker: b}
}

// Close refuses later calls and holds nothing back: each call opens the folder by itself, so that a file system mounted anew
// is seen.
func (b *backend) Close() error {
	b.closed.Store(true)
	return nil
}

// Interface guards.
var (
	_ driver.Driver        = (*backend)(nil)
	_ driver.Cloner        = (*backend)(nil)
	_ driver.VolumeManager = (*backend)(nil)
	_ driver.Checker       = (*backend)(nil)
)
