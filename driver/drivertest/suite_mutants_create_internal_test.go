package drivertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

var describeMutations = []mutation{
	{
		bug: "no backend id", caught: "describe/names-the-backend",
		plant: describing(func(ctx context.Context, d driver.Driver) (driver.Description, error) {
			out, err := d.Describe(ctx)
			out.Backend = ""
			return out, err
		}),
	},
	{
		bug: "facts depend on who asks", caught: "describe/same-after-reopen",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			opened := r.opened
			m.describe = func(ctx context.Context) (driver.Description, error) {
				out, err := d.Describe(ctx)
				out.Limits.Requests = opened
				return out, err
			}
		},
	},
	{
		bug: "limits are negative", caught: "describe/facts-and-limits-make-sense",
		plant: describing(func(ctx context.Context, d driver.Driver) (driver.Description, error) {
			out, err := d.Describe(ctx)
			out.Limits.NameLength = -1
			return out, err
		}),
	},
	{
		bug: "abilities come and go", caught: "describe/abilities-are-constant",
		plant: func(m *mutant, _ driver.Driver, _ *rig) {
			calls := 0
			m.abilities = func(a driver.Abilities) driver.Abilities {
				if calls++; calls%2 == 0 {
					a.Cloner = nil
				}
				return a
			}
		},
	},
	{
		bug: "an unknown volume is unavailable", caught: "volume/unknown-is-not-found",
		plant: reading(func(ctx context.Context, d driver.Driver, id driver.VolumeID) (driver.Volume, error) {
			v, err := d.Volume(ctx, id)
			if err != nil {
				err = driver.Errorf(driver.ErrUnavailable, "no answer")
			}
			return v, err
		}),
	},
	{
		bug: "every volume has one serial", caught: "volume/size-and-serial",
		also: []string{"clone/makes-a-volume"},
		plant: reading(func(ctx context.Context, d driver.Driver, id driver.VolumeID) (driver.Volume, error) {
			v, err := d.Volume(ctx, id)
			v.Serial = "naa.0"
			return v, err
		}),
	},
	{
		bug: "siblings are those that are older", opts: BackendOptions{Facts: container()}, container: "pool", caught: "volume/siblings-are-mutual",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
				v, err := d.Volume(ctx, id)
				v.Siblings = slices.DeleteFunc(v.Siblings, func(o driver.VolumeID) bool { return len(o) > len(id) || len(o) == len(id) && o > id })
				return v, err
			}
		},
	},
	{
		bug: "snapshots are not counted", caught: "volume/counts-its-snapshots",
		plant: reading(func(ctx context.Context, d driver.Driver, id driver.VolumeID) (driver.Volume, error) {
			v, err := d.Volume(ctx, id)
			v.SnapshotCount = 0
			return v, err
		}),
	},
}

var createMutations = []mutation{
	{
		bug: "create ignores Resume", caught: "create/resume-returns-the-same",
		also: []string{"concurrency/two-drivers-one-token", "create/canceled-under-way"},
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				req.Attempt = driver.Attempt{}
				return d.CreateSnapshot(ctx, req)
			}
		},
	},
	{
		bug: "Resume refuses what was never sent", caught: "create/resume-of-what-was-never-sent",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			if req.Resume {
				return d.Lookup(ctx, driver.LookupRequest{Snapshot: driver.SnapshotRef{Volume: req.Volume, Token: req.Token}})
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "Resume finds the token on any volume", caught: "create/one-token-on-two-volumes",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			if s, ok := anyWith(ctx, d, req.Token); ok && req.Resume {
				return s, nil
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "the name is the identity", caught: "create/equal-names",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			for s, err := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
				if err == nil && s.Name == req.Name {
					return s, nil
				}
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "a name with a slash is refused", caught: "create/odd-names",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			if strings.Contains(req.Name, "/") {
				return driver.Snapshot{}, driver.Errorf(driver.ErrInvalid, "name %q", req.Name)
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "labels are shouted", caught: "create/labels",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			for k, v := range req.Labels {
				req.Labels = map[string]string{k: strings.ToUpper(v) + "!"}
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "a canceled create happens all the same and says it did not", caught: "create/with-a-canceled-context",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			s, err := d.CreateSnapshot(context.WithoutCancel(ctx), req)
			if ctx.Err() != nil {
				return driver.Snapshot{}, driver.Errorf(driver.ErrUnavailable, "given up")
			}
			return s, err
		}),
	},
	{
		bug: "a canceled create leaves two", caught: "create/with-a-canceled-context",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			s, err := d.CreateSnapshot(context.WithoutCancel(ctx), req)
			if ctx.Err() == nil {
				return s, err
			}
			_, err = d.CreateSnapshot(context.WithoutCancel(ctx), req)
			return driver.Snapshot{}, driver.Errorf(driver.ErrIndeterminate, "given up: %w", errors.Join(err, ctx.Err()))
		}),
	},
	{
		bug: "create goes on long after its deadline", caught: "create/keeps-to-its-deadline",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			if ctx.Err() != nil {
				<-time.After(2 * time.Minute)
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "create drops the oldest", caught: "create/several-of-one-volume",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			var all []driver.Snapshot
			for s := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
				all = append(all, s)
			}
			if len(all) > 7 {
				if _, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: all[0].Ref}); err != nil {
					return driver.Snapshot{}, err
				}
			}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "create touches the content", caught: "create/leaves-volume-and-snapshots",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				s, err := d.CreateSnapshot(ctx, req)
				return s, errors.Join(err, r.b.WriteAt(req.Volume, []byte("label"), 0))
			}
		},
	},
	{
		bug: "an expiry at creation is forgotten", caught: "expiry/at-creation",
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			req.Expires = time.Time{}
			return d.CreateSnapshot(ctx, req)
		}),
	},
	{
		bug: "create forgets the token in its answer", caught: "create/returns-what-was-asked",
		also: []string{"concurrency/reads-during-mutations", "create/longest-name"},
		plant: creating(func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			s, err := d.CreateSnapshot(ctx, req)
			s.Ref.Token = ""
			return s, err
		}),
	},
	{
		bug: "times run backwards", caught: "create/times-follow-the-order",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			at := time.Now()
			m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				s, err := d.CreateSnapshot(ctx, req)
				at = at.Add(-time.Second)
				s.CreatedAt = at
				return s, err
			}
		},
	},
	{
		bug: "a snapshot has the volume's size of today", caught: "create/records-the-size-then",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			s, err := d.Lookup(ctx, req)
			if v, gone := d.Volume(ctx, s.Ref.Volume); gone == nil {
				s.Size = v.Size
			}
			return s, err
		}),
	},
	{
		bug: "one shared field for the call under way", caught: "concurrency/many-volumes-at-once",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			var mu sync.Mutex
			var req driver.CreateSnapshotRequest
			m.create = func(ctx context.Context, r driver.CreateSnapshotRequest) (driver.Snapshot, error) {
				mu.Lock()
				req = r
				mu.Unlock()
				<-time.After(time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				return d.CreateSnapshot(ctx, req)
			}
		},
	},
}

// anyWith returns the first snapshot of the whole backend that has the token.
func anyWith(ctx context.Context, d driver.Driver, token driver.Token) (driver.Snapshot, bool) {
	for s, err := range d.Snapshots(ctx, driver.ListRequest{}) {
		if err == nil && token != "" && s.Ref.Token == token {
			return s, true
		}
	}
	return driver.Snapshot{}, false
}
