package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/storagesnap/storagesnap/driver"
)

//go:embed migrations
var migrations embed.FS

// oldestReader is the oldest schema version whose programs can still work with the schema that Migrate leaves behind.
// A migration that takes something away from them raises it.
const oldestReader = 1

// versionTable is where goose keeps which migrations have run.
const versionTable = "schema_version"

// Migrate waits for other programs that do the same for busyFor, with pauses of busyWait.
const (
	busyFor  = 10 * time.Second
	busyWait = 20 * time.Millisecond
)

// Migrate makes the schema, or brings that of an older program up to date. What is up to date is left alone, and two
// programs may do it at once. It does not take anything back.
//
// ErrSchema: the schema is newer than this program can read, or damaged. ErrUnavailable: the database cannot be reached or
// written; each migration is done wholly or not at all, so it can be repeated.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect, opts Options) error {
	if err := opts.validate(); err != nil {
		return err
	}
	s := &Store{db: db, dialect: dialect, prefix: opts.Prefix, closing: make(chan struct{})}
	for end := time.Now().Add(busyFor); ; {
		err := s.migrate(ctx)
		if err == nil || dialect.fault(err) != faultBusy || time.Now().After(end) {
			return err
		}
		// Not every lock is waited for by the database: SQLite's change to WAL mode is refused at once.
		select {
		case <-time.After(busyWait):
		case <-ctx.Done():
		}
	}
}

// migrate runs the migrations that are missing.
func (s *Store) migrate(ctx context.Context) error {
	for last := int64(-1); ; {
		found, err := s.findSchema(ctx)
		if err != nil {
			return err
		}
		if found.version >= s.dialect.latest() {
			return found.readable(s.dialect)
		}
		// Another program may have been faster with the same migration: as long as the version moves, go on.
		if found.version == last {
			return s.classified(ctx, "migrate", fmt.Errorf("version %d was not left", last))
		}
		last = found.version
		if err := s.migrateOnce(ctx); err != nil {
			if again, second := s.findSchema(ctx); second != nil || again.version == last {
				return s.classified(ctx, "migrate", err)
			}
		}
	}
}

func (s *Store) migrateOnce(ctx context.Context) error {
	files, err := s.dialect.migrationFiles()
	if err != nil {
		return err
	}
	var steps []*goose.Migration
	for i, file := range files {
		steps = append(steps, goose.NewGoMigration(int64(i+1), &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error { return s.migrateBy(ctx, tx, file, i == 0) },
		}, nil))
	}
	provider, err := goose.NewProvider(s.dialect.versions, s.db, nil, goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(s.prefix+versionTable), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrateBy runs the statements of one file.
func (s *Store) migrateBy(ctx context.Context, tx *sql.Tx, file string, first bool) error {
	content, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	for text := range strings.SplitSeq(string(content), ";\n") {
		if text = withoutComments(text); text == "" {
			continue
		}
		st := s.dialect.sqlText(s.prefix, text, nil)
		if _, err := tx.ExecContext(ctx, st.text); err != nil {
			return fmt.Errorf("%s: %.60q: %w", file, text, err)
		}
	}
	if first {
		if err := s.setMeta(ctx, tx, metaInstallation, string(driver.NewInstallationID())); err != nil {
			return err
		}
		return s.setMeta(ctx, tx, metaReader, strconv.Itoa(oldestReader))
	}
	st := s.dialect.sqlText(s.prefix, "UPDATE {meta} SET value = :value WHERE name = :name", []string{"name", "value"})
	_, err = tx.ExecContext(ctx, st.text, st.pick([]any{metaReader, strconv.Itoa(oldestReader)})...)
	return err
}

func (s *Store) setMeta(ctx context.Context, tx *sql.Tx, name, value string) error {
	st := s.dialect.sqlText(s.prefix, "INSERT INTO {meta} (name, value) VALUES (:name, :value)", []string{"name", "value"})
	_, err := tx.ExecContext(ctx, st.text, name, value)
	return err
}

func withoutComments(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(line, "--") })
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// migrationFiles returns the files of all migrations, the first one first.
func (d Dialect) migrationFiles() ([]string, error) {
	return fs.Glob(migrations, d.migrations+"/*.sql")
}

// latest is the schema version of this program.
func (d Dialect) latest() int64 {
	files, err := d.migrationFiles()
	if err != nil {
		panic(errors.Join(errors.New("sqlstore: the pattern of the migrations' names is malformed"), err))
	}
	return int64(len(files))
}
