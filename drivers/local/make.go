package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// nameRoom is the most characters of a new volume's name before a token is added to make it unique.
const nameRoom = 100

// wanted is a volume that Clone or CreateVolume shall make.
type wanted struct {
	token  driver.Token
	name   string
	labels map[string]string
	origin driver.SnapshotRef
	resume bool
	notes  driver.Notes
	// fill gives the new file its content.
	fill func(v *volume, f *os.File) error
}

// makeVolume makes a volume. The claim, a document with the token in the new volume's state folder, comes before the content,
// so that whoever looks for the token finds the job; the image appears whole, under a name that nothing had.
func (t *tree) makeVolume(ctx context.Context, w wanted) (driver.Volume, error) {
	v, done, err := t.claim(ctx, w)
	if err != nil || done != nil {
		return orZero(done), err
	}
	defer v.held.release()
	if err := v.build(ctx, w); err != nil {
		v.undo(v.file(newImage), v.file(claimFile))
		return driver.Volume{}, err
	}
	if err := v.appear(); err != nil {
		return driver.Volume{}, err
	}
	return v.volume(v.id)
}

func orZero(v *driver.Volume) driver.Volume {
	if v == nil {
		return driver.Volume{}
	}
	return *v
}

// claim returns a new volume, locked and claimed for the token; or, with Resume, the finished one that the token has. It
// waits, within ctx, for a living process that makes it.
func (t *tree) claim(ctx context.Context, w wanted) (*volume, *driver.Volume, error) {
	for {
		v, done, err := t.tryClaim(ctx, w)
		if !errors.Is(err, errLocked) {
			return v, done, err
		}
		if err := wait(ctx, lockPause); err != nil {
			return nil, nil, driver.Errorf(driver.ErrBusy, "a living process makes the volume of token %s: %w", w.token, err)
		}
	}
}

// tryClaim is claim; errLocked if a living process makes the token's volume.
func (t *tree) tryClaim(ctx context.Context, w wanted) (*volume, *driver.Volume, error) {
	names, err := t.lock(ctx, namesLock)
	if err != nil {
		return nil, nil, err
	}
	defer names.release()
	if w.resume {
		v, err := t.finished(w.token)
		if !errors.Is(err, driver.ErrNotFound) {
			return nil, &v, err
		}
	}
	name := safeName(w.name, nameRoom)
	candidates := []string{name, withToken(name, w.token)}
	if name == "" {
		candidates = []string{string(w.token)}
	}
	for _, name := range candidates {
		v, err := t.claimName(name, w)
		if !errors.Is(err, fs.ErrExist) {
			return v, nil, err
		}
	}
	return nil, nil, driver.Errorf(driver.ErrConflict, "%s is taken, and so is every other name that token %s may have",
		t.at(candidates[0]), w.token)
}

// claimName claims one name; fs.ErrExist if anything has it, or had it and left snapshots.
func (t *tree) claimName(name string, w wanted) (*volume, error) {
	l, err := t.tryLock(name)
	if errors.Is(err, errLocked) {
		return nil, fs.ErrExist
	}
	if err != nil {
		return nil, err
	}
	v := &volume{tree: t, id: driver.VolumeID(name), dir: volumeDir(name), held: l}
	err = v.recover()
	if err == nil {
		err = v.stake(w)
	}
	if err != nil {
		l.release()
		return nil, err
	}
	return v, nil
}

// stake writes the claim, durably, beside a new empty file.
func (v *volume) stake(w wanted) error {
	v.forget()
	for _, taken := range []string{string(v.id), v.dir} {
		if there, err := v.exists(taken); err != nil {
			return err
		} else if there {
			return fs.ErrExist
		}
	}
	if err := v.mkdir(v.dir); err != nil {
		return err
	}
	err := v.writeClaim(w)
	if err != nil {
		v.undo(v.file(newImage), v.file(claimFile))
	}
	return err
}

func (v *volume) writeClaim(w wanted) error {
	f, err := v.create(v.file(newImage))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	err = v.writeDocument(v.file(claimFile), made{
		Format: recordFormat, Token: w.token, Name: w.name, Labels: w.labels, Origin: w.origin, Created: time.Now().UTC(),
	})
	if err != nil {
		return err
	}
	return v.syncDir(v.dir)
}

// build tells the engine of the job and gives the new file its content.
func (v *volume) build(ctx context.Context, w wanted) error {
	if err := w.notes.Save(ctx, map[string]driver.VolumeID{"volume": v.id}); err != nil {
		return &driver.Error{Class: driver.ErrUnavailable, Effect: driver.EffectNone, Err: err}
	}
	f, _, err := v.openRegular(v.file(newImage), os.O_RDWR)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := w.fill(v, f); err != nil {
		return err
	}
	return v.sync(f)
}

// appear publishes the finished file. From the moment of the link the volume exists; the claim becomes final behind it.
func (v *volume) appear() error {
	if err := v.link(v.file(newImage), string(v.id)); err != nil {
		v.undo(v.file(newImage), v.file(claimFile))
		if errors.Is(err, fs.ErrExist) {
			return driver.Errorf(driver.ErrConflict, "another program has just made %s", v.at(string(v.id)))
		}
		return err
	}
	err := v.syncDir(".")
	if err == nil {
		err = v.settleClaim()
	}
	return unknown(err)
}

// finished returns the volume that the token made; errLocked if a living process makes it now.
// ErrNotFound is conclusive while the names are locked.
func (t *tree) finished(token driver.Token) (driver.Volume, error) {
	id, err := t.findToken(token)
	if err != nil {
		return driver.Volume{}, err
	}
	l, err := t.tryLock(string(id))
	if err != nil {
		return driver.Volume{}, err
	}
	defer l.release()
	return t.settledVolume(id, token, l)
}

// settledVolume returns the volume if the token made it and it is there. The caller holds its lock.
func (t *tree) settledVolume(id driver.VolumeID, token driver.Token, l *lock) (driver.Volume, error) {
	v := &volume{tree: t, id: id, dir: volumeDir(string(id)), held: l}
	if err := v.recover(); err != nil {
		return driver.Volume{}, err
	}
	m, err := readMade(t, v.file(volumeFile))
	if absent(err) || (err == nil && m.Token != token) {
		v.forget()
		return driver.Volume{}, notFound("token %s has made no volume", token)
	}
	if err != nil {
		return driver.Volume{}, err
	}
	return t.volume(id)
}

// findToken returns the volume whose claim, final or not, has the token.
func (t *tree) findToken(token driver.Token) (driver.VolumeID, error) {
	var found driver.VolumeID
	var failed error
	err := t.list(volumesDir, func(e fs.DirEntry) bool {
		if !e.IsDir() || checkName(driver.VolumeID(e.Name())) != nil {
			return true
		}
		for _, file := range []string{claimFile, volumeFile} {
			m, err := readMade(t, volumeDir(e.Name())+"/"+file)
			if err != nil && !absent(err) {
				failed = err
			}
			if err == nil && m.Token == token {
				found = driver.VolumeID(e.Name())
			}
		}
		return found == ""
	})
	switch {
	case err != nil:
		return "", err
	case found != "":
		return found, nil
	case failed != nil:
		return "", failed // the one that cannot be read may be the one
	}
	return "", notFound("token %s has made no volume", token)
}
