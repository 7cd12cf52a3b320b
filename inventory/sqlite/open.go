package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
)

// Options change how the file is used. Zero is fine.
type Options struct {
	_ [0]func()

	// BusyTimeout is how long a commit waits while other processes write; 0 means 10 s. Whole milliseconds count.
	BusyTimeout time.Duration
	// Readers is the most connections that read at once; 0 means 8.
	Readers int
	// NoMigrate: a file that is missing or of an older program is refused, so that an operator decides when it is made or
	// changed, with [Migrate].
	NoMigrate bool
}

func (o Options) validate() error {
	if o.BusyTimeout < 0 || o.Readers < 0 {
		return fmt.Errorf("inventory: sqlite: busy timeout %s, %d readers: neither can be negative: %w",
			o.BusyTimeout, o.Readers, inventory.ErrInvalid)
	}
	return nil
}

// Store is an inventory in one file. Make it with [Open].
type Store struct {
	*sqlstore.Store

	db *sql.DB
}

var _ inventory.Inventory = (*Store)(nil)

// Open opens the inventory in the file, and makes the file or brings it up to date first unless Options say otherwise.
// Any number of processes may have it open.
//
// ErrSchema: the file is damaged, no SQLite database, another application's, or newer than this program can read; with
// NoMigrate, also missing or older. The file is left as it was. ErrUnavailable: the file or its folder cannot be read or
// written, the disk is full, or another process holds it for longer than the busy timeout.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if err := prepare(ctx, path, opts); err != nil {
		return nil, fmt.Errorf("inventory: %s: %w", path, err)
	}
	db, err := open(path, opts)
	if err != nil {
		return nil, fmt.Errorf("inventory: %s: %w: %w", path, inventory.ErrInvalid, err)
	}
	s, err := sqlstore.Open(ctx, db, sqlstore.SQLite(), sqlstore.Options{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inventory: %s: %w", path, err), db.Close())
	}
	return &Store{Store: s, db: db}, nil
}

// Migrate makes the file, or brings that of an older program up to date, as Open does without NoMigrate. The errors are
// those of Open.
func Migrate(ctx context.Context, path string, opts Options) error {
	opts.NoMigrate = false
	if err := opts.validate(); err != nil {
		return err
	}
	if err := prepare(ctx, path, opts); err != nil {
		return fmt.Errorf("inventory: %s: %w", path, err)
	}
	return nil
}

// Close waits for the commits under way and closes the file. A second call does nothing and returns nil.
func (s *Store) Close() error {
	return errors.Join(s.Store.Close(), s.db.Close())
}

// open returns a handle; nothing is opened before it is used.
func open(path string, opts Options, pragmas ...string) (*sql.DB, error) {
	busy := opts.BusyTimeout
	if busy == 0 {
		busy = 10 * time.Second
	}
	readers := opts.Readers
	if readers == 0 {
		readers = 8
	}
	name, err := dataSource(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": append([]string{
			"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")",
			"journal_mode(WAL)",
			// A commit that has returned survives a power cut; fullfsync is what that takes on a Mac.
			"synchronous(FULL)", "fullfsync(1)",
		}, pragmas...),
	})
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers + 1) // and the writer
	db.SetMaxIdleConns(readers + 1)
	return db, nil
}

// dataSource writes the path as a URI, so that no character in it is taken for a parameter.
func dataSource(path string, parameters url.Values) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	slashed := filepath.ToSlash(absolute)
	if slashed[0] != '/' {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: parameters.Encode()}).String(), nil
}
