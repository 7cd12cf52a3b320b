package bench_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
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
			id := snapshot.NewID[snapshot.VolumeID]()
			v := inventory.Volume{ID: id, Backend: "array", Native: driver.VolumeID(id.String()), CreatedAt: time.Now()}
			err := store.Commit(b.Context(), inventory.Change{
				ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: v}},
			})
			if err != nil {
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
