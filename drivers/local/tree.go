package local

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// tree is the folder as one call sees it. All paths are relative to it, and os.Root keeps them inside. Every change of the
// file system goes through one of its methods, which tell the backend's step first.
type tree struct {
	*backend

	root *os.Root
}

// within opens the folder, runs f in it, and makes f's error one of the contract.
func within[R any](b *backend, op string, f func(t *tree) (R, error)) (R, error) {
	var none R
	t, err := b.open()
	if err != nil {
		return none, driver.In(op, err)
	}
	defer func() { _ = t.root.Close() }()
	r, err := f(t)
	if err != nil {
		return none, classed(op, err)
	}
	return r, nil
}

// open opens the folder and makes sure that it is still the one that was described.
func (b *backend) open() (*tree, error) {
	if b.closed.Load() {
		return nil, driver.Errorf(driver.ErrUnavailable, "the driver of %s is closed", b.config.Dir)
	}
	root, err := os.OpenRoot(b.config.Dir)
	if err != nil {
		return nil, b.cannotOpen(err)
	}
	t := &tree{backend: b, root: root}
	if err := t.verify(); err != nil {
		_ = root.Close()
		return nil, err
	}
	return t, nil
}

func (b *backend) cannotOpen(err error) error {
	switch info, statErr := os.Stat(b.config.Dir); {
	case statErr == nil && !info.IsDir():
		return driver.Errorf(driver.ErrInvalid, "%s is not a folder", b.config.Dir)
	case absent(err):
		return driver.Errorf(driver.ErrUnavailable, "the folder is not there; is its file system mounted? %w", err)
	}
	return classed("", err)
}

// verify refuses a state folder that leads elsewhere, and another backend's folder in our backend's place.
func (t *tree) verify() error {
	for _, dir := range []string{stateDir, locksDir, volumesDir} {
		if _, err := t.isDir(dir); err != nil {
			return err
		}
	}
	known := t.id.Load()
	if known == nil {
		return nil
	}
	switch id, err := t.readID(); {
	case absent(err):
		return driver.Errorf(driver.ErrUnavailable, "%s was backend %s, but %s is gone; is its file system mounted?",
			t.config.Dir, *known, backendFile)
	case err != nil:
		return classed("", err)
	case id != *known:
		return driver.Errorf(driver.ErrConflict, "%s was backend %s and is now backend %s", t.config.Dir, *known, id)
	}
	return nil
}

// isDir reports whether there is a folder of that name; anything else there, such as a symbolic link, is an ErrConflict.
func (t *tree) isDir(name string) (bool, error) {
	info, err := t.root.Lstat(name)
	switch {
	case absent(err):
		return false, nil
	case err != nil:
		return false, classed("", err)
	case !info.IsDir():
		return false, driver.Errorf(driver.ErrConflict, "%s is a %s, not a folder; remove it", t.at(name), kind(info.Mode()))
	}
	return true, nil
}

// image returns the regular file of that name. ErrNotFound is conclusive; ErrInvalid says what is there instead.
func (t *tree) image(name string) (fs.FileInfo, error) {
	info, err := t.root.Lstat(name)
	switch {
	case absent(err):
		return nil, notFound("no image %s", t.at(name))
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, driver.Errorf(driver.ErrInvalid, "%s is a %s; a volume is a regular file", t.at(name), kind(info.Mode()))
	}
	return info, nil
}

// openRegular opens the regular file of that name and nothing else that might be put in its place.
func (t *tree) openRegular(name string, flag int) (*os.File, fs.FileInfo, error) {
	before, err := t.image(name)
	if err != nil {
		return nil, nil, err
	}
	f, err := t.root.OpenFile(name, flag|openSafely, 0)
	if errors.Is(err, errWouldBlock) {
		return nil, nil, driver.Errorf(driver.ErrBusy, "another program is about to replace or copy %s: %w", t.at(name), err)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(before, info) {
		err = driver.Errorf(driver.ErrBusy, "%s was replaced while it was being opened", t.at(name))
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// exists reports whether anything has that name.
func (t *tree) exists(name string) (bool, error) {
	_, err := t.root.Lstat(name)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// list calls f for the names in a folder, page by page, until f returns false. A missing folder is empty.
func (t *tree) list(dir string, f func(fs.DirEntry) bool) error {
	d, err := t.root.Open(dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	for {
		entries, err := d.ReadDir(256)
		for _, e := range entries {
			if !f(e) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) || absent(err) { // absent on btrfs, where a folder is removed while it is read
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// at returns the whole path, for people.
func (t *tree) at(name string) string { return path.Join(t.config.Dir, name) }

func (t *tree) tell(op, name string) error {
	if t.step == nil {
		return nil
	}
	return t.step(op, name)
}

// create makes a new file for reading and writing.
func (t *tree) create(name string) (*os.File, error) {
	if err := t.tell("create", name); err != nil {
		return nil, err
	}
	return t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// mkdir makes a folder, durably; one that is there already is success.
func (t *tree) mkdir(name string) error {
	if there, err := t.isDir(name); there || err != nil {
		return err
	}
	if err := t.tell("mkdir", name); err != nil {
		return err
	}
	if err := t.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return t.syncDir(path.Dir(name))
}

func (t *tree) rename(from, to string) error {
	if err := t.tell("rename", to); err != nil {
		return err
	}
	return t.root.Rename(from, to)
}

// link gives a file a second name, which must be free: the only portable rename that replaces nothing.
func (t *tree) link(from, to string) error {
	if err := t.tell("link", to); err != nil {
		return err
	}
	return t.root.Link(from, to)
}

// remove removes a file or an empty folder; what is not there is success.
func (t *tree) remove(name string) error {
	if err := t.tell("remove", name); err != nil {
		return err
	}
	if err := t.root.Remove(name); !absent(err) {
		return err
	}
	return nil
}

// sync makes a file's content durable.
func (t *tree) sync(f *os.File) error {
	if err := t.tell("sync", strings.TrimPrefix(f.Name(), t.config.Dir+"/")); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes the names in a folder durable.
func (t *tree) syncDir(name string) error {
	if err := t.tell("syncdir", name); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // NTFS journals names by itself, and a folder cannot be flushed.
	}
	d, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// kind names what is not a regular file.
func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeDir:
		return "folder"
	case fs.ModeNamedPipe:
		return "pipe"
	case fs.ModeSocket:
		return "socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "device"
	case 0:
		return "file"
	}
	return "special file"
}
