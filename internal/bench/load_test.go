package bench_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// load fills an inventory with volumes that have a chain of so many snapshots each, in changes of the largest size and
// many at once, so that the store can write them together. It returns the volumes, with their heads.
func load(tb testing.TB, inv inventory.Inventory, volumes, snapshots int) []inventory.Volume {
	tb.Helper()
	made := make([]inventory.Volume, volumes)
	work := make(chan int)
	var workers sync.WaitGroup
	for range 256 {
		workers.Go(func() {
			for first := range work {
				if err := loadSome(tb, inv, made, first, snapshots); err != nil {
					tb.Errorf("volumes from %d: %v", first, err)
				}
			}
		})
	}
	for first := 0; first < volumes; first += perChange(snapshots) {
		work <- first
	}
	close(work)
	workers.Wait()
	require.False(tb, tb.Failed())
	return made
}

// perChange is how many volumes with their snapshots fit into one change.
func perChange(snapshots int) int { return max(1, inventory.MaxChange/(snapshots+1)) }

func loadSome(tb testing.TB, inv inventory.Inventory, made []inventory.Volume, first, snapshots int) error {
	tb.Helper()
	c := inventory.Change{ID: snapshot.NewID[inventory.ChangeID]()}
	for i := first; i < min(first+perChange(snapshots), len(made)); i++ {
		v := inventory.Volume{
			ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Native: driver.VolumeID(fmt.Sprintf("lun-%d", i)),
			Owner: fmt.Sprintf("account-%d", i%1000), Host: "pool", Size: 1 << 40, CreatedAt: time.Now(), Version: 1,
		}
		for n := range snapshots {
			s := loadedSnapshot(v, n)
			v.Head = s.ID
			c.Put = append(c.Put, s)
		}
		c.Volumes = append(c.Volumes, inventory.VolumeChange{Volume: v})
		made[i] = v
	}
	return inv.Commit(tb.Context(), c)
}

func loadedSnapshot(v inventory.Volume, n int) snapshot.Snapshot {
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: v.ID, Parent: v.Head, Name: fmt.Sprintf("nightly-%d", n),
		Owner: v.Owner, State: snapshot.Ready, Token: "s1234567" + v.ID.Short() + fmt.Sprintf("%011d", n),
		Native: fmt.Sprintf("%s-%d", v.Native, n), NativeVolume: string(v.Native), CreatedAt: time.Now(), TakenAt: time.Now(),
		Size: v.Size, Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
		Labels: map[string]string{"policy": "nightly"},
	}
}
