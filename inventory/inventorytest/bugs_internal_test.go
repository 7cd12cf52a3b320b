package inventorytest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// bug is a mistake that a store may well have.
type bug struct {
	name string
	// caught are the checks that have to see it.
	caught  []string
	plant   func(inner inventory.Inventory) inventory.Inventory
	harness func(h *Harness)
}

func bugs() []bug {
	return slices.Concat(identityBugs(), versionBugs(), rowBugs(), commitBugs(), promiseBugs(), operationBugs(), leaseBugs(), fieldBugs(), queryBugs(),
		rangeBugs(), listingBugs(), timeBugs(), sharedBugs())
}

// rewriting plants a commit that changes the change first.
func rewriting(edit func(ctx context.Context, inner inventory.Inventory, c *inventory.Change)) func(inventory.Inventory) inventory.Inventory {
	return func(inner inventory.Inventory) inventory.Inventory {
		return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
			c.Volumes, c.Put, c.Drop = slices.Clone(c.Volumes), slices.Clone(c.Put), slices.Clone(c.Drop)
			c.Records = slices.Clone(c.Records)
			if c.Operation != nil {
				o := *c.Operation
				c.Operation = &o
			}
			edit(ctx, inner, &c)
			return inner.Commit(ctx, c)
		}}
	}
}

func versionBugs() []bug {
	return []bug{
		{
			name: "ignores IfVersion of volumes", caught: []string{"VolumeCompareAndSwap", "VolumeDeleted"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					if stored, err := inner.Volume(ctx, v.Volume.ID); err == nil {
						c.Volumes[i].IfVersion = stored.Version
					}
				}
			}),
		},
		{
			name: "compares before it locks", caught: []string{"OneWinnerPerVersion", "OneTakeOver"},
			plant: lookingFirst,
		},
		{
			name: "ignores the version of snapshots", caught: []string{"SnapshotCompareAndSwap", "ReparentCountsVersions"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, r := range c.Put {
					if stored, err := inner.Snapshot(ctx, r.ID); err == nil {
						c.Put[i].Version = stored.Version
					}
				}
			}),
		},
		{
			name: "ignores the version of records", caught: []string{"RecordCompareAndSwap"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, r := range c.Records {
					for stored := range rowsOf(inner.Records(ctx, inventory.RecordQuery{Kind: r.Record.Kind, ID: r.Record.ID})) {
						c.Records[i].IfVersion = stored.Version
					}
				}
			}),
		},
		{
			name: "does not count the version in Reparent", caught: []string{"ReparentCountsVersions", "LikeTheReference"},
			plant: reparentWithoutVersion,
		},
		{
			name: "counts a version of the volume with each snapshot", caught: []string{"VolumeStoreKeepsItsFields"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, volume: func(v inventory.Volume) inventory.Volume {
					v.Version += int64(v.SnapshotCount)
					return v
				}}
			},
		},
	}
}

// lookingFirst compares versions and epochs, lets everybody else do so too, and then writes whatever has happened since.
func lookingFirst(inner inventory.Inventory) inventory.Inventory {
	return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
		if !current(ctx, inner, c) {
			return inner.Commit(ctx, c)
		}
		c.Volumes = slices.Clone(c.Volumes)
		<-time.After(time.Second)
		for {
			overtake(ctx, inner, &c)
			if err := inner.Commit(ctx, c); !errors.Is(err, inventory.ErrStale) {
				return err
			}
		}
	}}
}

// current reports whether all versions and epochs in the change are those that are stored, and there is one.
func current(ctx context.Context, inner inventory.Inventory, c inventory.Change) bool {
	known := 0
	for _, v := range c.Volumes {
		if stored, err := inner.Volume(ctx, v.Volume.ID); err != nil || stored.Version != v.IfVersion {
			return false
		}
		known++
	}
	if c.Operation != nil {
		stored, err := inner.Operation(ctx, c.Operation.Operation.ID)
		if err != nil || stored.Epoch != c.Operation.IfEpoch {
			return false
		}
		known++
	}
	return known > 0
}

