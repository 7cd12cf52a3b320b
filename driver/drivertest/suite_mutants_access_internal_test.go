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

func controlling(bug func(m *mutantAccess)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		c := mutantAccess{AccessController: d.Abilities().Access}
		bug(&c)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Access = c
			return a
		}
	}
}

var accessMutations = []mutation{
	{
		bug: "revoke revokes nothing", caught: "access/revoke-lets-nobody-in",
		also: []string{"access/revoke-of-nobodys-volume", "access/unknown-volume"},
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

type mutantExpiry struct{}

func (mutantExpiry) SetExpiry(context.Context, driver.SnapshotRef, time.Time) error { return nil }

type mutantChecker struct{}

func (mutantChecker) Check(context.Context) ([]driver.Finding, error) {
	return []driver.Finding{{Name: "Disk Space", Status: driver.StatusOK}, {Name: "array", Status: "fine"}, {Name: "array", Status: driver.StatusFail}}, nil
}

type mutantSplitter struct {
	driver.Splitter

	split func(ctx context.Context, req driver.SplitRequest) error
}

func (m mutantSplitter) Split(ctx context.Context, req driver.SplitRequest) error {
	return m.split(ctx, req)
}

func splitting(bug func(ctx context.Context, s driver.Splitter, req driver.SplitRequest) error) planting {
	return func(m *mutant, _ driver.Driver, _ *rig) {
		m.abilities = func(a driver.Abilities) driver.Abilities {
			inner := a.Splitter
			a.Splitter = mutantSplitter{inner, func(ctx context.Context, req driver.SplitRequest) error { return bug(ctx, inner, req) }}
			return a
		}
	}
}

var splitMutations = []mutation{
	{
		bug: "split does nothing", opts: untilSplit, caught: "split/frees-the-snapshot",
		plant: splitting(func(context.Context, driver.Splitter, driver.SplitRequest) error { return nil }),
	},
	{
		bug: "a second split is an error", opts: untilSplit, caught: "split/again-is-success",
		plant: splitting(func(ctx context.Context, s driver.Splitter, req driver.SplitRequest) error {
			if req.Resume {
				return driver.Errorf(driver.ErrInvalid, "not a clone")
			}
			return s.Split(ctx, req)
		}),
	},
	{
		bug: "split of an unknown volume is success", opts: untilSplit, caught: "split/unknown-volume",
		plant: splitting(func(ctx context.Context, s driver.Splitter, req driver.SplitRequest) error {
			err := s.Split(ctx, req)
			if errors.Is(err, driver.ErrNotFound) {
				return nil
			}
			return err
		}),
	},
}
