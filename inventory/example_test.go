package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// commit gives the change its id and ends the example if it is refused.
func commit(inv inventory.Inventory, c inventory.Change) {
	c.ID = snapshot.NewID[inventory.ChangeID]()
	if err := inv.Commit(context.Background(), c); err != nil {
		log.Fatal(err)
	}
}

// register makes the record of a volume and returns it as stored.
func register(inv inventory.Inventory, native driver.VolumeID) inventory.Volume {
	v := inventory.Volume{ID: snapshot.NewID[snapshot.VolumeID](), Backend: "gold", Native: native, Size: 10 << 30}
	commit(inv, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v}}})
	v.Version = 1
	return v
}

// What an engine commits to take a snapshot: the intent before it calls the array, and the outcome after.
func Example() {
	ctx := context.Background()
	inv := memory.New()
	v := register(inv, "lun-7")

	installation, _ := inv.Installation(ctx)
	token, _ := driver.NewToken(installation)
	op := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "create", State: inventory.Running, Epoch: 1,
		Volumes: []snapshot.VolumeID{v.ID}, LeaseOwner: "engine-1",
	}
	snap := snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: v.ID, Parent: v.Head, Token: string(token), State: snapshot.Creating,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
	}
	v.Pending = op.ID
	commit(inv, inventory.Change{ // the intent: now the volume is locked, and the token is safe
		Volumes:   []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
		Put:       []snapshot.Snapshot{snap},
		Operation: &inventory.OperationChange{Operation: op, LeaseTTL: time.Minute},
	})

	// Here the array makes the snapshot and says that its id is 4711.

	snap.State, snap.Native, snap.Version = snapshot.Ready, "4711", 1
	v.Head, v.Pending, v.Version = snap.ID, inventory.OperationID{}, 2
	op.State, op.LeaseOwner = inventory.Succeeded, ""
	commit(inv, inventory.Change{ // the outcome
		Volumes:   []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
		Put:       []snapshot.Snapshot{snap},
		Operation: &inventory.OperationChange{Operation: op, IfEpoch: 1},
	})

	v, _ = inv.Volume(ctx, v.ID)
	fmt.Println("version", v.Version, "snapshots", v.SnapshotCount, "busy", !v.Pending.IsZero(), "head", v.Head == snap.ID)
	// Output: version 3 snapshots 1 busy false head true
}

// The version is the lock: of two changes computed from one version the second is refused.
func ExampleErrStale() {
	ctx := context.Background()
	inv := memory.New()
	v := register(inv, "lun-7")

	mine, theirs := v, v
	mine.Name, theirs.Name = "mail", "news"
	commit(inv, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: theirs, IfVersion: theirs.Version}}})
	err := inv.Commit(ctx, inventory.Change{
		ID:      snapshot.NewID[inventory.ChangeID](),
		Volumes: []inventory.VolumeChange{{Volume: mine, IfVersion: mine.Version}},
	})
	fmt.Println(errors.Is(err, inventory.ErrStale))

	v, _ = inv.Volume(ctx, v.ID) // read again, compute again
	v.Name = "mail"
	commit(inv, inventory.Change{Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}}})
	// Output: true
}

// When a snapshot in the middle is deleted, its children move up in the same change.
func ExampleReparent() {
	ctx := context.Background()
	inv := memory.New()
	v := register(inv, "lun-7")
	var chain []snapshot.Snapshot
	for i, name := range []string{"monday", "tuesday", "wednesday"} {
		s := snapshot.Snapshot{
			ID: snapshot.NewID[snapshot.ID](), Volume: v.ID, Name: name,
			State: snapshot.Ready, Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
		}
		if i > 0 {
			s.Parent = chain[i-1].ID
		}
		chain = append(chain, s)
	}
	commit(inv, inventory.Change{Put: chain})

	tuesday := chain[1]
	commit(inv, inventory.Change{
		Reparent: []inventory.Reparent{{Volume: v.ID, From: tuesday.ID, To: tuesday.Parent}},
		Drop:     []snapshot.ID{tuesday.ID},
	})
	for s, err := range inv.Snapshots(ctx, inventory.SnapshotQuery{Parent: chain[0].ID}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name)
	}
	// Output: wednesday
}

// A reader of the feed goes on behind the last Seq that it saw.
func ExampleOperationQuery() {
	ctx := context.Background()
	inv := memory.New()
	var last int64
	news := func() {
		q := inventory.OperationQuery{}
		q.After = last
		for op, err := range inv.Operations(ctx, q) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(op.Kind, op.State)
			last = op.Seq
		}
	}
	op := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "revert", State: inventory.Queued, Epoch: 1,
	}
	commit(inv, inventory.Change{Operation: &inventory.OperationChange{Operation: op}})
	news()
	op.State = inventory.Succeeded
	commit(inv, inventory.Change{Operation: &inventory.OperationChange{Operation: op, IfEpoch: 1}})
	news()
	// Output:
	// revert queued
	// revert succeeded
}
