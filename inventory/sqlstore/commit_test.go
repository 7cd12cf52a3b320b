package sqlstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// gate holds executions of one statement until it is opened.
type gate struct {
	text    string
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

// holding makes the proxy stop at the first execution of the statement.
func holding(p *proxy, text string) *gate {
	g := &gate{text: text, reached: make(chan struct{}), open: make(chan struct{})}
	p.on(func(text string, execute func() error) error {
		if text == g.text {
			g.once.Do(func() {
				close(g.reached)
				<-g.open
			})
		}
		return execute()
	})
	return g
}

// bubble runs the test with a store in a bubble, where "everybody waits" can be waited for.
func bubble(t *testing.T, run func(w *world, p *proxy)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newProxy(t)
		run(&world{T: t, inv: openOn(t, p)}, p)
	})
}

func TestLoneCommitHasOneTransactionAndFewStatements(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		v := w.stored()
		s, o := newSnapshot(v), newOperation(v)
		s.State = snapshot.Creating
		intent := changeOf(v)
		intent.Volumes[0].Volume.Pending = o.ID
		intent.Put = []snapshot.Snapshot{s}
		intent.Operation = &inventory.OperationChange{Operation: o, LeaseTTL: time.Minute}
		p.reset()
		w.ok(intent)
		require.Equal(w, 1, p.count("COMMIT"))
		// begin, volume, snapshot, operation, its volume, commit
		require.Equal(w, 6, p.total())

		s.State, s.Version, o.State, v.Version, v.Head = snapshot.Ready, 1, inventory.Succeeded, 2, s.ID
		outcome := changeOf(v)
		outcome.Put = []snapshot.Snapshot{s}
		outcome.Operation = &inventory.OperationChange{Operation: o, IfEpoch: 1}
		p.reset()
		w.ok(outcome)
		require.Equal(w, 1, p.count("COMMIT"))
		require.Equal(w, 6, p.total())
	})
}

func TestWaitingCommitsShareOneTransaction(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		contended := w.stored()
		g := holding(p, "COMMIT")
		p.reset()
		var wg sync.WaitGroup
		wg.Go(func() { w.ok(changeOf(newVolume())) })
		<-g.reached

		const each = 40
		var mu sync.Mutex
		var won []string
		for range each {
			wg.Go(func() { w.ok(changeOf(newVolume())) })
			wg.Go(func() {
				w.refused(inventory.ErrStale, inventory.Change{Drop: []snapshot.ID{snapshot.NewID[snapshot.ID]()}})
			})
			wg.Go(func() {
				mine := contended
				mine.Name = snapshot.NewID[snapshot.ID]().String()
				err := w.commit(changeOf(mine))
				if err == nil {
					mu.Lock()
					won = append(won, mine.Name)
					mu.Unlock()
					return
				}
				require.ErrorIs(w, err, inventory.ErrStale)
			})
		}
		synctest.Wait() // all of them wait in the queue now
		close(g.open)
		wg.Wait()
		require.Equal(w, 2, p.count("COMMIT"))
		require.Len(w, won, 1)
		stored, err := w.inv.Volume(w.Context(), contended.ID)
		require.NoError(w, err)
		require.Equal(w, won[0], stored.Name)
		require.Len(w, drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})), 1+1+each)
	})
}

func TestBatchIsBounded(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		g := holding(p, "COMMIT")
		p.reset()
		var wg sync.WaitGroup
		const n = 600
		for range n {
			wg.Go(func() { w.ok(changeOf(newVolume())) })
		}
		synctest.Wait()
		close(g.open)
		wg.Wait()
		require.GreaterOrEqual(w, p.count("COMMIT"), 3)
		require.LessOrEqual(w, p.count("COMMIT"), 4)
		require.Len(w, drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})), n)
	})
}

