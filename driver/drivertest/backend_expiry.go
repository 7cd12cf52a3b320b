package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// SetExpiry implements [driver.ExpirySetter].
func (d *backendDriver) SetExpiry(ctx context.Context, ref driver.SnapshotRef, at time.Time) error {
	_, err := trip(ctx, d, route{method: "SetExpiry", ability: "Expiry", volume: ref.Volume}, func() (struct{}, error) {
		s, err := d.b.find(ref)
		if err != nil {
			return struct{}{}, err
		}
		d.b.expire(s, at)
		d.b.effects++
		return struct{}{}, nil
	})
	return err
}

// expire makes the array delete the snapshot by itself at that time; the zero time means never.
func (b *Backend) expire(s *snap, at time.Time) {
	s.Expires = at
	delete(b.timed, s)
	if !at.IsZero() {
		b.timed[s] = true
	}
}

// housekeep does what the array does by itself as time goes by.
func (b *Backend) housekeep() {
	now := b.opts.Now()
	b.finishJobs(now)
	for s := range b.timed {
		switch {
		case !s.trashed.IsZero():
			if s.trashed.Before(now) {
				b.purge(s)
			}
		case s.Expires.Before(now) && b.removable(s) == nil:
			b.delete(s)
			b.effects-- // not a driver's
		}
	}
}
