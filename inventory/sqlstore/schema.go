package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// The rows of the table meta.
const (
	metaInstallation = "installation"
	metaReader       = "oldest_reader"
)

// schema is what the database says of itself.
type schema struct {
	// version is that of the last migration that has run; 0 before the first.
	version int64
	// reader is the oldest schema version whose programs may work with it.
	reader int64
}

// readable refuses a schema that is newer than this program can work with.
func (f schema) readable(d Dialect) error {
	if f.reader > d.latest() {
		return fmt.Errorf("inventory: the database has schema version %d, which programs older than version %d cannot read; "+
			"this program has version %d: use a newer one: %w", f.version, f.reader, d.latest(), inventory.ErrSchema)
	}
	return nil
}

// readSchema refuses a database that this program cannot work with, and reads the installation's id.
func (s *Store) readSchema(ctx context.Context) error {
	found, err := s.findSchema(ctx)
	if err != nil {
		return err
	}
	if found.version < s.dialect.latest() {
		return fmt.Errorf("inventory: the database has schema version %d, this program needs version %d: run Migrate: %w",
			found.version, s.dialect.latest(), inventory.ErrSchema)
	}
	if err := found.readable(s.dialect); err != nil {
		return err
	}
	id, err := s.meta(ctx, metaInstallation)
	if err != nil {
		return err
	}
	s.installation = driver.InstallationID(id)
	if err := s.installation.Validate(); err != nil {
		return damaged(err)
	}
	return s.tryTables(ctx)
}

// findSchema returns version 0 for a database without an inventory.
func (s *Store) findSchema(ctx context.Context) (schema, error) {
	for _, table := range []string{versionTable, "meta"} {
		found, err := s.hasTable(ctx, table)
		if err != nil || !found {
			return schema{}, err
		}
	}
	var f schema
	version := s.dialect.sqlText(s.prefix, "SELECT coalesce(max(version_id), 0) FROM {"+versionTable+"}", nil)
	if err := s.db.QueryRowContext(ctx, version.text).Scan(&f.version); err != nil {
		return schema{}, s.classified(ctx, "read the schema's version", err)
	}
	reader, err := s.meta(ctx, metaReader)
	if err != nil {
		return schema{}, err
	}
	if f.reader, err = strconv.ParseInt(reader, 10, 64); err != nil {
		return schema{}, damaged(err)
	}
	return f, nil
}

func (s *Store) hasTable(ctx context.Context, name string) (bool, error) {
	st := s.dialect.sqlText(s.prefix, s.dialect.tableCount, []string{"name"})
	var n int
	if err := s.db.QueryRowContext(ctx, st.text, s.prefix+name).Scan(&n); err != nil {
		return false, s.classified(ctx, "look for the schema", err)
	}
	return n > 0, nil
}

func (s *Store) meta(ctx context.Context, name string) (string, error) {
	st := s.dialect.sqlText(s.prefix, "SELECT value FROM {meta} WHERE name = :name", []string{"name"})
	var value string
	err := s.db.QueryRowContext(ctx, st.text, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", damaged(fmt.Errorf("table meta has no %s", name))
	}
	return value, s.classified(ctx, "read the schema", err)
}

// tryTables prepares a statement for every column, so that a table that somebody changed by hand is found now.
func (s *Store) tryTables(ctx context.Context) error {
	for _, st := range []statement{
		s.statements.volumeGet, s.statements.volumeUpdate, s.statements.snapshotGet, s.statements.snapshotUpdate,
		s.statements.operationGet, s.statements.operationUpdate[operationMode{}], s.statements.linkInsert,
		s.statements.recordUpdate, s.statements.formerInsert,
	} {
		if _, err := s.reads.prepare(ctx, st.text); err != nil {
			if s.dialect.fault(err) == faultOther && ctx.Err() == nil {
				return damaged(err)
			}
			return s.classified(ctx, "read the schema", err)
		}
	}
	return nil
}

func damaged(err error) error {
	return fmt.Errorf("inventory: the database is damaged: %w (%w); restore it from a backup", inventory.ErrSchema, err)
}
