package bench_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

// BenchmarkListing measures a listing of all snapshots against a bare scan of the same rows with database/sql, in turns in
// one run: of-bare is how much of its speed is left.
func BenchmarkListing(b *testing.B) {
	path := fresh(b)
	store := openAt(b, path)
	const volumes, each = 1000, 20
	load(b, store, volumes, each)
	db := handle(b, path)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		n := 0
		for _, err := range store.Snapshots(b.Context(), inventory.SnapshotQuery{}) {
			require.NoError(b, err)
			n++
		}
		middle := time.Now()
		require.Equal(b, volumes*each, n)
		require.Equal(b, volumes*each, scanBare(b, db))
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	rows := float64(b.N) * volumes * each
	b.ReportMetric(float64(ours.Nanoseconds())/rows, "ns/row")
	b.ReportMetric(float64(theirs.Nanoseconds())/rows, "bare-ns/row")
	b.ReportMetric(float64(theirs)/float64(ours), "of-bare")
}

// scanBare reads the same columns of the same rows in the same order into variables.
func scanBare(b *testing.B, db *sql.DB) int {
	b.Helper()
	rows, err := db.QueryContext(context.WithoutCancel(b.Context()), `SELECT id, version, volume, parent, name, labels, owner, state, token, native,
		native_volume, created_at, taken_at, size, lineage, consistency, frozen_ns, group_id, expires_at, holds, pins
		FROM snapshot ORDER BY id`)
	require.NoError(b, err)
	defer func() { require.NoError(b, rows.Close()) }()
	var (
		id, volume, parent, group                                                    []byte
		version, size, frozen                                                        int64
		created, taken, expires                                                      sql.NullInt64
		name, labels, owner, state, token, native, nativeVolume, lineage, consistent string
		holds, pins                                                                  string
	)
	n := 0
	for rows.Next() {
		require.NoError(b, rows.Scan(&id, &version, &volume, &parent, &name, &labels, &owner, &state, &token, &native,
			&nativeVolume, &created, &taken, &size, &lineage, &consistent, &frozen, &group, &expires, &holds, &pins))
		n++
	}
	require.NoError(b, rows.Err())
	return n
}
