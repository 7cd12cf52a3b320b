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

// errElsewhere: another process works on the volume; the request has to wait for it.
var errElsewhere = errors.New("another process works on the volume")

// plan writes steps about the member in focus into the journal.
func (r *run) plan(names ...string) {
	for _, n := range names {
		s := inventory.Step{Name: n, State: inventory.StepPlanned}
		if len(r.members) > 1 {
			s.Volume = r.p.Volume
		}
		r.op.Steps = append(r.op.Steps, s)
	}
}

// planFor is plan for a step about several members, or about one that may be any: it names the one in focus.
func (r *run) planFor(name string) {
	r.op.Steps = append(r.op.Steps, inventory.Step{Name: name, State: inventory.StepPlanned, Volume: r.p.Volume})
}

// has reports whether the step is planned for the member in focus.
func (r *run) has(name string) bool {
	return slices.ContainsFunc(r.op.Steps, func(s inventory.Step) bool {
		return s.Name == name && (s.Volume.IsZero() || s.Volume == r.p.Volume)
	})
}

// openVolume loads the header of the volume that the operation is about, and its backend, and refuses what cannot begin.
func (r *run) openVolume(ctx context.Context, id snapshot.VolumeID) error {
	vol, err := r.e.inv.Volume(ctx, id)
	if err != nil {
		return classified(err)
	}
	if err := r.free(ctx, vol); err != nil {
		return err
	}
	r.vol, r.p.Volume = vol, id
	r.op.Volumes = r.volumeIDs()
	if r.op.Owner == "" {
		r.op.Owner = vol.Owner
	}
	r.p.Native = vol.Native
	return r.openBackend(ctx, vol.Backend)
}

// free refuses a volume on which another operation is open.
func (r *run) free(ctx context.Context, vol inventory.Volume) error {
	return r.freeOf(ctx, vol.Pending, "volume "+vol.ID.String())
}

// freeOf refuses what the operation has for itself, unless that is this one or none: errElsewhere if it goes on by itself.
func (r *run) freeOf(ctx context.Context, id inventory.OperationID, what string) error {
	if id.IsZero() || id == r.id {
		return nil
	}
	other, err := r.e.inv.Operation(ctx, id)
	switch {
	case err != nil && !errors.Is(err, inventory.ErrNotFound):
		return classified(err)
	case err == nil && other.State != inventory.Waiting && r.planning:
		return nil // the plan says that it comes first
	case err == nil && other.State != inventory.Waiting:
		return errElsewhere
	}
	b := driver.Blocker{Kind: "operation", ID: id.String(), Name: other.Kind, Since: other.CreatedAt}
	return driver.Blocked(driver.ErrBusy, []driver.Blocker{b},
		"%s has an operation that waits (%s); explain, retry, resolve or cancel that one first", what, other.Error)
}

// openBackend finds the backend and makes sure that it is up and the one that the name stands for.
func (r *run) openBackend(ctx context.Context, name string) error {
	b, err := r.e.backend(name)
	if err != nil {
		return err
	}
	r.b, r.p.Backend = b, name
	r.desc, err = r.e.describe(ctx, b, false)
	return err
}

// live refuses a volume that is gone at the array.
func (r *run) live() error {
	if !r.vol.DeletedAt.IsZero() {
		return driver.Errorf(driver.ErrNotFound, "volume %s was deleted at the array on %s; only the history of its snapshots is left",
			r.vol.ID, r.vol.DeletedAt.Format(time.RFC3339))
	}
	return nil
}

// readySnapshot loads a snapshot that the operation uses and refuses one that cannot be used.
func (r *run) readySnapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	s, err := r.e.inv.Snapshot(ctx, id)
	if err != nil {
		return s, classified(err)
	}
	switch s.State {
	case snapshot.Ready:
		return s, nil
	case snapshot.Missing:
		return s, driver.Errorf(driver.ErrNotFound, "snapshot %s is missing at the array", id)
	case snapshot.Creating, snapshot.Deleting:
	}
	return s, driver.Errorf(driver.ErrBusy, "snapshot %s is %s", id, s.State)
}

// refOf is how the array knows a snapshot of ours.
func refOf(s snapshot.Snapshot) driver.SnapshotRef {
	return driver.SnapshotRef{Volume: driver.VolumeID(s.NativeVolume), ID: s.Native, Token: driver.Token(s.Token)}
}

