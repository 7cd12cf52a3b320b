package drivertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func describeMutations() []mutation {
	return []mutation{
		{
			bug: "no backend id", caught: "describe/names-the-backend",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.describe = func(ctx context.Context) (driver.Description, error) {
					out, err := d.Describe(ctx)
					out.Backend = ""
					return out, err
				}
			},
		},
		{
			bug: "facts depend on who asks", caught: "describe/same-after-reopen",
			plant: func(m *mutant, d driver.Driver, r *rig) {
				opened := len(r.b.Counts()) // differs from one Open to the next
				m.describe = func(ctx context.Context) (driver.Description, error) {
					out, err := d.Describe(ctx)
					out.Limits.Requests = 1 + opened
					return out, err
				}
			},
		},
		{
			bug: "limits are negative", caught: "describe/facts-and-limits-make-sense",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.describe = func(ctx context.Context) (driver.Description, error) {
					out, err := d.Describe(ctx)
					out.Limits.NameLength = -1
					return out, err
				}
			},
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
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
					v, err := d.Volume(ctx, id)
					if err != nil {
						err = driver.Errorf(driver.ErrUnavailable, "no answer")
					}
					return v, err
				}
			},
		},
		{
			bug: "every volume has one serial", caught: "volume/size-and-serial",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
					v, err := d.Volume(ctx, id)
					v.Serial = "naa.0"
					return v, err
				}
			},
		},
		{
			bug: "snapshots are not counted", caught: "volume/counts-its-snapshots",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
					v, err := d.Volume(ctx, id)
					v.SnapshotCount = 0
					return v, err
				}
			},
		},
	}
}

func createMutations() []mutation {
	type request = driver.CreateSnapshotRequest
	return []mutation{
		{
			bug: "create ignores Resume", caught: "create/resume-returns-the-same",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					req.Attempt = driver.Attempt{}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "Resume refuses what was never sent", caught: "create/resume-of-what-was-never-sent",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if req.Resume {
						return d.Lookup(ctx, driver.LookupRequest{Snapshot: driver.SnapshotRef{Volume: req.Volume, Token: req.Token}})
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "Resume finds the token on any volume", caught: "create/one-token-on-two-volumes",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if s, ok := anyWith(ctx, d, req.Token); ok && req.Resume {
						return s, nil
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "the name is the identity", caught: "create/equal-names",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					for s, err := range d.Snapshots(ctx, driver.ListRequest{Volume: req.Volume}) {
						if err == nil && s.Name == req.Name {
							return s, nil
						}
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "a name with a slash is refused", caught: "create/odd-names",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if strings.Contains(req.Name, "/") {
						return driver.Snapshot{}, driver.Errorf(driver.ErrInvalid, "name %q", req.Name)
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "labels are shouted", caught: "create/labels",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					for k, v := range req.Labels {
						req.Labels = map[string]string{k: strings.ToUpper(v) + "!"}
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "a canceled create happens all the same and says it did not", caught: "create/with-a-canceled-context",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.CreateSnapshot(context.WithoutCancel(ctx), req)
					if ctx.Err() != nil {
						return driver.Snapshot{}, driver.Errorf(driver.ErrUnavailable, "given up")
					}
					return s, err
				}
			},
		},
		{
			bug: "a canceled create leaves two", caught: "create/with-a-canceled-context",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.CreateSnapshot(context.WithoutCancel(ctx), req)
					if ctx.Err() == nil {
						return s, err
					}
					_, err = d.CreateSnapshot(context.WithoutCancel(ctx), req)
					return driver.Snapshot{}, driver.Errorf(driver.ErrIndeterminate, "given up: %w", errors.Join(err, ctx.Err()))
				}
			},
		},
		{
			bug: "create goes on long after its deadline", caught: "create/keeps-to-its-deadline",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if ctx.Err() != nil {
						time.Sleep(2 * time.Minute)
					}
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "create drops the oldest", caught: "create/several-of-one-volume",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
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
				}
			},
		},
		{
			bug: "create forgets the token in its answer", caught: "create/returns-what-was-asked",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.CreateSnapshot(ctx, req)
					s.Ref.Token = ""
					return s, err
				}
			},
		},
		{
			bug: "times run backwards", caught: "create/times-follow-the-order",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				at := time.Now()
				m.create = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.CreateSnapshot(ctx, req)
					at = at.Add(-time.Second)
					s.CreatedAt = at
					return s, err
				}
			},
		},
		{
			bug: "a snapshot has the volume's size of today", caught: "create/records-the-size-then",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
					s, err := d.Lookup(ctx, req)
					if v, gone := d.Volume(ctx, s.Ref.Volume); gone == nil {
						s.Size = v.Size
					}
					return s, err
				}
			},
		},
		{
			bug: "one shared field for the call under way", caught: "concurrency/many-volumes-at-once",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				var mu sync.Mutex
				var req request
				m.create = func(ctx context.Context, r request) (driver.Snapshot, error) {
					mu.Lock()
					req = r
					mu.Unlock()
					time.Sleep(time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					return d.CreateSnapshot(ctx, req)
				}
			},
		},
	}
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

