package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Where a revert drops younger snapshots, their records say that they are going before the array is asked, so that nobody
// begins to use or hold one; after it those that went leave the tree one by one, for they may be more than fit one commit.

const (
	stepCondemnYounger = "CondemnYounger"
	stepDropYounger    = "DropYounger"
)

func doCondemnYounger(ctx context.Context, r *run, _ driver.Attempt) error {
	return partly(r.setStates(ctx, snapshot.Deleting, r.mayGo, r.unkept))
}

// mayGo reports whether the revert may drop the snapshot.
func (r *run) mayGo(s snapshot.Snapshot) bool { return slices.Contains(r.p.MayDrop, refOf(s)) }

// unkept refuses a snapshot that is held or used by now.
func (r *run) unkept(s snapshot.Snapshot) error {
	if b := kept(s, r.e.now()); len(b) > 0 {
		return driver.Blocked(driver.ErrInUse, b, "snapshot %s must be kept", s.ID)
	}
	return nil
}

func doDropYounger(ctx context.Context, r *run, _ driver.Attempt) error {
	for _, ref := range r.p.Dropped {
		row, found, err := r.rowOf(ctx, ref)
		if err != nil {
			return classified(err)
		}
		if !found {
			continue // foreign, or out of the tree already
		}
		r.p.Gone = append(r.p.Gone, row.ID)
		if err := r.dropRow(ctx, row); err != nil {
			return errors.Join(errLost, err)
		}
	}
	return r.setStates(ctx, snapshot.Ready, r.mayGo, anyway) // what the array has kept after all
}

func anyway(snapshot.Snapshot) error { return nil }
