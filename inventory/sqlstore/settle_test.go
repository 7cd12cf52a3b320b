package sqlstore_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// replyLost executes the statement and loses the reply; requestLost loses it on the way there.
func replyLost(execute func() error) error {
	if err := execute(); err != nil {
		return err
	}
	return errLost
}

func requestLost(func() error) error { return errLost }

// meanwhile runs the function once, before the next transaction begins.
func meanwhile(p *proxy, lose func(func() error) error, run func()) {
	lost := false
	p.on(func(text string, execute func() error) error {
		switch {
		case text == "COMMIT" && !lost:
			lost = true
			return lose(execute)
		case text == "BEGIN IMMEDIATE" && lost && run != nil:
			now := run
			run = nil
			now()
		}
		return execute()
	})
}

func TestLostReplyIsResolved(t *testing.T) {
	for name, lose := range map[string]func(func() error) error{"applied": replyLost, "not applied": requestLost} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world, p *proxy) {
				v := w.stored()
				s, o := newSnapshot(v), newOperation(v)
				r := inventory.Record{Kind: "policy", ID: "p"}
				p.onCommits(1, lose)
				c := changeOf(v)
				c.Put = []snapshot.Snapshot{s}
				c.Operation = &inventory.OperationChange{Operation: o}
				c.Records = []inventory.RecordChange{{Record: r}}
				w.ok(c)
				stored, err := w.inv.Volume(w.Context(), v.ID)
				require.NoError(w, err)
				require.Equal(w, int64(2), stored.Version, "written once")
				require.Equal(w, 1, stored.SnapshotCount)
				require.Len(w, drain(w.T, w.inv.Operations(w.Context(), inventory.OperationQuery{Volume: v.ID})), 1)
			})
		})
	}
}

// Each kind of row must be able to tell by itself that the change was written.
func TestLostReplyOfEachPart(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		v := w.stored()
		s := newSnapshot(v)
		o := newOperation(v)
		for _, c := range []inventory.Change{
			changeOf(newVolume()),
			changeOf(v),
			{Put: []snapshot.Snapshot{s}},
			{Operation: &inventory.OperationChange{Operation: o}},
			{Operation: &inventory.OperationChange{Operation: o, IfEpoch: 1}},
			{Records: []inventory.RecordChange{{Record: inventory.Record{Kind: "policy", ID: "p"}}}},
			{Records: []inventory.RecordChange{{Record: inventory.Record{Kind: "policy", ID: "p"}, IfVersion: 1}}},
			{Drop: []snapshot.ID{s.ID}, Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 2}}},
		} {
			p.onCommits(1, replyLost)
			w.ok(c)
		}
	})
}

func TestLostReplyWithRivals(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(func() error) error
		// versions is how many times a rival writes the volume before we can look.
		versions int
		// outcome is what we can know then.
		outcome error
	}{
		"applied, then written over":             {replyLost, 1, inventory.ErrIndeterminate},
		"applied, then written over twice":       {replyLost, 2, inventory.ErrIndeterminate},
		"not applied, a rival came first":        {requestLost, 1, inventory.ErrStale},
		"not applied, two rivals came first":     {requestLost, 2, inventory.ErrIndeterminate},
		"not applied, and nobody else was there": {requestLost, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world, p *proxy) {
				v := w.stored()
				rival := &world{T: w.T, inv: openOn(w.T, proxyTo(p.path))}
				meanwhile(p, test.lose, func() {
					for range test.versions {
						now, err := rival.inv.Volume(w.Context(), v.ID)
						require.NoError(w, err)
						rival.ok(changeOf(now))
					}
				})
				require.ErrorIs(w, w.commit(changeOf(v)), test.outcome)
			})
		})
	}
}

