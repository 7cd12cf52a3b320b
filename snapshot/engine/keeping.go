package engine

import (
	"context"
	"reflect"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// What keeps a snapshot: its holds and its expiry. An array that has been told the expiry may delete the snapshot by itself, so
// whatever changes how long it is kept is told to the array too, as far as there is something to tell:
//
//   - If the snapshot has no expiry, before and after, the array has none either. Then the inventory alone is changed, at
//     once, whatever runs on the volume; the version of the snapshot's record decides who was first.
//   - Else it is an ordinary operation on the volume, with one step that tells the array, so that no two of them
//     interleave. The record has an expiry at any moment at which the array may have one: a new one is written with the
//     intent, an old one is taken away with the outcome. So nobody takes the first way in between.
//
// A hold is in the record only after the array has let go of the expiry. Until then its request has not succeeded.

const stepSetExpiry = "SetExpiry"

// keeping is a request that changes how long a snapshot is kept.
type keeping interface {
	Request
	subject() snapshot.ID
}

// net is what the journal remembers of an expiry at the array, the safety net should no engine be left to expire anything.
type net struct {
	// At is what it becomes, Was what it was as far as we know; zero for never.
	At  time.Time `json:"at,omitzero"`
	Was time.Time `json:"was,omitzero"`
	// Expires is the record's expiry before the operation.
	Expires time.Time `json:"expires,omitzero"`
}

// keepingKind makes the kind of such requests: check refuses, and apply, which cannot fail, changes the record.
func keepingKind(
	name, ends string, check func(context.Context, *run, snapshot.Snapshot) error, apply func(*run, *snapshot.Snapshot),
) *kind {
	return &kind{
		name: name, format: 1, locate: locateKeeping(apply),
		prepare: func(ctx context.Context, r *run) (inventory.Change, error) {
			return prepareKeeping(ctx, r, check, apply)
		},
		outcome: func(ctx context.Context, r *run) (inventory.Change, any, error) { return keptOutcome(ctx, r, apply) },
		failed:  keepingFailed,
		abandon: func(ctx context.Context, r *run) (inventory.Change, error) { return abandonKeeping(ctx, r, apply) },
		leaves:  keepingLeaves, explain: explainKeeping, aim: "change how long {snapshot} is kept",
		steps: map[string]step{
			stepSetExpiry: {do: doSetExpiry, find: findExpiry, repeat: true, late: true, several: true, tell: tellSetExpiry},
		},
		pivots: []string{stepSetExpiry},
		ends:   says(ends),
	}
}

// locateKeeping locks the volume only if the array has to be told. Should that change before the intent, the volume's record
// is the lock.
func locateKeeping(apply func(*run, *snapshot.Snapshot)) locator {
	return func(ctx context.Context, e *Engine, req Request) ([]snapshot.VolumeID, error) {
		row, err := e.Snapshot(ctx, req.(keeping).subject()) //nolint:forcetypeassert,errcheck // the kind's own request
		if err != nil {
			return nil, err
		}
		after := row
		apply(&run{e: e, req: req}, &after)
		told, err := e.toldToArray(ctx, row, after)
		if err != nil || !told {
			return nil, err
		}
		return []snapshot.VolumeID{row.Volume}, nil
	}
}

// toldToArray says whether the change concerns the array.
func (e *Engine) toldToArray(ctx context.Context, before, after snapshot.Snapshot) (bool, error) {
	if before.ExpiresAt.IsZero() && after.ExpiresAt.IsZero() {
		return false, nil
	}
	vol, err := e.Volume(ctx, before.Volume)
	if err != nil {
		return false, err
	}
	b, err := e.backend(vol.Backend)
	return err == nil && b.able.Expiry != nil, err
}

func prepareKeeping(ctx context.Context, r *run, check func(context.Context, *run, snapshot.Snapshot) error,
	apply func(*run, *snapshot.Snapshot),
) (inventory.Change, error) {
	var none inventory.Change
	row, err := r.e.inv.Snapshot(ctx, r.req.(keeping).subject()) //nolint:forcetypeassert,errcheck // the kind's own request
	if err != nil {
		return none, classified(err)
	}
	if err := check(ctx, r, row); err != nil {
		return none, err
	}
	r.p.Snapshot, r.op.Owner = row.ID, row.Owner
	after := row
	apply(r, &after)
	switch told, err := r.e.toldToArray(ctx, row, after); {
	case err != nil:
		return none, err
	case !told:
		r.op.Volumes, r.p.Volume = []snapshot.VolumeID{row.Volume}, row.Volume
		return inventory.Change{Put: changed(row, after)}, nil
	}
	if err := r.openVolume(ctx, row.Volume); err != nil {
		return none, err
	}
	r.p.Ref = refOf(row)
	r.p.Net = &net{At: r.netOf(after), Was: r.netOf(row), Expires: row.ExpiresAt}
	r.plan(stepSetExpiry)
	if row.ExpiresAt.IsZero() {
		row.ExpiresAt = after.ExpiresAt
	}
	// The record is written in any case: it was read before the header, and may be gone since.
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol)), Put: []snapshot.Snapshot{row}}, nil
}

// changed returns the record as it becomes, if it becomes another.
func changed(before, after snapshot.Snapshot) []snapshot.Snapshot {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	return []snapshot.Snapshot{after}
}

// keptOutcome applies the change to the record as it is now.
func keptOutcome(ctx context.Context, r *run, apply func(*run, *snapshot.Snapshot)) (inventory.Change, any, error) {
	row, err := r.rowNow(ctx, r.p.Snapshot)
	if err != nil {
		return inventory.Change{}, nil, err
	}
	after := row
	apply(r, &after)
	res := Result{Volume: row.Volume, Snapshot: row.ID}
	if r.p.Net == nil {
		return inventory.Change{Put: changed(row, after)}, res, nil
	}
	return inventory.Change{Volumes: r.volumeChange(r.unpend()), Put: changed(row, after)}, res, nil
}

// keepingFailed takes back the expiry that the intent wrote: the array certainly does not have it.
func keepingFailed(ctx context.Context, r *run) (inventory.Change, error) {
	row, err := r.rowNow(ctx, r.p.Snapshot)
	if err != nil {
		return inventory.Change{}, err
	}
	before := row
	before.ExpiresAt = r.p.Net.Expires
	return inventory.Change{Volumes: r.volumeChange(r.unpend()), Put: changed(row, before)}, nil
}

// netOf is when the array shall delete a snapshot of the volume in focus by itself: later than we would, so that the tree knows
// first, and never while somebody holds it, nor in the moment in which an old one is released. A snapshot of a container
// has no net: it may be another volume's too, which does not expire.
func (r *run) netOf(row snapshot.Snapshot) time.Time {
	now, after := r.e.now(), r.e.opts.ExpiryMargin
	if after < 0 || row.ExpiresAt.IsZero() || len(activeHolds(row, now)) > 0 || r.desc.Facts.SnapshotUnit == driver.UnitContainer {
		return time.Time{}
	}
	if row.ExpiresAt.Before(now) {
		return now.Add(after)
	}
	return row.ExpiresAt.Add(after)
}

// usableNow refuses a snapshot that is not there.
func usableNow(row snapshot.Snapshot) error {
	switch row.State {
	case snapshot.Ready:
		return nil
	case snapshot.Missing:
		return driver.Errorf(driver.ErrNotFound, "snapshot %s is missing at the array", row.ID)
	case snapshot.Creating, snapshot.Deleting:
	}
	return driver.Errorf(driver.ErrBusy, "snapshot %s is %s", row.ID, row.State)
}
