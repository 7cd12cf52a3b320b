package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// CreateVolume makes an image that is one hole, named as Clone names.
func (b *backend) CreateVolume(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
	const op = "CreateVolume"
	if err := req.Token.Validate(); err != nil {
		return driver.Volume{}, driver.In(op, err)
	}
	if req.Size <= 0 {
		return driver.Volume{}, driver.In(op, driver.Errorf(driver.ErrInvalid, "size %d; want one byte at least", req.Size))
	}
	return within(b, op, func(t *tree) (driver.Volume, error) {
		if err := t.ready(ctx); err != nil {
			return driver.Volume{}, err
		}
		return t.makeVolume(ctx, wanted{
			token: req.Token, name: req.Name, labels: req.Labels, resume: req.Resume,
			fill: func(v *volume, f *os.File) error {
				if err := v.room(0); err != nil {
					return err
				}
				return tooLarge(f.Truncate(req.Size))
			},
		})
	})
}

// DeleteVolume removes the image and what is known of its making. Its snapshots stay.
func (b *backend) DeleteVolume(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
	return changing(ctx, b, "DeleteVolume", req.Volume, func(v *volume) (driver.DeleteResult, error) { return v.delete() })
}

func (v *volume) delete() (driver.DeleteResult, error) {
	f, _, err := v.openRegular(string(v.id), os.O_RDWR)
	if errors.Is(err, driver.ErrNotFound) {
		return driver.DeleteResult{Absent: true}, v.forgetImage()
	}
	if err != nil {
		return driver.DeleteResult{}, err
	}
	defer func() { _ = f.Close() }()
	guard, err := fenceOff(f, true)
	if err != nil {
		return driver.DeleteResult{}, refused(err, f, "it can be deleted only while nobody has it open")
	}
	defer guard.release()
	if !v.isFile(string(v.id), f) {
		return driver.DeleteResult{}, driver.Errorf(driver.ErrBusy, "%s was replaced by another program just now", f.Name())
	}
	if err := v.remove(string(v.id)); err != nil {
		return driver.DeleteResult{}, err
	}
	err = v.syncDir(".")
	if err == nil {
		err = v.forgetImage()
	}
	return driver.DeleteResult{}, unknown(err)
}

// forgetImage removes what is known of an image that is gone.
func (v *volume) forgetImage() error {
	if there, err := v.isDir(v.dir); !there || err != nil {
		return err
	}
	for _, name := range []string{volumeFile, revertsFile} {
		if err := v.remove(v.file(name)); err != nil {
			return err
		}
	}
	if err := v.sweep(); err != nil {
		return err
	}
	v.forget()
	return nil
}

// ResizeVolume makes the image larger by a hole. A running machine must be told by its own means.
func (b *backend) ResizeVolume(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error) {
	return changing(ctx, b, "ResizeVolume", req.Volume, func(v *volume) (driver.Volume, error) {
		f, info, err := v.openRegular(string(v.id), os.O_RDWR)
		if err != nil {
			return driver.Volume{}, err
		}
		defer func() { _ = f.Close() }()
		if req.Size < info.Size() {
			return driver.Volume{}, driver.Errorf(driver.ErrInvalid, "volume %s has %d bytes and cannot shrink to %d",
				v.id, info.Size(), req.Size)
		}
		if req.Size > info.Size() {
			if err := tooLarge(f.Truncate(req.Size)); err != nil {
				return driver.Volume{}, err
			}
		}
		if err := v.sync(f); err != nil {
			return driver.Volume{}, unknown(err)
		}
		return v.volume(v.id)
	})
}

// Volumes lists the images of the folder. Files that cannot be volumes are left out; Check counts them.
func (b *backend) Volumes(ctx context.Context) iter.Seq2[driver.Volume, error] {
	return func(yield func(driver.Volume, error) bool) {
		_, err := within(b, "Volumes", func(t *tree) (struct{}, error) {
			l := &listing[driver.Volume]{ctx: ctx, yield: yield}
			err := t.list(".", func(e fs.DirEntry) bool {
				id := driver.VolumeID(e.Name())
				if !e.Type().IsRegular() || checkName(id) != nil {
					return true
				}
				return l.next(t.volume(id))
			})
			return struct{}{}, errors.Join(err, l.err)
		})
		if err != nil {
			yield(driver.Volume{}, err)
		}
	}
}
