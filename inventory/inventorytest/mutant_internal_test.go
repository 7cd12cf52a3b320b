package inventorytest

import (
	"context"
	"errors"
	"iter"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// mutant is a store with one method changed: a nil field is the method of the store inside.
type mutant struct {
	inventory.Inventory

	commit     func(ctx context.Context, c inventory.Change) error
	volume     func(v inventory.Volume) inventory.Volume
	snap       func(r snapshot.Snapshot) snapshot.Snapshot
	volumes    func(ctx context.Context, q inventory.VolumeQuery) iter.Seq2[inventory.Volume, error]
	snapshots  func(ctx context.Context, q inventory.SnapshotQuery) iter.Seq2[snapshot.Snapshot, error]
	operations func(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error]
	records    func(ctx context.Context, q inventory.RecordQuery) iter.Seq2[inventory.Record, error]
	count      func(ctx context.Context, q inventory.SnapshotQuery) (int64, error)
	close      func() error
	operation  func(o inventory.Operation) inventory.Operation
	// installation is what Installation returns.
	installation driver.InstallationID
	// found takes away ErrNotFound.
	found bool
}

func (m *mutant) Installation(ctx context.Context) (driver.InstallationID, error) {
	if m.installation != "" {
		return m.installation, nil
	}
	return m.Inventory.Installation(ctx)
}

// miss is the error of a read.
func (m *mutant) miss(err error) error {
	if m.found && errors.Is(err, inventory.ErrNotFound) {
		return nil
	}
	return err
}

func (m *mutant) Operation(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	o, err := m.Inventory.Operation(ctx, id)
	if m.operation != nil && err == nil {
		o = m.operation(o)
	}
	return o, m.miss(err)
}

func (m *mutant) Commit(ctx context.Context, c inventory.Change) error {
	if m.commit != nil {
		return m.commit(ctx, c)
	}
	return m.Inventory.Commit(ctx, c)
}

func (m *mutant) Volume(ctx context.Context, id snapshot.VolumeID) (inventory.Volume, error) {
	v, err := m.Inventory.Volume(ctx, id)
	if m.volume != nil && err == nil {
		v = m.volume(v)
	}
	return v, m.miss(err)
}

func (m *mutant) Volumes(ctx context.Context, q inventory.VolumeQuery) iter.Seq2[inventory.Volume, error] {
	if m.volumes != nil {
		return m.volumes(ctx, q)
	}
	return mapped(m.Inventory.Volumes(ctx, q), m.volume)
}

func (m *mutant) Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	r, err := m.Inventory.Snapshot(ctx, id)
	if m.snap != nil && err == nil {
		r = m.snap(r)
	}
	return r, m.miss(err)
}

func (m *mutant) Snapshots(ctx context.Context, q inventory.SnapshotQuery) iter.Seq2[snapshot.Snapshot, error] {
	if m.snapshots != nil {
		return m.snapshots(ctx, q)
	}
	return mapped(m.Inventory.Snapshots(ctx, q), m.snap)
}

func (m *mutant) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	if m.operations != nil {
		return m.operations(ctx, q)
	}
	return mapped(m.Inventory.Operations(ctx, q), m.operation)
}

func (m *mutant) Records(ctx context.Context, q inventory.RecordQuery) iter.Seq2[inventory.Record, error] {
	if m.records != nil {
		return m.records(ctx, q)
	}
	return m.Inventory.Records(ctx, q)
}

func (m *mutant) Count(ctx context.Context, q inventory.SnapshotQuery) (int64, error) {
	if m.count != nil {
		return m.count(ctx, q)
	}
	return m.Inventory.Count(ctx, q)
}

func (m *mutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Inventory.Close()
}

// mapped changes the rows of a listing; a nil function does not.
func mapped[R any](rows iter.Seq2[R, error], change func(R) R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for r, err := range rows {
			if change != nil && err == nil {
				r = change(r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// rowsOf leaves the errors of a listing away: the store inside of a mutant has none.
func rowsOf[R any](rows iter.Seq2[R, error]) iter.Seq[R] {
	return func(yield func(R) bool) {
		for r, err := range rows {
			if err != nil || !yield(r) {
				return
			}
		}
	}
}

// filtered leaves rows out of a listing.
func filtered[R any](rows iter.Seq2[R, error], keep func(R) bool) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for r, err := range rows {
			if (err != nil || keep(r)) && !yield(r, err) {
				return
			}
		}
	}
}
