package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Plan says what the request would do now, without doing any of it: the request's own checks are made, of the inventory,
// the array and the host, and the steps are listed that they choose. What would be refused is a plan too, with Refusal. Put its
// Version into the request's IfVersion, and what was shown is what runs, or nothing.
//
// Nothing is locked, written or queued, whatever the request's OperationID. (The first contact with a backend or host writes
// which one its name stands for, as every first contact does.) Errors: an [*Error] with ErrInvalid for a request that is wrong
// in itself; with ErrUnavailable or ErrIndeterminate if inventory, backend or host cannot be asked.
func (e *Engine) Plan(ctx context.Context, req Request) (Plan, error) {
	if req = value(req); req == nil {
		return Plan{}, driver.Errorf(driver.ErrInvalid, "engine: no request")
	}
	k := e.kinds[req.kind()]
	if err := req.validate(); err != nil {
		return Plan{}, refused(k.name, err, "correct the request")
	}
	if e.isClosing() {
		return Plan{}, refused(k.name, errClosed(), "")
	}
	r, prior, err := e.runOf(ctx, k, req)
	switch {
	case err != nil:
		return turnedDown("", Plan{Kind: k.name}, err)
	case r == nil:
		return repeating(prior), nil
	}
	return r.foresee(ctx)
}

func (e *Engine) isClosing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closing
}

// repeating is the plan of a request that was made before: nothing.
func repeating(prior inventory.Operation) Plan {
	p := Plan{Kind: prior.Kind, Repeats: prior.ID, Warnings: []string{
		fmt.Sprintf("operation %s, which was asked for with this id before, is %s: nothing is done again", prior.ID, prior.State),
	}}
	p.Version = versionOf("", p)
	return p
}

// turnedDown completes the plan of a request that would be refused, unless the error says nothing of the request.
func turnedDown(argsHash string, p Plan, err error) (Plan, error) {
	class := driver.ClassOf(classified(err))
	if class == driver.ErrUnavailable || class == driver.ErrIndeterminate {
		return Plan{}, refused(p.Kind, err, "")
	}
	p.Refusal = &PlannedRefusal{Class: class, Code: class.Error(), Text: err.Error()}
	if known, ok := errors.AsType[*Error](err); ok {
		p.Refusal.Text, p.Refusal.Next = known.Err.Error(), known.Next
	}
	p.Blockers = driver.BlockersOf(err)
	p.Version = versionOf(argsHash, p)
	return p, nil
}

// foresee makes the plan of a run that will never begin.
func (r *run) foresee(ctx context.Context) (Plan, error) {
	r.planning = true
	r.d.IfVersion = ""
	volumes, err := r.kind.locate(ctx, r.e, r.req)
	if err != nil {
		return turnedDown(r.argsHash, Plan{Kind: r.kind.name}, err)
	}
	change, err := r.intend(ctx)
	if err == nil && len(r.op.Steps) > 0 {
		err = r.lockContainers(ctx, &change) // only to learn whether they can be had
	}
	queued, qerr := r.before(ctx, volumes)
	if qerr != nil {
		return Plan{}, refused(r.kind.name, qerr, "")
	}
	if err != nil {
		p := Plan{Kind: r.kind.name, Queued: queued, Checks: r.fore.checks}
		for _, m := range r.members {
			if !m.vol.ID.IsZero() && m.vol.Version > 0 {
				p.Volumes = append(p.Volumes, plannedVolume(m.vol))
			}
		}
		return turnedDown(r.argsHash, p, err)
	}
	p, err := r.depict(ctx, change)
	if err != nil {
		return Plan{}, refused(r.kind.name, err, "")
	}
	p.Queued, p.Checks = queued, r.fore.checks
	p.Version = versionOf(r.argsHash, p)
	p.Warnings, err = r.warnings(ctx, p)
	if err != nil {
		return Plan{}, refused(r.kind.name, err, "")
	}
	return p, nil
}

