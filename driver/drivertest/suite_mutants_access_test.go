package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

type mutantAccess struct {
	driver.AccessController

	revoke   func(ctx context.Context, req driver.RevokeRequest) (driver.AccessRecord, error)
	grant    func(ctx context.Context, req driver.GrantRequest) (driver.Path, error)
	sessions func(ctx context.Context, v driver.VolumeID) ([]driver.Session, error)
}

func (m mutantAccess) Revoke(ctx context.Context, req driver.RevokeRequest) (driver.AccessRecord, error) {
	if m.revoke != nil {
		return m.revoke(ctx, req)
	}
	return m.AccessController.Revoke(ctx, req)
}

func (m mutantAccess) Grant(ctx context.Context, req driver.GrantRequest) (driver.Path, error) {
	if m.grant != nil {
		return m.grant(ctx, req)
	}
	return m.AccessController.Grant(ctx, req)
}

func (m mutantAccess) Sessions(ctx context.Context, v driver.VolumeID) ([]driver.Session, error) {
	if m.sessions != nil {
		return m.sessions(ctx, v)
	}
	return m.AccessController.Sessions(ctx, v)
}

func controlling(bug func(m *mutantAccess)) func(*mutant, driver.Driver, *rig) {
	return func(m *mutant, d driver.Driver, _ *rig) {
		c := mutantAccess{AccessController: d.Abilities().Access}
		bug(&c)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Access = c
			return a
		}
	}
}

func accessMutations() []mutation {
	return []mutation{
		{
			bug: "revoke revokes nothing", caught: "access/revoke-lets-nobody-in",
			plant: controlling(func(m *mutantAccess) {
				m.revoke = func(context.Context, driver.RevokeRequest) (driver.AccessRecord, error) {
					return driver.AccessRecord(`{"initiators":[]}`), nil
				}
			}),
		},
		{
			bug: "a repeated revoke forgets who had access", caught: "access/revoke-again-returns-the-record",
			plant: controlling(func(m *mutantAccess) {
				inner := m.AccessController
				m.revoke = func(ctx context.Context, req driver.RevokeRequest) (driver.AccessRecord, error) {
					req.Attempt = driver.Attempt{}
					return inner.Revoke(ctx, req)
				}
			}),
		},
		{
			bug: "grant does not read the record", caught: "access/record-brings-it-back",
			plant: controlling(func(m *mutantAccess) {
				inner := m.AccessController
				m.grant = func(ctx context.Context, req driver.GrantRequest) (driver.Path, error) {
					req.Record = nil
					return inner.Grant(ctx, req)
				}
			}),
		},
		{
			bug: "grant gives no path", caught: "access/grant-says-the-path",
			plant: controlling(func(m *mutantAccess) {
				inner := m.AccessController
				m.grant = func(ctx context.Context, req driver.GrantRequest) (driver.Path, error) {
					_, err := inner.Grant(ctx, req)
					return driver.Path{}, err
				}
			}),
		},
		{
			bug: "sessions are never seen", caught: "access/sessions-are-seen",
			plant: controlling(func(m *mutantAccess) {
				m.sessions = func(context.Context, driver.VolumeID) ([]driver.Session, error) { return nil, nil }
			}),
		},
	}
}

type mutantExpiry struct{}

func (mutantExpiry) SetExpiry(context.Context, driver.SnapshotRef, time.Time) error { return nil }

type mutantChecker struct{}

func (mutantChecker) Check(context.Context) ([]driver.Finding, error) {
	return []driver.Finding{{Name: "Disk Space", Status: driver.StatusOK}, {Name: "array", Status: "fine"}, {Name: "array", Status: driver.StatusFail}}, nil
}

func lostMutations() []mutation {
	create := func(bug func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest, err error) (driver.Snapshot, error)) func(*mutant, driver.Driver, *rig) {
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
	return []mutation{
		{
			bug: "a lost reply is called a failure", caught: "lost/create-is-indeterminate-then-found",
			plant: create(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
				return driver.Snapshot{}, driver.Errorf(driver.ErrUnavailable, "connection reset: %v", err)
			}),
		},
		{
			bug: "a lost create is sent again", caught: "lost/create-then-resume",
			plant: create(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest, _ error) (driver.Snapshot, error) {
				return d.CreateSnapshot(ctx, req)
			}),
		},
		{
			bug: "what was refused is called unknown", caught: "lost/refused-is-unavailable",
			plant: create(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
				return driver.Snapshot{}, driver.Errorf(driver.ErrIndeterminate, "something: %v", err)
			}),
		},
		{
			bug: "a stalled create waits for minutes", caught: "lost/stalled-ends-with-the-deadline",
			plant: create(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
				time.Sleep(5 * time.Minute)
				return driver.Snapshot{}, err
			}),
		},
		{
			bug: "a limit is called busy", opts: BackendOptions{Limits: driver.Limits{SnapshotsPerVolume: 4}}, caught: "limits/snapshots-of-a-volume",
			plant: create(func(_ context.Context, _ driver.Driver, _ driver.CreateSnapshotRequest, err error) (driver.Snapshot, error) {
				if errors.Is(err, driver.ErrExhausted) {
					err = driver.Errorf(driver.ErrBusy, "try later")
				}
				return driver.Snapshot{}, err
			}),
		},
		{
			bug: "an expiry is not kept", caught: "expiry/set-and-cleared",
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
}

func errorMutations() []mutation {
	dependent := BackendOptions{Facts: driver.Facts{SnapshotsDependent: true}}
	lookup := func(bug func(err error) error) func(*mutant, driver.Driver, *rig) {
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
	return []mutation{
		{
			bug: "an error without a class", caught: "errors/have-a-class",
			plant: lookup(func(error) error { return errors.New("HTTP 404") }),
		},
		{
			bug: "an error without a class somewhere in the run", with: []string{"delete/middle-one"}, opts: dependent, caught: "errors/have-a-class",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
					res, err := d.DeleteSnapshot(ctx, req)
					if errors.Is(err, driver.ErrInUse) {
						err = errors.New("busy, maybe")
					}
					return res, err
				}
			},
		},
		{
			bug: "an error says nothing but its class", caught: "errors/say-what-and-where",
			plant: lookup(func(error) error { return &driver.Error{Class: driver.ErrNotFound} }),
		},
		{
			bug: "a refusal names nobody", opts: dependent, with: []string{"delete/middle-one"}, caught: "errors/name-what-stands-in-the-way",
			plant: func(m *mutant, d driver.Driver, _ *rig) { m.remove = nameless(d) },
		},
		{
			bug: "a call outlives its context", with: []string{"create/with-a-canceled-context", "create/keeps-to-its-deadline"},
			caught: "errors/calls-end-with-their-context",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
					if ctx.Err() != nil {
						time.Sleep(3 * time.Minute)
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
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
}
