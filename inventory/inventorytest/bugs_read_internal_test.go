package inventorytest

import (
	"context"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func fieldBugs() []bug {
	return []bug{
		{
			name: "loses labels", caught: []string{"SnapshotFields", "LongAndOddTexts", "EmptyAndNil"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				for i := range c.Put {
					c.Put[i].Labels = nil
				}
			}),
		},
		{
			name: "loses the serial", caught: []string{"VolumeFields"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				for i := range c.Volumes {
					c.Volumes[i].Volume.Serial = ""
				}
			}),
		},
		{
			name: "cannot clear a field", caught: []string{"VolumeFields"},
			plant: rewriting(func(ctx context.Context, inner inventory.Inventory, c *inventory.Change) {
				for i, v := range c.Volumes {
					if stored, err := inner.Volume(ctx, v.Volume.ID); err == nil && v.Volume.Name == "" {
						c.Volumes[i].Volume.Name = stored.Name
					}
				}
			}),
		},
		{
			name: "loses the notes of steps", caught: []string{"OperationFields"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				if c.Operation != nil {
					steps := append([]inventory.Step(nil), c.Operation.Operation.Steps...)
					for i := range steps {
						steps[i].Note = nil
					}
					c.Operation.Operation.Steps = steps
				}
			}),
		},
		{
			name: "cuts names off", caught: []string{"LongAndOddTexts"},
			plant: rewriting(func(_ context.Context, _ inventory.Inventory, c *inventory.Change) {
				for i, r := range c.Put {
					c.Put[i].Name = r.Name[:min(len(r.Name), 255)]
				}
			}),
		},
		{
			name: "shares its memory", caught: []string{"NothingShared"}, plant: sharing,
		},
		{
			name: "counts a changed snapshot twice", caught: []string{"SnapshotCountFollows"},
			plant: countingPuts,
		},
	}
}

// sharing returns the same labels to everybody.
func sharing(inner inventory.Inventory) inventory.Inventory {
	var mu sync.Mutex
	labels := map[int64]map[string]string{}
	return &mutant{Inventory: inner, volume: func(v inventory.Volume) inventory.Volume {
		mu.Lock()
		defer mu.Unlock()
		if labels[v.Version] == nil {
			labels[v.Version] = v.Labels
		}
		v.Labels = labels[v.Version]
		return v
	}}
}

// countingPuts counts every snapshot put, as if all were new.
func countingPuts(inner inventory.Inventory) inventory.Inventory {
	var mu sync.Mutex
	more := map[snapshot.VolumeID]int{}
	m := &mutant{Inventory: inner}
	m.commit = func(ctx context.Context, c inventory.Change) error {
		err := inner.Commit(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range c.Put {
			if err == nil && r.Version > 0 {
				more[r.Volume]++
			}
		}
		return err
	}
	m.volume = func(v inventory.Volume) inventory.Volume {
		mu.Lock()
		defer mu.Unlock()
		v.SnapshotCount += more[v.ID]
		return v
	}
	return m
}

type (
	volumeRows    = iter.Seq2[inventory.Volume, error]
	snapshotRows  = iter.Seq2[snapshot.Snapshot, error]
	operationRows = iter.Seq2[inventory.Operation, error]
	recordRows    = iter.Seq2[inventory.Record, error]
)

func queryBugs() []bug {
	return []bug{
		{
			name: "counts only the page", caught: []string{"SnapshotQueries", "ListingsInOrder"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, count: func(ctx context.Context, q inventory.SnapshotQuery) (n int64, err error) {
					for _, err = range inner.Snapshots(ctx, q) {
						n++
					}
					return n, err
				}}
			},
		},
		{
			name: "ignores the state in queries", caught: []string{"SnapshotQueries"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					q.State = ""
					return inner.Snapshots(ctx, q)
				}}
			},
		},
		{
			name: "does not know what has expired", caught: []string{"SnapshotExpired", "SnapshotQueries"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					q.Expired = false
					return inner.Snapshots(ctx, q)
				}}
			},
		},
		{
			name: "hides what is held from what has expired", caught: []string{"SnapshotExpired"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					return filtered(inner.Snapshots(ctx, q), func(r snapshot.Snapshot) bool { return !q.Expired || len(r.Holds) == 0 })
				}}
			},
		},
		{
			name: "compares owners without case", caught: []string{"CaseAndSpaceMatter"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					owner := q.Owner
					q.Owner = ""
					return filtered(inner.Snapshots(ctx, q), func(r snapshot.Snapshot) bool {
						return owner == "" || strings.EqualFold(owner, r.Owner)
					})
				}}
			},
		},
		{
			name: "does not know former native ids", caught: []string{"NativeFormerFound"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, volumes: func(ctx context.Context, q inventory.VolumeQuery) volumeRows {
					return filtered(inner.Volumes(ctx, q), func(v inventory.Volume) bool { return q.Native == "" || q.Native == v.Native })
				}}
			},
		},
		{
			name: "does not know what is due", caught: []string{"RecordDue", "RecordQueries"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, records: func(ctx context.Context, q inventory.RecordQuery) recordRows {
					q.Due = false
					return inner.Records(ctx, q)
				}}
			},
		},
		{
			name: "orders records without case", caught: []string{"RecordsInOrderOfKeys"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, records: func(ctx context.Context, q inventory.RecordQuery) recordRows {
					return sorted(inner.Records(ctx, q), func(a, b inventory.Record) int {
						return strings.Compare(strings.ToLower(a.Kind+" "+a.ID), strings.ToLower(b.Kind+" "+b.ID))
					})
				}}
			},
		},
	}
}

