package drivertest

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// CreateVolume implements [driver.VolumeManager].
func (d *backendDriver) CreateVolume(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
	via := route{method: "CreateVolume", ability: "Volumes"}
	if req.Resume {
		v, err := settled(ctx, d, req.Attempt, func(again bool) (driver.Volume, error) {
			via.again = again
			return trip(ctx, d, via, func() (driver.Volume, error) { return d.b.madeBy(req.Token) })
		})
		if driver.ClassOf(err) != driver.ErrNotFound {
			return v, err
		}
		via.again = true
	}
	return trip(ctx, d, via, func() (driver.Volume, error) {
		size, err := d.b.roundSize(req.Size)
		if err != nil {
			return driver.Volume{}, err
		}
		if err := d.b.roomForVolume(); err != nil {
			return driver.Volume{}, err
		}
		v := d.b.newVolume(req.Token, req.Name, newImage(size))
		d.b.publish(v)
		d.b.effects++
		return d.b.describe(v), nil
	})
}

// DeleteVolume implements [driver.VolumeManager].
func (d *backendDriver) DeleteVolume(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
	via := route{method: "DeleteVolume", ability: "Volumes", volume: req.Volume}
	return trip(ctx, d, via, func() (driver.DeleteResult, error) {
		v, err := d.b.live(req.Volume)
		if driver.ClassOf(err) == driver.ErrNotFound {
			return driver.DeleteResult{Absent: true}, nil
		}
		if err != nil {
			return driver.DeleteResult{}, err
		}
		blockers := sessionBlockers(v)
		if d.b.facts.SnapshotsDieWithVolume {
			for _, s := range v.snaps {
				blockers = append(blockers, d.b.clonesOf(s)...)
			}
		}
		if len(blockers) > 0 {
			return driver.DeleteResult{}, driver.Blocked(driver.ErrInUse, blockers, "volume %s is in use", v.id)
		}
		d.b.removeVolume(v)
		return driver.DeleteResult{}, nil
	})
}

// ResizeVolume implements [driver.VolumeManager].
func (d *backendDriver) ResizeVolume(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error) {
	via := route{method: "ResizeVolume", ability: "Volumes", volume: req.Volume}
	return trip(ctx, d, via, func() (driver.Volume, error) {
		v, err := d.b.live(req.Volume)
		if err != nil {
			return driver.Volume{}, err
		}
		if req.Size < v.content.size {
			return driver.Volume{}, driver.Errorf(driver.ErrInvalid, "volume %s has %d bytes already, more than %d",
				v.id, v.content.size, req.Size)
		}
		if req.Size == v.content.size {
			return d.b.describe(v), nil
		}
		size, err := d.b.roundSize(req.Size)
		if err != nil {
			return driver.Volume{}, err
		}
		v.content = v.content.resized(size)
		d.b.effects++
		return d.b.describe(v), nil
	})
}

// Volumes implements [driver.VolumeManager].
func (d *backendDriver) Volumes(ctx context.Context) iter.Seq2[driver.Volume, error] {
	via := route{method: "Volumes", ability: "Volumes"}
	return pages(ctx, d, via, func(after int) ([]numbered[driver.Volume], error) {
		i, _ := slices.BinarySearchFunc(d.b.volumes, after+1, func(v *volume, n int) int { return v.seq - n })
		rest := d.b.volumes[i:]
		page := make([]numbered[driver.Volume], 0, pageSize)
		for _, v := range rest[:min(pageSize, len(rest))] {
			page = append(page, numbered[driver.Volume]{v.seq, d.b.describe(v)})
		}
		return page, nil
	})
}

// newVolume makes a volume that is not listed yet.
func (b *Backend) newVolume(token driver.Token, name string, content *image) *volume {
	v := &volume{name: name, token: token, content: content, created: b.tick()}
	if b.facts.TokenInName && token != "" {
		v.name = b.fit(string(token) + "." + name)
		v.token = parseToken(v.name)
	}
	b.name(v)
	v.lun = v.seq
	if content.signature == "" {
		content.signature = "signature of " + string(v.id)
	}
	if b.contained() {
		v.container = driver.ContainerID(fmt.Sprintf("container-%d", v.seq))
	}
	return v
}