// overtake makes the change one that was computed from what is stored now.
func overtake(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
	for i, v := range c.Volumes {
		if stored, err := inner.Volume(ctx, v.Volume.ID); err == nil {
			c.Volumes[i].IfVersion = stored.Version
		}
	}
	if c.Operation == nil {
		return
	}
	if stored, err := inner.Operation(ctx, c.Operation.Operation.ID); err == nil {
		o := *c.Operation
		o.IfEpoch, o.Operation.Epoch, o.LeaseTTL = stored.Epoch, stored.Epoch+1, 0
		c.Operation = &o
	}
}

func reparentWithoutVersion(inner inventory.Inventory) inventory.Inventory {
	var mu sync.Mutex
	less := map[snapshot.ID]int64{}
	m := &mutant{Inventory: inner}
	m.commit = func(ctx context.Context, c inventory.Change) error {
		mu.Lock()
		defer mu.Unlock()
		c.Put = slices.Clone(c.Put)
		for i, r := range c.Put {
			if r.Version > 0 {
				c.Put[i].Version += less[r.ID]
			}
		}
		moved := map[snapshot.ID]bool{}
		for _, move := range c.Reparent {
			for r := range rowsOf(inner.Snapshots(ctx, inventory.SnapshotQuery{Volume: move.Volume, Parent: move.From})) {
				moved[r.ID] = true
			}
		}
		err := inner.Commit(ctx, c)
		for id := range moved {
			if err == nil {
				less[id]++
			}
		}
		return err
	}
	m.snap = func(r snapshot.Snapshot) snapshot.Snapshot {
		mu.Lock()
		defer mu.Unlock()
		r.Version -= less[r.ID]
		return r
	}
	return m
}

func commitBugs() []bug {
	return []bug{
		{
			name: "commits the volumes apart", caught: []string{"AllOrNothing", "LikeTheReference"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				first := inventory.Change{ID: c.ID, Volumes: c.Volumes}
				if inner.Commit(ctx, first) == nil {
					c.Volumes = nil
				}
			}),
		},
		{
			name: "writes although the caller has gone", caught: []string{"CancelledContext"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
					return inner.Commit(context.WithoutCancel(ctx), c)
				}}
			},
		},
		{
			name: "says that the caller gave up although it has written", caught: []string{"CancelledDuringCommit"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
					if err := inner.Commit(ctx, c); err != nil {
						return err
					}
					<-time.After(time.Millisecond) // the reply is on its way
					return ctx.Err()
				}}
			},
		},
		{
			name: "does not mind a drop of nothing", caught: []string{"DropRemoves", "AllOrNothing"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				c.Drop = slices.DeleteFunc(c.Drop, func(id snapshot.ID) bool {
					_, err := inner.Snapshot(ctx, id)
					return err != nil
				})
			}),
		},
		{
			name: "lets two volumes have one external id", caught: []string{"ExternalUnique", "OneWinnerPerUniqueValue"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					for range rowsOf(inner.Volumes(ctx, inventory.VolumeQuery{ExternalID: v.Volume.ExternalID})) {
						c.Volumes[i].Volume.ExternalID = ""
					}
				}
			}),
		},
		{
			name: "reparents in every volume", caught: []string{"ReparentStaysInVolume"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for _, r := range c.Reparent {
					for v := range rowsOf(inner.Volumes(ctx, inventory.VolumeQuery{})) {
						c.Reparent = append(c.Reparent, inventory.Reparent{Volume: v.ID, From: r.From, To: r.To})
					}
				}
			}),
		},
		{
			name: "keeps the records of a deleted volume", caught: []string{"DeleteCascades"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for _, v := range c.Volumes {
					for r := range rowsOf(inner.Records(ctx, inventory.RecordQuery{Volume: v.Volume.ID})) {
						if r.Volume = (snapshot.VolumeID{}); v.Delete {
							_ = inner.Commit(ctx, changeOf(keep(r)))
						}
					}
				}
			}),
		},
	}
}

