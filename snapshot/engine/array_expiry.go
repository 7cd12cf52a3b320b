package engine

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// doSetExpiry tells the array when to delete the snapshot by itself, or never.
func doSetExpiry(ctx context.Context, r *run, at driver.Attempt) error {
	err := act(ctx, r, "SetExpiry", func(ctx context.Context) error {
		return r.b.able.Expiry.SetExpiry(ctx, r.p.Ref, r.p.Net.At)
	})
	switch class := driver.ClassOf(err); {
	case class == driver.ErrNotFound && r.op.Kind == kindRelease:
		return nil // what is gone needs no net, and its hold must not keep the record for ever
	case class != driver.ErrUnsupported:
		return err
	}
	if now, look := r.arrayExpiry(ctx, at); look != nil || !now.IsZero() {
		return err
	}
	return nil // the array will not delete it anyway: only the net is missing
}

func tellSetExpiry(r *run) PlannedStep {
	does := "the array is told not to delete the snapshot by itself"
	if at := r.p.Net.At; !at.IsZero() {
		does = "the array is told to delete the snapshot by itself on " + stamp(at) + ", should no engine have done it by then"
	}
	return PlannedStep{Does: does, Calls: r.sends("SetExpiry")}
}

// findExpiry compares what the array says with what it was told and with what it had before: the nearer one it is, since
// arrays round.
func findExpiry(ctx context.Context, r *run, at driver.Attempt) (bool, error) {
	now, err := r.arrayExpiry(ctx, at)
	wanted, was := r.p.Net.At, r.p.Net.Was
	switch {
	case driver.ClassOf(err) == driver.ErrNotFound:
		return false, nil
	case err != nil:
		return false, err
	case wanted.IsZero() || was.IsZero() || now.IsZero():
		return wanted.IsZero() == now.IsZero(), nil
	}
	return now.Sub(wanted).Abs() <= now.Sub(was).Abs(), nil
}

// arrayExpiry returns when the array will delete the operation's snapshot by itself; zero for never.
func (r *run) arrayExpiry(ctx context.Context, at driver.Attempt) (time.Time, error) {
	s, err := ask(ctx, r, "Lookup", func(ctx context.Context) (driver.Snapshot, error) {
		return r.b.drv.Lookup(ctx, driver.LookupRequest{Snapshot: r.p.Ref, Attempt: at})
	})
	return s.Expires, err
}

// arrayLetsLive refuses to hold a snapshot that came to us with an expiry of the array's, if its driver cannot change that.
func (r *run) arrayLetsLive(ctx context.Context, row snapshot.Snapshot) error {
	if row.ExpiresAt.IsZero() || row.Lineage != snapshot.Assumed {
		return nil
	}
	vol, err := r.e.Volume(ctx, row.Volume)
	if err != nil {
		return err
	}
	if err := r.openBackend(ctx, vol.Backend); err != nil || r.b.able.Expiry != nil {
		return err
	}
	r.p.Ref = refOf(row)
	r.checked("Lookup")
	switch at, err := r.arrayExpiry(ctx, driver.Attempt{}); {
	case err != nil:
		return err
	case !at.IsZero():
		return driver.Errorf(driver.ErrUnsupported, "backend %q deletes snapshot %s by itself on %s, and its driver cannot change "+
			"that; clone the snapshot to keep its content", r.b.name, row.ID, stamp(at))
	}
	return nil
}

// safetyNet is when the array shall delete by itself a new snapshot that expires then; zero for never, and where it cannot.
func (r *run) safetyNet(expires time.Time) time.Time {
	if r.b.able.Expiry == nil {
		return time.Time{}
	}
	return r.netOf(snapshot.Snapshot{ExpiresAt: micro(expires)})
}
