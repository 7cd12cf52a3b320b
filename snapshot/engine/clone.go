package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	stepClone      = "Clone"
	stepCloneGrant = "GrantClone"
	stepIntroduce  = "Introduce"
	stepCloneSplit = "SplitClone"
)

// cloneKind: intent (the new volume, pending; the snapshot pinned) → Clone → [Grant → Introduce] → outcome. The outcome is
// the pivot: until then everything can be taken back.
func cloneKind() *kind {
	return &kind{
		name: kindClone, format: 1, decode: decodeAs[CloneRequest], locate: locateNothing,
		prepare: prepareClone, outcome: clonedOutcome, failed: cloneFailed,
		abandon: abandonClone, leaves: cloneLeaves, explain: explainClone, aim: "clone {snapshot} into {volume}",
		steps: map[string]step{
			stepClone:      {do: doClone, undo: undoClone, tell: tellClone},
			stepCloneGrant: {do: doCloneGrant, undo: undoCloneGrant, late: true, tell: tellCloneGrant},
			stepIntroduce:  {do: doIntroduce, undo: undoIntroduce, tell: tellIntroduce},
			stepCloneSplit: {do: doCloneSplit, tell: tellSplit},
		},
		ends:    says("the new volume is in the inventory, with the snapshot as its origin"),
		touches: func(r *run) bool { return r.has(stepCloneGrant) || r.has(stepCloneSplit) },
	}
}

func prepareClone(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(CloneRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	source, err := r.readySnapshot(ctx, req.Snapshot)
	if err != nil {
		return none, err
	}
	parent, err := r.e.inv.Volume(ctx, source.Volume)
	if err != nil {
		return none, classified(err)
	}
	if err := r.openBackend(ctx, parent.Backend); err != nil {
		return none, err
	}
	if err := r.cloneable(req, source); err != nil {
		return none, err
	}
	if err = r.chooseTokens(ctx); err != nil {
		return none, err
	}
	r.newVolume(req, source, parent)
	r.d.Snapshot, r.d.Ref = source.ID, refOf(source)
	r.plan(stepClone)
	r.planIf(req.Split && r.desc.Facts.CloneDependence == driver.CloneUntilSplit, stepCloneSplit)
	if req.Host != "" {
		if err := r.introducible(ctx, req.Host, parent); err != nil {
			return none, err
		}
	}
	pin := snapshot.Pin{Operation: r.id.String(), Reason: "clone " + req.Name, Since: r.e.now()}
	source.Pins = append(slices.Clone(source.Pins), pin)
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol)), Put: []snapshot.Snapshot{source}}, nil
}

func (r *run) cloneable(req CloneRequest, source snapshot.Snapshot) error {
	split := r.desc.Facts.CloneDependence
	switch limit := r.desc.Limits.MaxVolumeSize; {
	case req.Split && (split == driver.CloneDependent || split == driver.CloneUntilSplit && r.b.able.Splitter == nil):
		return driver.Errorf(driver.ErrUnsupported, "backend %q cannot make a clone independent of its snapshot", r.b.name)
	case r.b.able.Cloner == nil:
		return driver.Errorf(driver.ErrUnsupported, "backend %q cannot clone", r.b.name)
	case req.Size != 0 && req.Size < source.Size:
		return driver.Errorf(driver.ErrInvalid,
			"a clone of %d bytes is smaller than snapshot %s of %d bytes", req.Size, source.ID, source.Size)
	case limit > 0 && req.Size > limit:
		return driver.Errorf(driver.ErrInvalid, "size %d bytes; backend %q allows %d", req.Size, r.b.name, limit)
	}
	return nil
}

// newVolume is the record of the volume that the clone will be.
func (r *run) newVolume(req CloneRequest, source snapshot.Snapshot, parent inventory.Volume) {
	owner := req.Owner
	if owner == "" {
		owner = parent.Owner
	}
	r.vol = inventory.Volume{
		ID: snapshot.NewID[snapshot.VolumeID](), Backend: parent.Backend, Name: req.Name, ExternalID: req.ExternalID, Owner: owner,
		Labels: maps.Clone(req.Labels), Host: req.Host, Size: max(req.Size, source.Size), Container: parent.Container,
		Origin: source.ID, OriginVolume: source.Volume, Token: r.d.Token, CreatedAt: r.e.now(),
	}
	r.p.Volume, r.op.Volumes = r.vol.ID, []snapshot.VolumeID{r.vol.ID}
	r.op.Owner = owner
}

// introducible plans how the clone gets to its host, beside its source.
func (r *run) introducible(ctx context.Context, host string, parent inventory.Volume) error {
	if err := r.useHost(ctx, host); err != nil {
		return err
	}
	desc, err := r.e.describeHost(ctx, r.h)
	if err != nil {
		return err
	}
	if !desc.Resign {
		return driver.Errorf(driver.ErrUnsupported,
			"host %q cannot give a clone an identity of its own, so it would be taken for its source", host)
	}
	source := r.lun(parent)
	r.d.Source = &source
	if r.b.able.Access != nil {
		r.plan(stepCloneGrant)
	}
	r.plan(stepIntroduce)
	return nil
}

