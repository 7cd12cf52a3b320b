package engine

import (
	"context"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Where a volume that is imported came from, and what it was called.

// origin fills in what the array remembers of how an imported volume came to be: the token of the clone, and its source, if
// that is in the inventory.
func (r *run) origin(ctx context.Context, v driver.Volume) error {
	r.vol.Token = v.Token
	if v.Origin.Volume == "" || v.Origin.ID == "" && v.Origin.Token == "" {
		return nil
	}
	for source, err := range r.e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: r.b.name, Native: v.Origin.Volume}) {
		if err != nil {
			return classified(err)
		}
		row, known, err := r.recordOf(ctx, source.ID, v.Origin)
		if err != nil {
			return err
		}
		if known {
			r.vol.Origin, r.vol.OriginVolume = row.ID, source.ID
			return nil
		}
	}
	return nil
}

// unclaimed refuses a volume that an open clone is making: its operation would find its place taken, and discard it. The
// array was asked for the volume before: a clone's record is there before its volume.
func (r *run) unclaimed(ctx context.Context, v driver.Volume) error {
	if v.Token == "" {
		return nil
	}
	for other, err := range r.e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: r.b.name, Pending: true}) {
		if err != nil {
			return classified(err)
		}
		if other.Token == v.Token && other.Native == "" {
			b := driver.Blocker{Kind: "operation", ID: other.Pending.String(), Since: other.CreatedAt}
			return driver.Blocked(driver.ErrBusy, []driver.Blocker{b}, "volume %q is being cloned as %s", v.ID, other.ID)
		}
	}
	return nil
}

// The names that the array has for volumes are remembered in records of this kind, so that an audit sees when one is
// renamed. They go with their volumes.
const recordNameAtArray = "name-at-array"

// nameSeen is the change that remembers the array's name of a volume.
func nameSeen(id snapshot.VolumeID, name string, version int64) inventory.RecordChange {
	record := identityRecord(recordNameAtArray, id.String(), identity{Name: name})
	record.Volume = id
	return inventory.RecordChange{Record: record, IfVersion: version}
}

// seenName returns the array's name of the volume as it was last seen, "" if it was not.
func (e *Engine) seenName(ctx context.Context, id snapshot.VolumeID) (string, int64, error) {
	seen, version, err := e.identityOf(ctx, recordNameAtArray, id.String())
	return seen.Name, version, err
}
