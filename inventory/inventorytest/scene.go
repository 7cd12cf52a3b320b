package inventorytest

import (
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// scene is one check under way: the store and the words to work with it.
type scene struct {
	T

	tb  testing.TB
	h   Harness
	inv inventory.Inventory
	n   atomic.Int64
}

// made is when everything in the suite was created: nothing depends on the wall clock.
func made() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC) }

// next returns a number that is new in the scene.
func (s *scene) next() int64 { return s.n.Add(1) }

// newVolume returns a volume that is not stored yet.
func (s *scene) newVolume() inventory.Volume {
	return inventory.Volume{
		ID:      snapshot.NewID[snapshot.VolumeID](),
		Backend: "array", Native: driver.VolumeID(fmt.Sprintf("lun-%d", s.next())),
		Size: 1 << 30, CreatedAt: made(),
	}
}

// newSnapshot returns a snapshot of the volume that is not stored yet.
func (s *scene) newSnapshot(v inventory.Volume) snapshot.Snapshot {
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: v.ID, State: snapshot.Ready, Token: fmt.Sprintf("stoken%d", s.next()),
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent, Size: 1 << 30, CreatedAt: made(),
	}
}

// newOperation returns an operation on the volumes that is not stored yet.
func (s *scene) newOperation(volumes ...inventory.Volume) inventory.Operation {
	o := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Running,
		Epoch: 1, CreatedAt: made(), UpdatedAt: made(),
	}
	for _, v := range volumes {
		o.Volumes = append(o.Volumes, v.ID)
	}
	return o
}

// newRecord returns a record that is not stored yet.
func (s *scene) newRecord() inventory.Record {
	return inventory.Record{Kind: "policy", ID: fmt.Sprintf("p%d", s.next()), Data: []byte(`{"keep":3}`)}
}

// volumes stores n volumes and returns them as stored.
func (s *scene) volumes(n int) []inventory.Volume {
	s.Helper()
	all := make([]inventory.Volume, n)
	for i := range all {
		all[i] = s.newVolume()
		s.commit(write(all[i]))
		all[i] = s.volume(all[i].ID)
	}
	return all
}

// snapshots stores n snapshots of the volume, each the child of the one before, and returns them as stored.
func (s *scene) snapshots(v inventory.Volume, n int) []snapshot.Snapshot {
	s.Helper()
	all := make([]snapshot.Snapshot, n)
	for i := range all {
		all[i] = s.newSnapshot(v)
		if i > 0 {
			all[i].Parent = all[i-1].ID
		}
		s.commit(put(all[i]))
		all[i] = s.snapshot(all[i].ID)
	}
	return all
}

// commit expects success.
func (s *scene) commit(parts ...part) {
	s.Helper()
	require.NoError(s, s.inv.Commit(s.Context(), changeOf(parts...)))
}

// refuse expects the class of error, and that the store holds exactly what it held.
func (s *scene) refuse(class error, parts ...part) {
	s.Helper()
	s.refuseChange(class, changeOf(parts...))
}

func (s *scene) refuseChange(class error, c inventory.Change) {
	s.Helper()
	before := s.contents()
	require.ErrorIs(s, s.inv.Commit(s.Context(), c), class)
	require.Equal(s, before, s.contents(), "a refused change must leave nothing behind")
}

func (s *scene) volume(id snapshot.VolumeID) inventory.Volume {
	s.Helper()
	v, err := s.inv.Volume(s.Context(), id)
	require.NoError(s, err)
	return v
}

func (s *scene) snapshot(id snapshot.ID) snapshot.Snapshot {
	s.Helper()
	r, err := s.inv.Snapshot(s.Context(), id)
	require.NoError(s, err)
	return r
}

func (s *scene) operation(id inventory.OperationID) inventory.Operation {
	s.Helper()
	o, err := s.inv.Operation(s.Context(), id)
	require.NoError(s, err)
	return o
}

func (s *scene) record(key inventory.RecordKey) inventory.Record {
	s.Helper()
	all := collect(s, s.inv.Records(s.Context(), inventory.RecordQuery{Kind: key.Kind, ID: key.ID}))
	require.Len(s, all, 1)
	return all[0]
}

// collect ranges to the end, and expects no error.
func collect[R any](s *scene, rows iter.Seq2[R, error]) []R {
	s.Helper()
	all := []R{}
	for r, err := range rows {
		require.NoError(s, err)
		all = append(all, r)
	}
	return all
}

// within waits until the condition holds; for a store with a clock of its own it asks again and again, up to a bound that
// is never reached by a store that works. In a bubble the pause takes no time.
func (s *scene) within(bound time.Duration, condition func() bool) bool {
	for begin := time.Now(); time.Since(begin) < bound; s.pause(time.Millisecond) {
		if condition() {
			return true
		}
	}
	return condition()
}

// pause lets the others go on. In a bubble, where a goroutine that never waits stops the clock for all, readers and writers
// take turns by it.
func (s *scene) pause(d time.Duration) {
	select {
	case <-s.Context().Done():
	case <-time.After(d):
	}
}
