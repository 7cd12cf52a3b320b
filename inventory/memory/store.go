package memory

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Store is an inventory that lives as long as the process. Make it with [New].
type Store struct {
	installation driver.InstallationID
	// committing orders commits; current is what they publish, nil after Close.
	committing sync.Mutex
	current    atomic.Pointer[state]
}

var _ inventory.Inventory = (*Store)(nil)

// New returns an empty store with a new installation id.
func New() *Store {
	s := &Store{installation: driver.NewInstallationID()}
	s.current.Store(newState())
	return s
}

// view returns the state of now, if the store is open and the context lives.
func (s *Store) view(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if st := s.current.Load(); st != nil {
		return st, nil
	}
	return nil, fmt.Errorf("inventory: the store in memory is closed: %w", inventory.ErrUnavailable)
}

// Installation implements [inventory.Inventory].
func (s *Store) Installation(ctx context.Context) (driver.InstallationID, error) {
	if _, err := s.view(ctx); err != nil {
		return "", err
	}
	return s.installation, nil
}

// Volume implements [inventory.Inventory].
func (s *Store) Volume(ctx context.Context, id snapshot.VolumeID) (inventory.Volume, error) {
	st, err := s.view(ctx)
	if err != nil {
		return inventory.Volume{}, err
	}
	v, found := st.volumes.rows.get(id)
	if !found {
		return inventory.Volume{}, fmt.Errorf("inventory: volume %q: %w", id, inventory.ErrNotFound)
	}
	return copyVolume(v), nil
}

// Volumes implements [inventory.Inventory].
func (s *Store) Volumes(ctx context.Context, q inventory.VolumeQuery) iter.Seq2[inventory.Volume, error] {
	find := func(st *state) iter.Seq[*inventory.Volume] { return st.volumes.find(q) }
	return list(ctx, s, q.Page, find, copyVolume)
}

// Snapshot implements [inventory.Inventory].
func (s *Store) Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	st, err := s.view(ctx)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	r, found := st.snapshots.rows.get(id)
	if !found {
		return snapshot.Snapshot{}, fmt.Errorf("inventory: snapshot %q: %w", id, inventory.ErrNotFound)
	}
	return copySnapshot(r), nil
}

// Snapshots implements [inventory.Inventory].
func (s *Store) Snapshots(ctx context.Context, q inventory.SnapshotQuery) iter.Seq2[snapshot.Snapshot, error] {
	find := func(st *state) iter.Seq[*snapshot.Snapshot] { return st.snapshots.find(q, time.Now()) }
	return list(ctx, s, q.Page, find, copySnapshot)
}

// Count implements [inventory.Inventory].
func (s *Store) Count(ctx context.Context, q inventory.SnapshotQuery) (int64, error) {
	st, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	q.Page = inventory.Page[snapshot.ID]{}
	var n int64
	for range st.snapshots.find(q, time.Now()) {
		n++
	}
	return n, nil
}

// Operation implements [inventory.Inventory].
func (s *Store) Operation(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	st, err := s.view(ctx)
	if err != nil {
		return inventory.Operation{}, err
	}
	o, found := st.operations.byID.get(id)
	if !found {
		return inventory.Operation{}, fmt.Errorf("inventory: operation %q: %w", id, inventory.ErrNotFound)
	}
	return copyOperation(o), nil
}

// Operations implements [inventory.Inventory].
func (s *Store) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	find := func(st *state) iter.Seq[*inventory.Operation] { return st.operations.find(q, time.Now()) }
	return list(ctx, s, q.Page, find, copyOperation)
}

// Records implements [inventory.Inventory].
func (s *Store) Records(ctx context.Context, q inventory.RecordQuery) iter.Seq2[inventory.Record, error] {
	find := func(st *state) iter.Seq[*inventory.Record] { return st.records.find(q, time.Now()) }
	return list(ctx, s, q.Page, find, copyRecord)
}

// Commit implements [inventory.Inventory]. The change's id is not kept: it resolves lost replies, and none is lost here.
func (s *Store) Commit(ctx context.Context, c inventory.Change) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s.committing.Lock()
	defer s.committing.Unlock()
	st, err := s.view(ctx)
	if err != nil {
		return err
	}
	next := &transaction{state: *st, edit: &edit{}, now: time.Now()}
	if err := next.apply(c); err != nil {
		return err
	}
	s.current.Store(&next.state)
	return nil
}

// Close implements [inventory.Inventory]. It frees what was stored.
func (s *Store) Close() error {
	s.committing.Lock() // a commit under way would publish its state again
	defer s.committing.Unlock()
	s.current.Store(nil)
	return nil
}
