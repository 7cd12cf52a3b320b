package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func failing(bug func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest, err error) (driver.Snapshot, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			s, err := d.CreateSnapshot(ctx, req)
			if err == nil {
				return s, nil
			}
			return bug(ctx, d, req, err)
		}
	}
}

var lostMutations = []mutation{
	{
		bug: "a lost reply is called a failure", caught: "lost/create-is-indeterminate-then-found",
		also: []string{"create/unknown-volume-is-not-found"},
		plant: failing(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
			return driver.Snapshot{}, driver.Errorf(driver.ErrUnavailable, "connection reset: %v", err)
		}),
	},
	{
		bug: "a lost create is sent again", caught: "lost/create-then-resume",
		plant: failing(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest, _ error) (driver.Snapshot, error) {
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "what was refused is called unknown", caught: "lost/refused-is-unavailable",
		plant: failing(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
			return driver.Snapshot{}, driver.Errorf(driver.ErrIndeterminate, "something: %v", err)
		}),
	},
	{
		bug: "a stalled create waits for minutes", caught: "lost/stalled-ends-with-the-deadline",
		plant: failing(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
			<-time.After(5 * time.Minute)
			return driver.Snapshot{}, err
		}),
	},
	{
		bug: "a limit is called busy", opts: BackendOptions{Limits: driver.Limits{SnapshotsPerVolume: 4}}, caught: "limits/snapshots-of-a-volume",
		plant: failing(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
			if errors.Is(err, driver.ErrExhausted) {
				err = driver.Errorf(driver.ErrBusy, "try later")
			}
			return driver.Snapshot{}, err
		}),
	},
	{
		bug: "a limit that was reached stays reached", opts: BackendOptions{Limits: driver.Limits{SnapshotsPerVolume: 4}}, caught: "limits/room-again-after-a-delete",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			made := 0
			m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				if made++; made > 4 {
					return driver.Snapshot{}, driver.Errorf(driver.ErrExhausted, "4 of 4 are used")
				}
				return d.CreateSnapshot(ctx, req)
			}
		},
	},
	{
		bug: "an expiry is not kept", caught: "expiry/set-and-cleared",
		also: []string{"expiry/unknown-snapshot"},
		plant: func(m *mutant, _ driver.Driver, _ *rig) {
			m.abilities = func(a driver.Abilities) driver.Abilities {
				a.Expiry = mutantExpiry{}
				return a
			}
		},
	},
	{
		bug: "findings without rule", caught: "support/findings",
		plant: func(m *mutant, _ driver.Driver, _ *rig) {
			m.abilities = func(a driver.Abilities) driver.Abilities {
				a.Checker = mutantChecker{}
				return a
			}
		},
	},
}

func misreporting(bug func(err error) error) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.lookup = func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
			s, err := d.Lookup(ctx, req)
			if err != nil {
				err = bug(err)
			}
			return s, err
		}
	}
}

var errorMutations = []mutation{
	{
		bug: "an error without a class", caught: "errors/have-a-class",
		plant: misreporting(func(error) error { return errors.New("HTTP 404") }),
	},
	{
		bug: "an error without a class somewhere in the run", with: []string{"delete/middle-one"}, opts: dependentSnapshots, caught: "errors/have-a-class",
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			res, err := d.DeleteSnapshot(ctx, req)
			if errors.Is(err, driver.ErrInUse) {
				err = errors.New("busy, maybe")
			}
			return res, err
		}),
	},
	{
		bug: "an error says nothing but its class", caught: "errors/say-what-and-where",
		plant: misreporting(func(error) error { return &driver.Error{Class: driver.ErrNotFound} }),
	},
	{
		bug: "a refusal names nobody", opts: dependentSnapshots, with: []string{"delete/middle-one"}, caught: "errors/name-what-stands-in-the-way",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.remove = nameless(d) },
	},
	{
		bug: "a call outlives its context", with: []string{"create/with-a-canceled-context", "create/keeps-to-its-deadline"},
		caught: "errors/calls-end-with-their-context",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			if ctx.Err() != nil {
				<-time.After(3 * time.Minute)
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "a second close fails", caught: "close/twice",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			closed := false
			m.close = func() error {
				if closed {
					return errors.New("closed already")
				}
				closed = true
				return d.Close()
			}
		},
	},
	{
		bug: "a closed driver panics", caught: "close/a-call-afterwards-does-no-harm",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			connection := new(int)
			m.close = func() error {
				connection = nil
				return d.Close()
			}
			m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
				*connection++
				return d.Volume(ctx, id)
			}
		},
	},
	{
		bug: "each driver leaves a goroutine", caught: "close/stops-its-goroutines",
		plant: func(_ *mutant, _ driver.Driver, r *rig) {
			go func() { <-r.over }()
		},
	},
	{
		bug: "close removes what was made", caught: "close/leaves-the-array-alone",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.close = func() error {
				for _, s := range r.b.AllSnapshots() {
					_ = r.b.RemoveSnapshot(s.Ref)
				}
				return d.Close()
			}
		},
	},
}
