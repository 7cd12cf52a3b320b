package inventorytest

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// perVolume is how many snapshots each volume of a benchmark has: a chain with a branch at every fourth.
const perVolume = 20

// Bench measures what an engine does all day, on stores that hold the given numbers of snapshots already (1,000 and 20,000
// if none are given): a figure that grows with them shows a scan. One create or delete is two commits.
func Bench(b *testing.B, open func(tb testing.TB) inventory.Inventory, rows ...int) {
	b.Helper()
	if len(rows) == 0 {
		rows = []int{1_000, 20_000}
	}
	for _, n := range rows {
		b.Run(fmt.Sprintf("snapshots=%d", n), func(b *testing.B) {
			inv := open(b)
			defer func() {
				if err := inv.Close(); err != nil {
					b.Error(err)
				}
			}()
			bn := &bench{inv: inv}
			bn.fill(b, n)
			b.Run("Create", bn.create)
			b.Run("CreateParallel", bn.createParallel)
			b.Run("CreateDelete", bn.createDelete)
			b.Run("Head", bn.head)
			b.Run("Children", bn.children)
			b.Run("OfVolume", bn.ofVolume)
			b.Run("Page", bn.page)
			b.Run("ListAll", bn.listAll)
			b.Run("OpenOperations", bn.openOperations)
		})
	}
}

// bench is a store with rows in it.
type bench struct {
	inv     inventory.Inventory
	volumes []snapshot.VolumeID
	// chain are the snapshots of the first volume.
	chain []snapshot.ID
	made  int
}

// fill stores n snapshots, as many in each commit as fit.
func (bn *bench) fill(b *testing.B, n int) {
	b.Helper()
	var c inventory.Change
	flush := func() {
		c.ID = snapshot.NewID[inventory.ChangeID]()
		if err := bn.inv.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		c = inventory.Change{}
	}
	for range n / perVolume {
		v, chain := bn.family()
		c.Volumes = append(c.Volumes, inventory.VolumeChange{Volume: v})
		c.Put = append(c.Put, chain...)
		if len(c.Put)+len(c.Volumes)+perVolume >= inventory.MaxChange {
			flush()
		}
	}
	flush()
}

// family returns a volume with its snapshots.
func (bn *bench) family() (inventory.Volume, []snapshot.Snapshot) {
	bn.made++
	v := inventory.Volume{
		ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Native: driver.VolumeID(fmt.Sprintf("lun-%d", bn.made)),
		Owner: fmt.Sprintf("tenant-%d", bn.made%100), Size: 1 << 30, CreatedAt: made(),
	}
	chain := make([]snapshot.Snapshot, perVolume)
	for i := range chain {
		chain[i] = benchSnapshot(v)
		if i > 0 {
			v.Head, chain[i].Parent = chain[i].ID, chain[i-1-i%4/3].ID
		}
	}
	if bn.volumes == nil {
		for _, r := range chain {
			bn.chain = append(bn.chain, r.ID)
		}
	}
	bn.volumes = append(bn.volumes, v.ID)
	return v, chain
}

func benchSnapshot(v inventory.Volume) snapshot.Snapshot {
	id := snapshot.NewID[snapshot.ID]()
	return snapshot.Snapshot{
		ID: id, Volume: v.ID, Parent: v.Head, Owner: v.Owner, State: snapshot.Ready, Name: "daily",
		Token: "sabcdefg" + id.Short(), Native: id.Short(), NativeVolume: string(v.Native), Size: v.Size,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent, CreatedAt: made(), TakenAt: made(),
		Labels: map[string]string{"policy": "daily"},
	}
}

