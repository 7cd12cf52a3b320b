package drivertest

import (
	"context"
	"errors"
	"iter"

	"github.com/storagesnap/storagesnap/driver"
)

type mutantGroups struct {
	driver.GroupSnapshotter

	create func(ctx context.Context, req driver.CreateGroupRequest) (driver.Group, error)
	remove func(ctx context.Context, req driver.DeleteGroupRequest) error
	check  func(ctx context.Context, volumes []driver.VolumeID) error
}

func (m mutantGroups) CheckGroup(ctx context.Context, volumes []driver.VolumeID) error {
	if m.check != nil {
		return m.check(ctx, volumes)
	}
	return m.GroupSnapshotter.CheckGroup(ctx, volumes)
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

func grouping(bug func(m *mutantGroups, d driver.Driver)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		g := mutantGroups{GroupSnapshotter: d.Abilities().Groups}
		bug(&g, d)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Groups = g
			return a
		}
	}
}

var groupMutations = []mutation{
	{
		bug: "a group is made one by one", caught: "group/unknown-volume-makes-none",
		also:  []string{"group/lookup", "group/one-member-deleted"},
		plant: grouping(func(m *mutantGroups, d driver.Driver) { m.create = oneByOne(d) }),
	},
	{
		bug: "a group is refused by the check only", caught: "group/check-accepts-what-create-does",
		plant: grouping(func(m *mutantGroups, _ driver.Driver) {
			m.check = func(context.Context, []driver.VolumeID) error { return driver.Errorf(driver.ErrExhausted, "too many") }
		}),
	},
	{
		bug: "the members are of different moments", caught: "group/one-token-one-snapshot-each",
		plant: grouping(func(m *mutantGroups, d driver.Driver) { m.create = oneByOne(d) }),
	},
	{
		bug: "group create ignores Resume", caught: "group/resume-returns-the-same",
		also: []string{"lost/group-then-again"},
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
	list   func(ctx context.Context) iter.Seq2[driver.Volume, error]
}

func (m mutantVolumes) Volumes(ctx context.Context) iter.Seq2[driver.Volume, error] {
	if m.list != nil {
		return m.list(ctx)
	}
	return m.VolumeManager.Volumes(ctx)
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

func managing(bug func(m *mutantVolumes, r *rig)) planting {
	return func(m *mutant, d driver.Driver, r *rig) {
		v := mutantVolumes{VolumeManager: d.Abilities().Volumes}
		bug(&v, r)
		m.abilities = func(a driver.Abilities) driver.Abilities {
			a.Volumes = v
			return a
		}
	}
}

var manageMutations = []mutation{
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
		bug: "a size is cut to the limit", opts: BackendOptions{Limits: driver.Limits{MaxVolumeSize: 1 << 22}}, caught: "volumes/bad-sizes-are-invalid",
		plant: managing(func(m *mutantVolumes, _ *rig) {
			inner := m.VolumeManager
			m.create = func(ctx context.Context, req driver.CreateVolumeRequest) (driver.Volume, error) {
				req.Size = min(req.Size, 1<<22)
				return inner.CreateVolume(ctx, req)
			}
		}),
	},
	{
		bug: "volumes are listed twice", caught: "volumes/listed-once-each",
		also: []string{"clone/odd-names"},
		plant: managing(func(m *mutantVolumes, _ *rig) {
			inner := m.VolumeManager
			m.list = func(ctx context.Context) iter.Seq2[driver.Volume, error] {
				return func(yield func(driver.Volume, error) bool) {
					for v, err := range inner.Volumes(ctx) {
						for range 2 {
							if !yield(v, err) {
								return
							}
						}
					}
				}
			}
		}),
	},
	{
		bug: "an open volume is deleted", caught: "volumes/delete-while-open",
		plant: managing(func(m *mutantVolumes, r *rig) {
			inner := m.VolumeManager
			m.remove = func(ctx context.Context, req driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
				res, err := inner.DeleteVolume(ctx, req)
				if errors.Is(err, driver.ErrInUse) {
					return driver.DeleteResult{}, r.b.RemoveVolume(req.Volume)
				}
				return res, err
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
