package sqlstore_test

import (
	"database/sql"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// planned returns how SQLite runs what the function makes the store execute: for each statement, the steps of its plan.
func planned(t *testing.T, p *proxy, run func()) map[string][]string {
	t.Helper()
	p.reset()
	run()
	db, err := sql.Open("sqlite", p.name)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	plans := make(map[string][]string)
	for text := range p.counts {
		if text == "SELECT coalesce(max(seq), 0) FROM operation" {
			continue // the last entry of the key
		}
		switch strings.Fields(text)[0] {
		case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA":
			continue
		}
		plans[text] = explain(t, db, text)
	}
	require.NotEmpty(t, plans)
	return plans
}

func explain(t *testing.T, db *sql.DB, text string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
	require.NoError(t, err, text)
	defer func() { require.NoError(t, rows.Close()) }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	return steps
}

// indexed is the index that serves a field of a query, and what the plan shows of it.
type indexed struct{ field, step string }

// TestQueriesUseIndexes runs each query with each pair of its fields, and asks SQLite how it is answered: by the index of
// the field that stands first here, which is the one that leaves the fewest rows. So no listing reads the whole table, and
// each page begins where the last one ended.
func TestQueriesUseIndexes(t *testing.T) {
	p := newProxy(t)
	s := openOn(t, p)
	checkPlans(t, p, func(q inventory.VolumeQuery) { drain(t, s.Volumes(t.Context(), q)) }, []indexed{
		{"Native", "SEARCH volume USING PRIMARY KEY (id=?)"},
		{"ExternalID", "volume_external (external_id=?"},
		{"Origin", "volume_origin (origin=? AND id>?)"},
		{"Pending", "volume_pending (id>?)"},
		{"Owner", "volume_owner (owner=? AND id>?)"},
		{"Host", "volume_host (host=? AND id>?)"},
		{"Backend", "volume_backend (backend=? AND id>?)"},
		{"", "volume USING PRIMARY KEY (id>?)"},
	})
	checkPlans(t, p, func(q inventory.SnapshotQuery) { drain(t, s.Snapshots(t.Context(), q)) }, []indexed{
		{"Token", "snapshot_token (token=? AND id>?)"},
		{"Parent", "snapshot_parent (parent=? AND id>?)"},
		{"Group", "snapshot_group (group_id=? AND id>?)"},
		{"Volume", "snapshot_volume (volume=? AND id>?)"},
		{"Name", "snapshot_name (name=? AND id>?)"},
		{"Owner", "snapshot_owner (owner=? AND id>?)"},
		{"Expired", "snapshot_expiry (expires_at>? AND expires_at<?)"},
		{"Roots", "snapshot_root (id>?)"},
		{"State", "snapshot_state (state=? AND id>?)"},
		{"", "snapshot USING PRIMARY KEY (id>?)"},
	})
	checkPlans(t, p, func(q inventory.OperationQuery) { drain(t, s.Operations(t.Context(), q)) }, []indexed{
		{"Volume", "operation_volume_seq (volume=? AND seq>? AND seq<?)"},
		{"Open", "operation_open (seq>? AND seq<?)"},
		{"LeaseOwner", "operation_owner (lease_owner=? AND rowid>? AND rowid<?)"},
		{"State", "operation_state (state=? AND rowid>? AND rowid<?)"},
		{"Kind", "operation_kind (kind=? AND rowid>? AND rowid<?)"},
		// Nearly every operation has no lease: those that are over.
		{"LeaseExpired", "SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		{"", "SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	})
	checkPlans(t, p, func(q inventory.RecordQuery) { drain(t, s.Records(t.Context(), q)) }, []indexed{
		{"Volume", "record_volume (volume=? AND (kind,id)>(?,?))"},
		{"Due", "record_due (due>? AND due<?)"},
		{"ID", "record_id (id=? AND kind>?)"},
		{"Kind", "record USING PRIMARY KEY (kind=? AND id>?)"},
		{"", "record USING PRIMARY KEY ((kind,id)>(?,?))"},
	}, "ID+Kind", "Volume+Due")
	plans := planned(t, p, func() { drain(t, s.Records(t.Context(), inventory.RecordQuery{Kind: "k", ID: "i"})) })
	for text, steps := range plans {
		require.Contains(t, strings.Join(steps, "\n"), "record USING PRIMARY KEY (kind=? AND id=?)", text)
	}
	require.True(t, inventory.Waiting.Open())
	plans = planned(t, p, func() { drain(t, s.Operations(t.Context(), inventory.OperationQuery{State: inventory.Waiting})) })
	for text, steps := range plans {
		require.Contains(t, strings.Join(steps, "\n"), "operation_open", text)
	}
}

// checkPlans runs the query with every two fields, but the pairs named in except.
func checkPlans[Q any](t *testing.T, p *proxy, run func(Q), fields []indexed, except ...string) {
	t.Helper()
	for i, first := range fields {
		for _, second := range fields[i:] {
			name := reflect.TypeFor[Q]().Name() + " " + first.field + "+" + second.field
			if slices.Contains(except, first.field+"+"+second.field) {
				continue
			}
			var q Q
			setField(&q, first.field)
			setField(&q, second.field)
			for text, steps := range planned(t, p, func() { run(q) }) {
				plan := strings.Join(steps, "\n")
				require.Contains(t, plan, first.step, "%s: %s", name, text)
				require.NotRegexp(t, `SCAN (volume|snapshot|o|v|record|former_native)\b`, plan, "%s: %s", name, text)
			}
		}
	}
}

// setField gives the field any value but zero.
func setField(q any, field string) {
	if field == "" {
		return
	}
	v := reflect.ValueOf(q).Elem().FieldByName(field)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array:
		v.Index(0).SetUint(1)
	default:
		v.SetString("x")
	}
}

func drain[R any](t *testing.T, rows iter.Seq2[R, error]) (list []R) {
	t.Helper()
	for r, err := range rows {
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}

// TestChangesUseIndexes looks at every statement that any kind of change executes: each finds its rows by a key.
func TestChangesUseIndexes(t *testing.T) {
	p := newProxy(t)
	s := openOn(t, p)
	plans := planned(t, p, func() { everyKindOfChange(t, s) })
	for text, steps := range plans {
		require.NotContains(t, strings.Join(steps, "\n"), "SCAN", text)
	}
	require.Greater(t, len(plans), 25, "the test does not reach the statements any more")
}

// everyKindOfChange makes the store execute each of its statements once.
func everyKindOfChange(t *testing.T, s inventory.Inventory) {
	t.Helper()
	w := &world{T: t, inv: s}
	v := w.newVolume()
	v.Former = append(v.Former, "old")
	a, b := newSnapshot(v), newSnapshot(v)
	b.Parent = a.ID
	o := newOperation(v)
	r := inventory.Record{Kind: "policy", ID: "p", Volume: v.ID}
	w.ok(inventory.Change{
		Volumes: []inventory.VolumeChange{{Volume: v}}, Put: []snapshot.Snapshot{a, b},
		Operation: &inventory.OperationChange{Operation: o, LeaseTTL: time.Minute},
		Records:   []inventory.RecordChange{{Record: r}},
	})
	a.Version, b.Version = 1, 1
	v.Name = "changes no index"
	o.State = inventory.Failed
	w.ok(inventory.Change{
		Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 1}}, Put: []snapshot.Snapshot{a},
		Reparent:  []inventory.Reparent{{Volume: v.ID, From: a.ID}},
		Operation: &inventory.OperationChange{Operation: o, IfEpoch: 1},
		Records:   []inventory.RecordChange{{Record: r, IfVersion: 1}},
	})
	v.Owner, v.Former = "changes an index", nil
	b.Version, b.Owner = 2, "changes an index"
	o.Volumes, o.Epoch, o.State = nil, 2, inventory.Running
	w.ok(inventory.Change{
		Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 2}}, Put: []snapshot.Snapshot{b},
		Operation: &inventory.OperationChange{Operation: o, IfEpoch: 1, Restart: true},
	})
	o.Epoch = 3
	w.ok(inventory.Change{
		Drop: []snapshot.ID{a.ID}, Put: []snapshot.Snapshot{newSnapshot(v)},
		Operation: &inventory.OperationChange{Operation: o, IfEpoch: 2, TakeOver: true},
		Records:   []inventory.RecordChange{{Record: r, IfVersion: 2, Delete: true}},
	})
	w.refused(inventory.ErrStale, inventory.Change{Put: []snapshot.Snapshot{a}})
	w.refused(inventory.ErrStale, inventory.Change{Records: []inventory.RecordChange{{Record: r, IfVersion: 1}}})
	w.refused(inventory.ErrStale, inventory.Change{Operation: &inventory.OperationChange{Operation: o, IfEpoch: 2, TakeOver: true}})
	w.refused(inventory.ErrStale, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 9}}})
	w.ok(inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: 3, Delete: true}}})
}