// takeSnapshot is what an engine commits for one create: the intent, and the outcome.
func (bn *bench) takeSnapshot(ctx context.Context, id snapshot.VolumeID) (snapshot.Snapshot, error) {
	v, err := bn.inv.Volume(ctx, id)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	o := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Format: 1, State: inventory.Running, Epoch: 1,
		Volumes: []snapshot.VolumeID{v.ID}, Args: []byte(`{"name":"daily"}`), LeaseOwner: "engine",
		Steps:     []inventory.Step{{Name: "snapshot", State: inventory.StepSent, SentAt: made()}},
		CreatedAt: made(), UpdatedAt: made(),
	}
	r := benchSnapshot(v)
	r.State, v.Pending = snapshot.Creating, o.ID
	begun := inventory.OperationChange{Operation: o, LeaseTTL: long}
	if err := bn.inv.Commit(ctx, changeOf(write(v), put(r), operate(begun))); err != nil {
		return r, err
	}
	r.State, r.Version, v.Version = snapshot.Ready, 1, v.Version+1
	v.Head, v.Pending = r.ID, inventory.OperationID{}
	o.State, o.LeaseOwner, o.Steps[0].State = inventory.Succeeded, "", inventory.StepDone
	return r, bn.inv.Commit(ctx, changeOf(write(v), put(r), advance(o)))
}

// dropSnapshot is what an engine commits for one delete.
func (bn *bench) dropSnapshot(ctx context.Context, r snapshot.Snapshot) error {
	v, err := bn.inv.Volume(ctx, r.Volume)
	if err != nil {
		return err
	}
	o := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "delete", Format: 1, State: inventory.Running, Epoch: 1,
		Volumes: []snapshot.VolumeID{v.ID}, LeaseOwner: "engine", CreatedAt: made(), UpdatedAt: made(),
	}
	r.State, r.Version, v.Pending = snapshot.Deleting, 2, o.ID
	begun := inventory.OperationChange{Operation: o, LeaseTTL: long}
	if err := bn.inv.Commit(ctx, changeOf(write(v), put(r), operate(begun))); err != nil {
		return err
	}
	v.Version, v.Head, v.Pending = v.Version+1, r.Parent, inventory.OperationID{}
	o.State, o.LeaseOwner = inventory.Succeeded, ""
	return bn.inv.Commit(ctx, changeOf(write(v), reparent(v, r.ID, r.Parent), drop(r.ID), advance(o)))
}

func (bn *bench) create(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if _, err := bn.takeSnapshot(b.Context(), bn.volumes[i%len(bn.volumes)]); err != nil {
			b.Fatal(err)
		}
	}
}

// createParallel has each goroutine work on volumes of its own, as an engine's operations do.
func (bn *bench) createParallel(b *testing.B) {
	free := make(chan snapshot.VolumeID, len(bn.volumes))
	for _, id := range bn.volumes {
		free <- id
	}
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := <-free
			if _, err := bn.takeSnapshot(b.Context(), id); err != nil {
				b.Error(err)
			}
			free <- id
		}
	})
}

func (bn *bench) createDelete(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		r, err := bn.takeSnapshot(b.Context(), bn.volumes[i%len(bn.volumes)])
		if err == nil {
			err = bn.dropSnapshot(b.Context(), r)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// head reads the header of a volume, and the snapshot that its content descends from.
func (bn *bench) head(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		v, err := bn.inv.Volume(b.Context(), bn.volumes[i%len(bn.volumes)])
		if err == nil {
			_, err = bn.inv.Snapshot(b.Context(), v.Head)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (bn *bench) children(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		drain(b, bn.inv.Snapshots(b.Context(), inventory.SnapshotQuery{Parent: bn.chain[i%perVolume]}))
	}
}

func (bn *bench) ofVolume(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		drain(b, bn.inv.Snapshots(b.Context(), inventory.SnapshotQuery{Volume: bn.volumes[i%len(bn.volumes)]}))
	}
}

// page lists a hundred rows behind one in the middle.
func (bn *bench) page(b *testing.B) {
	q := inventory.SnapshotQuery{}
	q.After, q.Limit = bn.chain[perVolume/2], 100
	for b.Loop() {
		drain(b, bn.inv.Snapshots(b.Context(), q))
	}
}

func (bn *bench) listAll(b *testing.B) {
	rows := 0
	for b.Loop() {
		rows += drain(b, bn.inv.Snapshots(b.Context(), inventory.SnapshotQuery{}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

// openOperations is what recovery asks for again and again, most often in vain.
func (bn *bench) openOperations(b *testing.B) {
	for b.Loop() {
		drain(b, bn.inv.Operations(b.Context(), inventory.OperationQuery{Open: true, LeaseExpired: true}))
	}
}

func drain[R any](b *testing.B, rows iter.Seq2[R, error]) int {
	b.Helper()
	n := 0
	for _, err := range rows {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}
