package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

type mutantCloner struct {
	driver.Cloner

	clone   func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error)
	find    func(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error)
	discard func(ctx context.Context, req driver.DiscardRequest) error
}

func (m mutantCloner) Clone(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
	if m.clone != nil {
		return m.clone(ctx, req)
	}
	return m.Cloner.Clone(ctx, req)
}

func (m mutantCloner) FindClone(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error) {
	if m.find != nil {
		return m.find(ctx, req)
	}
	return m.Cloner.FindClone(ctx, req)
}

func (m mutantCloner) Discard(ctx context.Context, req driver.DiscardRequest) error {
	if m.discard != nil {
		return m.discard(ctx, req)
	}
	return m.Cloner.Discard(ctx, req)
}

// cloning plants a bug into the Cloner.
func cloning(bug func(m *mutantCloner, d driver.Driver, r *rig)) planting {
	return func(m *mutant, d driver.Driver, r *rig) {
		c := mutantCloner{Cloner: d.Abilities().Cloner}
		bug(&c, d, r)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Cloner = c
			return a
		}
	}
}

var cloneMutations = []mutation{
	{
		bug: "a clone shares bytes with its source", caught: "clone/independent-both-ways",
		also: []string{"clone/of-a-clone"},
		plant: cloning(func(m *mutantCloner, _ driver.Driver, r *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				v, err := inner.Clone(ctx, req)
				r.mirror(req.Snapshot.Volume, v.ID)
				return v, err
			}
		}),
	},
	{
		bug: "a clone is of the present content", caught: "clone/has-the-snapshots-content",
		also: []string{"clone/of-an-unknown-snapshot"},
		plant: cloning(func(m *mutantCloner, d driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				for s := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Snapshot.Volume}) {
					req.Snapshot = s.Ref // the last is taken
				}
				return inner.Clone(ctx, req)
			}
		}),
	},
	{
		bug: "clone ignores Resume", caught: "clone/resume-returns-one-volume",
		also: []string{"lost/clone-then-again"},
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				req.Attempt = driver.Attempt{}
				return inner.Clone(ctx, req)
			}
		}),
	},
	{
		bug: "a take-over starts a second clone", opts: BackendOptions{CloneTime: time.Second}, caught: "clone/goes-on-after-its-maker-died",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				late := req
				late.Note = func(context.Context, json.RawMessage) error { return nil }
				if !req.Resume && req.Note != nil { // the note comes only after the effect
					v, err := inner.Clone(context.WithoutCancel(ctx), late)
					return v, errors.Join(err, req.Save(ctx, v.ID), ctx.Err())
				}
				late.Attempt = driver.Attempt{}
				return inner.Clone(ctx, late)
			}
		}),
	},
	{
		bug: "a note that fails does not matter", caught: "clone/stops-if-its-note-fails",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				note := req.Note
				req.Note = func(ctx context.Context, doc json.RawMessage) error {
					_ = note(ctx, doc)
					return nil
				}
				return inner.Clone(ctx, req)
			}
		}),
	},
	{
		bug: "a smaller clone is cut off", caught: "clone/sizes",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				v, err := inner.Clone(ctx, req)
				if errors.Is(err, driver.ErrInvalid) {
					req.Size = 0
					return inner.Clone(ctx, req)
				}
				return v, err
			}
		}),
	},
	{
		bug: "the rest of a larger clone is garbage", caught: "clone/larger-ends-in-zeros",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, r *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				v, err := inner.Clone(ctx, req)
				return v, errors.Join(err, r.b.WriteAt(v.ID, []byte("somebody's"), v.Size-ioBlock))
			}
		}),
	},
	{
		bug: "discard forgets the volume", caught: "clone/discard",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			m.discard = func(context.Context, driver.DiscardRequest) error { return nil }
		}),
	},
	{
		bug: "discard of what is gone is an error", caught: "clone/discard",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.discard = func(ctx context.Context, req driver.DiscardRequest) error {
				if _, err := inner.FindClone(ctx, driver.FindCloneRequest{Snapshot: req.Snapshot, Token: req.Token}); err != nil {
					return err
				}
				return inner.Discard(ctx, req)
			}
		}),
	},
	{
		bug: "a running job is not found", opts: slowClones, caught: "clone/canceled-and-discarded",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			inner := m.Cloner
			m.find = func(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error) {
				v, err := inner.FindClone(ctx, req)
				if errors.Is(err, driver.ErrBusy) {
					err = driver.Errorf(driver.ErrNotFound, "no volume yet")
				}
				return v, err
			}
			m.discard = func(ctx context.Context, req driver.DiscardRequest) error {
				if err := inner.Discard(ctx, req); !errors.Is(err, driver.ErrBusy) {
					return err
				}
				return nil
			}
		}),
	},
	{
		bug: "find returns any clone of the snapshot", caught: "clone/find",
		also: []string{"clone/several-of-one-snapshot"},
		plant: cloning(func(m *mutantCloner, d driver.Driver, _ *rig) {
			inner := m.Cloner
			m.find = func(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error) {
				for v, err := range d.Abilities().Volumes.Volumes(ctx) {
					if err == nil && v.Origin == req.Snapshot {
						return v, nil
					}
				}
				return inner.FindClone(ctx, req)
			}
		}),
	},
	{
		bug: "a clone takes its snapshot with it", caught: "clone/leaves-its-source",
		plant: cloning(func(m *mutantCloner, d driver.Driver, _ *rig) {
			inner := m.Cloner
			m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
				v, err := inner.Clone(ctx, req)
				_, gone := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: req.Snapshot})
				return v, errors.Join(err, gone)
			}
		}),
	},
	{
		bug: "unsupported, but it happened", caught: "clone/leaves-its-source",
		plant: cloning(func(m *mutantCloner, _ driver.Driver, _ *rig) {
			m.clone = func(context.Context, driver.CloneRequest) (driver.Volume, error) {
				return driver.Volume{}, &driver.Error{Class: driver.ErrUnsupported, Op: "Clone"} // and does not even say why
			}
		}),
	},
	{
		bug: "a clone does not hold its snapshot", opts: BackendOptions{Facts: driver.Facts{CloneDependence: driver.CloneDependent}},
		caught: "clone/and-the-end-of-its-snapshot",
		plant:  func(m *mutant, d driver.Driver, _ *rig) { m.remove = nameless(d) },
	},
}
