package local

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// volume is one volume while a call changes it: its lock is held and leftovers of dead calls are gone.
type volume struct {
	*tree

	id   driver.VolumeID
	dir  string // its state folder
	held *lock
}

// changing prepares the folder, locks the volume, sweeps it and runs f.
func changing[R any](ctx context.Context, b *backend, op string, id driver.VolumeID, f func(v *volume) (R, error)) (R, error) {
	var none R
	if err := checkName(id); err != nil {
		return none, driver.In(op, err)
	}
	return within(b, op, func(t *tree) (R, error) {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		if err := t.ensure(); err != nil {
			return none, err
		}
		l, err := t.lock(ctx, string(id))
		if err != nil {
			return none, err
		}
		v := &volume{tree: t, id: id, dir: volumeDir(string(id)), held: l}
		defer v.held.release()
		if err := v.recover(); err != nil {
			return none, err
		}
		return f(v)
	})
}

// ensure makes the state folders, unless they are there.
func (t *tree) ensure() error {
	for _, dir := range []string{stateDir, locksDir, volumesDir} {
		if err := t.mkdir(dir); err != nil {
			return err
		}
	}
	return nil
}

// file returns the path of a file in the volume's state folder.
func (v *volume) file(name string) string { return v.dir + "/" + name }

func (v *volume) content(token driver.Token) string { return v.file(string(token) + imageSuffix) }
func (v *volume) record(token driver.Token) string  { return v.file(string(token) + recordSuffix) }
func (v *volume) prepared(token driver.Token) string {
	return v.file(string(token) + revertSuffix)
}

// Volume returns the image's size, its path as the serial number, and how many snapshots it has.
func (b *backend) Volume(_ context.Context, id driver.VolumeID) (driver.Volume, error) {
	if err := checkName(id); err != nil {
		return driver.Volume{}, driver.In("Volume", err)
	}
	return within(b, "Volume", func(t *tree) (driver.Volume, error) { return t.volume(id) })
}

func (t *tree) volume(id driver.VolumeID) (driver.Volume, error) {
	info, err := t.image(string(id))
	if err != nil {
		return driver.Volume{}, err
	}
	count, err := t.countSnapshots(id)
	if err != nil {
		return driver.Volume{}, err
	}
	v := driver.Volume{
		ID: id, Name: string(id), Size: info.Size(), Serial: filepath.Join(t.config.Dir, string(id)),
		SnapshotCount: count, SnapshotsLeft: -1,
	}
	if t.config.MaxSnapshots > 0 {
		v.SnapshotsLeft = max(0, t.config.MaxSnapshots-count)
	}
	m, err := readMade(t, volumeDir(string(id))+"/"+volumeFile)
	if err != nil && !absent(err) {
		return driver.Volume{}, err
	}
	v.Token, v.Origin, v.CreatedAt = m.Token, m.Origin, m.Created
	return v, nil
}

func (t *tree) countSnapshots(id driver.VolumeID) (int, error) {
	count := 0
	err := t.list(volumeDir(string(id)), func(e fs.DirEntry) bool {
		if _, ok := recordToken(e.Name()); ok {
			count++
		}
		return true
	})
	return count, err
}

// recordToken returns the token of the snapshot whose record has that file name.
func recordToken(name string) (driver.Token, bool) { return tokenOf(name, recordSuffix) }

func tokenOf(name, suffix string) (driver.Token, bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	token := driver.Token(stem)
	return token, ok && token.Validate() == nil
}

// known reports whether there is, or was, such a volume: an image, or snapshots that have outlived it.
func (t *tree) known(id driver.VolumeID) (bool, error) {
	_, err := t.image(string(id))
	if !errors.Is(err, driver.ErrNotFound) {
		return err == nil, err
	}
	count, err := t.countSnapshots(id)
	return count > 0, err
}
