package sqlstore

import (
	"context"
	"fmt"

	"github.com/storagesnap/storagesnap/snapshot"
)

// application is one change being applied in a transaction that its session has begun.
type application struct {
	*session
	*plan

	sql   *statements
	fault func(error) fault
	// now is the clock of a store that takes the program's.
	now int64
	// homes are the volumes of the snapshots to be dropped; one that is not there is missing.
	homes map[snapshot.ID]snapshot.VolumeID
}

// apply runs the parts in the order of the contract. The error is a refusal (see refused) or the database's.
func (a *application) apply(ctx context.Context) error {
	if err := a.findHomes(ctx); err != nil {
		return err
	}
	if err := a.lockVolumes(ctx); err != nil {
		return err
	}
	for i := range a.Volumes {
		if err := a.changeVolume(ctx, &a.Volumes[i], a.volumes[i]); err != nil {
			return err
		}
	}
	for i := range a.Put {
		if err := a.put(ctx, &a.Put[i], a.puts[i]); err != nil {
			return err
		}
	}
	for _, r := range a.Reparent {
		if err := a.reparent(ctx, r); err != nil {
			return err
		}
	}
	for _, id := range a.Drop {
		if err := a.drop(ctx, id); err != nil {
			return err
		}
	}
	if a.Operation != nil {
		if err := a.changeOperation(ctx); err != nil {
			return err
		}
	}
	for i := range a.Records {
		if err := a.changeRecord(ctx, &a.Records[i], a.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// findHomes reads which volumes lose snapshots, so that their counts are written with the volumes.
func (a *application) findHomes(ctx context.Context) error {
	for _, id := range a.Drop {
		var home []byte
		found, err := a.find(ctx, a.sql.snapshotHome, snapshotKey(id), &home)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if a.homes == nil {
			a.homes = make(map[snapshot.ID]snapshot.VolumeID, len(a.Drop))
		}
		a.homes[id] = snapshot.VolumeID(home)
	}
	return nil
}

// gain is by how much the number of the volume's snapshots changes.
func (a *application) gain(id snapshot.VolumeID) int64 {
	var n int64
	for i := range a.Put {
		if a.Put[i].Version == 0 && a.Put[i].Volume == id {
			n++
		}
	}
	for _, home := range a.homes {
		if home == id {
			n--
		}
	}
	return n
}

// lockVolumes takes the locks of several volumes in the order of their ids, in a database that locks rows, so that two
// changes cannot wait for each other. One volume's row is locked by being written.
func (a *application) lockVolumes(ctx context.Context) error {
	if !a.sql.locksRows || len(a.Volumes) < 2 {
		return nil
	}
	for i := range a.Volumes {
		if _, err := a.stored(ctx, a.sql.volumeLock, a.volumes[i]); err != nil {
			return err
		}
	}
	return nil
}

// requireVolume refuses a part that names a volume that is not there. One that the change writes is there.
func (a *application) requireVolume(ctx context.Context, part string, id snapshot.VolumeID) error {
	if c := a.volume(id); c != nil && !c.Delete {
		return nil
	}
	stored, err := a.stored(ctx, a.sql.volumeLock, []any{idValue(id)})
	if err != nil || stored.version != 0 {
		return err
	}
	return invalid("%s: volume %s does not exist", part, id)
}

// one checks that a statement for one row met it.
func one(n int64, err error) (bool, error) {
	if err == nil && n > 1 {
		err = fmt.Errorf("%d rows changed instead of one", n)
	}
	return n == 1, err
}

// stored is what the database has of a row that the change is about; version 0 stands for "not there".
type stored struct {
	version int64
	change  []byte
}

// stored reads it with one of the statements that select just that.
func (a *application) stored(ctx context.Context, st statement, values []any) (stored, error) {
	var s stored
	_, err := a.find(ctx, st, values, &s.version, &s.change)
	return s, err
}

// snapshotKey returns the parameters of a statement that needs nothing but the id.
func snapshotKey(id snapshot.ID) []any { return []any{idValue(id)} }

// versionError says why a version is not what the change assumed; 0 stands for "not there".
func versionError(part string, stored, want int64) error {
	switch {
	case want == 0:
		return stale("%s: exists already", part)
	case stored == 0:
		return stale("%s: not there, want version %d; read again", part, want)
	}
	return stale("%s: has version %d, not %d; read again", part, stored, want)
}
