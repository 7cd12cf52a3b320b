package drivertest

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

var deleteMutations = []mutation{
	{
		bug: "delete of what is absent is an error", caught: "delete/absent-is-success",
		also: []string{"delete/with-a-canceled-context", "lost/delete-then-again"},
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			res, err := d.DeleteSnapshot(ctx, req)
			if res.Absent {
				return res, driver.Errorf(driver.ErrNotFound, "snapshot %s", req.Snapshot.ID)
			}
			return res, err
		}),
	},
	{
		bug: "delete never says absent", caught: "delete/absent-is-success",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
				_, err := d.DeleteSnapshot(ctx, req)
				return driver.DeleteResult{}, err
			}
		},
	},
	{
		bug: "delete does nothing", caught: "delete/removes-it",
		plant: func(m *mutant, _ driver.Driver, _ *rig) {
			m.remove = func(context.Context, driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
				return driver.DeleteResult{}, nil
			}
		},
	},
	{
		bug: "delete cannot find by token", caught: "delete/by-token-and-by-id",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
				if req.Snapshot.ID == "" {
					return driver.DeleteResult{Absent: true}, nil
				}
				return d.DeleteSnapshot(ctx, req)
			}
		},
	},
	{
		bug: "delete goes by the id only", caught: "delete/two-snapshots-are-a-conflict",
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			if req.Snapshot.ID != "" {
				req.Snapshot.Token = ""
			}
			return d.DeleteSnapshot(ctx, req)
		}),
	},
	{
		bug: "delete by token takes every volume's", caught: "delete/keeps-volumes-apart",
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			for {
				s, ok := anyWith(ctx, d, req.Snapshot.Token)
				if !ok {
					return driver.DeleteResult{}, nil
				}
				if _, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: s.Ref}); err != nil {
					return driver.DeleteResult{}, err
				}
			}
		}),
	},
	{
		bug: "delete takes the chain below", caught: "delete/newest-leaves-the-older",
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			for s, err := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Snapshot.Volume}) {
				if err == nil && s.Ref != req.Snapshot {
					_, err = d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: s.Ref})
				}
				if err != nil {
					return driver.DeleteResult{}, err
				}
				break
			}
			return d.DeleteSnapshot(ctx, req)
		}),
	},
	{
		bug: "a refused delete does not say by whom", opts: dependentSnapshots,
		caught: "delete/middle-one",
		plant:  func(m *mutant, d driver.Driver, _ *rig) { m.remove = nameless(d) },
	},
	{
		bug: "a delete writes into the volume", caught: "delete/leaves-other-content",
		also: []string{"delete/one-that-was-reverted-to"},
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
				_ = r.b.WriteAt(req.Snapshot.Volume, []byte("merged"), 0)
				return d.DeleteSnapshot(ctx, req)
			}
		},
	},
	{
		bug: "the trash is not told of", opts: BackendOptions{Facts: driver.Facts{DeleteToTrash: true}}, caught: "delete/goes-to-the-trash-as-told",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
				res, err := d.DeleteSnapshot(ctx, req)
				return driver.DeleteResult{Absent: res.Absent}, err
			}
		},
	},
}

// nameless deletes, and keeps for itself what stands in the way.
func nameless(d driver.Driver) func(context.Context, driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	return func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
		res, err := d.DeleteSnapshot(ctx, req)
		if errors.Is(err, driver.ErrInUse) {
			err = driver.Errorf(driver.ErrInUse, "snapshot %s is in use", req.Snapshot.ID)
		}
		return res, err
	}
}

