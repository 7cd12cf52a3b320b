package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// impactTimeout is how long a plan waits for a host's word on what a revert would cost there.
const impactTimeout = 10 * time.Second

// warnings are about what is allowed and yet should be known. Only the host's impact is asked for; all else is known by now.
func (r *run) warnings(ctx context.Context, p Plan) ([]string, error) {
	var all []string
	err := r.each(func() error {
		all = append(all, r.contentWarnings(p)...)
		all = append(all, r.limitWarnings(p)...)
		all = append(all, r.arrayWarnings()...)
		more, err := r.snapshotWarnings(ctx)
		all = append(all, more...)
		if r.has(stepDetach) {
			all = append(all, r.impact(ctx)...)
		}
		return err
	})
	if f := r.d.Freeze; f != nil && len(f.Hosts) == 0 {
		all = append(all, "nobody can hold the writes, so what is taken will be as after a power cut")
	}
	return all, err
}

func (r *run) contentWarnings(p Plan) (all []string) {
	if r.vol.HeadUnknown {
		all = append(all, "nobody knows which snapshot the content of "+r.theVolume()+" descends from")
	}
	if r.p.Follows && r.p.Snapshot.IsZero() {
		all = append(all, r.theVolume()+" has no snapshot of that instant, so nobody will know what its content descends from")
	}
	lost := slices.ContainsFunc(p.Vanish, func(l PlannedLoss) bool { return l.Kind == lossContent && l.ID == r.vol.ID.String() })
	switch {
	case lost && r.desc.Facts.RevertDropsYounger:
		all = append(all, fmt.Sprintf(
			"the content that %s has now is lost; its backend cannot keep it, since a revert drops younger snapshots", r.theVolume()))
	case lost:
		all = append(all, "the content that "+r.theVolume()+" has now is lost, unless the request keeps it as a snapshot")
	}
	if r.has(stepRevert) && r.b.able.Access == nil && r.p.Attachment == nil && !r.desc.Facts.RevertFenced {
		all = append(all, "nothing keeps writers away but a person's word; if the revert's reply is lost, it waits for a person")
	}
	return all
}

// limitWarnings tell when the volume comes near to the most snapshots that it may have: within a tenth, or the last one.
func (r *run) limitWarnings(p Plan) []string {
	limit, adds := r.desc.Limits.SnapshotsPerVolume, 0
	for _, s := range p.Steps {
		mine := s.Volume.IsZero() || s.Volume == r.p.Volume
		if s.Name == stepGroup || mine && (s.Name == stepCreate || s.Name == stepKeep || s.Name == stepQuiesced) {
			adds++
		}
	}
	then := r.vol.SnapshotCount + adds
	if adds == 0 || limit <= 0 || r.desc.Facts.LimitUnit != driver.UnitVolume || limit-then > max(1, limit/10) {
		return nil
	}
	return []string{fmt.Sprintf("%s then has %d of the %d snapshots that its backend allows", r.theVolume(), then, limit)}
}

func (r *run) arrayWarnings() (all []string) {
	if r.b == nil { // nothing is done at an array
		return nil
	}
	facts, name := r.desc.Facts, r.b.name
	if facts.DeleteToTrash && (r.has(stepDelete) || r.has(stepDropSnapshots)) {
		all = append(all, fmt.Sprintf(
			"backend %q keeps what is deleted in its trash for a while, where it may still count as a snapshot", name))
	}
	if facts.SnapshotsDieWithVolume && r.has(stepDeleteVolume) {
		all = append(all, fmt.Sprintf("backend %q also deletes those of the volume's snapshots that the inventory does not know", name))
	}
	if facts.RevertChangesID && r.has(stepRevert) {
		all = append(all, fmt.Sprintf("backend %q gives the volume another id with the revert", name))
	}
	return all
}

// snapshotWarnings are about the snapshot that the operation uses, unless it is only about to be made.
func (r *run) snapshotWarnings(ctx context.Context) (all []string, err error) {
	if r.p.Snapshot.IsZero() {
		return nil, nil
	}
	s, err := r.e.inv.Snapshot(ctx, r.p.Snapshot)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, classified(err)
	}
	if s.Lineage == snapshot.Assumed && (r.has(stepRevert) || r.has(stepClone) || r.has(stepDelete)) {
		all = append(all, "the place of snapshot "+label(s.Name, s.ID.Short())+" in the tree is assumed from its time, not recorded")
	}
	if r.has(stepRevert) && s.Size != r.vol.Size {
		all = append(all, fmt.Sprintf("snapshot %s has %s, %s has %s now, and may get the snapshot's size",
			label(s.Name, s.ID.Short()), exactly(s.Size), r.theVolume(), exactly(r.vol.Size)))
	}
	return all, nil
}

// impact asks the host, if it can tell, what it would lose.
func (r *run) impact(ctx context.Context) []string {
	teller := r.h.host.Abilities().Impact
	if teller == nil {
		return nil
	}
	limit := min(r.e.opts.CallTimeout, impactTimeout)
	lost, err := askFor(ctx, r, "Impact", limit, func(ctx context.Context) ([]driver.Blocker, error) {
		return teller.Impact(ctx, r.p.Attachment.LUN)
	})
	if err != nil {
		return []string{fmt.Sprintf("host %q could not say what it would lose: %v", r.p.Host, err)}
	}
	all := make([]string, len(lost))
	for i, b := range lost {
		all[i] = fmt.Sprintf("host %q would lose, or must stop, %s", r.p.Host, b)
	}
	return all
}
