package crashtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// points are where a child can die or be stopped: before and after each call of the array, and before and after each commit.
type points struct {
	order

	mu     sync.Mutex
	passed int
	in     *bufio.Reader
	// committing keeps a commit of the heartbeat from being cut in two by a stop: it would hold SQLite's lock meanwhile.
	committing sync.RWMutex
}

func newPoints(o order) *points { return &points{order: o, in: bufio.NewReader(os.Stdin)} }

// pass is one point.
func (p *points) pass(where string) {
	p.mu.Lock()
	p.passed++
	if p.passed == p.DieAt {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // no cleaning up, no flush, no goodbye
		select {}
	}
	stop, hang := p.passed == p.StopAt, where == p.HangAt
	p.mu.Unlock()
	switch {
	case stop:
		p.stop(where)
	case hang:
		fmt.Println("at " + where)
		p.wait()
	}
}

// stop stops the whole process, with all its timers, until somebody wakes it.
func (p *points) stop(where string) {
	p.committing.Lock()
	defer p.committing.Unlock()
	fmt.Println("at " + where)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	p.wait() // whatever this thread could do before the signal reached it, it gets no further than this
}

// wait waits for a line, or the end, of the standard input.
func (p *points) wait() { _, _ = p.in.ReadString('\n') }

// hook counts the calls of the array, and writes down those that were sent.
func (p *points) hook(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
	if call.Method == "Close" || call.Method == "Describe" {
		return next(ctx)
	}
	p.pass("before " + call.Method)
	if err := ctx.Err(); err != nil { // as every driver looks, directly before it sends
		return &driver.Error{Class: driver.ErrUnavailable, Op: call.Method, Err: err}
	}
	if p.StopAt > 0 { // to die here is to die before
		p.pass("sending " + call.Method)
	}
	if err := p.note(call); err != nil {
		return err
	}
	err := next(context.WithValue(ctx, withinKey{}, " within "+call.Method))
	p.pass("after " + call.Method)
	return err
}

// transcriptOf is where all processes of a site write down the calls that they send.
func transcriptOf(root string) string { return filepath.Join(root, "transcript") }

// note appends one line, which several processes may do at once.
func (p *points) note(call *driver.Call) error {
	f, err := os.OpenFile(transcriptOf(p.Root), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	kind := "read"
	if call.Mutation {
		kind = "mutation"
	}
	_, err = fmt.Fprintf(f, "%s %s %s\n", p.Owner, kind, call.Method)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// mortal is the inventory as a process sees it that may die or be stopped.
type mortal struct {
	inventory.Inventory

	p *points
}

// withinKey marks the commits of notes that a call of the array makes while it is under way.
type withinKey struct{}

func (m mortal) Commit(ctx context.Context, c inventory.Change) error {
	within, _ := ctx.Value(withinKey{}).(string)
	m.p.pass("before Commit" + within)
	err := m.commit(ctx, c)
	m.p.pass("after Commit" + within)
	return err
}

func (m mortal) commit(ctx context.Context, c inventory.Change) error {
	m.p.committing.RLock()
	defer m.p.committing.RUnlock()
	return m.Inventory.Commit(ctx, c)
}
