package bench_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// BenchmarkScale measures what must not depend on how much there is, on 1,000 and on 1,000,000 snapshots in turns: large/small
// is the ratio of the times. -short leaves it out: filling takes a minute.
func BenchmarkScale(b *testing.B) {
	if testing.Short() {
		b.Skip("fills a million rows")
	}
	const each = 20
	small, large := newSubject(b, 50, each), newSubject(b, 50_000, each)
	for _, action := range []struct {
		name string
		// before is not measured: it makes what a deletion takes away, so that there is as much at the end as at the begin.
		before, run func(*subject, *testing.B)
	}{
		{"Head", (*subject).nothing, (*subject).head},
		{"Children", (*subject).nothing, (*subject).children},
		{"Create", (*subject).nothing, (*subject).create},
		{"Delete", (*subject).create, (*subject).delete},
	} {
		b.Run(action.name, func(b *testing.B) {
			var less, more time.Duration
			for b.Loop() {
				action.before(small, b)
				action.before(large, b)
				start := time.Now()
				action.run(small, b)
				middle := time.Now()
				action.run(large, b)
				less, more = less+middle.Sub(start), more+time.Since(middle)
			}
			b.ReportMetric(float64(less.Nanoseconds())/float64(b.N), "small-ns")
			b.ReportMetric(float64(more.Nanoseconds())/float64(b.N), "large-ns")
			b.ReportMetric(float64(more)/float64(less), "large/small")
		})
	}
}

// subject is a filled inventory.
type subject struct {
	inv     inventory.Inventory
	random  *rand.Rand
	volumes []inventory.Volume
	parents []snapshot.ID
	last    *inventory.Volume // where the last snapshot was made
}

func newSubject(b *testing.B, volumes, each int) *subject {
	b.Helper()
	path := fresh(b)
	s := &subject{inv: openAt(b, path), random: rand.New(rand.NewPCG(1, 2))}
	start := time.Now()
	s.volumes = load(b, s.inv, volumes, each)
	info, err := os.Stat(path)
	require.NoError(b, err)
	b.Logf("%d snapshots in %s, %d MB", volumes*each, time.Since(start).Round(time.Millisecond), info.Size()>>20)
	for range 1000 {
		head, err := s.inv.Snapshot(b.Context(), s.any().Head)
		require.NoError(b, err)
		s.parents = append(s.parents, head.Parent)
	}
	return s
}

func (s *subject) nothing(*testing.B) {}

func (s *subject) any() *inventory.Volume { return &s.volumes[s.random.IntN(len(s.volumes))] }

func (s *subject) head(b *testing.B) {
	b.Helper()
	v, err := s.inv.Volume(b.Context(), s.any().ID)
	require.NoError(b, err)
	_, err = s.inv.Snapshot(b.Context(), v.Head)
	require.NoError(b, err)
}

func (s *subject) children(b *testing.B) {
	b.Helper()
	q := inventory.SnapshotQuery{Parent: s.parents[s.random.IntN(len(s.parents))]}
	n := 0
	for _, err := range s.inv.Snapshots(b.Context(), q) {
		require.NoError(b, err)
		n++
	}
	require.Equal(b, 1, n)
}

func (s *subject) create(b *testing.B) {
	b.Helper()
	v := s.any()
	s.last = v
	c := &creation{volume: *v}
	intent, outcome := c.next()
	require.NoError(b, s.inv.Commit(b.Context(), intent))
	require.NoError(b, s.inv.Commit(b.Context(), outcome))
	*v = c.volume
}

// delete removes the head, as the last step of a deletion does.
func (s *subject) delete(b *testing.B) {
	b.Helper()
	v := s.last
	head, err := s.inv.Snapshot(b.Context(), v.Head)
	require.NoError(b, err)
	after := *v
	after.Head = head.Parent
	require.NoError(b, s.inv.Commit(b.Context(), inventory.Change{
		ID:       snapshot.NewID[inventory.ChangeID](),
		Volumes:  []inventory.VolumeChange{{Volume: after, IfVersion: v.Version}},
		Reparent: []inventory.Reparent{{Volume: v.ID, From: head.ID, To: head.Parent}},
		Drop:     []snapshot.ID{head.ID},
	}))
	after.Version++
	*v = after
}
