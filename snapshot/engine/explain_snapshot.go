package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// ExplainSnapshot explains a snapshot: why it is in its state, what forbids its deletion and what would allow it.
// Error: ErrNotFound.
func (e *Engine) ExplainSnapshot(ctx context.Context, id snapshot.ID) (Explanation, error) {
	s, err := e.inv.Snapshot(ctx, id)
	if err != nil {
		return Explanation{}, classified(err)
	}
	vol, err := e.inv.Volume(ctx, s.Volume)
	if err != nil {
		return Explanation{}, classified(err)
	}
	x := Explanation{Subject: fmt.Sprintf("snapshot %s (%s) of volume %s", s.ID, s.Name, vol.ID), State: string(s.State)}
	x.Happened = append(x.Happened, origin(s))
	if vol.Head == s.ID {
		x.Happened = append(x.Happened, "the volume's present content descends from it")
	}
	x.Blockers = kept(s, e.now())
	for child, err := range e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: s.Volume, Parent: s.ID}) {
		if err != nil {
			return Explanation{}, classified(err)
		}
		x.Happened = append(x.Happened, fmt.Sprintf("snapshot %s (%s) descends from it", child.ID, child.Name))
	}
	for v, err := range e.inv.Volumes(ctx, inventory.VolumeQuery{Origin: s.ID}) {
		if err != nil {
			return Explanation{}, classified(err)
		}
		is := "was"
		if v.Native == "" {
			is = "is being"
		}
		x.Happened = append(x.Happened, fmt.Sprintf("volume %s (%s) %s cloned from it", v.ID, v.Name, is))
	}
	if err := e.explainPending(ctx, vol, &x); err != nil {
		return Explanation{}, err
	}
	x.Next = append(x.Next, usable(s, x.Blockers))
	return x, nil
}

func origin(s snapshot.Snapshot) string {
	text := "asked for on " + stamp(s.CreatedAt)
	if s.Token == "" {
		text = "made at the array, not by us, on " + stamp(s.TakenAt)
	}
	if s.Lineage == snapshot.Assumed {
		text += "; its place in the tree is assumed from the time"
	}
	return text
}

// explainPending adds what is under way on the volume.
func (e *Engine) explainPending(ctx context.Context, vol inventory.Volume, x *Explanation) error {
	if vol.Pending.IsZero() {
		return nil
	}
	op, err := e.inv.Operation(ctx, vol.Pending)
	if errors.Is(err, inventory.ErrNotFound) {
		x.Happened = append(x.Happened,
			fmt.Sprintf("the volume is marked busy by operation %s, which is not in the inventory", vol.Pending))
		return nil
	}
	if err != nil {
		return classified(err)
	}
	x.Blockers = append(x.Blockers, driver.Blocker{Kind: "operation", ID: op.ID.String(), Name: op.Kind, Since: op.CreatedAt})
	x.Next = append(x.Next, fmt.Sprintf("operation %s (%s) is %s: %s", op.ID, op.Kind, op.State, e.next(op)))
	return nil
}

func usable(s snapshot.Snapshot, blockers []driver.Blocker) string {
	switch s.State {
	case snapshot.Creating:
		return "it can be used once the operation that makes it has succeeded; if that fails, it disappears"
	case snapshot.Deleting:
		return "it disappears once the operation that deletes it has succeeded"
	case snapshot.Missing:
		return "the array no longer has it: it can only be deleted from the inventory"
	case snapshot.Ready:
	}
	if len(blockers) > 0 {
		return "it can be reverted to and cloned; it can be deleted when nothing stands in the way: an operation lets go of it when " +
			"it has ended (explain that one), a hold when it is released or over"
	}
	return "it can be reverted to, cloned and deleted"
}
