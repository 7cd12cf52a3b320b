package engine_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

var errDead = errors.New("the process is dead")

// killer makes a process die at its n-th point: there is one before and one after each call of the array, the host and
// the inventory. From then on nothing that the process tries has any effect, and nothing answers.
type killer struct {
	mu      sync.Mutex
	points  int
	commits int
	at      int    // 0: never
	name    string // besides, by name; empty: never
	dead    bool
	where   string
	died    chan struct{}

	polls   atomic.Int64 // how often all records of a kind were looked at, which a process does once for each poll
	onPoint func(n int, where string)
	onCall  func(method string)
}

func newKiller(at int) *killer { return &killer{at: at, died: make(chan struct{})} }

// pass is one point; it reports whether the process lives on.
func (k *killer) pass(where string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return false
	}
	k.points++
	if k.onPoint != nil {
		k.onPoint(k.points, where)
	}
	if k.points != k.at && where != k.name {
		return true
	}
	k.dead, k.where = true, where
	close(k.died)
	return false
}

// spare lets the process live for ever.
func (k *killer) spare() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.name = 0, ""
}

// dieAt makes the process die at the next point of that name, whatever its number.
func (k *killer) dieAt(where string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.name = where
}

func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

func (k *killer) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.points = 0
}

// around runs a call between its two points.
func (k *killer) around(name string, f func() error) error {
	if !k.pass("before " + name) {
		return errDead
	}
	err := f()
	if !k.pass("after " + name) {
		return errDead
	}
	return err
}

func (k *killer) hook(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
	if call.Method == "Close" || call.Method == "Describe" {
		return next(ctx)
	}
	k.mu.Lock()
	onCall := k.onCall
	k.mu.Unlock()
	if onCall != nil {
		onCall(call.Method)
	}
	return k.around(call.Method, func() error { return next(ctx) })
}

// mortal is an inventory as a process sees it that may die.
type mortal struct {
	inventory.Inventory
	k *killer
}

func (m mortal) Commit(ctx context.Context, c inventory.Change) error {
	m.k.mu.Lock()
	m.k.commits++
	m.k.mu.Unlock()
	err := m.k.around("Commit", func() error { return m.Inventory.Commit(ctx, c) })
	return dying(err)
}

func (m mortal) Volume(ctx context.Context, id snapshot.VolumeID) (v inventory.Volume, err error) {
	err = m.alive(func() error { v, err = m.Inventory.Volume(ctx, id); return err })
	return v, err
}

func (m mortal) Snapshot(ctx context.Context, id snapshot.ID) (s snapshot.Snapshot, err error) {
	err = m.alive(func() error { s, err = m.Inventory.Snapshot(ctx, id); return err })
	return s, err
}

func (m mortal) Operation(ctx context.Context, id inventory.OperationID) (o inventory.Operation, err error) {
	err = m.alive(func() error { o, err = m.Inventory.Operation(ctx, id); return err })
	return o, err
}

func (m mortal) Volumes(ctx context.Context, q inventory.VolumeQuery) iter.Seq2[inventory.Volume, error] {
	return aliveList(m, m.Inventory.Volumes(ctx, q))
}

func (m mortal) Snapshots(ctx context.Context, q inventory.SnapshotQuery) iter.Seq2[snapshot.Snapshot, error] {
	return aliveList(m, m.Inventory.Snapshots(ctx, q))
}

func (m mortal) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	return aliveList(m, m.Inventory.Operations(ctx, q))
}

func (m mortal) Records(ctx context.Context, q inventory.RecordQuery) iter.Seq2[inventory.Record, error] {
	if q.ID == "" {
		m.k.polls.Add(1)
	}
	return aliveList(m, m.Inventory.Records(ctx, q))
}

// alive runs a read, which is no point of its own: dying before it is dying after what came before.
func (m mortal) alive(f func() error) error {
	if m.k.isDead() {
		return dying(errDead)
	}
	return f()
}

func aliveList[T any](m mortal, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range list {
			if dead := m.alive(func() error { return nil }); dead != nil {
				yield(v, dead)
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// dying: to a dead process no reply comes, and one that still runs must read that as an unknown outcome.
func dying(err error) error {
	if errors.Is(err, errDead) {
		return errors.Join(err, inventory.ErrIndeterminate)
	}
	return err
}
