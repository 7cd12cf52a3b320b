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
func cloning(bug func(m *mutantCloner, d driver.Driver, r *rig)) func(*mutant, driver.Driver, *rig) {
	return func(m *mutant, d driver.Driver, r *rig) {
		c := mutantCloner{Cloner: d.Abilities().Cloner}
		bug(&c, d, r)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Cloner = c
			return a
		}
	}
}

func cloneMutations() []mutation {
	slow := BackendOptions{CloneTime: time.Minute / 10, JobsCannotBeCanceled: true}
	return []mutation{
		{
			bug: "a clone shares bytes with its source", caught: "clone/independent-both-ways",
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
			bug: "a running job is not found", opts: slow, caught: "clone/canceled-and-discarded",
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
			plant: cloning(func(m *mutantCloner, d driver.Driver, _ *rig) {
				m.clone = func(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
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
}

type mutantGroups struct {
	driver.GroupSnapshotter

	create func(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error)
	remove func(ctx context.Context, req driver.DeleteGroupRequest) error
}

func (m mutantGroups) CreateGroup(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error) {
	if m.create != nil {
		return m.create(ctx, req)
	}
	return m.GroupSnapshotter.CreateGroup(ctx, req)
}

func (m mutantGroups) DeleteGroup(ctx context.Context, req driver.DeleteGroupRequest) error {
	if m.remove != nil {
		return m.remove(ctx, req)
	}
	return m.GroupSnapshotter.DeleteGroup(ctx, req)
}

func grouping(bug func(m *mutantGroups, d driver.Driver)) func(*mutant, driver.Driver, *rig) {
	return func(m *mutant, d driver.Driver, _ *rig) {
		g := mutantGroups{GroupSnapshotter: d.Abilities().Groups}
		bug(&g, d)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Groups = g
			return a
		}
	}
}

func groupMutations() []mutation {
	return []mutation{
		{
			bug: "a group is made one by one", caught: "group/unknown-volume-makes-none",
			plant: grouping(func(m *mutantGroups, d driver.Driver) { m.create = oneByOne(d) }),
		},
		{
			bug: "the members are of different moments", caught: "group/one-token-one-snapshot-each",
			plant: grouping(func(m *mutantGroups, d driver.Driver) { m.create = oneByOne(d) }),
		},
		{
			bug: "group create ignores Resume", caught: "group/resume-returns-the-same",
			plant: grouping(func(m *mutantGroups, _ driver.Driver) {
				inner := m.GroupSnapshotter
				m.create = func(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error) {
					req.Attempt = driver.Attempt{}
					return inner.CreateGroup(ctx, req)
				}
			}),
		},
		{
			bug: "group delete leaves the last member", caught: "group/delete-takes-every-member",
			plant: grouping(func(m *mutantGroups, d driver.Driver) {
				m.remove = func(ctx context.Context, req driver.DeleteGroupRequest) error {
					for _, ref := range req.Members[:len(req.Members)-1] {
						if _, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: ref}); err != nil {
							return err
						}
					}
					return nil
				}
			}),
		},
	}
}

// oneByOne makes a group of single snapshots, and stops at the first that fails.
func oneByOne(d driver.Driver) func(context.Context, driver.CreateGroupRequest) (driver.Group, error) {
	return func(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error) {
		g := driver.Group{ID: "g"}
		for _, v := range req.Volumes {
			s, err := d.CreateSnapshot(ctx, driver.CreateSnapshotRequest{Volume: v, Token: req.Token})
			if err != nil {
				return g, err
			}
			g.Members = append(g.Members, s)
		}
		return g, nil
	}
}

type mutantVolumes struct {
	driver.VolumeManager

	create func(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error)
	remove func(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error)
	resize func(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error)
}

func (m mutantVolumes) CreateVolume(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
	if m.create != nil {
		return m.create(ctx, req)
	}
	return m.VolumeManager.CreateVolume(ctx, req)
}

func (m mutantVolumes) DeleteVolume(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
	if m.remove != nil {
		return m.remove(ctx, req)
	}
	return m.VolumeManager.DeleteVolume(ctx, req)
}

func (m mutantVolumes) ResizeVolume(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error) {
	if m.resize != nil {
		return m.resize(ctx, req)
	}
	return m.VolumeManager.ResizeVolume(ctx, req)
}

func managing(bug func(m *mutantVolumes, r *rig)) func(*mutant, driver.Driver, *rig) {
	return func(m *mutant, d driver.Driver, r *rig) {
		v := mutantVolumes{VolumeManager: d.Abilities().Volumes}
		bug(&v, r)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Volumes = v
			return a
		}
	}
}

func manageMutations() []mutation {
	return []mutation{
		{
			bug: "a new volume has old data", caught: "volumes/create-reads-as-zeros",
			plant: managing(func(m *mutantVolumes, r *rig) {
				inner := m.VolumeManager
				m.create = func(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
					v, err := inner.CreateVolume(ctx, req)
					return v, errors.Join(err, r.b.WriteAt(v.ID, []byte("old"), 0))
				}
			}),
		},
		{
			bug: "volume create ignores Resume", caught: "volumes/resume-returns-the-same",
			plant: managing(func(m *mutantVolumes, _ *rig) {
				inner := m.VolumeManager
				m.create = func(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
					req.Attempt = driver.Attempt{}
					return inner.CreateVolume(ctx, req)
				}
			}),
		},
		{
			bug: "volume delete of what is gone is an error", caught: "volumes/delete-and-again",
			plant: managing(func(m *mutantVolumes, _ *rig) {
				inner := m.VolumeManager
				m.remove = func(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
					res, err := inner.DeleteVolume(ctx, req)
					if res.Absent {
						err = driver.Errorf(driver.ErrNotFound, "volume %s", req.Volume)
					}
					return res, err
				}
			}),
		},
		{
			bug: "snapshots go with the volume unannounced", caught: "volumes/delete-with-snapshots",
			plant: managing(func(m *mutantVolumes, r *rig) {
				inner := m.VolumeManager
				m.remove = func(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
					for _, s := range r.b.AllSnapshots() {
						if s.Ref.Volume == req.Volume {
							_ = r.b.RemoveSnapshot(s.Ref)
						}
					}
					return inner.DeleteVolume(ctx, req)
				}
			}),
		},
		{
			bug: "a shrink is taken for done", caught: "volumes/shrink-is-refused",
			plant: managing(func(m *mutantVolumes, _ *rig) {
				inner := m.VolumeManager
				m.resize = func(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error) {
					v, err := inner.ResizeVolume(ctx, req)
					if errors.Is(err, driver.ErrInvalid) {
						return driver.Volume{ID: req.Volume, Size: req.Size}, nil
					}
					return v, err
				}
			}),
		},
		{
			bug: "growing twice grows twice", caught: "volumes/grow",
			plant: managing(func(m *mutantVolumes, r *rig) {
				inner := m.VolumeManager
				m.resize = func(ctx context.Context, req driver.ResizeVolumeRequest) (driver.Volume, error) {
					if lun, err := r.b.LUN(req.Volume); err == nil && lun.Size == req.Size {
						req.Size += 1 << 20
					}
					return inner.ResizeVolume(ctx, req)
				}
			}),
		},
	}
}
