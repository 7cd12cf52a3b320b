package sqlstore_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
	"github.com/storagesnap/storagesnap/snapshot"
)

// many stores n snapshots of one volume.
func (w *world) many(n int) inventory.Volume {
	w.Helper()
	v := w.stored()
	for made := 0; made < n; {
		c := inventory.Change{}
		for range min(inventory.MaxChange, n-made) {
			s := newSnapshot(v)
			s.Labels = map[string]string{"number": s.ID.Short()}
			c.Put = append(c.Put, s)
		}
		w.ok(c)
		made += len(c.Put)
	}
	return v
}

func TestListingHoldsNoConnection(t *testing.T) {
	p := newProxy(t)
	db := p.open(t)
	db.SetMaxOpenConns(2) // the writer's, and one for all reads
	migrate(t, db, sqlstore.Options{})
	s, err := open(t, db, sqlstore.Options{})
	require.NoError(t, err)
	w := &world{T: t, inv: s}
	v := w.many(100)
	n := 0
	for _, err := range s.Snapshots(t.Context(), inventory.SnapshotQuery{Volume: v.ID}) {
		require.NoError(t, err)
		require.LessOrEqual(t, db.Stats().InUse, 1, "only the writer keeps a connection")
		for _, err := range s.Volumes(t.Context(), inventory.VolumeQuery{}) {
			require.NoError(t, err)
			w.ok(inventory.Change{Records: []inventory.RecordChange{{
				Record: inventory.Record{Kind: "note", ID: snapshot.NewID[snapshot.ID]().String()},
			}}})
		}
		n++
	}
	require.Equal(t, 100, n)
}

func TestListingReadsFewLargePages(t *testing.T) {
	p := newProxy(t)
	w := &world{T: t, inv: openOn(t, p)}
	w.many(5000)
	p.reset()
	require.Len(t, drain(t, w.inv.Snapshots(t.Context(), inventory.SnapshotQuery{})), 5000)
	require.LessOrEqual(t, p.total(), 8)

	p.reset()
	for range w.inv.Snapshots(t.Context(), inventory.SnapshotQuery{}) {
		break
	}
	require.Equal(t, 1, p.total(), "a loop that ends at once reads one page")
	p.reset()
	q := inventory.SnapshotQuery{}
	q.Limit = 10
	require.Len(t, drain(t, w.inv.Snapshots(t.Context(), q)), 10)
	require.Equal(t, 1, p.total())
}

func TestListingMemoryIsConstant(t *testing.T) {
	w := &world{T: t, inv: openOn(t, newProxy(t))}
	v := w.many(8000)
	q := inventory.SnapshotQuery{Volume: v.ID}
	var start, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&start)
	n := 0
	for _, err := range w.inv.Snapshots(t.Context(), q) {
		require.NoError(t, err)
		if n++; n%2000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&peak)
			// A page of 1024 rows of some 500 bytes, and their texts; all 8000 would be 6 MB.
			require.Less(t, int64(peak.HeapAlloc)-int64(start.HeapAlloc), int64(3<<20))
		}
	}
	require.Equal(t, 8000, n)
}

func TestDamagedRowIsAnError(t *testing.T) {
	p := newProxy(t)
	w := &world{T: t, inv: openOn(t, p)}
	db := p.open(t)
	for name, text := range map[string]string{
		"labels":    "UPDATE snapshot SET labels = '{\"a\":'",
		"holds":     "UPDATE snapshot SET holds = '{}'",
		"parent id": "UPDATE snapshot SET parent = x'0102'",
	} {
		v := w.many(3)
		_, err := db.ExecContext(t.Context(), text)
		require.NoError(t, err)
		var last error
		n := 0
		for _, err := range w.inv.Snapshots(t.Context(), inventory.SnapshotQuery{Volume: v.ID}) {
			n++
			last = err
		}
		require.Equal(t, 1, n, name)
		require.ErrorIs(t, last, inventory.ErrSchema, name)
		require.ErrorContains(t, last, "damaged")
		_, err = db.ExecContext(t.Context(), "DELETE FROM snapshot")
		require.NoError(t, err)
	}
}
