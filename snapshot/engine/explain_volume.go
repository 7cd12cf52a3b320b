package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// ExplainVolume explains a volume: whether it can be used, what its content descends from, which operation has it and how that
// one stands. It asks neither arrays nor hosts. Errors: ErrNotFound, the inventory's.
func (e *Engine) ExplainVolume(ctx context.Context, id snapshot.VolumeID) (Explanation, error) {
	vol, err := e.inv.Volume(ctx, id)
	if err != nil {
		return Explanation{}, classified(err)
	}
	x := Explanation{Subject: called("volume", vol.Name, id.String()), State: "free"}
	x.About = append(x.About, fmt.Sprintf("%s is %s; %s", x.Subject, id, e.whereIs(vol)))
	if !vol.Origin.IsZero() {
		x.Happened = append(x.Happened, fmt.Sprintf("it was cloned from snapshot %s of volume %s", vol.Origin, vol.OriginVolume))
	}
	if len(vol.Former) > 0 {
		x.Happened = append(x.Happened, fmt.Sprintf("the array gave it new ids with reverts; before, it was %s", vol.Former))
	}
	x.Now = append(x.Now, e.headOf(ctx, vol), "it has "+count(vol.SnapshotCount, "snapshot"))
	switch {
	case !vol.DeletedAt.IsZero():
		x.State = "deleted"
		x.Now = append(x.Now, "the array's volume was deleted on "+stamp(vol.DeletedAt)+"; only its snapshots are left")
		x.Next = append(x.Next, "its snapshots can be cloned and deleted; forget it when they are gone")
	case vol.Pending.IsZero():
		x.Next = append(x.Next, "it takes any operation")
	default:
		x.State = "busy"
		return x, e.explainBusy(ctx, vol, &x)
	}
	return x, nil
}

// whereIs says where a volume is, in the words of the array and the host.
func (e *Engine) whereIs(vol inventory.Volume) string {
	text := fmt.Sprintf("backend %q calls it %s", vol.Backend, vol.Native)
	if vol.Native == "" {
		text = fmt.Sprintf("backend %q has no volume for it", vol.Backend)
	}
	if vol.Host != "" {
		text += fmt.Sprintf("; host %q calls it %s", vol.Host, vol.Disk)
	}
	if _, err := e.backend(vol.Backend); err != nil {
		text += "; this program was not given that backend"
	}
	return text
}

func (e *Engine) headOf(ctx context.Context, vol inventory.Volume) string {
	switch {
	case vol.HeadUnknown:
		return "nobody knows what its content descends from, since a revert was abandoned; the next revert or snapshot settles that"
	case vol.Head.IsZero():
		return "its content descends from no snapshot"
	}
	name := ""
	if s, err := e.inv.Snapshot(ctx, vol.Head); err == nil {
		name = s.Name
	}
	return fmt.Sprintf("its content descends from %s (%s)", called("snapshot", name, vol.Head.String()), vol.Head)
}

// explainBusy adds how the operation stands that has the volume, with its warnings and choices.
func (e *Engine) explainBusy(ctx context.Context, vol inventory.Volume, x *Explanation) error {
	about, err := e.ExplainOperation(ctx, vol.Pending)
	if errors.Is(err, driver.ErrNotFound) {
		x.Now = append(x.Now, fmt.Sprintf("it is marked busy by operation %s, which is not in the inventory", vol.Pending))
		x.Next = append(x.Next, "that should not be: look whether the inventory was restored in part")
		return nil
	}
	if err != nil {
		return err
	}
	op, err := e.inv.Operation(ctx, vol.Pending)
	if err != nil {
		return classified(err)
	}
	x.Blockers = []driver.Blocker{{Kind: "operation", ID: op.ID.String(), Name: op.Kind, Since: op.CreatedAt}}
	x.Now = append(x.Now, fmt.Sprintf("%s is %s:", about.Subject, about.State))
	x.Now = append(x.Now, about.Now...)
	x.Safe, x.DoNot, x.Choices, x.Next = about.Safe, about.DoNot, about.Choices, about.Next
	x.Next = append(x.Next, "explain the operation for all of its steps")
	return nil
}