func TestCancelledWhileWaitingIsNotWritten(t *testing.T) {
	for _, at := range []string{"COMMIT", "BEGIN IMMEDIATE"} {
		t.Run(at, func(t *testing.T) {
			bubble(t, func(w *world, p *proxy) {
				g := holding(p, at)
				var wg sync.WaitGroup
				wg.Go(func() { w.ok(changeOf(newVolume())) })
				<-g.reached
				ctx, cancel := context.WithCancel(w.Context())
				late := newVolume()
				wg.Go(func() { require.ErrorIs(w, w.inv.Commit(ctx, changeOf(late)), context.Canceled) })
				synctest.Wait()
				cancel()
				synctest.Wait() // the caller is back although the database stands still
				close(g.open)
				wg.Wait()
				w.ok(changeOf(newVolume()))
				_, err := w.inv.Volume(w.Context(), late.ID)
				require.ErrorIs(w, err, inventory.ErrNotFound)
			})
		})
	}
}

func TestCancelledBeforeTheTransactionIsNotWritten(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		g := holding(p, "BEGIN IMMEDIATE")
		ctx, cancel := context.WithCancel(w.Context())
		v := newVolume()
		result := make(chan error, 1)
		go func() { result <- w.inv.Commit(ctx, changeOf(v)) }()
		<-g.reached
		cancel()
		require.ErrorIs(w, <-result, context.Canceled)
		close(g.open)
		w.ok(changeOf(newVolume()))
		_, err := w.inv.Volume(w.Context(), v.ID)
		require.ErrorIs(w, err, inventory.ErrNotFound)
	})
}

func TestCancelledDuringTheTransactionGetsTheResult(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		g := holding(p, "COMMIT")
		ctx, cancel := context.WithCancel(w.Context())
		v := newVolume()
		result := make(chan error, 1)
		go func() { result <- w.inv.Commit(ctx, changeOf(v)) }()
		<-g.reached
		cancel()
		synctest.Wait()
		require.Empty(w, result, "nobody knows yet")
		close(g.open)
		require.NoError(w, <-result)
		_, err := w.inv.Volume(w.Context(), v.ID)
		require.NoError(w, err)
	})
}

func TestCloseFinishesWhatIsUnderWay(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		g := holding(p, "COMMIT")
		under := make(chan error, 1)
		waiting := make(chan error, 1)
		go func() { under <- w.commit(changeOf(newVolume())) }()
		<-g.reached
		go func() { waiting <- w.commit(changeOf(newVolume())) }()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- w.inv.Close() }()
		require.ErrorIs(w, <-waiting, inventory.ErrUnavailable)
		synctest.Wait()
		require.Empty(w, closed, "a commit is under way")
		close(g.open)
		require.NoError(w, <-under)
		require.NoError(w, <-closed)
		require.ErrorIs(w, w.commit(changeOf(newVolume())), inventory.ErrUnavailable)
	})
}

func TestBusyDatabase(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		db := p.open(w.T)
		tx, err := db.BeginTx(w.Context(), nil) // another process that takes its time
		require.NoError(w, err)
		err = w.commit(changeOf(newVolume()))
		require.ErrorIs(w, err, inventory.ErrUnavailable)
		require.ErrorContains(w, err, "try again")
		require.NoError(w, tx.Rollback())
		w.ok(changeOf(newVolume()))
		require.Len(w, drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})), 1)
	})
}

func TestFailureOfAStatementWritesNothing(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		broken := errors.New("cable pulled")
		v := w.stored()
		p.reset()
		w.ok(func() inventory.Change { c := changeOf(v); c.Put = []snapshot.Snapshot{newSnapshot(v)}; return c }())
		var texts []string
		for text := range p.counts {
			texts = append(texts, text)
		}
		for _, text := range texts {
			if text == "COMMIT" {
				continue
			}
			p.on(func(executed string, execute func() error) error {
				if executed == text {
					return broken
				}
				return execute()
			})
			v, err := w.inv.Volume(w.Context(), v.ID)
			require.NoError(w, err)
			c := changeOf(v)
			c.Put = []snapshot.Snapshot{newSnapshot(v)}
			w.refused(inventory.ErrUnavailable, c)
			p.on(nil)
			again, err := w.inv.Volume(w.Context(), v.ID)
			require.NoError(w, err)
			require.Equal(w, v, again, text)
			w.ok(c)
		}
	})
}
