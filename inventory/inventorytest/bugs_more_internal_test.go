package inventorytest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// reading plants reads that are wrong.
func reading(m mutant) func(inventory.Inventory) inventory.Inventory {
	return func(inner inventory.Inventory) inventory.Inventory {
		planted := m
		planted.Inventory = inner
		return &planted
	}
}

// refusing plants a commit that refuses some changes.
func refusing(class error, when func(ctx context.Context, inner inventory.Inventory, c inventory.Change) bool,
) func(inventory.Inventory) inventory.Inventory {
	return func(inner inventory.Inventory) inventory.Inventory {
		return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
			if when(ctx, inner, c) {
				return fmt.Errorf("planted: %w", class)
			}
			return inner.Commit(ctx, c)
		}}
	}
}

func identityBugs() []bug {
	return []bug{
		{
			name: "has one installation id for all", caught: []string{"InstallationsDiffer"},
			plant: reading(mutant{installation: "sabcdefg"}),
		},
		{
			name: "has an installation id with a dash", caught: []string{"InstallationWellFormed"},
			plant: reading(mutant{installation: "sabc-efg"}),
		},
		{
			name: "returns a zero record for what is not there", plant: reading(mutant{found: true}),
			caught: []string{"VolumeNotFound", "SnapshotNotFound", "OperationNotFound", "DropRemoves", "DeleteCascades"},
		},
		{
			name: "counts versions of volumes from 0", caught: []string{"VolumeCreated", "VolumeCompareAndSwap", "NoLostUpdates"},
			plant: reading(mutant{volume: func(v inventory.Volume) inventory.Volume { v.Version--; return v }}),
		},
		{
			name: "counts versions of snapshots from 0", caught: []string{"SnapshotCreated"},
			plant: reading(mutant{snap: func(r snapshot.Snapshot) snapshot.Snapshot { r.Version--; return r }}),
		},
		{
			name: "never frees a native id", caught: []string{"NativeFreed", "VolumesChangeInOrderOfIDs"},
			plant: neverFreeing,
		},
		{
			name: "takes no native id for one", caught: []string{"NativeUnknown"},
			plant: refusing(inventory.ErrConflict, func(ctx context.Context, inner inventory.Inventory, c inventory.Change) bool {
				for v := range rowsOf(inner.Volumes(ctx, inventory.VolumeQuery{})) {
					if v.Native == "" && len(c.Volumes) > 0 && c.Volumes[0].Volume.Native == "" {
						return true
					}
				}
				return false
			}),
		},
		{
			name: "lets two volumes have one native id", caught: []string{"NativeUnique", "OneWinnerPerUniqueValue"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					q := inventory.VolumeQuery{Backend: v.Volume.Backend, Native: v.Volume.Native}
					for other := range rowsOf(inner.Volumes(ctx, q)) {
						if other.ID != v.Volume.ID {
							c.Volumes[i].Volume.Native = ""
						}
					}
				}
			}),
		},
		{
			name: "takes versions from the caller", caught: []string{"VolumeStoreKeepsItsFields"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					c.Volumes[i].IfVersion = v.Volume.Version
				}
			}),
		},
		{
			name: "makes a volume that exists", caught: []string{"VolumeCreatedTwice", "AllOrNothing"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					if stored, err := inner.Volume(ctx, v.Volume.ID); err == nil && v.IfVersion == 0 {
						c.Volumes[i].IfVersion = stored.Version
					}
				}
			}),
		},
	}
}

func neverFreeing(inner inventory.Inventory) inventory.Inventory {
	var mu sync.Mutex
	used := map[driver.VolumeID]snapshot.VolumeID{}
	return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range c.Volumes {
			if id, found := used[v.Volume.Native]; found && id != v.Volume.ID {
				return inventory.ErrConflict
			}
		}
		err := inner.Commit(ctx, c)
		for _, v := range c.Volumes {
			if err == nil && v.Volume.Native != "" {
				used[v.Volume.Native] = v.Volume.ID
			}
		}
		return err
	}}
}