var revertMutations = []mutation{
	{
		bug: "revert does nothing", caught: "revert/restores-bytes",
		also: []string{"group/content-of-each", "revert/branches", "revert/of-its-own-snapshots-content"},
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				v, err := d.Volume(ctx, req.Volume)
				return driver.RevertResult{Volume: v.ID, Size: v.Size}, err
			}
		},
	},
	{
		bug: "revert goes to the newest", caught: "revert/to-oldest-and-newest",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			for s := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
				req.Snapshot = s.Ref
			}
			return d.Revert(ctx, req)
		}),
	},
	{
		bug: "revert drops a younger one", caught: "revert/keeps-every-snapshot",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			res, err := d.Revert(ctx, req)
			var last driver.Snapshot
			for s := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
				last = s
			}
			if err == nil && last.Ref != req.Snapshot {
				_, err = d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: last.Ref})
			}
			return res, err
		}),
	},
	{
		bug: "revert of a snapshot that is gone takes the latest", caught: "revert/unknown-snapshot",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			res, err := d.Revert(ctx, req)
			if errors.Is(err, driver.ErrNotFound) {
				for s := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
					req.Snapshot = s.Ref
				}
				return d.Revert(ctx, req)
			}
			return res, err
		}),
	},
	{
		bug: "a refused revert has written already", caught: "revert/unknown-snapshot",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				_ = r.b.WriteAt(req.Volume, make([]byte, 512), 0)
				return d.Revert(ctx, req)
			}
		},
	},
	{
		bug: "revert takes another volume's content", caught: "revert/another-volumes-snapshot",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				res, err := d.Revert(ctx, req)
				if !errors.Is(err, driver.ErrConflict) {
					return res, err
				}
				content, err := r.b.SnapshotContent(req.Snapshot)
				return driver.RevertResult{Volume: req.Volume, Size: int64(len(content))}, errors.Join(err, r.b.WriteAt(req.Volume, content, 0))
			}
		},
	},
	{
		bug: "revert touches the neighbours", caught: "revert/leaves-other-volumes",
		also: []string{"clone/survives-a-revert-of-its-source", "revert/unknown-volume"},
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				for _, v := range r.b.Volumes() {
					_ = r.b.WriteAt(v, make([]byte, 512), 0)
				}
				return d.Revert(ctx, req)
			}
		},
	},
	{
		bug: "revert cannot undo the growth of a volume", caught: "revert/after-the-volume-grew",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			before, err := d.Volume(ctx, req.Volume)
			if err != nil {
				return driver.RevertResult{}, err
			}
			res, err := d.Revert(ctx, req)
			res.Size = before.Size
			return res, err
		}),
	},
	{
		bug: "revert goes by the token only", caught: "revert/two-snapshots-are-a-conflict",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			req.Snapshot.ID = ""
			return d.Revert(ctx, req)
		}),
	},
	{
		bug: "the second revert to one snapshot is taken for done", caught: "revert/twice-to-one",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			var last driver.SnapshotRef
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				if req.Snapshot == last {
					v, err := d.Volume(ctx, req.Volume)
					return driver.RevertResult{Volume: v.ID, Size: v.Size}, err
				}
				last = req.Snapshot
				return d.Revert(ctx, req)
			}
		},
	},
}

var revertFactMutations = []mutation{
	{
		bug: "revert drops what MayDrop does not name", opts: dropsYounger, caught: "revert/undeclared-drop-is-refused",
		plant: func(m *mutant, d driver.Driver, r *rig) { m.revert = dropping(d, r.b) },
	},
	{
		bug: "revert drops foreign snapshots unasked", opts: dropsYounger, caught: "foreign/younger-ones-need-consent",
		plant: func(m *mutant, d driver.Driver, r *rig) { m.revert = dropping(d, r.b) },
	},
	{
		bug: "revert does not say what it dropped", opts: dropsYounger, caught: "revert/drops-exactly-the-younger",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			res, err := d.Revert(ctx, req)
			res.Dropped = nil
			return res, err
		}),
	},
	{
		bug: "a repeated revert does not know the old id", opts: changesID, caught: "revert/same-token-same-answer",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.revert = forgetful(d) },
	},
	{
		bug: "a lost revert is not known by its token", opts: changesID, caught: "lost/revert-then-again",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.revert = forgetful(d) },
	},
	{
		bug: "revert gives the old id", opts: changesID, caught: "revert/result-says-what-is-now",
		also: []string{"revert/new-snapshots-after-a-changed-id"},
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				res, err := d.Revert(ctx, req)
				if err == nil {
					res.Volume = req.Volume
				}
				return res, err
			}
		},
	},
	{
		bug: "snapshots of the old id are lost", opts: changesID, caught: "revert/old-references-stay-valid",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			if _, err := d.Volume(ctx, req.Snapshot.Volume); err != nil {
				return driver.Snapshot{}, err
			}
			return d.Lookup(ctx, req)
		}),
	},
	{
		bug: "a torn revert says that nothing happened", opts: nonAtomic, caught: "revert/torn-one-is-completed",
		plant: reverting(func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error) {
			res, err := d.Revert(ctx, req)
			if errors.Is(err, driver.ErrPartial) {
				err = driver.Errorf(driver.ErrUnavailable, "try again")
			}
			return res, err
		}),
	},
	{
		bug: "a fenced token applies twice", opts: fencedRevert, caught: "revert/fenced-token-applies-once",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.revert = forgetful(d) },
	},
	{
		bug: "an open volume is reverted all the same", opts: fencedRevert, caught: "revert/while-open",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
				res, err := d.Revert(ctx, req)
				if !errors.Is(err, driver.ErrInUse) {
					return res, err
				}
				content, err := r.b.SnapshotContent(req.Snapshot)
				return driver.RevertResult{Volume: req.Volume, Size: int64(len(content))}, errors.Join(err, r.b.WriteAt(req.Volume, content, 0))
			}
		},
	},
}

// dropping reverts and agrees to every loss in its caller's name.
func dropping(d driver.Driver, b *Backend) func(context.Context, driver.RevertRequest) (driver.RevertResult, error) {
	return func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
		req.MayDrop = slices.DeleteFunc(refs(b.AllSnapshots()), func(r driver.SnapshotRef) bool { return r == req.Snapshot })
		return d.Revert(ctx, req)
	}
}

// forgetful reverts under another token each time.
func forgetful(d driver.Driver) func(context.Context, driver.RevertRequest) (driver.RevertResult, error) {
	return func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
		fresh, err := driver.NewToken(req.Token.Installation())
		if err != nil {
			return driver.RevertResult{}, err
		}
		req.Token = fresh
		return d.Revert(ctx, req)
	}
}
