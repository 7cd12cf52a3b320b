package engine

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

const kindSetExpiry = "set-expiry"

// SetExpiryRequest asks to change when a snapshot may be deleted without asking.
type SetExpiryRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	// At is in the future, by the engine's clock; zero for never.
	At time.Time `json:"at,omitzero"`
}

func (SetExpiryRequest) kind() string { return kindSetExpiry }

func (r SetExpiryRequest) validate() error {
	if r.Snapshot.IsZero() {
		return needs("snapshot")
	}
	return nil
}

func (r SetExpiryRequest) subject() snapshot.ID { return r.Snapshot }

// SetExpiry changes when [Engine.Expire] may delete the snapshot, and returns it. Where the array can delete snapshots by
// itself, it is told too, as a safety net: Options.ExpiryMargin later, and not while the snapshot is held.
// Errors: as [Engine.Hold]'s; ErrInvalid for a time that has passed.
func (e *Engine) SetExpiry(ctx context.Context, req SetExpiryRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

func setExpiryKind() *kind {
	k := keepingKind(kindSetExpiry, "the snapshot has the expiry", checkSetExpiry, applySetExpiry)
	k.decode = decodeAs[SetExpiryRequest]
	return k
}

func checkSetExpiry(_ context.Context, r *run, row snapshot.Snapshot) error {
	req := r.req.(SetExpiryRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if err := usableNow(row); err != nil {
		return err
	}
	return r.e.validExpiry(req.At)
}

func applySetExpiry(r *run, row *snapshot.Snapshot) {
	req := r.req.(SetExpiryRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	row.ExpiresAt = micro(req.At)
	row.Holds = activeHolds(*row, r.e.now())
}

// validExpiry refuses to expire a snapshot in the past: that is a slip, or a deletion.
func (e *Engine) validExpiry(at time.Time) error {
	if at.IsZero() || micro(at).After(e.now()) {
		return nil
	}
	return driver.Errorf(driver.ErrInvalid,
		"the snapshot would expire on %s, which has passed; to delete it now, delete it", stamp(at))
}