// lun names the volume towards its host.
func (r *run) lun(v inventory.Volume) driver.LUN {
	native := v.Native
	if n := len(v.Former); native == "" && n > 0 { // it was deleted; the host may still know it
		native = v.Former[n-1]
	}
	return driver.LUN{Backend: r.desc.Backend, Volume: native, Serial: v.Serial, Size: v.Size, Disk: v.Disk}
}

// openHost finds the host that has the volume attached and remembers how, so that it can be brought back.
func (r *run) openHost(ctx context.Context) error {
	if r.vol.Host == "" {
		return nil
	}
	if err := r.useHost(ctx, r.vol.Host); err != nil {
		return err
	}
	a, err := ask(ctx, r, "Attachments", func(ctx context.Context) (driver.Attachment, error) {
		return r.h.host.Attachments(ctx, r.lun(r.vol))
	})
	if err != nil {
		return fmt.Errorf("host %q: %w", r.vol.Host, err)
	}
	r.p.Attachment = &a
	return nil
}

func (r *run) useHost(ctx context.Context, name string) error {
	h, err := r.e.hostByName(name)
	if err != nil {
		return err
	}
	if _, err := r.e.describeHost(ctx, h); err != nil {
		return err
	}
	r.h, r.p.Host = h, name
	return nil
}

// snapshotLimit refuses one snapshot more than the array allows, without asking it; the array's own refusal stays
// authoritative. The oldest are named, since one of them has to go.
func (r *run) snapshotLimit(ctx context.Context, more int) error {
	limit := r.desc.Limits.SnapshotsPerVolume
	if limit <= 0 || r.desc.Facts.LimitUnit != driver.UnitVolume || r.vol.SnapshotCount+more <= limit {
		return nil
	}
	ready, err := r.e.inv.Count(ctx, inventory.SnapshotQuery{Volume: r.vol.ID, State: snapshot.Ready})
	if err != nil {
		return classified(err)
	}
	if int(ready)+more <= limit {
		return nil
	}
	oldest, err := r.oldest(ctx, r.vol.ID)
	if err != nil {
		return err
	}
	return driver.Blocked(driver.ErrExhausted, oldest,
		"volume %s has %d snapshots and the backend allows %d per volume; delete one, the oldest are named", r.vol.ID, ready, limit)
}

// oldest names the first few snapshots of a volume: candidates to go, where a limit is reached.
func (r *run) oldest(ctx context.Context, volume snapshot.VolumeID) ([]driver.Blocker, error) {
	var oldest []driver.Blocker
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{
		Volume: volume, State: snapshot.Ready, Page: inventory.Page[snapshot.ID]{Limit: 3},
	}) {
		if err != nil {
			return nil, classified(err)
		}
		oldest = append(oldest, driver.Blocker{Kind: "snapshot", ID: s.ID.String(), Name: s.Name, Since: s.CreatedAt})
	}
	return oldest, nil
}

// withCandidates adds to the array's word that a limit is reached what could go, the oldest first; by container, of the
// siblings too.
func (r *run) withCandidates(ctx context.Context, err error) error {
	if driver.ClassOf(err) != driver.ErrExhausted || len(driver.BlockersOf(err)) > 0 {
		return err
	}
	volumes := []snapshot.VolumeID{r.vol.ID}
	if r.desc.Facts.LimitUnit == driver.UnitContainer {
		v, failed := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, r.p.Native) })
		for _, native := range v.Siblings {
			if o, found, err := r.e.managed(ctx, r.b.name, native); err == nil && found && failed == nil {
				volumes = append(volumes, o.ID)
			}
		}
	}
	var candidates []driver.Blocker
	for _, id := range volumes {
		if list, err := r.oldest(ctx, id); err == nil {
			candidates = append(candidates, list...)
		}
	}
	slices.SortStableFunc(candidates, func(a, b driver.Blocker) int { return a.Since.Compare(b.Since) })
	return &driver.Error{
		Class: driver.ErrExhausted, Effect: driver.EffectOf(err), Blockers: candidates[:min(len(candidates), 3)], Err: err,
	}
}

// rowNow returns a snapshot's record as it is now, for an outcome.
func (r *run) rowNow(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	return r.e.inv.Snapshot(ctx, id)
}

// chooseTokens chooses the identity of every effect that the operation may have, before any of them.
func (r *run) chooseTokens(ctx context.Context) error {
	for _, token := range []*driver.Token{&r.p.Token, &r.p.AccessToken, &r.p.HostToken, &r.p.SplitToken} {
		var err error
		if *token, err = r.e.newToken(ctx); err != nil {
			return err
		}
	}
	return nil
}