func listingBugs() []bug {
	return []bug{
		{
			name: "goes on by offset", caught: []string{"ChangesDuringTheListing"}, plant: pagingByOffset,
		},
		{
			name: "lists operations again that move to the end", caught: []string{"OperationsListingEnds"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, operations: func(ctx context.Context, q inventory.OperationQuery) operationRows {
					return chasing(ctx, inner, q)
				}}
			},
		},
		{
			name: "refuses changes while somebody lists", caught: []string{"AnyMethodInsideTheLoop", "ChangesDuringTheListing"},
			plant: busyWhileListing,
		},
		{
			name: "forgets what was left open", caught: []string{"EarlyStop"}, plant: leavingOpen,
		},
		{
			name: "ends a cancelled listing quietly", caught: []string{"CancelledListing"},
			plant: func(inner inventory.Inventory) inventory.Inventory {
				return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
					return func(yield func(snapshot.Snapshot, error) bool) {
						for r, err := range inner.Snapshots(ctx, q) {
							if err != nil || !yield(r, nil) {
								return
							}
						}
					}
				}}
			},
		},
		{
			name: "reads from an old copy", caught: []string{"ReadsSeeWholeCommitsInOrder"}, plant: readingOld,
		},
	}
}

func pagingByOffset(inner inventory.Inventory) inventory.Inventory {
	return &mutant{Inventory: inner, snapshots: func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
		return func(yield func(snapshot.Snapshot, error) bool) {
			for q.Limit = 100; ; q.Offset += q.Limit {
				n := 0
				for r, err := range inner.Snapshots(ctx, q) {
					if n++; !yield(r, err) {
						return
					}
				}
				if n < q.Limit {
					return
				}
			}
		}
	}}
}

// chasing reads page by page, up to whatever the end is by then.
func chasing(ctx context.Context, inner inventory.Inventory, q inventory.OperationQuery) operationRows {
	return func(yield func(inventory.Operation, error) bool) {
		for more := true; more; {
			more = false
			page := q
			page.Limit = 50
			for o, err := range inner.Operations(ctx, page) {
				if q.After, more = o.Seq, true; !yield(o, err) {
					return
				}
			}
		}
	}
}

func busyWhileListing(inner inventory.Inventory) inventory.Inventory {
	var open atomic.Int64
	m := &mutant{Inventory: inner}
	m.snapshots = func(ctx context.Context, q inventory.SnapshotQuery) snapshotRows {
		return func(yield func(snapshot.Snapshot, error) bool) {
			open.Add(1)
			defer open.Add(-1)
			inner.Snapshots(ctx, q)(yield)
		}
	}
	m.commit = func(ctx context.Context, c inventory.Change) error {
		if open.Load() > 0 {
			return inventory.ErrUnavailable
		}
		return inner.Commit(ctx, c)
	}
	return m
}

// leavingOpen has ten connections, and loses one with each loop that breaks off.
func leavingOpen(inner inventory.Inventory) inventory.Inventory {
	var open atomic.Int64
	return &mutant{Inventory: inner, volumes: func(ctx context.Context, q inventory.VolumeQuery) volumeRows {
		return func(yield func(inventory.Volume, error) bool) {
			if open.Add(1) > 10 {
				yield(inventory.Volume{}, inventory.ErrUnavailable)
				return
			}
			for v, err := range inner.Volumes(ctx, q) {
				if !yield(v, err) {
					return
				}
			}
			open.Add(-1)
		}
	}}
}

// readingOld has a replica of the volumes that hears of each change three reads late.
func readingOld(inner inventory.Inventory) inventory.Inventory {
	var mu sync.Mutex
	replica := map[snapshot.VolumeID]inventory.Volume{}
	late := 0
	return &mutant{Inventory: inner, volume: func(v inventory.Volume) inventory.Volume {
		mu.Lock()
		defer mu.Unlock()
		old, found := replica[v.ID]
		if late++; found && old.Version != v.Version && late <= 3 {
			return old
		}
		replica[v.ID], late = v, 0
		return v
	}}
}

func timeBugs() []bug {
	seen := func(edit func(time.Time) time.Time) func(inventory.Inventory) inventory.Inventory {
		return func(inner inventory.Inventory) inventory.Inventory {
			return &mutant{Inventory: inner, snap: func(r snapshot.Snapshot) snapshot.Snapshot {
				r.TakenAt = edit(r.TakenAt)
				return r
			}}
		}
	}
	return []bug{
		{
			name: "returns local times", caught: []string{"TimesInUTCMicroseconds"},
			plant: seen(func(at time.Time) time.Time { return at.In(time.FixedZone("here", 3600)) }),
		},
		{
			name: "keeps milliseconds", caught: []string{"TimesInUTCMicroseconds", "SnapshotFields"},
			plant: seen(func(at time.Time) time.Time { return at.Truncate(time.Millisecond) }),
		},
		{
			name: "reads an unset time as 1970", caught: []string{"SnapshotFields"},
			plant: seen(func(at time.Time) time.Time {
				if at.IsZero() {
					return time.Unix(0, 0).UTC()
				}
				return at
			}),
		},
	}
}
