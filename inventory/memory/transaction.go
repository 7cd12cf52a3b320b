package memory

import (
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// transaction is the state that a commit is about to publish. Its parts are applied one after the other, each seeing what
// those before it did; if one fails, the whole transaction is dropped.
type transaction struct {
	state

	edit *edit
	now  time.Time
}

func (t *transaction) apply(c inventory.Change) error {
	changes := slices.SortedFunc(slices.Values(c.Volumes), func(a, b inventory.VolumeChange) int {
		return compareID(a.Volume.ID, b.Volume.ID)
	})
	if err := each(changes, t.volume); err != nil {
		return err
	}
	if err := each(c.Put, t.put); err != nil {
		return err
	}
	if err := each(c.Reparent, t.reparent); err != nil {
		return err
	}
	if err := each(c.Drop, t.drop); err != nil {
		return err
	}
	if c.Operation != nil {
		if err := t.operation(c.Operation); err != nil {
			return err
		}
	}
	return each(c.Records, t.record)
}

func each[E any](parts []E, apply func(*E) error) error {
	for i := range parts {
		if err := apply(&parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) volume(c *inventory.VolumeChange) error {
	id := c.Volume.ID
	before, found := t.volumes.rows.get(id)
	var version int64
	var snapshots int
	if found {
		version, snapshots = before.Version, before.SnapshotCount
	}
	if err := checkVersion("volume "+id.String(), version, c.IfVersion); err != nil {
		return err
	}
	if c.Delete {
		t.deleteVolume(before)
		return nil
	}
	after := copyVolume(&c.Volume)
	after.Version, after.SnapshotCount = version+1, snapshots
	if err := t.checkUnique(&after); err != nil {
		return err
	}
	t.volumes.replace(t.edit, id, before, &after)
	return nil
}

func (t *transaction) checkUnique(v *inventory.Volume) error {
	for other := range t.volumes.byPlace.in(place{v.Backend, v.Native}, snapshot.VolumeID{}) {
		if other != v.ID {
			return fmt.Errorf("inventory: volume %s: native id %q of backend %q belongs to volume %s: %w",
				v.ID, v.Native, v.Backend, other, inventory.ErrConflict)
		}
	}
	for other := range t.volumes.byExternal.in(v.ExternalID, snapshot.VolumeID{}) {
		if other != v.ID {
			return fmt.Errorf("inventory: volume %s: external id %q belongs to volume %s: %w",
				v.ID, v.ExternalID, other, inventory.ErrConflict)
		}
	}
	return nil
}

// deleteVolume removes the volume, its snapshots and its records. The keys are collected first: an index must not be
// changed while it is ranged over.
func (t *transaction) deleteVolume(v *inventory.Volume) {
	for _, id := range slices.Collect(t.snapshots.byVolume.in(v.ID, snapshot.ID{})) {
		s, _ := t.snapshots.rows.get(id)
		t.snapshots.replace(t.edit, id, s, nil)
	}
	for _, key := range slices.Collect(t.records.byVolume.in(v.ID, inventory.RecordKey{})) {
		r, _ := t.records.rows.get(key)
		t.records.replace(t.edit, key, r, nil)
	}
	t.volumes.replace(t.edit, v.ID, v, nil)
}

func (t *transaction) put(s *snapshot.Snapshot) error {
	volume, err := t.volumeOf("snapshot "+s.ID.String(), s.Volume)
	if err != nil {
		return err
	}
	before, found := t.snapshots.rows.get(s.ID)
	var version int64
	if found {
		version = before.Version
	}
	if err := checkVersion("snapshot "+s.ID.String(), version, s.Version); err != nil {
		return err
	}
	if found && before.Volume != s.Volume {
		return fmt.Errorf("inventory: snapshot %s: is of volume %s and cannot move to %s: %w",
			s.ID, before.Volume, s.Volume, inventory.ErrInvalid)
	}
	after := copySnapshot(s)
	after.Version++
	t.snapshots.replace(t.edit, s.ID, before, &after)
	if !found {
		t.count(volume, 1)
	}
	return nil
}

func (t *transaction) reparent(r *inventory.Reparent) error {
	if _, err := t.volumeOf("reparenting from "+r.From.String(), r.Volume); err != nil {
		return err
	}
	for _, id := range slices.Collect(t.snapshots.byParent.in(r.From, snapshot.ID{})) {
		before, _ := t.snapshots.rows.get(id)
		if before.Volume != r.Volume {
			continue
		}
		after := *before
		after.Parent = r.To
		after.Version++
		t.snapshots.replace(t.edit, id, before, &after)
	}
	return nil
}

func (t *transaction) drop(id *snapshot.ID) error {
	s, found := t.snapshots.rows.get(*id)
	if !found {
		return fmt.Errorf("inventory: snapshot %s: to be dropped, but not there: %w", *id, inventory.ErrStale)
	}
	t.snapshots.replace(t.edit, *id, s, nil)
	volume, _ := t.volumes.rows.get(s.Volume)
	t.count(volume, -1)
	return nil
}

// count changes the volume's number of snapshots, which no index knows and no version counts.
func (t *transaction) count(volume *inventory.Volume, by int) {
	after := *volume
	after.SnapshotCount += by
	t.volumes.rows.set(t.edit, volume.ID, &after)
}

func (t *transaction) record(c *inventory.RecordChange) error {
	key := inventory.RecordKey{Kind: c.Record.Kind, ID: c.Record.ID}
	before, found := t.records.rows.get(key)
	name := fmt.Sprintf("record %s %s", key.Kind, key.ID)
	var version int64
	if found {
		version = before.Version
	}
	if err := checkVersion(name, version, c.IfVersion); err != nil {
		return err
	}
	if c.Delete {
		t.records.replace(t.edit, key, before, nil)
		return nil
	}
	if !c.Record.Volume.IsZero() {
		if _, err := t.volumeOf(name, c.Record.Volume); err != nil {
			return err
		}
	}
	after := copyRecord(&c.Record)
	after.Version = version + 1
	t.records.replace(t.edit, key, before, &after)
	return nil
}

// volumeOf returns the volume that a part of the change names.
func (t *transaction) volumeOf(part string, id snapshot.VolumeID) (*inventory.Volume, error) {
	v, found := t.volumes.rows.get(id)
	if !found {
		return nil, fmt.Errorf("inventory: %s: volume %s does not exist: %w", part, id, inventory.ErrInvalid)
	}
	return v, nil
}

// checkVersion compares the stored version with the one that the change was computed from; 0 is "not there" in both.
func checkVersion(part string, stored, want int64) error {
	switch {
	case stored == want:
		return nil
	case want == 0:
		return fmt.Errorf("inventory: %s: exists already: %w", part, inventory.ErrStale)
	case stored == 0:
		return fmt.Errorf("inventory: %s: not there, want version %d: %w", part, want, inventory.ErrStale)
	}
	return fmt.Errorf("inventory: %s: has version %d, not %d: %w", part, stored, want, inventory.ErrStale)
}
