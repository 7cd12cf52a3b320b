package drivertest

import (
	"github.com/storagesnap/storagesnap/driver"
)

// WriteAt writes to the volume as a host would, at any time and whoever has access.
// Errors: ErrNotFound, ErrInvalid beyond the end.
func (b *Backend) WriteAt(id driver.VolumeID, p []byte, off int64) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, v.write(p, off)
	})
	return err
}

// ReadAt fills p from the volume. Errors as WriteAt.
func (b *Backend) ReadAt(id driver.VolumeID, p []byte, off int64) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err == nil {
			err = inside(v.content, p, off)
		}
		if err == nil {
			v.content.read(p, off)
		}
		return struct{}{}, err
	})
	return err
}

// Content returns the volume's whole content.
func (b *Backend) Content(id driver.VolumeID) ([]byte, error) {
	return contentOf(b, id, (*image).bytes)
}

// Hash returns a digest of the volume's size and content; two volumes of equal content have equal ones. It is cheap for
// a large volume with little in it.
func (b *Backend) Hash(id driver.VolumeID) (string, error) {
	return contentOf(b, id, (*image).hash)
}

// SnapshotContent returns the whole content that the snapshot keeps of its own volume.
func (b *Backend) SnapshotContent(ref driver.SnapshotRef) ([]byte, error) {
	return keptBy(b, ref, (*image).bytes)
}

// SnapshotHash returns the digest of what the snapshot keeps of its own volume.
func (b *Backend) SnapshotHash(ref driver.SnapshotRef) (string, error) {
	return keptBy(b, ref, (*image).hash)
}

func contentOf[R any](b *Backend, id driver.VolumeID, f func(*image) R) (R, error) {
	return look(b, func() (R, error) {
		v, err := b.live(id)
		if err != nil {
			var none R
			return none, err
		}
		return f(v.content), nil
	})
}

func keptBy[R any](b *Backend, ref driver.SnapshotRef, f func(*image) R) (R, error) {
	return look(b, func() (R, error) {
		s, err := b.find(ref)
		if err != nil {
			var none R
			return none, err
		}
		return f(s.images[s.vol]), nil
	})
}

// write stores p in the volume.
func (v *volume) write(p []byte, off int64) error {
	if err := inside(v.content, p, off); err != nil {
		return err
	}
	v.content = v.content.writable()
	v.content.write(p, off)
	return nil
}

func inside(m *image, p []byte, off int64) error {
	if off < 0 || off > m.size || int64(len(p)) > m.size-off {
		return driver.Errorf(driver.ErrInvalid, "%d bytes at %d: the volume has %d", len(p), off, m.size)
	}
	return nil
}
