package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/inventory"
)

// collect appends all rows to the list.
func collect[R any](rows *sql.Rows, destination func(*R) *row, list []R) ([]R, error) {
	var one R
	into := destination(&one)
	var err error
	for err == nil && rows.Next() {
		if err = into.scan(rows); err == nil {
			list = append(list, one)
		}
	}
	return list, errors.Join(err, rows.Err(), rows.Close())
}

// get reads the one row that the statement selects.
func get[R any](ctx context.Context, s *Store, what string, st statement, id []byte, destination func(*R) *row) (R, error) {
	var none R
	if err := s.check(ctx, what); err != nil {
		return none, err
	}
	rows, err := s.reads.query(ctx, st, []any{id})
	if err != nil {
		return none, s.classified(ctx, what, err)
	}
	var found [1]R
	list, err := collect(rows, destination, found[:0])
	switch {
	case err != nil:
		return none, s.classified(ctx, what, err)
	case len(list) == 0:
		return none, fmt.Errorf("inventory: %s: %w", what, inventory.ErrNotFound)
	}
	return list[0], nil
}
