package sqlstore

import (
	"context"
	"iter"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Volume implements [inventory.Inventory].
func (s *Store) Volume(ctx context.Context, id snapshot.VolumeID) (inventory.Volume, error) {
	return get(ctx, s, "volume "+id.String(), s.statements.volumeGet, idValue(id), volumeRow)
}

// Volumes implements [inventory.Inventory].
func (s *Store) Volumes(ctx context.Context, q inventory.VolumeQuery) iter.Seq2[inventory.Volume, error] {
	return list(ctx, s, listing[snapshot.VolumeID, inventory.Volume]{
		doing: "list volumes", columns: volumeRead, row: volumeRow, order: "id", behind: "id > :after",
		bind: func(id snapshot.VolumeID) (any, any) { return idValue(id), nil },
		key:  func(v *inventory.Volume) snapshot.VolumeID { return v.ID },
	}, volumeQuery(q), q.Page)
}

// Snapshot implements [inventory.Inventory].
func (s *Store) Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	return get(ctx, s, "snapshot "+id.String(), s.statements.snapshotGet, idValue(id), snapshotRow)
}

// Snapshots implements [inventory.Inventory].
func (s *Store) Snapshots(ctx context.Context, q inventory.SnapshotQuery) iter.Seq2[snapshot.Snapshot, error] {
	return list(ctx, s, listing[snapshot.ID, snapshot.Snapshot]{
		doing: "list snapshots", columns: snapshotRead, row: snapshotRow, order: "id", behind: "id > :after",
		bind: func(id snapshot.ID) (any, any) { return idValue(id), nil },
		key:  func(s *snapshot.Snapshot) snapshot.ID { return s.ID },
	}, snapshotQuery(q), q.Page)
}

// Count implements [inventory.Inventory].
func (s *Store) Count(ctx context.Context, q inventory.SnapshotQuery) (int64, error) {
	const doing = "count snapshots"
	if err := s.check(ctx, doing); err != nil {
		return 0, err
	}
	count := snapshotQuery(q)
	st := s.dialect.sqlText(s.prefix, count.statement("count(*)", "", ""), count.params)
	n, err := s.reads.number(ctx, st, count.values)
	return n, s.classified(ctx, doing, err)
}

// Operation implements [inventory.Inventory].
func (s *Store) Operation(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	return get(ctx, s, "operation "+id.String(), s.statements.operationGet, idValue(id), operationRow)
}

// Operations implements [inventory.Inventory].
func (s *Store) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	seq := "o.seq"
	if !q.Volume.IsZero() {
		seq = "v.seq" // the same, but here the index has it
	}
	return list(ctx, s, listing[int64, inventory.Operation]{
		doing: "list operations", columns: operationRead, row: operationRow, order: seq,
		behind: seq + " > :after AND " + seq + " <= :last", last: s.statements.operationLast,
		bind: func(seq int64) (any, any) { return seq, nil },
		key:  func(o *inventory.Operation) int64 { return o.Seq },
	}, operationQuery(q), q.Page)
}

// Records implements [inventory.Inventory].
func (s *Store) Records(ctx context.Context, q inventory.RecordQuery) iter.Seq2[inventory.Record, error] {
	behind := "(kind, id) > (:after, :then)"
	from := func(k inventory.RecordKey) (any, any) { return k.Kind, k.ID }
	switch {
	case q.Due:
		behind = "({also}kind, {also}id) > (:after, :then)" // the index is in the order of the times
	case q.Kind != "" && q.Volume.IsZero():
		// Within one kind the ids tell where to go on.
		behind = "id > :then AND {also}kind >= :after"
		from = func(k inventory.RecordKey) (any, any) {
			if k.Kind != q.Kind {
				return k.Kind, ""
			}
			return k.Kind, k.ID
		}
	}
	return list(ctx, s, listing[inventory.RecordKey, inventory.Record]{
		doing: "list records", columns: recordRead, row: recordRow, order: "kind, id", behind: behind, bind: from,
		key: func(r *inventory.Record) inventory.RecordKey { return inventory.RecordKey{Kind: r.Kind, ID: r.ID} },
	}, recordQuery(q), q.Page)
}
