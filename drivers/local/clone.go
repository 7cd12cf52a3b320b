package local

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// Clone makes a new image from a snapshot, by reflink or full copy. It is named after req.Name, with the token added if the
// name is taken, and has the owner and mode of the snapshot's image where those may be given.
func (b *backend) Clone(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
	const op = "Clone"
	if err := req.Token.Validate(); err != nil {
		return driver.Volume{}, driver.In(op, err)
	}
	return within(b, op, func(t *tree) (driver.Volume, error) {
		if err := t.ready(ctx); err != nil {
			return driver.Volume{}, err
		}
		snap, err := t.lookup(req.Snapshot)
		if errors.Is(err, driver.ErrNotFound) && req.Resume {
			// The clone may be finished and its snapshot gone since.
			return b.finishedClone(ctx, req, err)
		}
		if err != nil {
			return driver.Volume{}, err
		}
		if req.Size != 0 && req.Size < snap.Size {
			return driver.Volume{}, driver.Errorf(driver.ErrInvalid, "size %d is less than the snapshot's %d", req.Size, snap.Size)
		}
		return t.makeVolume(ctx, wanted{
			token: req.Token, name: req.Name, labels: req.Labels, origin: snap.Ref, resume: req.Resume, notes: req.Notes,
			fill: func(v *volume, f *os.File) error { return v.fillClone(ctx, f, snap.Ref, req) },
		})
	})
}

// ready prepares the folder for a change.
func (t *tree) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.ensure()
}

func (b *backend) finishedClone(ctx context.Context, req driver.CloneRequest, missing error) (driver.Volume, error) {
	v, err := b.FindClone(ctx, driver.FindCloneRequest{Snapshot: req.Snapshot, Token: req.Token, Attempt: req.Attempt})
	if errors.Is(err, driver.ErrNotFound) {
		return driver.Volume{}, missing
	}
	return v, err
}

func (v *volume) fillClone(ctx context.Context, f *os.File, from driver.SnapshotRef, req driver.CloneRequest) error {
	src, _, err := v.openRegular(volumeDir(string(from.Volume))+"/"+string(from.Token)+imageSuffix, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if err := v.room(0); err != nil {
		return err
	}
	if _, err := v.fill(ctx, f, src, fill{progress: req.Progress}); err != nil {
		return err
	}
	if req.Size != 0 {
		if err := f.Truncate(req.Size); err != nil {
			return err
		}
	}
	// Where the snapshot has outlived its image, or the owner may not be given away, the clone is ours.
	image, err := v.image(string(from.Volume))
	if err == nil {
		err = carryOver(f, image)
	}
	if errors.Is(err, driver.ErrNotFound) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// FindClone returns the volume that the token made; ErrBusy while a living process makes it.
func (b *backend) FindClone(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error) {
	return found(ctx, b, "FindClone", req.Token, func(v driver.Volume, _ *volume) (driver.Volume, error) { return v, nil })
}

// Discard removes the volume that the token made. ErrBusy while a living process makes it, or has it open.
func (b *backend) Discard(ctx context.Context, req driver.DiscardRequest) error {
	_, err := found(ctx, b, "Discard", req.Token, func(_ driver.Volume, v *volume) (struct{}, error) {
		_, err := v.delete()
		if e, ok := errors.AsType[*driver.Error](err); ok && e.Class == driver.ErrInUse {
			err = driver.Blocked(driver.ErrBusy, e.Blockers, "%w", e.Err)
		}
		return struct{}{}, err
	})
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	return err
}

// found runs f for the volume that the token made, with its lock held. ErrNotFound is conclusive.
func found[R any](
	ctx context.Context, b *backend, op string, token driver.Token, f func(driver.Volume, *volume) (R, error),
) (R, error) {
	var none R
	if err := token.Validate(); err != nil {
		return none, driver.In(op, err)
	}
	return within(b, op, func(t *tree) (R, error) {
		if there, err := t.isDir(locksDir); err != nil || !there {
			return none, errors.Join(err, notFound("token %s has made no volume", token))
		}
		id, l, err := t.lockToken(ctx, token)
		if err != nil {
			return none, err
		}
		defer l.release()
		made, err := t.settledVolume(id, token, l)
		if err != nil {
			return none, err
		}
		return f(made, &volume{tree: t, id: id, dir: volumeDir(string(id)), held: l})
	})
}

// lockToken finds the volume with the token and locks it; ErrBusy if somebody else has.
func (t *tree) lockToken(ctx context.Context, token driver.Token) (driver.VolumeID, *lock, error) {
	names, err := t.lock(ctx, namesLock)
	if err != nil {
		return "", nil, err
	}
	defer names.release()
	id, err := t.findToken(token)
	if err != nil {
		return "", nil, err
	}
	l, err := t.tryLock(string(id))
	if errors.Is(err, errLocked) {
		err = driver.Errorf(driver.ErrBusy, "a living process is making %s", t.at(string(id)))
	}
	return id, l, err
}