// A row that nobody else has touched proves what became of the rest.
func TestLostReplyProvenByAnotherRow(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		v := w.stored()
		rival := &world{T: w.T, inv: openOn(w.T, proxyTo(p.path))}
		meanwhile(p, replyLost, func() {
			now, err := rival.inv.Volume(w.Context(), v.ID)
			require.NoError(w, err)
			rival.ok(changeOf(now))
		})
		c := changeOf(v)
		c.Put = []snapshot.Snapshot{newSnapshot(v)}
		w.ok(c)
	})
}

func TestLostReplyWhileTheDatabaseStaysAway(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		gone := false
		p.on(func(text string, execute func() error) error {
			if gone = gone || text == "COMMIT"; gone {
				return errLost
			}
			return execute()
		})
		begin := time.Now()
		err := w.commit(changeOf(newVolume()))
		require.ErrorIs(w, err, inventory.ErrIndeterminate)
		require.ErrorIs(w, err, errLost)
		require.Less(w, time.Since(begin), time.Minute)
		p.on(nil)
		w.ok(changeOf(newVolume()))
	})
}

func TestLostReplyOfABatch(t *testing.T) {
	for name, lose := range map[string]func(func() error) error{"applied": replyLost, "not applied": requestLost} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world, p *proxy) {
				g := &gate{text: "COMMIT", reached: make(chan struct{}), open: make(chan struct{})}
				commits := 0
				p.on(func(text string, execute func() error) error {
					if text != "COMMIT" {
						return execute()
					}
					switch commits++; commits {
					case 1:
						close(g.reached)
						<-g.open
					case 2: // that of the batch
						return lose(execute)
					}
					return execute()
				})
				var wg sync.WaitGroup
				wg.Go(func() { w.ok(changeOf(newVolume())) })
				<-g.reached
				for range 10 {
					wg.Go(func() { w.ok(changeOf(newVolume())) })
					wg.Go(func() {
						w.refused(inventory.ErrStale, inventory.Change{Drop: []snapshot.ID{snapshot.NewID[snapshot.ID]()}})
					})
				}
				synctest.Wait()
				close(g.open)
				wg.Wait()
				for _, v := range drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})) {
					require.Equal(w, int64(1), v.Version)
				}
				require.Len(w, drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})), 11)
			})
		})
	}
}

func TestFullDatabase(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		v := w.stored()
		p.everywhere(w.T, "PRAGMA max_page_count = 1") // the smallest that SQLite accepts is what there is
		var refused inventory.Change
		written := 0
		for {
			c := inventory.Change{}
			for range 100 {
				s := newSnapshot(v)
				s.Name = strings.Repeat("x", 1000)
				c.Put = append(c.Put, s)
			}
			err := w.commit(c)
			if err != nil {
				require.ErrorIs(w, err, inventory.ErrUnavailable)
				require.ErrorContains(w, err, "make some")
				refused = c
				break
			}
			written++
		}
		n, err := w.inv.Count(w.Context(), inventory.SnapshotQuery{})
		require.NoError(w, err)
		require.Equal(w, int64(100*written), n, "the change that found no room has left nothing")
		p.everywhere(w.T, "PRAGMA max_page_count = 1000000")
		w.ok(refused)
	})
}

// One change that finds no room must not take those with it that were written together with it.
func TestFailureInABatchIsItsOwn(t *testing.T) {
	bubble(t, func(w *world, p *proxy) {
		v := w.stored()
		poison := newSnapshot(v)
		p.everywhere(w.T, "PRAGMA max_page_count = 80")
		poison.Name = strings.Repeat("x", 1<<20)
		g := holding(p, "COMMIT")
		var wg sync.WaitGroup
		wg.Go(func() { w.ok(changeOf(newVolume())) })
		<-g.reached
		wg.Go(func() { w.refused(inventory.ErrUnavailable, inventory.Change{Put: []snapshot.Snapshot{poison}}) })
		for range 5 {
			wg.Go(func() { w.ok(changeOf(newVolume())) })
		}
		synctest.Wait()
		close(g.open)
		wg.Wait()
		require.Len(w, drain(w.T, w.inv.Volumes(w.Context(), inventory.VolumeQuery{})), 1+1+5)
	})
}
