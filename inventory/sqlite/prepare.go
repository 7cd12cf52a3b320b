package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
	"github.com/storagesnap/storagesnap/snapshot"
)

// prepare sees that there is a file with our schema, or that it is refused before anything in it changes.
func prepare(ctx context.Context, path string, opts Options) error {
	found, err := inspect(ctx, path)
	switch {
	case err != nil:
		return err
	case opts.NoMigrate && found != ours:
		return fmt.Errorf("there is no inventory: run Migrate: %w", inventory.ErrSchema)
	case opts.NoMigrate:
		return nil
	case found == missing:
		return create(ctx, path, opts)
	case found == empty:
		return initialize(ctx, path, opts)
	}
	return migrate(ctx, path, opts)
}

// create makes the database under another name and then links it into place, so that nobody ever sees, and no power cut
// ever leaves, half of one. If two processes do it at once, the first one's stays.
func create(ctx context.Context, path string, opts Options) (err error) {
	aside := path + ".new-" + snapshot.NewID[inventory.ChangeID]().Short()
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if gone := os.Remove(aside + suffix); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, unavailable(gone))
			}
		}
	}()
	if err := touch(aside); err != nil {
		return err
	}
	if err := initialize(ctx, aside, opts); err != nil {
		return err
	}
	if err := os.Link(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links.
		if err := touch(path); err != nil {
			return err
		}
		if err := initialize(ctx, path, opts); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(path))
}

// touch makes an empty file that only its owner may read and write; SQLite gives the files beside it the same permissions.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// initialize makes the schema in an empty file. Our mark is the first thing that is written, before the write-ahead log
// is, so that the file itself tells whose it is from then on.
func initialize(ctx context.Context, path string, opts Options) error {
	return migrate(ctx, path, opts, "application_id("+strconv.Itoa(sqlstore.ApplicationID)+")")
}

// migrate uses a handle of its own.
func migrate(ctx context.Context, path string, opts Options, pragmas ...string) error {
	db, err := open(path, opts, pragmas...)
	if err != nil {
		return fmt.Errorf("%w: %w", inventory.ErrInvalid, err)
	}
	err = sqlstore.Migrate(ctx, db, sqlstore.SQLite(), sqlstore.Options{})
	if closed := db.Close(); closed != nil {
		err = errors.Join(err, unavailable(closed))
	}
	return err
}

// syncFolder makes a new name durable. Where a folder cannot be synced, as on Windows, the name is.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return unavailable(err)
	}
	_ = folder.Sync()
	return folder.Close()
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", inventory.ErrUnavailable, err) }