func lookupMutations() []mutation {
	type request = driver.LookupRequest
	settle := BackendOptions{Facts: driver.Facts{Settle: 10 * time.Second}}
	return []mutation{
		{
			bug: "lookup says not found when it could not ask", caught: "lookup/with-a-canceled-context",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.Lookup(ctx, req)
					if err != nil {
						err = driver.Errorf(driver.ErrNotFound, "not there, it seems: %v", err)
					}
					return s, err
				}
			},
		},
		{
			bug: "lookup does not wait", opts: settle, caught: "lookup/waits-until-no-send-can-land",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					req.Attempt = driver.Attempt{}
					return d.Lookup(ctx, req)
				}
			},
		},
		{
			bug: "lookup waits even for what is there", opts: settle, caught: "lookup/waits-until-no-send-can-land",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					time.Sleep(time.Until(req.SentAt.Add(10 * time.Second)))
					return d.Lookup(ctx, req)
				}
			},
		},
		{
			bug: "lookup concludes when its time is over", opts: settle, caught: "lookup/running-out-of-time-is-not-absence",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					s, err := d.Lookup(ctx, req)
					if ctx.Err() != nil {
						return s, driver.Errorf(driver.ErrNotFound, "not there so far")
					}
					return s, err
				}
			},
		},
		{
			bug: "lookup goes by the token only", caught: "lookup/two-snapshots-are-a-conflict",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if req.Snapshot.Token != "" {
						req.Snapshot.ID = ""
					}
					return d.Lookup(ctx, req)
				}
			},
		},
		{
			bug: "lookup finds the token on any volume", caught: "lookup/keeps-volumes-apart",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if s, ok := anyWith(ctx, d, req.Snapshot.Token); ok {
						return s, nil
					}
					return d.Lookup(ctx, req)
				}
			},
		},
		{
			bug: "lookup cannot find by id", caught: "lookup/by-id-by-token-and-by-both",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if req.Snapshot.Token == "" {
						return driver.Snapshot{}, driver.Errorf(driver.ErrNotFound, "no token")
					}
					return d.Lookup(ctx, req)
				}
			},
		},
		{
			bug: "lookup remembers what it saw", caught: "lookup/absent-is-conclusive",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				seen := map[driver.SnapshotRef]driver.Snapshot{}
				m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
					s, err := d.CreateSnapshot(ctx, req)
					seen[s.Ref] = s
					return s, err
				}
				m.lookup = func(ctx context.Context, req request) (driver.Snapshot, error) {
					if s, ok := seen[req.Snapshot]; ok {
						return s, nil
					}
					return d.Lookup(ctx, req)
				}
			},
		},
	}
}

