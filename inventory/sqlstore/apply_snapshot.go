package sqlstore

import (
	"context"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func (a *application) put(ctx context.Context, s *snapshot.Snapshot, values []any) error {
	if s.Version == 0 {
		return a.insertSnapshot(ctx, s, values)
	}
	done, err := one(a.exec(ctx, a.sql.snapshotTouch, values))
	if err != nil || done {
		return err
	}
	done, err = one(a.exec(ctx, a.sql.snapshotUpdate, values))
	if err != nil || done {
		return err
	}
	return a.explainSnapshot(ctx, s)
}

func (a *application) insertSnapshot(ctx context.Context, s *snapshot.Snapshot, values []any) error {
	if err := a.requireVolume(ctx, "snapshot "+s.ID.String(), s.Volume); err != nil {
		return err
	}
	done, err := one(a.exec(ctx, a.sql.snapshotInsert, values))
	if err != nil {
		return err
	}
	if !done {
		return a.explainSnapshot(ctx, s)
	}
	return a.count(ctx, s.Volume, +1)
}

// count follows the number of snapshots of a volume that the change itself does not write. It is no change of the volume's
// record: the version stays.
func (a *application) count(ctx context.Context, id snapshot.VolumeID, by int64) error {
	if a.volume(id) != nil {
		return nil
	}
	_, err := one(a.exec(ctx, a.sql.volumeCount, []any{idValue(id), by}))
	return err
}

func (a *application) reparent(ctx context.Context, r inventory.Reparent) error {
	if err := a.requireVolume(ctx, "reparenting from "+r.From.String(), r.Volume); err != nil {
		return err
	}
	_, err := a.exec(ctx, a.sql.snapshotReparent, []any{idValue(r.Volume), idValue(r.From), idValue(r.To), idValue(a.ID)})
	return err
}

func (a *application) drop(ctx context.Context, id snapshot.ID) error {
	done, err := one(a.exec(ctx, a.sql.snapshotDelete, snapshotKey(id)))
	if err != nil {
		return err
	}
	if !done {
		return stale("snapshot %s: to be dropped, but not there; read again", id)
	}
	return a.count(ctx, a.homes[id], -1)
}

// explainSnapshot says why a statement did not meet its snapshot.
func (a *application) explainSnapshot(ctx context.Context, s *snapshot.Snapshot) error {
	part := "snapshot " + s.ID.String()
	if err := a.requireVolume(ctx, part, s.Volume); err != nil {
		return err
	}
	stored, err := a.stored(ctx, a.sql.snapshotVersion, snapshotKey(s.ID))
	if err != nil {
		return err
	}
	if stored.version != s.Version {
		return versionError(part, stored.version, s.Version)
	}
	return invalid("%s: is of another volume and cannot move to %s", part, s.Volume)
}
