package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// BenchmarkCommitPair measures the two commits of an uncontended create, intent and outcome, against two transactions that
// write the same rows to the same tables by hand: vs-bare is the ratio of the times, taken in turns in one run.
func BenchmarkCommitPair(b *testing.B) {
	store := openAt(b, fresh(b))
	bare := newBare(b)
	subject := newCreation(b, store, bare)
	var ours, theirs time.Duration
	for b.Loop() {
		intent, outcome := subject.next()
		start := time.Now()
		require.NoError(b, store.Commit(b.Context(), intent))
		require.NoError(b, store.Commit(b.Context(), outcome))
		middle := time.Now()
		bare.intent(b, intent)
		bare.outcome(b, outcome)
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/pair")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "bare-ns/pair")
	b.ReportMetric(float64(ours)/float64(theirs), "vs-bare")
}

// BenchmarkParallelCommits measures commits that come from 100 goroutines at once: they share transactions.
func BenchmarkParallelCommits(b *testing.B) {
	store := openAt(b, fresh(b))
	b.SetParallelism(50) // times the processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := store.Commit(b.Context(), wholeChange()); err != nil {
				b.Error(err)
			}
		}
	})
}

// creation makes the changes of one create after the other, on one volume.
type creation struct {
	volume inventory.Volume
}

func newCreation(b *testing.B, store inventory.Inventory, bare *bare) *creation {
	b.Helper()
	c := &creation{volume: inventory.Volume{
		ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Native: "lun-1", Owner: "account-1", Host: "pool",
		Size: 1 << 40, CreatedAt: time.Now(),
	}}
	change := inventory.Change{
		ID:      snapshot.NewID[inventory.ChangeID](),
		Volumes: []inventory.VolumeChange{{Volume: c.volume}},
	}
	for _, s := range []inventory.Inventory{store, bare.store} {
		require.NoError(b, s.Commit(b.Context(), change))
	}
	c.volume.Version = 1
	return c
}

func (c *creation) next() (intent, outcome inventory.Change) {
	s := snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: c.volume.ID, Parent: c.volume.Head, Name: "nightly", Owner: "account-1",
		State: snapshot.Creating, Token: "s1234567abcdefghijklmnopqrs", CreatedAt: time.Now(), Size: 1 << 40,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent, Labels: map[string]string{"policy": "nightly"},
	}
	o := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Running,
		Volumes: []snapshot.VolumeID{c.volume.ID}, Actor: "somebody", Owner: "account-1", Epoch: 1, LeaseOwner: "process-1",
		Args: json.RawMessage(`{"volume":"0198","name":"nightly","labels":{"policy":"nightly"}}`), ArgsHash: "abcdef",
		Steps:     []inventory.Step{{Name: "create", State: inventory.StepPlanned}},
		Detail:    json.RawMessage(`{"token":"s1234567abcdefghijklmnopqrs"}`),
		CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
	v := c.volume
	v.Pending = o.ID
	intent = inventory.Change{
		ID:        snapshot.NewID[inventory.ChangeID](),
		Volumes:   []inventory.VolumeChange{{Volume: v, IfVersion: c.volume.Version}},
		Put:       []snapshot.Snapshot{s},
		Operation: &inventory.OperationChange{Operation: o, LeaseTTL: time.Minute},
	}
	s.State, s.Version, s.Native, s.TakenAt = snapshot.Ready, 1, "4711", time.Now()
	o.State, o.LeaseOwner, o.Result = inventory.Succeeded, "", json.RawMessage(`{"snapshot":"0198"}`)
	o.Steps = []inventory.Step{{Name: "create", State: inventory.StepDone, Attempts: 1, SentAt: time.Now()}}
	v.Pending, v.Head = inventory.OperationID{}, s.ID
	outcome = inventory.Change{
		ID:        snapshot.NewID[inventory.ChangeID](),
		Volumes:   []inventory.VolumeChange{{Volume: v, IfVersion: c.volume.Version + 1}},
		Put:       []snapshot.Snapshot{s},
		Operation: &inventory.OperationChange{Operation: o, IfEpoch: 1},
	}
	c.volume = v
	c.volume.Version += 2
	return intent, outcome
}

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
