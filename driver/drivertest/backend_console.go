package drivertest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// AddVolume makes an empty volume, in a container of its own where the facts know containers, and returns its id.
func (b *Backend) AddVolume(size int64) driver.VolumeID { return b.AddVolumeIn("", size) }

// AddVolumeIn makes an empty volume in the container.
func (b *Backend) AddVolumeIn(container driver.ContainerID, size int64) driver.VolumeID {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.newVolume("", "", newImage(size))
	v.name = "volume of " + string(v.id)
	if container != "" {
		v.container = container
	}
	b.publish(v)
	return v.id
}

// RemoveVolume removes a volume as a person at the array's console would, with its snapshots if they die with it. It does
// not care who has it open.
func (b *Backend) RemoveVolume(id driver.VolumeID) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err == nil {
			b.removeVolume(v)
			b.effects-- // not a driver's
		}
		return struct{}{}, err
	})
	return err
}

// Grow makes the volume larger, as a person at the array's console would. Errors: ErrNotFound, ErrInvalid if it is
// larger already.
func (b *Backend) Grow(id driver.VolumeID, size int64) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err == nil && size < v.content.size {
			err = driver.Errorf(driver.ErrInvalid, "volume %s has %d bytes already", id, v.content.size)
		}
		if err == nil {
			v.content = v.content.resized(size)
		}
		return struct{}{}, err
	})
	return err
}

// LUN names the volume as hosts know it. Errors: ErrNotFound.
func (b *Backend) LUN(id driver.VolumeID) (driver.LUN, error) {
	return look(b, func() (driver.LUN, error) {
		v, err := b.live(id)
		if err != nil {
			return driver.LUN{}, err
		}
		return driver.LUN{Backend: b.opts.ID, Volume: v.id, Serial: v.serial, Size: v.content.size}, nil
	})
}

// AddForeignSnapshot makes a snapshot that has no token, as another tool would. It panics if the volume does not exist.
func (b *Backend) AddForeignSnapshot(id driver.VolumeID, name string) driver.SnapshotRef {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, err := b.live(id)
	if err != nil {
		panic(fmt.Sprintf("drivertest: AddForeignSnapshot: %v", err))
	}
	s := b.snapshot(v, "", name, b.tick())
	b.effects-- // not a driver's
	return s.Ref
}

// RemoveSnapshot removes a snapshot for good, as a person at the array's console would, whatever depends on it.
func (b *Backend) RemoveSnapshot(ref driver.SnapshotRef) error {
	_, err := look(b, func() (struct{}, error) {
		s, err := b.find(ref)
		if err == nil {
			b.leaveGroup(s)
			b.purge(s)
		}
		return struct{}{}, err
	})
	return err
}

// Rename gives the snapshot another name, as a person would. Where Facts.TokenInName the token is lost, unless the new
// name carries one.
func (b *Backend) Rename(ref driver.SnapshotRef, name string) error {
	_, err := look(b, func() (struct{}, error) {
		s, err := b.find(ref)
		if err != nil {
			return struct{}{}, err
		}
		s.Name = name
		if b.facts.TokenInName {
			s.Ref.Token = parseToken(name)
		}
		return struct{}{}, nil
	})
	return err
}

// RenameVolume gives the volume another name, as Rename does a snapshot.
func (b *Backend) RenameVolume(id driver.VolumeID, name string) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err != nil {
			return struct{}{}, err
		}
		v.name = name
		if b.facts.TokenInName {
			v.token = parseToken(name)
		}
		return struct{}{}, nil
	})
	return err
}

// Recover takes a snapshot out of the trash. ErrNotFound if it is not there.
func (b *Backend) Recover(id string) error {
	_, err := look(b, func() (struct{}, error) {
		s := b.snaps[id]
		if s == nil || s.trashed.IsZero() {
			return struct{}{}, driver.Errorf(driver.ErrNotFound, "snapshot %q in the trash", id)
		}
		s.trashed = time.Time{}
		b.expire(s, s.Expires)
		return struct{}{}, nil
	})
	return err
}

// InterruptReverts makes the next n reverts of the volume stop half-way with ErrPartial, where Facts.RevertNonAtomic.
func (b *Backend) InterruptReverts(id driver.VolumeID, n int) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err == nil {
			v.interrupts = n
		}
		return struct{}{}, err
	})
	return err
}

// Partial reports whether the volume is a mixture, left by an interrupted revert. No host may open it then.
func (b *Backend) Partial(id driver.VolumeID) bool {
	partial, err := look(b, func() (bool, error) {
		v, err := b.live(id)
		return err == nil && v.partial != "", err
	})
	return err == nil && partial
}

// Volumes returns the ids of all volumes, in order of creation; clones that are still being made are left out.
func (b *Backend) Volumes() []driver.VolumeID {
	ids, _ := look(b, func() ([]driver.VolumeID, error) {
		var ids []driver.VolumeID
		for _, v := range b.volumes {
			ids = append(ids, v.id)
		}
		return ids, nil
	})
	return ids
}

// AllSnapshots returns every snapshot outside the trash, in order of creation.
func (b *Backend) AllSnapshots() []driver.Snapshot {
	all, _ := look(b, func() ([]driver.Snapshot, error) {
		var all []driver.Snapshot
		for _, s := range b.order {
			if s.trashed.IsZero() {
				all = append(all, s.view())
			}
		}
		return all, nil
	})
	return all
}

// Jobs returns how many clone jobs are running.
func (b *Backend) Jobs() int {
	n, _ := look(b, func() (int, error) { return len(b.jobs), nil })
	return n
}

// Access returns the initiators that may reach the volume; nil for a volume that does not exist.
func (b *Backend) Access(id driver.VolumeID) []string {
	names, _ := look(b, func() ([]string, error) {
		v, err := b.live(id)
		if err != nil {
			return nil, err
		}
		return slices.Clone(v.access), nil
	})
	return names
}

// Counts returns how many calls of each method reached the array, refused ones included. A method that needs several
// round trips counts once.
func (b *Backend) Counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.counts)
}

// Mutations returns how many times a driver changed something at the array: a refused call or one that found its work
// done does not count.
func (b *Backend) Mutations() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.effects
}

// Violations returns what no array would notice and no engine may do, in words: a revert under a guest, two
// mutations of a volume at once, a token with two effects.
func (b *Backend) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.violations)
}

// look runs f with the array locked, without a round trip.
func look[R any](b *Backend, f func() (R, error)) (R, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.housekeep()
	return f()
}