func promiseBugs() []bug {
	return []bug{
		{
			name: "allows less than MaxChange", caught: []string{"MaxChange"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
					if len(c.Put) > 100 {
						return inventory.ErrInvalid
					}
					return inner.Commit(ctx, c)
				}}
			},
		},
		{
			name: "takes a lost reply for a refusal", caught: []string{"LostReply"}, plant: sound,
			harness: func(h *Harness) {
				var lose atomic.Bool
				h.LoseReply = func(testing.TB, inventory.Inventory) { lose.Store(true) }
				h.Open = func(testing.TB) inventory.Inventory {
					inner := memory.New()
					return &mutant{Inventory: inner, commit: func(ctx context.Context, c inventory.Change) error {
						err := inner.Commit(ctx, c)
						if lose.Swap(false) {
							return inventory.ErrUnavailable
						}
						return err
					}}
				}
			},
		},
		{
			name: "forgets everything at the end of the process", plant: sound,
			caught: []string{"DurableAfterEachKindOfChange", "InstallationSurvives", "LeaseSurvives"},
			harness: func(h *Harness) {
				h.Reopen = func(_ testing.TB, inv inventory.Inventory) inventory.Inventory {
					_ = inv.Close()
					return memory.New()
				}
			},
		},
		{
			name: "fails to close twice", caught: []string{"CloseTwice"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				closed := false
				return &mutant{Inventory: inner, close: func() error {
					if closed {
						return errors.New("closed already")
					}
					closed = true
					return inner.Close()
				}}
			},
		},
	}
}

func operationBugs() []bug {
	return []bug{
		{
			name: "takes over what is leased", caught: []string{"TakeOverRefusedWhileLeased", "LeaseSurvives"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				if c.Operation == nil || !c.Operation.TakeOver {
					return
				}
				stored, err := inner.Operation(ctx, c.Operation.Operation.ID)
				if err != nil || stored.Epoch != c.Operation.IfEpoch {
					return
				}
				_ = inner.Commit(ctx, changeOf(advance(stored))) // gives the lease up
			}),
		},
		{
			name: "restarts what has succeeded", caught: []string{"RestartOnlyFailed"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				if c.Operation != nil && c.Operation.Restart {
					c.Operation.Restart, c.Operation.TakeOver = false, true
				}
			}),
		},
		{
			name: "ignores the epoch", caught: []string{"OperationEpoch", "TakeOverAfterExpiry"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				if c.Operation == nil || c.Operation.TakeOver || c.Operation.Restart || c.Operation.IfEpoch == 0 {
					return
				}
				if stored, err := inner.Operation(ctx, c.Operation.Operation.ID); err == nil {
					c.Operation.IfEpoch, c.Operation.Operation.Epoch = stored.Epoch, stored.Epoch
				}
			}),
		},
		{
			name: "lists operations by id", caught: []string{"SeqGrows"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, operations: func(ctx context.Context, q inventory.OperationQuery) operationRows {
					return sorted(inner.Operations(ctx, q), func(a, b inventory.Operation) int {
						return strings.Compare(a.ID.String(), b.ID.String())
					})
				}}
			},
		},
		{
			name: "shows a commit behind one that was read", caught: []string{"FeedMissesNothing", "SharedFeed"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, operations: func(ctx context.Context, q inventory.OperationQuery) operationRows {
					return filtered(inner.Operations(ctx, q), func(o inventory.Operation) bool { return q.After == 0 || o.Seq%4 != 0 })
				}}
			},
		},
		{
			name: "finds no expired lease", caught: []string{"LeaseExpiredQuery"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, operations: func(ctx context.Context, q inventory.OperationQuery) operationRows {
					return filtered(inner.Operations(ctx, q), func(o inventory.Operation) bool {
						return !q.LeaseExpired || o.LeaseUntil.IsZero()
					})
				}}
			},
		},
	}
}

func sorted[R any](rows iter.Seq2[R, error], compare func(a, b R) int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var all []R
		for r, err := range rows {
			if err != nil {
				yield(r, err)
				return
			}
			all = append(all, r)
		}
		slices.SortStableFunc(all, compare)
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}
