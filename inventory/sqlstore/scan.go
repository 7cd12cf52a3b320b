package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/storagesnap/storagesnap/snapshot"
)

// errRow: a row holds what no store has written.
var errRow = errors.New("row cannot be read")

// row is the destination of one row. It reads the columns into places that database/sql fills without reflection, and is
// used for all rows of a page: text goes where it belongs at once, the rest is converted after Scan.
type row struct {
	into  []any
	after []func() error
}

// text reads a text column.
func text(r *row, into *string) { r.into = append(r.into, into) }

// number reads an integer column.
func number[N ~int | ~int64](r *row, into *N) {
	raw := new(any)
	r.then(raw, func() error {
		n, err := integer(*raw)
		*into = N(n)
		return err
	})
}

func truth(r *row, into *bool) {
	raw := new(any)
	r.then(raw, func() error {
		n, err := integer(*raw)
		*into = n != 0
		return err
	})
}

func instant(r *row, into *time.Time) {
	raw := new(any)
	r.then(raw, func() error {
		if *raw == nil {
			*into = time.Time{}
			return nil
		}
		n, err := integer(*raw)
		*into = time.UnixMicro(n).UTC()
		return err
	})
}

func identity[K any](r *row, into *snapshot.UUID[K]) {
	raw := new(sql.RawBytes)
	r.then(raw, func() error {
		if len(*raw) != 0 && len(*raw) != len(into) {
			return fmt.Errorf("an id of %d bytes", len(*raw))
		}
		*into = snapshot.UUID[K]{}
		copy(into[:], *raw)
		return nil
	})
}

func identities(r *row, into *[]snapshot.VolumeID) {
	raw := new(sql.RawBytes)
	r.then(raw, func() error {
		const size = len(snapshot.VolumeID{})
		if len(*raw)%size != 0 {
			return fmt.Errorf("ids of %d bytes together", len(*raw))
		}
		*into = nil
		for rest := []byte(*raw); len(rest) > 0; rest = rest[size:] {
			*into = append(*into, snapshot.VolumeID(rest[:size]))
		}
		return nil
	})
}

// document reads a column of JSON into what it describes.
func document[V any](r *row, into *V) {
	raw := new(string)
	r.then(raw, func() error {
		var value V
		var err error
		if *raw != "" {
			err = json.Unmarshal([]byte(*raw), &value)
		}
		*into = value
		return err
	})
}

// rawDocument reads a column of JSON as it is.
func rawDocument(r *row, into *json.RawMessage) {
	raw := new(string)
	r.then(raw, func() error {
		*into = rawValue(*raw)
		return nil
	})
}

func (r *row) then(into any, convert func() error) {
	r.into, r.after = append(r.into, into), append(r.after, convert)
}

func (r *row) scan(rows *sql.Rows) error {
	if err := rows.Scan(r.into...); err != nil {
		return err
	}
	for _, convert := range r.after {
		if err := convert(); err != nil {
			return fmt.Errorf("%w: %w", errRow, err)
		}
	}
	return nil
}

// integer understands what drivers return for an integer column.
func integer(raw any) (int64, error) {
	switch v := raw.(type) {
	case int64:
		return v, nil
	case []byte:
		return strconv.ParseInt(string(v), 10, 64)
	}
	return 0, fmt.Errorf("%T instead of an integer", raw)
}
