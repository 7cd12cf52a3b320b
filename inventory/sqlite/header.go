package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
)

// contents is what a file holds before it is opened as a database.
type contents int

const (
	// missing: there is no file.
	missing contents = iota
	// empty: a file of no bytes, which SQLite takes for an empty database.
	empty
	// ours: a database with our mark.
	ours
)

// inspect looks at the file without changing it: SQLite would convert another application's database as soon as it is
// opened the way we need.
func inspect(ctx context.Context, path string) (contents, error) {
	header := make([]byte, 100) // see https://www.sqlite.org/fileformat.html, "the database header"
	n, err := readHeader(path, header)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing, nil
	case err != nil:
		return 0, fmt.Errorf("%w: %w", inventory.ErrUnavailable, err)
	case n == 0:
		return empty, nil
	case n < len(header) || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")):
		return 0, fmt.Errorf("not an SQLite database, or damaged: %w", inventory.ErrSchema)
	}
	id := binary.BigEndian.Uint32(header[68:])
	if id != sqlstore.ApplicationID && beside(path, "-wal") {
		// The present header may not have left the write-ahead log yet.
		if id, err = applicationID(ctx, path); err != nil {
			return 0, fmt.Errorf("not a database that can be read: %w: %w", inventory.ErrSchema, err)
		}
	}
	if id != sqlstore.ApplicationID {
		return 0, fmt.Errorf("the SQLite database of another application (id %#x, want %#x): %w",
			id, sqlstore.ApplicationID, inventory.ErrSchema)
	}
	return ours, nil
}

func readHeader(path string, header []byte) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, header)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, errors.Join(err, f.Close())
}

func beside(path, suffix string) bool {
	info, err := os.Stat(path + suffix)
	return err == nil && info.Size() > 0
}

// applicationID asks SQLite, which may only read.
func applicationID(ctx context.Context, path string) (id uint32, err error) {
	name, err := dataSource(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}})
	if err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var signed int64
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&signed)
	return uint32(signed), err //nolint:gosec // SQLite returns the 32 bits as a signed number
}
