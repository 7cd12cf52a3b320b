package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// errLocked says that somebody else holds the lock.
var errLocked = errors.New("another call holds the lock")

// lockPause is the longest pause between two looks at a lock that somebody else holds.
const lockPause = 50 * time.Millisecond

// lock is a held lock: an open, flocked file in the locks folder. It ends with the process, so a lock never outlives who
// held it. The file is there only while the lock is held (or after a crash), so the folder does not fill.
type lock struct {
	t    *tree
	file *os.File
	path string
}

// lock takes the lock of that name exclusively. It waits within ctx; errors: ErrBusy when ctx ends first.
func (t *tree) lock(ctx context.Context, name string) (*lock, error) {
	pause := time.Millisecond
	for {
		l, err := t.tryLock(name)
		if !errors.Is(err, errLocked) {
			return l, err
		}
		if err := wait(ctx, pause); err != nil {
			return nil, driver.Errorf(driver.ErrBusy, "another call is changing %s: %w", name, err)
		}
		pause = min(2*pause, lockPause)
	}
}

// tryLock takes the lock or fails with errLocked.
func (t *tree) tryLock(name string) (*lock, error) {
	path := locksDir + "/" + name
	for {
		if _, err := t.image(path); err != nil && !errors.Is(err, driver.ErrNotFound) {
			return nil, err
		}
		f, err := t.root.OpenFile(path, os.O_RDWR|os.O_CREATE|openSafely, 0o600)
		if err != nil {
			return nil, err
		}
		if err = t.tell("lock", path); err == nil {
			err = flock(f, true)
		}
		if err == nil && t.isFile(path, f) {
			return &lock{t, f, path}, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		// Whoever held it has removed the file between our open and our lock: it is nobody's lock any more.
	}
}

// settled waits until nobody holds the lock, so that what a reader sees next is conclusive. It leaves no trace.
func (t *tree) settled(ctx context.Context, name string) error {
	pause := time.Millisecond
	for {
		free, err := t.isFree(name)
		if free || err != nil {
			return err
		}
		if err := wait(ctx, pause); err != nil {
			return driver.Errorf(driver.ErrBusy, "another call is changing %s: %w", name, err)
		}
		pause = min(2*pause, lockPause)
	}
}

// isFree reports whether nobody holds the lock now.
func (t *tree) isFree(name string) (bool, error) {
	f, err := t.root.OpenFile(locksDir+"/"+name, os.O_RDWR|openSafely, 0)
	if absent(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	err = flock(f, false)
	if errors.Is(err, errLocked) {
		return false, nil
	}
	return err == nil, err
}

// release gives the lock back.
func (l *lock) release() {
	// A file that cannot be removed is empty and does no harm.
	_ = l.t.root.Remove(l.path)
	_ = l.file.Close()
}

// isFile reports whether the name still leads to the open file.
func (t *tree) isFile(name string, f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := t.root.Lstat(name)
	return err == nil && named.Mode()&fs.ModeSymlink == 0 && os.SameFile(opened, named)
}

// wait pauses, or returns ctx's error.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
