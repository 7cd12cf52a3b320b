package sqlstore

import (
	"context"

	"github.com/storagesnap/storagesnap/inventory"
)

func (a *application) changeVolume(ctx context.Context, c *inventory.VolumeChange, values []any) error {
	gain := a.gain(c.Volume.ID)
	values[len(values)-1] = gain
	switch {
	case c.Delete:
		return a.deleteVolume(ctx, c, values)
	case c.IfVersion == 0:
		return a.insertVolume(ctx, c, values)
	}
	done, err := one(a.exec(ctx, a.sql.volumeTouch, values))
	if err != nil || done {
		return err
	}
	done, err = one(a.exec(ctx, a.sql.volumeUpdate, values))
	switch {
	case err != nil && a.fault(err) == faultTaken:
		return takenError(&c.Volume)
	case err != nil:
		return err
	case !done:
		return a.explainVolume(ctx, c, values)
	}
	if _, err := a.exec(ctx, a.sql.formerDelete, []any{nil, values[0]}); err != nil {
		return err
	}
	return a.insertFormer(ctx, c)
}

func (a *application) insertVolume(ctx context.Context, c *inventory.VolumeChange, values []any) error {
	done, err := one(a.exec(ctx, a.sql.volumeInsert, values))
	if err != nil {
		return err
	}
	if !done {
		return a.explainVolume(ctx, c, values)
	}
	return a.insertFormer(ctx, c)
}

func (a *application) insertFormer(ctx context.Context, c *inventory.VolumeChange) error {
	for _, native := range c.Volume.Former {
		if _, err := a.exec(ctx, a.sql.formerInsert, []any{string(native), idValue(c.Volume.ID)}); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) deleteVolume(ctx context.Context, c *inventory.VolumeChange, values []any) error {
	done, err := one(a.exec(ctx, a.sql.volumeDelete, values))
	if err != nil {
		return err
	}
	if !done {
		return a.explainVolume(ctx, c, values)
	}
	id := values[0]
	if _, err := a.exec(ctx, a.sql.snapshotsDelete, []any{nil, nil, nil, id}); err != nil {
		return err
	}
	if _, err := a.exec(ctx, a.sql.recordsDelete, []any{nil, nil, nil, nil, id}); err != nil {
		return err
	}
	_, err = a.exec(ctx, a.sql.formerDelete, []any{nil, id})
	return err
}

// explainVolume says why a statement did not meet its volume: unless the version is another, a unique value is taken.
func (a *application) explainVolume(ctx context.Context, c *inventory.VolumeChange, values []any) error {
	stored, err := a.stored(ctx, a.sql.volumeVersion, values)
	if err != nil {
		return err
	}
	if stored.version != c.IfVersion {
		return versionError("volume "+c.Volume.ID.String(), stored.version, c.IfVersion)
	}
	return takenError(&c.Volume)
}

func takenError(v *inventory.Volume) error {
	return conflict("volume %s: another volume has native id %q in backend %q, or external id %q",
		v.ID, v.Native, v.Backend, v.ExternalID)
}
