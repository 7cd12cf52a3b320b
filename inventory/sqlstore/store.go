package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"sync"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// Options change how a store uses its database. Zero is fine.
type Options struct {
	_ [0]func()

	// Prefix is put before the name of every table and index, so that an inventory can live among other tables: at most 30
	// characters [a-z][a-z0-9_]*. Every program must use the same.
	Prefix string
}

func (o Options) validate() error {
	if o.Prefix != "" && !regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`).MatchString(o.Prefix) {
		return fmt.Errorf("inventory: table prefix %.60q: want at most 30 characters [a-z][a-z0-9_]*: %w",
			o.Prefix, inventory.ErrInvalid)
	}
	return nil
}

// Store is an inventory in a database. Make it with [Open].
type Store struct {
	db           *sql.DB
	dialect      Dialect
	prefix       string
	installation driver.InstallationID

	reads      reads
	statements *statements
	// queue hands changes to the writers; nobody waits in it but in Commit.
	queue   chan *request
	closing chan struct{}
	close   func()
	writers sync.WaitGroup
}

var _ inventory.Inventory = (*Store)(nil)

// Open opens the inventory in a database whose schema [Migrate] has made. It starts goroutines that end with Close.
// The handle stays the caller's: it must not be closed before the store, and the store does not close it.
//
// ErrSchema: there is no inventory, it must be migrated first, it is newer than this program can read, or damaged; the
// message says which. ErrInvalid: the options are wrong, or the handle allows one connection only. ErrUnavailable: the
// database cannot be reached.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, opts Options) (*Store, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if db.Stats().MaxOpenConnections == 1 {
		return nil, fmt.Errorf("inventory: the database handle allows one connection; a store needs two at least: %w",
			inventory.ErrInvalid)
	}
	s := &Store{
		db: db, dialect: dialect, prefix: opts.Prefix,
		reads:      reads{db: db, prepared: make(map[string]*sql.Stmt)},
		statements: newStatements(dialect, opts.Prefix),
		queue:      make(chan *request),
		closing:    make(chan struct{}),
	}
	s.close = sync.OnceFunc(func() {
		close(s.closing)
		s.writers.Wait()
		s.reads.close()
	})
	if err := s.readSchema(ctx); err != nil {
		s.close()
		return nil, err
	}
	// A writer is not the caller's: a change that it has begun is finished even if the caller goes.
	own := context.WithoutCancel(ctx)
	for range dialect.writers {
		w := &writer{store: s, session: session{db: db}}
		s.writers.Go(func() { w.run(own) })
	}
	return s, nil
}

// Installation implements [inventory.Inventory].
func (s *Store) Installation(ctx context.Context) (driver.InstallationID, error) {
	if err := s.check(ctx, "installation"); err != nil {
		return "", err
	}
	return s.installation, nil
}

// check refuses to begin anything for a caller that is gone, or in a store that is closed.
func (s *Store) check(ctx context.Context, doing string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("inventory: %s: %w", doing, err)
	}
	if s.closed() {
		return errClosed(doing)
	}
	return nil
}

func (s *Store) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// Close waits for the changes under way, and gives the connections back. Changes that wait get ErrUnavailable and are not
// written.
func (s *Store) Close() error {
	s.close()
	return nil
}
