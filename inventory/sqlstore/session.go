package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// session is one connection on which changes are written, with the statements that were prepared on it.
// One goroutine uses it.
type session struct {
	db   *sql.DB
	conn *sql.Conn
	// prepared is keyed by the text.
	prepared map[string]*sql.Stmt
}

// begin opens the connection if there is none, and starts a transaction.
func (s *session) begin(ctx context.Context, d Dialect) error {
	if s.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		s.conn, s.prepared = conn, make(map[string]*sql.Stmt)
	}
	err := s.do(ctx, d.begin)
	if err != nil && d.fault(err) != faultBusy {
		s.discard()
	}
	return err
}

// rollback ends the transaction. A connection on which even that fails is of no more use.
func (s *session) rollback(ctx context.Context) {
	if s.conn != nil && s.do(ctx, "ROLLBACK") != nil {
		s.discard()
	}
}

// do runs a statement without parameters.
func (s *session) do(ctx context.Context, text string) error {
	_, err := s.exec(ctx, statement{text: text}, nil)
	return err
}

// exec returns how many rows the statement changed.
func (s *session) exec(ctx context.Context, st statement, all []any) (int64, error) {
	prepared, err := s.prepare(ctx, st.text)
	if err != nil {
		return 0, err
	}
	result, err := prepared.ExecContext(ctx, st.pick(all)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// find scans the one row that the statement selects, and reports whether there is one.
func (s *session) find(ctx context.Context, st statement, all []any, into ...any) (bool, error) {
	prepared, err := s.prepare(ctx, st.text)
	if err != nil {
		return false, err
	}
	err = prepared.QueryRowContext(ctx, st.pick(all)...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (s *session) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if prepared, found := s.prepared[text]; found {
		return prepared, nil
	}
	prepared, err := s.conn.PrepareContext(ctx, text)
	if err == nil {
		s.prepared[text] = prepared
	}
	return prepared, err
}

// close gives the connection back to the pool.
func (s *session) close() { s.end(nil) }

// discard closes the connection for good, because nobody knows whether a transaction is open on it.
func (s *session) discard() { s.end(driver.ErrBadConn) }

func (s *session) end(verdict error) {
	if s.conn == nil {
		return
	}
	// A driver may not expect a statement to be closed after its connection, which package sql has closed already if the
	// driver called it bad.
	if alive := s.conn.Raw(func(any) error { return nil }); alive == nil {
		for _, prepared := range s.prepared {
			_ = prepared.Close()
		}
	}
	_ = s.conn.Raw(func(any) error { return verdict })
	_ = s.conn.Close()
	s.conn, s.prepared = nil, nil
}