func rowBugs() []bug {
	return []bug{
		{
			name: "leaves a snapshot in its old volume", caught: []string{"SnapshotStaysWithItsVolume", "AllOrNothing"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, r := range c.Put {
					if stored, err := inner.Snapshot(ctx, r.ID); err == nil {
						c.Put[i].Volume = stored.Volume
					}
				}
			}),
		},
		{
			name: "takes a snapshot without a volume", caught: []string{"SnapshotNeedsItsVolume"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				c.Put = slices.DeleteFunc(c.Put, func(r snapshot.Snapshot) bool {
					_, err := inner.Volume(ctx, r.Volume)
					return err != nil && len(c.Volumes) == 0
				})
			}),
		},
		{
			name: "leaves the children where they are", caught: []string{"ReparentMovesChildren", "PartsInOrder"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) { c.Reparent = nil }),
		},
		{
			name: "moves children before it puts", caught: []string{"PartsInOrder"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				_ = inner.Commit(ctx, inventory.Change{ID: c.ID, Reparent: c.Reparent})
				c.Reparent = nil
			}),
		},
		{
			name: "loses the due time", caught: []string{"RecordFields", "RecordDue"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				for i := range c.Records {
					c.Records[i].Record.Due = time.Time{}
				}
			}),
		},
		{
			name: "does not look for the volume of a record", caught: []string{"RecordNeedsItsVolume"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, r := range c.Records {
					if _, err := inner.Volume(ctx, r.Record.Volume); err != nil && len(c.Volumes) == 0 {
						c.Records[i].Record.Volume = snapshot.VolumeID{}
					}
				}
			}),
		},
		{
			name: "refuses a change without parts", caught: []string{"EmptyChange"},
			plant: refusing(inventory.ErrInvalid, func(_ context.Context, _ inventory.Inventory, c inventory.Change) bool {
				return len(c.Volumes)+len(c.Put)+len(c.Drop)+len(c.Reparent)+len(c.Records) == 0 && c.Operation == nil
			}),
		},
		{
			name: "takes two parts for one row", caught: []string{"InvalidChanges"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				if len(c.Volumes) > 1 {
					c.Volumes = c.Volumes[:1]
				}
			}),
		},
		{
			name: "is open after Close", caught: []string{"ClosedIsUnavailable"},
			plant: reading(mutant{close: nothingToDo}),
		},
	}
}

func leaseBugs() []bug {
	return []bug{
		{
			name: "has no Seq", caught: []string{"OperationBegun", "SeqGrows", "SeqSurvives"},
			plant: reading(mutant{operation: func(o inventory.Operation) inventory.Operation { o.Seq = 0; return o }}),
		},
		{
			name: "counts a Seq for a refused change", caught: []string{"SeqOfRefusedChange"}, plant: countingRefused,
		},
		{
			name: "begins an operation that exists", caught: []string{"OperationBegunTwice"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				if c.Operation == nil || c.Operation.IfEpoch != 0 {
					return
				}
				if stored, err := inner.Operation(ctx, c.Operation.Operation.ID); err == nil {
					c.Operation.IfEpoch, c.Operation.Operation.Epoch = stored.Epoch, stored.Epoch
				}
			}),
		},
		{
			name: "believes the caller's clock", caught: []string{"LeaseByStoresClock"},
			plant: reading(mutant{operation: func(o inventory.Operation) inventory.Operation {
				if !o.LeaseUntil.IsZero() {
					o.LeaseUntil = made().AddDate(100, 0, 0)
				}
				return o
			}}),
		},
		{
			name: "never gives a lease up", caught: []string{"LeaseRenewedAndReleased", "TakeOverOfUnleased"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				if c.Operation != nil && c.Operation.LeaseTTL == 0 {
					c.Operation.LeaseTTL = long
					c.Operation.Operation.LeaseOwner = "somebody"
				}
			}),
		},
		{
			name: "takes over what has ended", caught: []string{"TakeOverOfEnded"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				if c.Operation == nil || !c.Operation.TakeOver {
					return
				}
				if stored, err := inner.Operation(ctx, c.Operation.Operation.ID); err == nil && !stored.State.Open() {
					stored.State, stored.LeaseOwner = inventory.Running, ""
					_ = inner.Commit(ctx, changeOf(advance(stored)))
				}
			}),
		},
		{
			name: "takes over what was written since", caught: []string{"TakeOverOfWhatWasRead"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				if c.Operation != nil {
					c.Operation.IfSeq = 0
				}
			}),
		},
		{
			name: "wants every take-over to wait", caught: []string{"TakeOverBySameOwner"},
			plant: refusing(inventory.ErrStale, func(ctx context.Context, inner inventory.Inventory, c inventory.Change) bool {
				if c.Operation == nil || !c.Operation.TakeOver {
					return false
				}
				stored, err := inner.Operation(ctx, c.Operation.Operation.ID)
				return err == nil && stored.LeaseUntil.After(time.Now())
			}),
		},
	}
}

