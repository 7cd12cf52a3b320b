package drivertest

import (
	"context"
	"iter"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// pageSize is how many objects a listing fetches in one round trip.
const pageSize = 100

// Snapshots implements [driver.Driver].
func (d *backendDriver) Snapshots(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return pages(ctx, d, route{method: "Snapshots"}, func(after int) ([]numbered[driver.Snapshot], error) {
		from := d.b.order
		if req.Volume != "" {
			v := d.b.ever[req.Volume]
			if v == nil || (v.gone && len(v.snaps) == 0) {
				return nil, driver.Errorf(driver.ErrNotFound, "volume %q", string(req.Volume))
			}
			from = v.snaps
		}
		return snapPage(from, after), nil
	})
}

func snapPage(from []*snap, after int) []numbered[driver.Snapshot] {
	i, _ := slices.BinarySearchFunc(from, after+1, func(s *snap, n int) int { return s.seq - n })
	var page []numbered[driver.Snapshot]
	for _, s := range from[i:] {
		if len(page) == pageSize {
			break
		}
		if s.trashed.IsZero() {
			page = append(page, numbered[driver.Snapshot]{s.seq, s.view()})
		}
	}
	return page
}

// numbered is an object with its number in the array's order, by which listings page.
type numbered[T any] struct {
	seq    int
	object T
}

// pages lists objects page by page, each one round trip, with the array unlocked in between.
func pages[T any](
	ctx context.Context, d *backendDriver, via route, page func(after int) ([]numbered[T], error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		via := via
		for after := 0; ; via.again = true {
			got, err := trip(ctx, d, via, func() ([]numbered[T], error) { return page(after) })
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, n := range got {
				if !yield(n.object, nil) {
					return
				}
				after = n.seq
			}
			if len(got) < pageSize {
				return
			}
		}
	}
}
