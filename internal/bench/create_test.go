package bench_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// recorder keeps the changes that an engine commits, so that the same rows can be written by hand.
type recorder struct {
	inventory.Inventory
	changes []inventory.Change
}

func (r *recorder) Commit(ctx context.Context, c inventory.Change) error {
	r.changes = append(r.changes, c)
	return r.Inventory.Commit(ctx, c)
}

// BenchmarkCreate measures a snapshot through the engine, on an array in memory and SQLite, against two transactions that
// write the same rows by hand: vs-bare is the ratio of the times, taken in turns in one run. What the array costs is in it.
func BenchmarkCreate(b *testing.B) {
	rec := &recorder{Inventory: openAt(b, fresh(b))}
	eng, vol := engineOn(b, rec)
	bare := newBare(b)
	same := vol
	same.Version, same.Pending = 0, inventory.OperationID{}
	require.NoError(b, bare.store.Commit(b.Context(), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: same}},
	}))
	var ours, theirs time.Duration
	for b.Loop() {
		rec.changes = rec.changes[:0]
		start := time.Now()
		_, err := eng.Create(b.Context(), engine.CreateRequest{Volume: vol.ID, Name: "nightly"})
		middle := time.Now()
		require.NoError(b, err)
		require.Len(b, rec.changes, 2)
		between := time.Now()
		bare.intent(b, rec.changes[0])
		bare.outcome(b, rec.changes[1])
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(between)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/create")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "bare-ns/create")
	b.ReportMetric(float64(ours)/float64(theirs), "vs-bare")
}

// BenchmarkCreateInMemory is what the engine itself costs: neither array nor store do any I/O.
func BenchmarkCreateInMemory(b *testing.B) {
	inv := memory.New()
	b.Cleanup(func() { require.NoError(b, inv.Close()) })
	eng, vol := engineOn(b, inv)
	for b.Loop() {
		_, err := eng.Create(b.Context(), engine.CreateRequest{Volume: vol.ID, Name: "nightly"})
		require.NoError(b, err)
	}
}

// engineOn starts an engine with one volume.
func engineOn(b *testing.B, inv inventory.Inventory) (*engine.Engine, inventory.Volume) {
	b.Helper()
	array := drivertest.NewBackend(drivertest.BackendOptions{})
	eng, err := engine.New(inv, engine.Options{Owner: "bench"})
	require.NoError(b, err)
	require.NoError(b, eng.AddBackend("array", array.Driver()))
	require.NoError(b, eng.Start(b.Context()))
	b.Cleanup(func() { require.NoError(b, eng.Close(context.Background())) }) //nolint:usetesting // b.Context has ended by then
	vol, err := eng.Import(b.Context(), engine.ImportRequest{Backend: "array", Native: array.AddVolume(1 << 20), Owner: "tenant"})
	require.NoError(b, err)
	return eng, vol
}
