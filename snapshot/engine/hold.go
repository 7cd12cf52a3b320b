package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	kindHold    = "hold"
	kindRelease = "release"
)

// HoldsMost is how many holds one snapshot may have.
const HoldsMost = 64

// HoldRequest asks to forbid a snapshot's deletion: by people, by expiry and, where the array would delete it by itself, by
// the array.
type HoldRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	// Name is unique among the snapshot's holds. The same hold again is success; another one under its name is ErrConflict,
	// since two people may rely on it: to extend a hold, add one under another name, then release the first.
	Name string `json:"name"`
	// By is who decided it; empty means the Actor. Reason is for whoever wants to delete the snapshot.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Until is when the hold ends by itself, by the engine's clock; zero for never.
	Until time.Time `json:"until,omitzero"`
}

// ReleaseRequest asks to take a hold away.
type ReleaseRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	Name     string      `json:"name"`
}

func (HoldRequest) kind() string    { return kindHold }
func (ReleaseRequest) kind() string { return kindRelease }

func (r HoldRequest) validate() error {
	if r.Snapshot.IsZero() {
		return needs("snapshot")
	}
	return errors.Join(validName("hold name", r.Name), validText("by", r.By), validText("reason", r.Reason))
}

func (r ReleaseRequest) validate() error {
	if r.Snapshot.IsZero() {
		return needs("snapshot")
	}
	return validName("hold name", r.Name)
}

// Hold forbids the deletion of a snapshot until the hold is released or ends by itself, and returns the snapshot. It works
// while another operation runs on the volume, unless the array may delete the snapshot by itself: then that is cleared
// first, which takes its turn on the volume.
//
// Errors: ErrNotFound; ErrBusy while the snapshot is made or deleted; ErrConflict when the name is another hold's;
// ErrExhausted beyond [HoldsMost]; ErrUnsupported when the array would delete the snapshot and cannot be told not to.
func (e *Engine) Hold(ctx context.Context, req HoldRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

// Release takes a hold away, and returns the snapshot. If it has expired, the next Expire deletes it.
// Errors: ErrNotFound when there is no such snapshot or hold, which names those that are there.
func (e *Engine) Release(ctx context.Context, req ReleaseRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

func holdKind() *kind {
	k := keepingKind(kindHold, "the snapshot has the hold, and is not deleted while it has one", checkHold, applyHold)
	k.decode = decodeAs[HoldRequest]
	return k
}

func releaseKind() *kind {
	k := keepingKind(kindRelease, "the snapshot does not have the hold any more", checkRelease, applyRelease)
	k.decode = decodeAs[ReleaseRequest]
	return k
}

func (r HoldRequest) subject() snapshot.ID    { return r.Snapshot }
func (r ReleaseRequest) subject() snapshot.ID { return r.Snapshot }

func checkHold(ctx context.Context, r *run, row snapshot.Snapshot) error {
	req := r.req.(HoldRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if err := usableNow(row); err != nil {
		return err
	}
	now := r.e.now()
	if !req.Until.IsZero() && !req.Until.After(now) {
		return driver.Errorf(driver.ErrInvalid, "the hold would end on %s, which has passed", stamp(req.Until))
	}
	active := activeHolds(row, now)
	wanted := newHold(r, req)
	for _, h := range active {
		switch {
		case h.Name != req.Name:
		case h.By == wanted.By && h.Reason == wanted.Reason && h.Until.Equal(wanted.Until):
			return nil
		default:
			return driver.Blocked(driver.ErrConflict, kept(snapshot.Snapshot{Holds: []snapshot.Hold{h}}, now),
				"snapshot %s has another hold %q (by %q, until %s); choose another name", row.ID, h.Name, h.By, until(h.Until))
		}
	}
	if len(active) >= HoldsMost {
		return driver.Errorf(driver.ErrExhausted, "snapshot %s has %d holds, and %d is the most", row.ID, len(active), HoldsMost)
	}
	return r.arrayLetsLive(ctx, row)
}

func until(t time.Time) string {
	if t.IsZero() {
		return "released"
	}
	return stamp(t)
}

func newHold(r *run, req HoldRequest) snapshot.Hold {
	h := snapshot.Hold{Name: req.Name, By: req.By, Reason: req.Reason, Since: r.e.now()}
	if h.By == "" {
		h.By = r.op.Actor
	}
	if !req.Until.IsZero() {
		h.Until = micro(req.Until)
	}
	return h
}

// applyHold also drops what has ended by itself.
func applyHold(r *run, row *snapshot.Snapshot) {
	req := r.req.(HoldRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	row.Holds = activeHolds(*row, r.e.now())
	if !slices.ContainsFunc(row.Holds, func(h snapshot.Hold) bool { return h.Name == req.Name }) {
		row.Holds = append(row.Holds, newHold(r, req))
	}
}

// activeHolds returns those that have not ended by themselves, in a slice of the caller's own.
func activeHolds(row snapshot.Snapshot, now time.Time) []snapshot.Hold {
	return slices.DeleteFunc(slices.Clone(row.Holds), func(h snapshot.Hold) bool { return !h.Active(now) })
}

// checkRelease allows the release of a hold that has ended by itself, and on a snapshot in any state.
func checkRelease(_ context.Context, r *run, row snapshot.Snapshot) error {
	req := r.req.(ReleaseRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	names := make([]string, 0, len(row.Holds))
	for _, h := range row.Holds {
		if h.Name == req.Name {
			return nil
		}
		names = append(names, h.Name)
	}
	if len(names) == 0 {
		return driver.Errorf(driver.ErrNotFound, "snapshot %s has no holds", row.ID)
	}
	return driver.Errorf(driver.ErrNotFound, "snapshot %s has no hold %q; it has: %s", row.ID, req.Name, strings.Join(names, ", "))
}

func applyRelease(r *run, row *snapshot.Snapshot) {
	req := r.req.(ReleaseRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	row.Holds = slices.DeleteFunc(activeHolds(*row, r.e.now()), func(h snapshot.Hold) bool { return h.Name == req.Name })
}