// before lists the operations that have the volumes, or wait for their turn. One that waits for a person or for time is
// not among them: it is what the request is refused for.
func (r *run) before(ctx context.Context, volumes []snapshot.VolumeID) ([]driver.Blocker, error) {
	var before []driver.Blocker
	seen := make(map[inventory.OperationID]bool)
	add := func(op inventory.Operation) {
		if op.State.Open() && op.State != inventory.Waiting && !seen[op.ID] {
			seen[op.ID] = true
			before = append(before, driver.Blocker{Kind: "operation", ID: op.ID.String(), Name: op.Kind, Since: op.CreatedAt})
		}
	}
	for _, v := range volumes {
		for op, err := range r.e.inv.Operations(ctx, inventory.OperationQuery{Volume: v, Open: true}) {
			if err != nil {
				return nil, classified(err)
			}
			add(op)
		}
	}
	for _, key := range r.d.Containers {
		lock, version, err := r.containerLock(ctx, key)
		if err != nil {
			return nil, err
		}
		op, err := r.e.inv.Operation(ctx, lock.Operation)
		switch {
		case version == 0 || errors.Is(err, inventory.ErrNotFound):
		case err != nil:
			return nil, classified(err)
		default:
			add(op)
		}
	}
	return before, nil
}

// depict says what the intent and its steps would do: all of a plan that a version is made of.
func (r *run) depict(ctx context.Context, change inventory.Change) (Plan, error) {
	p := Plan{Kind: r.kind.name, Vanish: r.fore.losses}
	for _, c := range change.Volumes {
		v, err := r.plannedVolume(ctx, change, c)
		if err != nil {
			return p, err
		}
		p.Volumes = append(p.Volumes, v)
	}
	for _, m := range r.members { // what the intent leaves alone
		if !slices.ContainsFunc(change.Volumes, func(c inventory.VolumeChange) bool { return c.Volume.ID == m.vol.ID }) &&
			m.vol.Version > 0 {
			p.Volumes = append(p.Volumes, plannedVolume(m.vol))
		}
	}
	for i, s := range r.op.Steps {
		r.focus(s.Volume)
		step := r.kind.steps[s.Name].tell(r)
		step.Name, step.Volume, step.Pivot = s.Name, s.Volume, i == r.pivot()
		step.Calls = slices.DeleteFunc(step.Calls, func(c PlannedCall) bool { return c.Count == 0 && !c.AtLeast })
		p.Steps = append(p.Steps, step)
	}
	r.focus(snapshot.VolumeID{})
	p.Steps = append(p.Steps, PlannedStep{
		Name: stepOutcome, Does: r.kind.ends(r), Pivot: r.pivot() == len(r.op.Steps), Calls: []PlannedCall{commits(1)},
	})
	for _, s := range p.Steps {
		for _, c := range s.Calls {
			if c.Target == TargetHost && c.Mutates && !slices.Contains(p.Hosts, c.Name) {
				p.Hosts = append(p.Hosts, c.Name)
			}
		}
	}
	for _, m := range r.members {
		if m.p.Attachment != nil && slices.Contains(p.Hosts, m.p.Host) {
			p.Holders = append(p.Holders, m.p.Attachment.Holders...)
		}
	}
	return p, nil
}

// stepOutcome is the name of what ends every plan.
const stepOutcome = "Outcome"

// plannedVolume says what becomes of one header.
func (r *run) plannedVolume(ctx context.Context, change inventory.Change, c inventory.VolumeChange) (PlannedVolume, error) {
	r.focus(c.Volume.ID)
	v := plannedVolume(c.Volume)
	if v.New = c.IfVersion == 0; v.New {
		v.ID = snapshot.VolumeID{} // it would be another one
	} else {
		v = plannedVolume(r.vol)
		v.Gone = c.Delete || r.vol.DeletedAt.IsZero() && !c.Volume.DeletedAt.IsZero()
		v.HeadAfter = headOf(c.Volume)
	}
	if r.kind.after != nil {
		r.kind.after(r, change, &v)
	}
	for _, s := range change.Put {
		if s.ID == v.HeadAfter.Snapshot && s.Version == 0 {
			v.HeadAfter = PlannedHead{New: true, Name: s.Name} // it would be another one
		}
	}
	for _, head := range []*PlannedHead{&v.HeadBefore, &v.HeadAfter} {
		if head.Snapshot.IsZero() {
			continue
		}
		s, err := r.e.inv.Snapshot(ctx, head.Snapshot)
		if err != nil && !errors.Is(err, inventory.ErrNotFound) {
			return v, classified(err)
		}
		head.Name = s.Name
	}
	return v, nil
}

func headOf(v inventory.Volume) PlannedHead {
	return PlannedHead{Snapshot: v.Head, Unknown: v.HeadUnknown}
}

// plannedVolume is a header as it is.
func plannedVolume(v inventory.Volume) PlannedVolume {
	head := headOf(v)
	return PlannedVolume{
		ID: v.ID, Name: v.Name, Backend: v.Backend, Native: v.Native, Size: v.Size, Version: v.Version,
		HeadBefore: head, HeadAfter: head,
	}
}
