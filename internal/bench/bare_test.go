package bench_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

// bare writes the rows of a creation with the least that database/sql asks for: prepared statements, no checks.
type bare struct {
	store inventory.Inventory
	db    *sql.DB

	volume, insertSnapshot, updateSnapshot, insertOperation, updateOperation, insertLink, updateLink *sql.Stmt
}

func newBare(b *testing.B) *bare {
	b.Helper()
	path := fresh(b)
	x := &bare{store: openAt(b, path), db: handle(b, path)}
	stmt := func(text string) *sql.Stmt {
		st, err := x.db.PrepareContext(b.Context(), text)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, st.Close()) })
		return st
	}
	x.volume = stmt(`UPDATE volume SET version = ?, change_id = ?, head = ?, pending = ?, snapshot_count = snapshot_count + ?
		WHERE id = ?`)
	x.insertSnapshot = stmt(`INSERT INTO snapshot (id, version, change_id, volume, parent, name, labels, owner, state, token,
		native, native_volume, created_at, taken_at, size, lineage, consistency, frozen_ns, group_id, expires_at, holds, pins)
		VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	x.updateSnapshot = stmt(`UPDATE snapshot SET version = 2, change_id = ?, state = ?, native = ?, taken_at = ? WHERE id = ?`)
	x.insertOperation = stmt(`INSERT INTO operation (seq, id, change_id, kind, format, state, is_open, volumes, actor, owner,
		args, args_hash, undoing, step_cursor, steps, detail, result, error, error_class, reason, attempts, next_at,
		cancel_asked, created_at, updated_at, lease_owner, lease_until, epoch)
		VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM operation), ?, ?, ?, 1, ?, 1, ?, ?, ?, ?, ?, 0, 0, ?, ?, '', '', 0, '',
		0, NULL, 0, ?, ?, ?, ?, 1)`)
	x.updateOperation = stmt(`UPDATE operation SET seq = (SELECT max(seq) + 1 FROM operation), change_id = ?, state = ?,
		is_open = 0, steps = ?, result = ?, lease_owner = '', lease_until = NULL WHERE id = ?`)
	x.insertLink = stmt(`INSERT INTO operation_volume (operation, volume, seq)
		VALUES (?, ?, (SELECT seq FROM operation WHERE id = ?))`)
	x.updateLink = stmt(`UPDATE operation_volume SET seq = (SELECT seq FROM operation WHERE id = ?) WHERE operation = ?`)
	return x
}

// handle opens a file as the store does.
func handle(b *testing.B, path string) *sql.DB {
	b.Helper()
	parameters := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)",
	}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+parameters.Encode())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db
}

func (x *bare) transaction(b *testing.B, run func(exec func(*sql.Stmt, ...any))) {
	b.Helper()
	ctx := context.Background() //nolint:usetesting // without a cancellation, as the driver is fastest
	tx, err := x.db.BeginTx(ctx, nil)
	require.NoError(b, err)
	run(func(st *sql.Stmt, args ...any) {
		_, err := tx.StmtContext(ctx, st).ExecContext(ctx, args...)
		require.NoError(b, err)
	})
	require.NoError(b, tx.Commit())
}

func (x *bare) intent(b *testing.B, c inventory.Change) {
	b.Helper()
	x.transaction(b, func(exec func(*sql.Stmt, ...any)) {
		v, s, o := c.Volumes[0], c.Put[0], c.Operation.Operation
		labels, err := json.Marshal(s.Labels)
		require.NoError(b, err)
		steps, err := json.Marshal(o.Steps)
		require.NoError(b, err)
		none := []byte{}
		exec(x.volume, v.IfVersion+1, c.ID[:], v.Volume.Head[:], v.Volume.Pending[:], 1, v.Volume.ID[:])
		exec(x.insertSnapshot, s.ID[:], c.ID[:], s.Volume[:], s.Parent[:], s.Name, labelsText(labels), s.Owner, string(s.State),
			s.Token, s.Native, s.NativeVolume, s.CreatedAt.UnixMicro(), nil, s.Size, string(s.Lineage), string(s.Consistency),
			0, none, nil, "", "")
		exec(x.insertOperation, o.ID[:], c.ID[:], o.Kind, string(o.State), o.Volumes[0][:], o.Actor, o.Owner, string(o.Args),
			o.ArgsHash, labelsText(steps), string(o.Detail), o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro(), o.LeaseOwner,
			time.Now().Add(c.Operation.LeaseTTL).UnixMicro())
		exec(x.insertLink, o.ID[:], o.Volumes[0][:], o.ID[:])
	})
}

func labelsText(raw []byte) string { return string(raw) }

func (x *bare) outcome(b *testing.B, c inventory.Change) {
	b.Helper()
	x.transaction(b, func(exec func(*sql.Stmt, ...any)) {
		v, s, o := c.Volumes[0], c.Put[0], c.Operation.Operation
		steps, err := json.Marshal(o.Steps)
		require.NoError(b, err)
		exec(x.volume, v.IfVersion+1, c.ID[:], v.Volume.Head[:], []byte{}, 0, v.Volume.ID[:])
		exec(x.updateSnapshot, c.ID[:], string(s.State), s.Native, s.TakenAt.UnixMicro(), s.ID[:])
		exec(x.updateOperation, c.ID[:], string(o.State), string(steps), string(o.Result), o.ID[:])
		exec(x.updateLink, o.ID[:], o.ID[:])
	})
}