func doClone(ctx context.Context, r *run, at driver.Attempt) error {
	req := r.req.(CloneRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	v, err := askLong(ctx, r, "Clone", func(ctx context.Context) (driver.Volume, error) {
		return r.b.able.Cloner.Clone(ctx, driver.CloneRequest{
			Snapshot: r.d.Ref, Token: r.d.Token, Name: fitted(req.Name, r.desc.Limits), Size: req.Size, Labels: req.Labels,
			Progress: req.Progress, Attempt: at, Notes: r.notes(),
		})
	})
	if err != nil {
		return err
	}
	if v.ID == "" {
		return badAnswer("Clone", "the driver answered without the volume's id")
	}
	r.d.Now = nowOf(v)
	return nil
}

func tellClone(r *run) PlannedStep {
	req := r.req.(CloneRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	return PlannedStep{
		Does: fmt.Sprintf("the array makes a new volume, %q, with the snapshot's content", req.Name), Undo: "the new volume is deleted",
		Calls: r.sends("Clone"),
	}
}

// doCloneSplit has no undo of its own: undoing the clone removes it, split or not.
func doCloneSplit(ctx context.Context, r *run, at driver.Attempt) error {
	_, err := askLong(ctx, r, "Split", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.b.able.Splitter.Split(ctx, driver.SplitRequest{
			Volume: r.p.Now.Native, Token: r.p.SplitToken, Attempt: at, Notes: r.notes(),
		})
	})
	return err
}

func undoClone(ctx context.Context, r *run, at driver.Attempt) error {
	req := driver.DiscardRequest{Snapshot: r.d.Ref, Token: r.d.Token, Attempt: at, Notes: r.notes()}
	if r.d.Now != nil {
		req.Volume = r.d.Now.Native
	}
	return absentIsDone(act(ctx, r, "Discard", func(ctx context.Context) error { return r.b.able.Cloner.Discard(ctx, req) }))
}

func doCloneGrant(ctx context.Context, r *run, at driver.Attempt) error {
	initiators, err := ask(ctx, r, "Initiators", func(ctx context.Context) ([]driver.Initiator, error) {
		return r.h.host.Initiators(ctx)
	})
	if err != nil {
		return err
	}
	path, err := ask(ctx, r, "Grant", func(ctx context.Context) (driver.Path, error) {
		return r.b.able.Access.Grant(ctx, driver.GrantRequest{
			Volume: r.d.Now.Native, Token: r.d.AccessToken, Initiators: initiators, Attempt: at,
		})
	})
	if err == nil {
		r.d.Path = &path
	}
	return err
}

func tellCloneGrant(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("backend %q gives host %q access to the new volume", r.p.Backend, r.p.Host), Undo: "access is taken away",
		Calls: r.sends("Initiators", "Grant"),
	}
}

func undoCloneGrant(ctx context.Context, r *run, at driver.Attempt) error {
	_, err := ask(ctx, r, "Revoke", func(ctx context.Context) (driver.AccessRecord, error) {
		return r.b.able.Access.Revoke(ctx, driver.RevokeRequest{
			Volume: r.d.Now.Native, Token: r.d.AccessToken, Attempt: at, Notes: r.notes(),
		})
	})
	return absentIsDone(err)
}

// cloneLUN names the clone towards its host.
func (r *run) cloneLUN() driver.LUN {
	now := r.d.Now
	return driver.LUN{Backend: r.desc.Backend, Volume: now.Native, Serial: now.Serial, Size: now.Size}
}

func doIntroduce(ctx context.Context, r *run, at driver.Attempt) error {
	req := r.req.(CloneRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	intro := driver.IntroduceRequest{
		LUN: r.cloneLUN(), Token: r.d.HostToken, Name: req.Name, Clone: true, Source: *r.d.Source, Labels: req.Labels,
		Attempt: at, Notes: r.notes(),
	}
	if r.d.Path != nil {
		intro.Path = *r.d.Path
	}
	disk, err := askLong(ctx, r, "Introduce", func(ctx context.Context) (driver.Disk, error) {
		return r.h.host.Introduce(ctx, intro)
	})
	if err == nil {
		r.d.Disk = disk
	}
	return err
}

func tellIntroduce(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("host %q gives the clone an identity of its own and attaches it", r.p.Host),
		Undo: "the host forgets it", Calls: r.sends("Introduce"),
	}
}

func undoIntroduce(ctx context.Context, r *run, at driver.Attempt) error {
	return absentIsDone(act(ctx, r, "Withdraw", func(ctx context.Context) error {
		return r.h.host.Withdraw(ctx, driver.WithdrawRequest{
			LUN: r.cloneLUN(), Token: r.d.HostToken, Disk: r.d.Disk, Attempt: at, Notes: r.notes(),
		})
	}))
}

func clonedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	vol, now := r.unpend(), r.d.Now
	vol.Native, vol.Serial, vol.Size, vol.Container, vol.Disk = now.Native, now.Serial, now.Size, now.Container, r.d.Disk
	vol.Independent = r.has(stepCloneSplit)
	change, err := r.unpinned(ctx, r.volumeChange(vol))
	change.Records = []inventory.RecordChange{nameSeen(vol.ID, now.Name, 0)}
	return change, Result{Volume: vol.ID, Snapshot: r.d.Snapshot}, err
}

func cloneFailed(ctx context.Context, r *run) (inventory.Change, error) {
	gone := r.volumeChange(r.vol)
	gone[0].Delete = true
	return r.unpinned(ctx, gone)
}

// unpinned takes the operation's pin off the source.
func (r *run) unpinned(ctx context.Context, volumes []inventory.VolumeChange) (inventory.Change, error) {
	change := inventory.Change{Volumes: volumes}
	source, err := r.rowNow(ctx, r.d.Snapshot)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return change, nil // its volume was forgotten in the moment of the intent, or a revert has dropped it
	case err != nil:
		return change, err
	}
	mine := func(p snapshot.Pin) bool { return p.Operation == r.id.String() }
	if slices.ContainsFunc(source.Pins, mine) {
		source.Pins = slices.DeleteFunc(slices.Clone(source.Pins), mine)
		change.Put = []snapshot.Snapshot{source}
	}
	return change, nil
}
