package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// shaky loses the reply to its n-th commit, which was written or was not.
type shaky struct {
	inventory.Inventory
	n       int
	written bool
	blind   bool // neither can anybody look afterwards
	count   int
}

func (s *shaky) Commit(ctx context.Context, c inventory.Change) error {
	s.count++
	if s.count != s.n {
		return s.Inventory.Commit(ctx, c)
	}
	if s.written {
		if err := s.Inventory.Commit(ctx, c); err != nil {
			return err
		}
	}
	return fmt.Errorf("the reply was lost: %w", inventory.ErrIndeterminate)
}

func (s *shaky) Operation(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	if s.blind && s.count >= s.n {
		return inventory.Operation{}, inventory.ErrUnavailable
	}
	return s.Inventory.Operation(ctx, id)
}

// TestLostCommitReplies: the store says of one commit that it cannot tell. If a look tells, the operation goes on; if not, the
// process calls no driver any more, and the next one finds the journal.
func TestLostCommitReplies(t *testing.T) {
	for _, sc := range scenes() {
		for _, blind := range []bool{false, true} {
			for _, written := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/written %v, blind %v", sc.name, written, blind), func(t *testing.T) {
					t.Parallel()
					n := 1
					for playLostCommit(t, sc, n, written, blind) {
						n++
					}
					require.Greater(t, n, 1)
				})
			}
		}
	}
}

func playLostCommit(t *testing.T, sc scene, n int, written, blind bool) (reached bool) {
	t.Helper()
	w := newWorld(t, sc.settings)
	st := stage{op: snapshot.NewID[inventory.OperationID]()}
	sc.before(w, &st)
	w.close()
	sound := w.inv
	store := &shaky{Inventory: sound, n: n, written: written, blind: blind}
	w.inv = store
	w.open()
	_ = sc.act(w, &st)
	require.NoError(t, w.eng.Idle(ctx(t)))
	reached = store.count >= n
	w.die()
	w.inv = sound
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	p := performance{scene: sc}
	p.judge(w, &st)
	return reached
}

// rival does something of its own directly before a commit.
type rival struct {
	inventory.Inventory
	before func(c inventory.Change)
}

func (r *rival) Commit(ctx context.Context, c inventory.Change) error {
	r.before(c)
	return r.Inventory.Commit(ctx, c)
}

// TestStaleOutcome: a record changes between the computing of an outcome and its commit. The outcome is computed again by
// the same process, and neither change is lost.
func TestStaleOutcome(t *testing.T) {
	w := newWorld(t, settings{})
	w.close()
	sound := w.inv
	once := false
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if c.Operation == nil || c.Operation.Operation.State != inventory.Succeeded || len(c.Put) == 0 || once {
			return
		}
		once = true
		s, err := sound.Snapshot(ctx(t), c.Put[0].ID)
		require.NoError(t, err)
		s.Holds = []snapshot.Hold{{Name: "meanwhile", Since: time.Now()}}
		require.NoError(t, sound.Commit(ctx(t), inventory.Change{
			ID: snapshot.NewID[inventory.ChangeID](), Put: []snapshot.Snapshot{s},
		}))
	}}
	w.open()
	one := w.create("one")
	require.True(t, once)
	require.Len(t, one.Holds, 1)
	for op, err := range sound.Operations(ctx(t), inventory.OperationQuery{}) {
		require.NoError(t, err)
		require.EqualValues(t, 1, op.Epoch, "it was not left to recovery")
	}
	w.tree()
}
