package sqlstore_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
)

func open(t *testing.T, db *sql.DB, opts sqlstore.Options) (*sqlstore.Store, error) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite(), opts)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	return s, err
}

func migrate(t *testing.T, db *sql.DB, opts sqlstore.Options) {
	t.Helper()
	require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), opts))
}

func TestOpenRefusesTheSchema(t *testing.T) {
	for name, test := range map[string]struct {
		// spoil runs after the migration; a nil one stands for no migration at all.
		spoil   []string
		message string
	}{
		"not migrated":    {nil, "run Migrate"},
		"newer":           {[]string{"UPDATE meta SET value = '7' WHERE name = 'oldest_reader'"}, "use a newer one"},
		"older":           {[]string{"DELETE FROM schema_version WHERE version_id > 0"}, "run Migrate"},
		"no installation": {[]string{"DELETE FROM meta WHERE name = 'installation'"}, "damaged"},
		"no reader":       {[]string{"DELETE FROM meta WHERE name = 'oldest_reader'"}, "damaged"},
		"odd reader":      {[]string{"UPDATE meta SET value = 'x' WHERE name = 'oldest_reader'"}, "damaged"},
		"odd id":          {[]string{"UPDATE meta SET value = 'X' WHERE name = 'installation'"}, "damaged"},
		"table gone":      {[]string{"DROP TABLE operation_volume"}, "damaged"},
		"column gone":     {[]string{"ALTER TABLE snapshot DROP COLUMN holds"}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newProxy(t).open(t)
			if test.spoil != nil {
				migrate(t, db, sqlstore.Options{})
			}
			for _, text := range test.spoil {
				_, err := db.ExecContext(t.Context(), text)
				require.NoError(t, err)
			}
			_, err := open(t, db, sqlstore.Options{})
			require.ErrorIs(t, err, inventory.ErrSchema)
			require.ErrorContains(t, err, test.message)
		})
	}
}

func TestNewerSchemaThatStillServesUs(t *testing.T) {
	db := newProxy(t).open(t)
	migrate(t, db, sqlstore.Options{})
	_, err := db.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (99, 1)")
	require.NoError(t, err)
	_, err = open(t, db, sqlstore.Options{})
	require.NoError(t, err)
	migrate(t, db, sqlstore.Options{})
}

func TestMigrateRefusesANewerSchema(t *testing.T) {
	db := newProxy(t).open(t)
	migrate(t, db, sqlstore.Options{})
	_, err := db.ExecContext(t.Context(), "UPDATE meta SET value = '7' WHERE name = 'oldest_reader'")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (7, 1)")
	require.NoError(t, err)
	err = sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), sqlstore.Options{})
	require.ErrorIs(t, err, inventory.ErrSchema)
	require.ErrorContains(t, err, "version 7")
}

func TestMigrateTwiceKeepsEverything(t *testing.T) {
	db := newProxy(t).open(t)
	migrate(t, db, sqlstore.Options{})
	s, err := open(t, db, sqlstore.Options{})
	require.NoError(t, err)
	before, err := s.Installation(t.Context())
	require.NoError(t, err)
	require.NoError(t, before.Validate())
	w := &world{T: t, inv: s}
	v := w.stored()
	migrate(t, db, sqlstore.Options{})
	again, err := open(t, db, sqlstore.Options{})
	require.NoError(t, err)
	after, err := again.Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = again.Volume(t.Context(), v.ID)
	require.NoError(t, err)
}

func TestTwoProgramsMigrateAtOnce(t *testing.T) {
	path := newProxy(t).path
	var wg sync.WaitGroup
	ids := make([]driver.InstallationID, 4)
	for i := range ids {
		db := proxyTo(path).open(t)
		wg.Go(func() {
			if err := sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), sqlstore.Options{}); err != nil {
				t.Errorf("migrate: %v", err)
				return
			}
			s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite(), sqlstore.Options{})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if ids[i], err = s.Installation(t.Context()); err != nil {
				t.Errorf("installation: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id)
		require.Equal(t, ids[0], id)
	}
}

func TestInterruptedMigrationIsRepeated(t *testing.T) {
	p := newProxy(t)
	db := p.open(t)
	statements := 0
	p.on(func(_ string, execute func() error) error {
		if statements++; statements == 20 {
			return errLost
		}
		return execute()
	})
	err := sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), sqlstore.Options{})
	require.ErrorIs(t, err, inventory.ErrUnavailable)
	_, err = open(t, db, sqlstore.Options{})
	require.ErrorIs(t, err, inventory.ErrSchema)
	migrate(t, db, sqlstore.Options{})
	_, err = open(t, db, sqlstore.Options{})
	require.NoError(t, err)
}

func TestMigrateCancelled(t *testing.T) {
	db := newProxy(t).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, sqlstore.Migrate(ctx, db, sqlstore.SQLite(), sqlstore.Options{}), context.Canceled)
	_, err := sqlstore.Open(ctx, db, sqlstore.SQLite(), sqlstore.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestPrefixesShareADatabase(t *testing.T) {
	db := newProxy(t).open(t)
	var stores []*world
	for _, prefix := range []string{"", "one_", "two_"} {
		migrate(t, db, sqlstore.Options{Prefix: prefix})
		s, err := open(t, db, sqlstore.Options{Prefix: prefix})
		require.NoError(t, err)
		stores = append(stores, &world{T: t, inv: s})
	}
	for i, w := range stores {
		for range i {
			everyKindOfChange(t, w.inv)
			w.stored()
		}
	}
	for i, w := range stores {
		require.Len(t, drain(t, w.inv.Volumes(t.Context(), inventory.VolumeQuery{})), i)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	db := newProxy(t).open(t)
	for _, prefix := range []string{"a b", "'; DROP TABLE volume", "Ä", "1x", "a123456789012345678901234567890"} {
		opts := sqlstore.Options{Prefix: prefix}
		require.ErrorIs(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite(), opts), inventory.ErrInvalid)
		_, err := open(t, db, opts)
		require.ErrorIs(t, err, inventory.ErrInvalid)
	}
	migrate(t, db, sqlstore.Options{})
	db.SetMaxOpenConns(1)
	_, err := open(t, db, sqlstore.Options{})
	require.ErrorIs(t, err, inventory.ErrInvalid)
	require.ErrorContains(t, err, "two at least")
}
