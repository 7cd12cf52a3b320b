package sqlstore

import (
	"context"

	"github.com/storagesnap/storagesnap/inventory"
)

func (a *application) changeRecord(ctx context.Context, c *inventory.RecordChange, values []any) error {
	st := a.sql.recordUpdate
	switch {
	case c.Delete:
		st = a.sql.recordDelete
	case c.IfVersion == 0:
		st = a.sql.recordInsert
	}
	part := "record " + c.Record.Kind + " " + c.Record.ID
	done, err := one(a.exec(ctx, st, values))
	if err != nil {
		return err
	}
	if !done {
		return a.explainRecord(ctx, part, c, values)
	}
	if c.Delete || c.Record.Volume.IsZero() {
		return nil
	}
	return a.requireVolume(ctx, part, c.Record.Volume)
}

// explainRecord says why a statement did not meet its record.
func (a *application) explainRecord(ctx context.Context, part string, c *inventory.RecordChange, values []any) error {
	stored, err := a.stored(ctx, a.sql.recordVersion, values)
	if err != nil {
		return err
	}
	return versionError(part, stored.version, c.IfVersion)
}
