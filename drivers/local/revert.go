package local

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Revert puts a copy of the snapshot in the image's place, all or nothing. The token is listed as applied before the
// copy is renamed over the image, and the list counts only once the copy has left its old name; so one rename decides both
// whether the content is new and whether the token was applied.
func (b *backend) Revert(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
	const op = "Revert"
	if err := req.Token.Validate(); err != nil {
		return driver.RevertResult{}, driver.In(op, err)
	}
	return changing(ctx, b, op, req.Volume, func(v *volume) (driver.RevertResult, error) {
		list, err := v.recoverRevert()
		if err != nil {
			return driver.RevertResult{}, err
		}
		done, ok := list.find(req.Token)
		if !ok {
			if done, err = v.revert(ctx, req, list); err != nil {
				return driver.RevertResult{}, err
			}
		}
		return driver.RevertResult{Volume: v.id, Size: done.Size}, nil
	})
}

func (v *volume) revert(ctx context.Context, req driver.RevertRequest, list reverts) (applied, error) {
	if req.Snapshot.Volume != v.id {
		return applied{}, notFound("snapshot %s is not of volume %s", describe(req.Snapshot), v.id)
	}
	image, info, err := v.openRegular(string(v.id), os.O_RDWR)
	if err != nil {
		return applied{}, err
	}
	defer func() { _ = image.Close() }()
	snap, err := v.lookup(req.Snapshot)
	if err != nil {
		return applied{}, err
	}
	f, err := fenceOff(image, true)
	if err != nil {
		return applied{}, refused(err, image, "it can be reverted only while nobody has it open")
	}
	defer f.release()
	if !v.isFile(string(v.id), image) {
		return applied{}, driver.Errorf(driver.ErrBusy, "%s was replaced by another program just now", v.at(string(v.id)))
	}
	if err := v.prepareRevert(ctx, req.Token, snap, info, f); err != nil {
		v.undo(v.prepared(req.Token))
		return applied{}, err
	}
	a := applied{Token: req.Token, Snapshot: snap.Ref.Token, Size: snap.Size, At: time.Now().UTC()}
	return a, v.swap(a, list, image, f)
}

// prepareRevert copies the snapshot to a file that can take the image's place.
func (v *volume) prepareRevert(
	ctx context.Context, token driver.Token, snap driver.Snapshot, image fs.FileInfo, f *fence,
) error {
	src, _, err := v.openRegular(v.content(snap.Ref.Token), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if err := v.room(0); err != nil {
		return err
	}
	like := func(dst *os.File) error { return carryOver(dst, image) }
	if _, _, err := v.newFile(ctx, v.prepared(token), src, fill{intact: f.intact}, like); err != nil {
		return err
	}
	// The prepared file must be seen by whoever sees it listed.
	return v.syncDir(v.dir)
}

// swap lists the revert and puts the prepared file in the image's place.
func (v *volume) swap(a applied, list reverts, image *os.File, f *fence) error {
	list.Applied = append(list.Applied, a)
	if over := len(list.Applied) - revertLimit; over > 0 {
		list.Applied = list.Applied[over:]
	}
	err := v.writeReverts(list)
	if err == nil {
		err = refused(f.intact(), image, "it was opened while it was being reverted")
	}
	if err == nil {
		err = v.rename(v.prepared(a.Token), string(v.id))
	}
	if err != nil {
		return v.unlist(a.Token, err)
	}
	if f.intact() != nil {
		v.env.Log().Warn("somebody opened the image in the moment of its revert and may have the replaced file; let him open it anew",
			slog.String("image", image.Name()))
	}
	err = v.syncDir(".")
	if err == nil {
		err = v.syncDir(v.dir)
	}
	return unknown(err)
}

// unlist undoes what swap did before it failed with err. While that does not succeed, the prepared file keeps telling that
// the revert did not happen.
func (v *volume) unlist(token driver.Token, err error) error {
	list, undoErr := v.recoverRevert()
	if undoErr != nil {
		return unknown(errors.Join(err, undoErr))
	}
	if _, listed := list.find(token); listed {
		return unknown(err)
	}
	v.undo(v.prepared(token))
	return err
}

// writeReverts writes the list, durably.
func (v *volume) writeReverts(list reverts) error {
	if err := v.writeDocument(v.file(revertsFile), list); err != nil {
		return err
	}
	return v.syncDir(v.dir)
}
