package sqlstore

import (
	"context"
	"database/sql"
	"sync"
)

// reads holds the prepared statements of all queries that were asked so far: one per combination of conditions.
type reads struct {
	db       *sql.DB
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// query runs the statement on any connection of the pool.
func (r *reads) query(ctx context.Context, st statement, all []any) (*sql.Rows, error) {
	prepared, err := r.prepare(ctx, st.text)
	if err != nil {
		return nil, err
	}
	return prepared.QueryContext(ctx, st.pick(all)...)
}

// number runs a statement that selects one number.
func (r *reads) number(ctx context.Context, st statement, all []any) (int64, error) {
	prepared, err := r.prepare(ctx, st.text)
	if err != nil {
		return 0, err
	}
	var n int64
	err = prepared.QueryRowContext(ctx, st.pick(all)...).Scan(&n)
	return n, err
}

func (r *reads) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	r.mu.Lock()
	prepared, found := r.prepared[text]
	r.mu.Unlock()
	if found {
		return prepared, nil
	}
	prepared, err := r.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, found := r.prepared[text]; found {
		_ = prepared.Close()
		return other, nil
	}
	r.prepared[text] = prepared
	return prepared, nil
}

func (r *reads) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, prepared := range r.prepared {
		_ = prepared.Close()
	}
	clear(r.prepared)
}
