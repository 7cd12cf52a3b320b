package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
)

// errLost is what the store sees in the place of a reply.
var errLost = errors.New("connection reset by peer")

// proxy is a database between the store and SQLite: it counts statements, and loses replies.
type proxy struct {
	name, path string

	mu     sync.Mutex
	conns  []*proxyConn
	pragma string
	// counts are the executions by text.
	counts map[string]int
	// intercept, if set, is asked before each execution; the execution is what it calls.
	intercept func(text string, execute func() error) error
}

var _ driver.Connector = (*proxy)(nil)

// newProxy returns a proxy to a new file.
func newProxy(tb testing.TB) *proxy {
	tb.Helper()
	return proxyTo(filepath.Join(tb.TempDir(), "inventory.db"))
}

func proxyTo(path string, pragmas ...string) *proxy {
	parameters := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
	}, pragmas...)}
	return &proxy{path: path, name: "file:" + path + "?" + parameters.Encode(), counts: make(map[string]int)}
}

// open returns a handle that is closed with the test.
func (p *proxy) open(tb testing.TB) *sql.DB {
	tb.Helper()
	db := sql.OpenDB(p)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func (p *proxy) Driver() driver.Driver { return &sqlite.Driver{} }

func (p *proxy) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Driver().Open(p.name)
	if err != nil {
		return nil, err
	}
	c := &proxyConn{proxy: p, conn: conn.(fullConn)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	if p.pragma != "" {
		_, err = c.conn.ExecContext(ctx, p.pragma, nil)
	}
	return c, err
}

// count returns how often the statement was executed since the last reset.
func (p *proxy) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[text]
}

func (p *proxy) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, count := range p.counts {
		n += count
	}
	return n
}

func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.counts)
}

// on sets the interceptor; nil takes it away.
func (p *proxy) on(intercept func(text string, execute func() error) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.intercept = intercept
}

// onCommits intercepts the next n COMMITs and no more.
func (p *proxy) onCommits(n int, intercept func(execute func() error) error) {
	p.on(func(text string, execute func() error) error {
		if text != "COMMIT" || n == 0 {
			return execute()
		}
		n--
		return intercept(execute)
	})
}

// everywhere executes a pragma on every connection that is open, and on those to come.
func (p *proxy) everywhere(tb testing.TB, pragma string) {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pragma = pragma
	for _, c := range p.conns {
		_, err := c.conn.ExecContext(tb.Context(), pragma, nil)
		require.NoError(tb, err)
	}
}

func (p *proxy) execute(text string, execute func() error) error {
	p.mu.Lock()
	p.counts[text]++
	intercept := p.intercept
	p.mu.Unlock()
	if intercept == nil {
		return execute()
	}
	return intercept(text, execute)
}

// fullConn is what a connection of the driver can do.
type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type proxyConn struct {
	proxy *proxy
	conn  fullConn
}

func (c *proxyConn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

func (c *proxyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	st, err := c.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &proxyStmt{fullStmt: st.(fullStmt), proxy: c.proxy, text: text}, nil
}

func (c *proxyConn) Close() error {
	c.proxy.mu.Lock()
	c.proxy.conns = slices.DeleteFunc(c.proxy.conns, func(o *proxyConn) bool { return o == c })
	c.proxy.mu.Unlock()
	return c.conn.Close()
}

func (c *proxyConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *proxyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.conn.BeginTx(ctx, opts)
}

func (c *proxyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (r driver.Result, err error) {
	err = c.proxy.execute(text, func() error {
		r, err = c.conn.ExecContext(ctx, text, args)
		return err
	})
	return r, err
}

func (c *proxyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (r driver.Rows, err error) {
	err = c.proxy.execute(text, func() error {
		r, err = c.conn.QueryContext(ctx, text, args)
		return err
	})
	return r, err
}

func (c *proxyConn) ResetSession(ctx context.Context) error { return c.conn.ResetSession(ctx) }

func (c *proxyConn) IsValid() bool { return c.conn.IsValid() }

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type proxyStmt struct {
	fullStmt

	proxy *proxy
	text  string
}

func (s *proxyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (r driver.Result, err error) {
	err = s.proxy.execute(s.text, func() error {
		r, err = s.fullStmt.ExecContext(ctx, args)
		return err
	})
	return r, err
}

func (s *proxyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (r driver.Rows, err error) {
	err = s.proxy.execute(s.text, func() error {
		r, err = s.fullStmt.QueryContext(ctx, args)
		return err
	})
	if err != nil && r != nil {
		err = errors.Join(err, r.Close())
		r = nil
	}
	if errors.Is(err, io.EOF) {
		return nil, errLost
	}
	return r, err
}
