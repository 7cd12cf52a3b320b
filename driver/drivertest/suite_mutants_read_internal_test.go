package drivertest

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

var lookupMutations = []mutation{
	{
		bug: "lookup says not found when it could not ask", caught: "lookup/with-a-canceled-context",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			s, err := d.Lookup(ctx, req)
			if err != nil {
				err = driver.Errorf(driver.ErrNotFound, "not there, it seems: %v", err)
			}
			return s, err
		}),
	},
	{
		bug: "lookup does not wait", opts: settles, caught: "lookup/waits-until-no-send-can-land",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			req.Attempt = driver.Attempt{}
			return d.Lookup(ctx, req)
		}),
	},
	{
		bug: "lookup waits even for what is there", opts: settles, caught: "lookup/waits-until-no-send-can-land",
		plant: func(m *mutant, d driver.Driver, _ *rig) {
			m.lookup = func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
				<-time.After(time.Until(req.SentAt.Add(10 * time.Second)))
				return d.Lookup(ctx, req)
			}
		},
	},
	{
		bug: "lookup concludes when its time is over", opts: settles, caught: "lookup/running-out-of-time-is-not-absence",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			s, err := d.Lookup(ctx, req)
			if ctx.Err() != nil {
				return s, driver.Errorf(driver.ErrNotFound, "not there so far")
			}
			return s, err
		}),
	},
	{
		bug: "lookup goes by the token only", caught: "lookup/two-snapshots-are-a-conflict",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			if req.Snapshot.Token != "" {
				req.Snapshot.ID = ""
			}
			return d.Lookup(ctx, req)
		}),
	},
	{
		bug: "lookup finds the token on any volume", caught: "lookup/keeps-volumes-apart",
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			if s, ok := anyWith(ctx, d, req.Snapshot.Token); ok {
				return s, nil
			}
			return d.Lookup(ctx, req)
		}),
	},
	{
		bug: "lookup cannot find by id", caught: "lookup/by-id-by-token-and-by-both",
		also: []string{"foreign/can-be-reverted-to"},
		plant: lookingUp(func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error) {
			if req.Snapshot.Token == "" {
				return driver.Snapshot{}, driver.Errorf(driver.ErrNotFound, "no token")
			}
			return d.Lookup(ctx, req)
		}),
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
			m.lookup = func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
				if s, ok := seen[req.Snapshot]; ok {
					return s, nil
				}
				return d.Lookup(ctx, req)
			}
		},
	},
}

var listMutations = []mutation{
	{
		bug: "list yields everything twice", caught: "list/one-volume",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				for s, err := range d.Snapshots(ctx, req) {
					for range 2 {
						if !yield(s, err) {
							return
						}
					}
				}
			}
		}),
	},
	{
		bug: "list ignores the volume", caught: "list/one-volume",
		plant: listing(func(ctx context.Context, d driver.Driver, _ driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return d.Snapshots(ctx, driver.ListRequest{})
		}),
	},
	{
		bug: "list shows the first page only", caught: "list/whole-backend",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				n := 0
				for s, err := range d.Snapshots(ctx, req) {
					if n++; n > 3 || !yield(s, err) {
						return
					}
				}
			}
		}),
	},
	{
		bug: "list of an unknown volume is empty", caught: "list/unknown-volume-is-not-found",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.list = silent(d) },
	},
	{
		bug: "an empty list is an error", caught: "list/volume-without-snapshots",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				n := 0
				for s, err := range d.Snapshots(ctx, req) {
					if n++; !yield(s, err) {
						return
					}
				}
				if n == 0 {
					yield(driver.Snapshot{}, driver.Errorf(driver.ErrNotFound, "no snapshots"))
				}
			}
		}),
	},
	{
		bug: "list hides its error", caught: "list/one-error-and-it-is-last",
		plant: func(m *mutant, d driver.Driver, _ *rig) { m.list = silent(d) },
	},
	{
		bug: "list goes on after its error", caught: "list/one-error-and-it-is-last",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
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
		}),
	},
	{
		bug: "list does not stop with its reader", caught: "list/stops-with-its-reader",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				for s, err := range d.Snapshots(ctx, req) {
					yield(s, err)
				}
			}
		}),
	},
	{
		bug: "list has other sizes than lookup", caught: "list/agrees-with-lookup",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return func(yield func(driver.Snapshot, error) bool) {
				for s, err := range d.Snapshots(ctx, req) {
					s.Size *= 2
					if !yield(s, err) {
						return
					}
				}
			}
		}),
	},
	{
		bug: "list pages by offset", opts: BackendOptions{Latency: time.Millisecond}, caught: "list/once-each-while-others-change",
		plant: func(m *mutant, d driver.Driver, r *rig) {
			m.list = func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
				return offsetPages(ctx, d, r.b, req)
			}
		},
	},
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

var foreignMutations = []mutation{
	{
		bug: "foreign snapshots are hidden", caught: "foreign/listed-without-our-token",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
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
		}),
	},
	{
		bug: "foreign snapshots get a token of ours", caught: "foreign/listed-without-our-token",
		plant: listing(func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
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
		}),
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
		plant: deleting(func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			if req.Snapshot.Token == "" {
				return driver.DeleteResult{}, driver.Errorf(driver.ErrPermission, "not ours")
			}
			return d.DeleteSnapshot(ctx, req)
		}),
	},
}