func listMutations() []mutation {
	type seq = iter.Seq2[driver.Snapshot, error]
	type request = driver.ListRequest
	return []mutation{
		{
			bug: "list yields everything twice", caught: "list/one-volume",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req request) seq {
					return func(yield func(driver.Snapshot, error) bool) {
						for s, err := range d.Snapshots(ctx, req) {
							if !yield(s, err) || !yield(s, err) {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "list ignores the volume", caught: "list/one-volume",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, _ request) seq { return d.Snapshots(ctx, request{}) }
			},
		},
		{
			bug: "list shows the first page only", caught: "list/whole-backend",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req request) seq {
					return func(yield func(driver.Snapshot, error) bool) {
						n := 0
						for s, err := range d.Snapshots(ctx, req) {
							if n++; n > 3 || !yield(s, err) {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "list of an unknown volume is empty", caught: "list/unknown-volume-is-not-found",
			plant: func(m *mutant, d driver.Driver, _ *rig) { m.list = silent(d) },
		},
		{
			bug: "list hides its error", caught: "list/one-error-and-it-is-last",
			plant: func(m *mutant, d driver.Driver, _ *rig) { m.list = silent(d) },
		},
		{
			bug: "list goes on after its error", caught: "list/one-error-and-it-is-last",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req request) seq {
					return func(yield func(driver.Snapshot, error) bool) {
						for range 2 {
							for s, err := range d.Snapshots(ctx, req) {
								if !yield(s, err) {
									return
								}
							}
							if ctx.Err() == nil {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "list does not stop with its reader", caught: "list/stops-with-its-reader",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req request) seq {
					return func(yield func(driver.Snapshot, error) bool) {
						for s, err := range d.Snapshots(ctx, req) {
							yield(s, err)
						}
					}
				}
			},
		},
		{
			bug: "list has other sizes than lookup", caught: "list/agrees-with-lookup",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req request) seq {
					return func(yield func(driver.Snapshot, error) bool) {
						for s, err := range d.Snapshots(ctx, req) {
							s.Size *= 2
							if !yield(s, err) {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "list pages by offset", opts: BackendOptions{Latency: time.Millisecond}, caught: "list/once-each-while-others-change",
			plant: func(m *mutant, d driver.Driver, r *rig) {
				m.list = func(ctx context.Context, req request) seq { return offsetPages(ctx, d, r.b, req) }
			},
		},
	}
}

// silent lists and ends quietly at an error.
func silent(d driver.Driver) func(context.Context, driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
		return func(yield func(driver.Snapshot, error) bool) {
			for s, err := range d.Snapshots(ctx, req) {
				if err != nil || !yield(s, nil) {
					return
				}
			}
		}
	}
}

// offsetPages lists newest first, a page of one by offset: what comes meanwhile shifts the rest.
func offsetPages(ctx context.Context, d driver.Driver, b *Backend, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return func(yield func(driver.Snapshot, error) bool) {
		for offset := 0; ; offset++ {
			var all []driver.Snapshot
			for _, s := range b.AllSnapshots() {
				if req.Volume == "" || s.Ref.Volume == req.Volume {
					all = append([]driver.Snapshot{s}, all...)
				}
			}
			if offset >= len(all) || !yield(all[offset], nil) {
				return
			}
			if _, err := d.Describe(ctx); err != nil { // the next page is another round trip
				yield(driver.Snapshot{}, err)
				return
			}
		}
	}
}

func foreignMutations() []mutation {
	return []mutation{
		{
			bug: "foreign snapshots are hidden", caught: "foreign/listed-without-our-token",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
					return func(yield func(driver.Snapshot, error) bool) {
						for s, err := range d.Snapshots(ctx, req) {
							if err == nil && s.Ref.Token == "" {
								continue
							}
							if !yield(s, err) {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "foreign snapshots get a token of ours", caught: "foreign/listed-without-our-token",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.list = func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
					return func(yield func(driver.Snapshot, error) bool) {
						for s, err := range d.Snapshots(ctx, req) {
							if err == nil && s.Ref.Token == "" {
								s.Ref.Token = driver.Token(fmt.Sprintf("s%026d", len(s.Ref.ID)))
							}
							if !yield(s, err) {
								return
							}
						}
					}
				}
			},
		},
		{
			bug: "delete tidies up foreign snapshots too", caught: "foreign/survives-what-we-do",
			plant: func(m *mutant, d driver.Driver, r *rig) {
				m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
					for _, s := range r.b.AllSnapshots() {
						if s.Ref.Token == "" {
							_ = r.b.RemoveSnapshot(s.Ref)
						}
					}
					return d.DeleteSnapshot(ctx, req)
				}
			},
		},
		{
			bug: "a snapshot without a token cannot be deleted", caught: "foreign/found-and-deleted-by-id",
			plant: func(m *mutant, d driver.Driver, _ *rig) {
				m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
					if req.Snapshot.Token == "" {
						return driver.DeleteResult{}, driver.Errorf(driver.ErrPermission, "not ours")
					}
					return d.DeleteSnapshot(ctx, req)
				}
			},
		},
	}
}
