package local

import (
	"context"
	"errors"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// trialNames are what tryOut finds out, in the order of its findings.
const (
	trialFiles   = "files"
	trialReflink = "reflink"
	trialLocks   = "locks"
	trialLeases  = "leases"
)

// tryOut does once, with two trial files, what snapshots need from the file system.
func (t *tree) tryOut(ctx context.Context) []driver.Finding {
	findings := []driver.Finding{{Name: trialFiles}, {Name: trialReflink}, {Name: trialLocks}, {Name: trialLeases}}
	a, b, done, err := t.trialFiles(ctx)
	defer done()
	if err != nil {
		for i := range findings {
			findings[i].Status, findings[i].Detail = driver.StatusSkip, "no trial files"
		}
		findings[0].Status, findings[0].Detail = driver.StatusFail, err.Error()
		findings[0].Hint = "the folder must be writable, on a file system with hard links"
		return findings
	}
	findings[0].Status, findings[0].Detail = driver.StatusOK, "can be made, linked, renamed and removed"
	t.tryReflink(&findings[1], a, b)
	tryLocks(&findings[2], t, a)
	tryLeases(&findings[3], a)
	return findings
}

// trialFiles makes two files, the first with content, under the names lock, so that only those of dead calls are swept.
func (t *tree) trialFiles(ctx context.Context) (a, b *os.File, done func(), err error) {
	first, second := stateDir+"/check-1"+tempSuffix, stateDir+"/check-2"+tempSuffix
	done = func() {}
	if err := t.ready(ctx); err != nil {
		return nil, nil, done, err
	}
	l, err := t.lock(ctx, namesLock)
	if err != nil {
		return nil, nil, done, err
	}
	done = func() {
		for _, f := range []*os.File{a, b} {
			_ = f.Close() // nil, or only read from now on
		}
		_ = t.remove(first)
		_ = t.remove(second)
		l.release()
	}
	if err := errors.Join(t.remove(first), t.remove(second)); err != nil {
		return a, b, done, err
	}
	if a, err = t.create(first); err != nil {
		return a, b, done, err
	}
	if _, err = a.Write(make([]byte, zeroBlock)); err != nil {
		return a, b, done, err
	}
	if err = t.link(first, second); err != nil {
		return a, b, done, err
	}
	if err = errors.Join(t.rename(second, second+"x"), t.remove(second+"x")); err != nil {
		return a, b, done, err
	}
	b, err = t.create(second)
	return a, b, done, err
}

func (t *tree) tryReflink(f *driver.Finding, a, b *os.File) {
	err := reflink(b, a)
	switch {
	case err == nil:
		f.Status, f.Detail = driver.StatusOK, "snapshots share blocks and take no time"
	case t.config.Reflink == ReflinkAlways:
		f.Status, f.Detail = driver.StatusFail, err.Error()
		f.Hint = "reflink is set to always: use XFS (reflink=1) or btrfs, or set it to auto"
	default:
		f.Status, f.Detail = driver.StatusWarn, err.Error()
		f.Hint = "snapshots are full copies, and only of images that nobody writes to; XFS (reflink=1) and btrfs share blocks"
	}
	if t.config.Reflink == ReflinkNever {
		f.Status, f.Hint = driver.StatusOK, ""
		f.Detail = "not used: reflink is set to never"
	}
}

func tryLocks(f *driver.Finding, t *tree, a *os.File) {
	again, _, err := t.openRegular(stateDir+"/check-1"+tempSuffix, os.O_RDWR)
	if err == nil {
		defer func() { _ = again.Close() }()
		err = flock(a, true)
	}
	if err == nil {
		err = flock(again, true)
	}
	switch {
	case errors.Is(err, errLocked):
		f.Status, f.Detail = driver.StatusOK, "flock excludes"
	case err == nil:
		f.Status, f.Detail = driver.StatusFail, "flock is granted twice"
	default:
		f.Status, f.Detail = driver.StatusFail, err.Error()
	}
	if f.Status != driver.StatusOK {
		f.Hint = "two programs that use this folder at once would spoil each other's work; use a file system with locks"
	}
}

func tryLeases(f *driver.Finding, a *os.File) {
	f.Status, f.Detail = driver.StatusOK, "the kernel tells whether anybody has an image open"
	if !leases(a) {
		f.Status, f.Hint = driver.StatusWarn, "let the engine detach the host before a revert"
		f.Detail = "no leases on this system or file system: whoever has an image open without a lock is not seen"
	}
}