func rangeBugs() []bug {
	return []bug{
		{
			name: "ranges once", caught: []string{"RangeAgain"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					return once(inner.Snapshots(ctx, q))
				}}
			},
		},
		{
			name: "takes a negative limit for none", caught: []string{"NegativePage"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					q.Limit = max(q.Limit, 0)
					return inner.Snapshots(ctx, q)
				}}
			},
		},
		{
			name: "ignores the host in queries", caught: []string{"VolumeQueries"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, volumes: func(ctx context.Context, q inventory.VolumeQuery) volumeRows {
					q.Host = ""
					return inner.Volumes(ctx, q)
				}}
			},
		},
		{
			name: "ignores the kind in queries", caught: []string{"OperationQueries"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, operations: func(ctx context.Context, q inventory.OperationQuery) operationRows {
					q.Kind = ""
					return inner.Operations(ctx, q)
				}}
			},
		},
	}
}

// countingRefused writes the operation again when the rest of a change was refused.
func countingRefused(inner inventory.Inventory) inventory.Inventory {
	return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
		err := inner.Commit(ctx, c)
		if err != nil && c.Operation != nil {
			if stored, failed := inner.Operation(ctx, c.Operation.Operation.ID); failed == nil {
				_ = inner.Commit(ctx, changeOf(advance(stored)))
			}
		}
		return err
	}}
}

func once[R any](rows iter.Seq2[R, error]) iter.Seq2[R, error] {
	ranged := false
	return func(yield func(R, error) bool) {
		if !ranged {
			ranged = true
			rows(yield)
		}
	}
}

func sharedBugs() []bug {
	return []bug{
		{
			name: "reads once per process", caught: []string{"SharedSeesCommits"}, plant: sound,
			harness: func(h *Harness) {
				h.Share = func(_ testing.TB, inv inventory.Inventory) inventory.Inventory {
					var mu sync.Mutex
					cache := map[snapshot.VolumeID]inventory.Volume{}
					return &mutant{Inventory: inv, close: nothingToDo, volume: func(v inventory.Volume) inventory.Volume {
						mu.Lock()
						defer mu.Unlock()
						if _, found := cache[v.ID]; !found {
							cache[v.ID] = v
						}
						return cache[v.ID]
					}}
				}
			},
		},
		{
			name: "locks inside one process only", caught: []string{"SharedOneWinner"}, plant: sound,
			harness: func(h *Harness) {
				h.Share = func(_ testing.TB, inv inventory.Inventory) inventory.Inventory {
					return &mutant{Inventory: lookingFirst(inv), close: nothingToDo}
				}
			},
		},
	}
}