// name gives the volume a fresh id and serial number.
func (b *Backend) name(v *volume) {
	n := b.next()
	if v.seq == 0 {
		v.seq = n
	}
	v.id = driver.VolumeID(fmt.Sprintf("vol-%d", n))
	array := fnv.New64a()
	_, _ = array.Write([]byte(b.opts.ID))                          // documented never to fail
	v.serial = fmt.Sprintf("naa.6%015x%016x", array.Sum64()>>4, n) // as NAA type 6: unique among arrays
}

// publish lists the volume.
func (b *Backend) publish(v *volume) {
	if v.token != "" && slices.ContainsFunc(b.volumes, func(o *volume) bool { return o.token == v.token }) {
		b.violate("token %s made a second volume, %s", v.token, v.id)
	}
	b.ever[v.id] = v
	i, _ := slices.BinarySearchFunc(b.volumes, v.seq, func(o *volume, n int) int { return o.seq - n })
	b.volumes = slices.Insert(b.volumes, i, v)
}

// removeVolume removes a volume that nothing stands in the way of.
func (b *Backend) removeVolume(v *volume) {
	v.gone = true
	b.volumes = slices.DeleteFunc(b.volumes, func(o *volume) bool { return o == v })
	if b.facts.SnapshotsDieWithVolume {
		for _, s := range slices.Clone(v.snaps) {
			b.leaveGroup(s)
			b.purge(s)
		}
	}
	b.effects++
}

// madeBy returns the volume that the token made.
func (b *Backend) madeBy(token driver.Token) (driver.Volume, error) {
	for _, v := range b.volumes {
		if token != "" && v.token == token {
			return b.describe(v), nil
		}
	}
	return driver.Volume{}, driver.Errorf(driver.ErrNotFound, "volume of token %q", string(token))
}

// describe returns what the driver says about the volume.
func (b *Backend) describe(v *volume) driver.Volume {
	out := driver.Volume{
		ID: v.id, Name: v.name, Size: v.content.size, Serial: v.serial, Container: v.container,
		SnapshotsLeft: b.left(v), Token: v.token, Origin: v.origin, CreatedAt: v.created,
	}
	for _, s := range v.snaps {
		if s.trashed.IsZero() {
			out.SnapshotCount++
		}
	}
	if b.contained() {
		for _, o := range b.scope(v, driver.UnitContainer) {
			if o != v {
				out.Siblings = append(out.Siblings, o.id)
			}
		}
	}
	return out
}

// left is how many more snapshots the volume may have; -1 without a limit.
func (b *Backend) left(v *volume) int {
	left, l := -1, b.opts.Limits
	if l.SnapshotsPerVolume > 0 {
		left = max(0, l.SnapshotsPerVolume-b.counted(v))
	}
	if l.SnapshotsPerBackend > 0 {
		if all := max(0, l.SnapshotsPerBackend-b.countAll(b.order)); left < 0 || all < left {
			left = all
		}
	}
	return left
}

// roundSize checks a size against the limits and rounds it up.
func (b *Backend) roundSize(size int64) (int64, error) {
	l := b.opts.Limits
	if g := l.VolumeGranularity; g > 0 {
		size = (size + g - 1) / g * g
	}
	if size <= 0 || size < l.MinVolumeSize || (l.MaxVolumeSize > 0 && size > l.MaxVolumeSize) {
		return 0, driver.Errorf(driver.ErrInvalid, "size %d: the array allows %d to %d (0: no limit) bytes",
			size, max(1, l.MinVolumeSize), l.MaxVolumeSize)
	}
	return size, nil
}

func (b *Backend) roomForVolume() error {
	if most := b.opts.Limits.VolumesPerBackend; most > 0 && len(b.volumes)+len(b.jobs) >= most {
		return driver.Errorf(driver.ErrExhausted, "VolumesPerBackend: %d of %d are used", len(b.volumes)+len(b.jobs), most)
	}
	return nil
}
