package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Explanation says, for a person, how something stands, why, what stands in the way and what would help. It is made from
// the inventory alone, so it works while arrays and hosts are down.
type Explanation struct {
	_ [0]func()

	// Subject names the thing, State how it stands, in one word.
	Subject string `json:"subject"`
	State   string `json:"state"`
	// Happened are sentences about what took place so far, in order; Blockers what stands in the way now.
	Happened []string         `json:"happened"`
	Blockers []driver.Blocker `json:"blockers,omitempty"`
	// Next are sentences about what would help, or what happens by itself.
	Next []string `json:"next"`
}

// String returns the explanation as lines of text.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", x.Subject, x.State)
	for _, s := range x.Happened {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	for _, bl := range x.Blockers {
		fmt.Fprintf(&b, "  in the way: %s\n", bl)
	}
	for _, s := range x.Next {
		fmt.Fprintf(&b, "  next: %s\n", s)
	}
	return b.String()
}

// ExplainOperation explains an operation: which steps are done, what it waits for, what is safe. Error: ErrNotFound.
func (e *Engine) ExplainOperation(ctx context.Context, id inventory.OperationID) (Explanation, error) {
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return Explanation{}, classified(err)
	}
	return e.explainOperation(op), nil
}

func (e *Engine) explainOperation(op inventory.Operation) Explanation {
	x := Explanation{Subject: fmt.Sprintf("operation %s (%s)", op.ID, op.Kind), State: string(op.State)}
	asked := "asked for on " + stamp(op.CreatedAt)
	if op.Actor != "" {
		asked += " by " + op.Actor
	}
	x.Happened = append(x.Happened, asked)
	for i, s := range op.Steps {
		x.Happened = append(x.Happened, explainStep(op, i, s))
	}
	if op.Error != "" && !slices.ContainsFunc(op.Steps, func(s inventory.Step) bool { return s.Error == op.Error }) {
		x.Happened = append(x.Happened, "error: "+op.Error)
	}
	x.Next = append(x.Next, e.next(op))
	return x
}

func explainStep(op inventory.Operation, i int, s inventory.Step) string {
	text := fmt.Sprintf("step %d of %d, %s: ", i+1, len(op.Steps), s.Name)
	switch s.State {
	case inventory.StepPlanned:
		text += "not begun"
	case inventory.StepSent:
		text += "sent on " + stamp(s.SentAt) + "; its outcome is not in the journal"
	case inventory.StepDone:
		text += "done"
	case inventory.StepUndone:
		text += "undone"
	}
	if s.Error != "" {
		text += " (" + s.Error + ")"
	}
	return text
}

// next says what becomes of the operation.
func (e *Engine) next(op inventory.Operation) string {
	back := ""
	if op.Undoing {
		back = "; it goes back, so that nothing is left behind"
	}
	switch op.State {
	case inventory.Queued:
		return "it begins when its volume is free"
	case inventory.Running:
		if e.running(op.ID) != nil {
			return "this process works on it" + back
		}
		return fmt.Sprintf("%q works on it, or did when it died: then it is taken up after %s%s",
			op.LeaseOwner, stamp(op.LeaseUntil), back)
	case inventory.Waiting:
		if op.NextAt.IsZero() {
			return "it waits for a person: " + op.Reason + back + "; until then the volume takes no other operation"
		}
		return fmt.Sprintf("%s, not before %s (%d attempts so far)%s", op.Reason, stamp(op.NextAt), op.Attempts, back)
	case inventory.Succeeded:
		return "nothing: it succeeded on " + stamp(op.UpdatedAt)
	case inventory.Failed:
		return "it left nothing behind; the request can be made again"
	case inventory.Abandoned:
	}
	return "a person ended it; look whether something was left behind"
}

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
		x.Happened = append(x.Happened, fmt.Sprintf("volume %s (%s) was cloned from it", v.ID, v.Name))
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
		return "it can be reverted to and cloned; it can be deleted when nothing stands in the way"
	}
	return "it can be reverted to, cloned and deleted"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
