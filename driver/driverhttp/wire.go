package driverhttp

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
)

var errSealed = errors.New("the connection broke after the request had gone out; it was not sent again")

// wire is a connection that counts what is written to it and can be sealed against further writes. It is the proof that
// a request was never sent: net/http does not tell.
type wire struct {
	net.Conn

	mu      sync.Mutex
	written int64
	sealed  bool
}

// Write holds the lock while it writes, so that seal is never ahead of a write under way.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed {
		return 0, errSealed
	}
	n, err := w.Conn.Write(p)
	w.written += int64(n)
	return n, err
}

func (w *wire) count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written
}

// seal forbids all further writes and returns the bytes written so far.
func (w *wire) seal() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sealed = true
	return w.written
}

// evidence gathers, for one attempt, whether anything of the request can have reached the server. It also keeps net/http
// from sending a mutation twice: the transport takes another connection by itself when the first one breaks, also for a
// GET or with an Idempotency-Key, so once a byte has gone out, any further connection is sealed before it is used.
type evidence struct {
	kind Kind

	mu     sync.Mutex
	asked  bool // net/http looked for a connection
	got    bool // and found one
	reused bool
	sent   bool // something went out, or nobody can tell
	conn   *wire
	mark   int64 // what had been written on conn before
}

func (e *evidence) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GetConn: e.getConn, GotConn: e.gotConn}
}

func (e *evidence) getConn(string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = true
}

// gotConn runs before the transport writes to the connection.
func (e *evidence) gotConn(info httptrace.GotConnInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn != nil && e.conn.count() != e.mark {
		e.sent = true
	}
	e.got, e.reused = true, info.Reused
	e.conn = wireOf(info.Conn)
	switch {
	case e.conn == nil:
		e.sent = true
	case e.sent && e.kind == Mutation:
		e.mark = e.conn.seal()
	default:
		e.mark = e.conn.count()
	}
}

// neverSent reports, for an attempt that failed with err, that nothing of the request went out nor ever will. stale says
// that it was a kept connection that turned out to be dead.
func (e *evidence) neverSent(err error) (never, stale bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.got {
		never = !e.sent && e.conn.seal() == e.mark
		return never, never && e.reused
	}
	return e.asked || saysNeverSent(err), false
}

func wireOf(c net.Conn) *wire {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	w, _ := c.(*wire)
	return w
}
