package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"github.com/storagesnap/storagesnap/driver"
)

// Lookup returns the snapshot with the reference's id or token. With Resume it waits, before it answers ErrNotFound, for
// the call that is changing the volume now, if there is one.
func (b *backend) Lookup(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	return within(b, "Lookup", func(t *tree) (driver.Snapshot, error) {
		s, err := t.lookup(req.Snapshot)
		if !req.Resume || !errors.Is(err, driver.ErrNotFound) {
			return s, err
		}
		if err := t.settled(ctx, string(req.Snapshot.Volume)); err != nil {
			return driver.Snapshot{}, err
		}
		return t.lookup(req.Snapshot)
	})
}

// lookup finds the one snapshot that the reference is about.
func (t *tree) lookup(ref driver.SnapshotRef) (driver.Snapshot, error) {
	if err := checkName(ref.Volume); err != nil {
		return driver.Snapshot{}, err
	}
	var found []driver.Snapshot
	for _, token := range tokensOf(ref) {
		s, err := t.snapshot(ref.Volume, token)
		if err == nil {
			found = append(found, s)
		} else if !errors.Is(err, driver.ErrNotFound) {
			return driver.Snapshot{}, err
		}
	}
	switch len(found) {
	case 0:
		return driver.Snapshot{}, notFound("volume %s has no snapshot %s", ref.Volume, describe(ref))
	case 1:
		return found[0], nil
	}
	return driver.Snapshot{}, driver.Blocked(driver.ErrConflict, []driver.Blocker{
		{Kind: "snapshot", ID: found[0].Ref.ID, Name: found[0].Name, Since: found[0].CreatedAt},
		{Kind: "snapshot", ID: found[1].Ref.ID, Name: found[1].Name, Since: found[1].CreatedAt},
	}, "id %s and token %s are two snapshots", ref.ID, ref.Token)
}

// tokensOf returns the tokens that a reference names: by itself, and in its id, if that is another one.
func tokensOf(ref driver.SnapshotRef) []driver.Token {
	var tokens []driver.Token
	if ref.Token.Validate() == nil {
		tokens = append(tokens, ref.Token)
	}
	if volume, token, ok := parseID(ref.ID); ok && volume == ref.Volume && token != ref.Token {
		tokens = append(tokens, token)
	}
	return tokens
}

func describe(ref driver.SnapshotRef) string {
	if ref.ID != "" {
		return ref.ID
	}
	return string(ref.Token)
}

// snapshot returns the snapshot with that token; it exists if record and content do.
func (t *tree) snapshot(volume driver.VolumeID, token driver.Token) (driver.Snapshot, error) {
	r, err := readRecord(t, volume, token)
	if absent(err) {
		return driver.Snapshot{}, notFound("no snapshot %s", snapshotID(volume, token))
	}
	if err != nil {
		return driver.Snapshot{}, err
	}
	info, err := t.image(volumeDir(string(volume)) + "/" + string(token) + imageSuffix)
	if err != nil {
		return driver.Snapshot{}, err
	}
	return r.snapshot(allocated(info)), nil
}

// Snapshots lists the snapshots of one volume, or of all volumes, also of those that are gone. It holds no lock. A damaged
// record does not hide the others: it is the error that is yielded last.
func (b *backend) Snapshots(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return func(yield func(driver.Snapshot, error) bool) {
		_, err := within(b, "Snapshots", func(t *tree) (struct{}, error) {
			l := &listing[driver.Snapshot]{ctx: ctx, yield: yield}
			if req.Volume != "" {
				return struct{}{}, t.listVolume(l, req.Volume)
			}
			err := t.list(volumesDir, func(e fs.DirEntry) bool {
				id := driver.VolumeID(e.Name())
				return !e.IsDir() || checkName(id) != nil || t.listSnapshots(l, id)
			})
			return struct{}{}, errors.Join(err, l.err)
		})
		if err != nil {
			yield(driver.Snapshot{}, err)
		}
	}
}

// listing is what one listing has come to.
type listing[T any] struct {
	ctx   context.Context //nolint:containedctx // lives as long as the call
	yield func(T, error) bool
	err   error // the first failure; yielded last
	done  bool  // the caller has stopped
}

// next hands one item on and reports whether to go on. What is damaged is remembered, what is gone is left out.
func (l *listing[T]) next(item T, err error) bool {
	switch {
	case errors.Is(err, driver.ErrNotFound):
	case damaged(err):
		if l.err == nil {
			l.err = err
		}
	case err != nil:
		l.err, l.done = err, true
	case l.ctx.Err() != nil:
		l.err, l.done = l.ctx.Err(), true
	default:
		l.done = !l.yield(item, nil)
		if l.done {
			l.err = nil
		}
	}
	return !l.done
}

func (t *tree) listVolume(l *listing[driver.Snapshot], id driver.VolumeID) error {
	if err := checkName(id); err != nil {
		return err
	}
	known, err := t.known(id)
	if err != nil {
		return err
	}
	if !known {
		return notFound("no image %s, and no snapshots of one", t.at(string(id)))
	}
	t.listSnapshots(l, id)
	return l.err
}

// listSnapshots reports whether to go on with the next volume.
func (t *tree) listSnapshots(l *listing[driver.Snapshot], id driver.VolumeID) bool {
	err := t.list(volumeDir(string(id)), func(e fs.DirEntry) bool {
		token, ok := recordToken(e.Name())
		if !ok {
			return true
		}
		return l.next(t.snapshot(id, token))
	})
	if err != nil && !l.done {
		l.err, l.done = err, true
	}
	return !l.done
}
