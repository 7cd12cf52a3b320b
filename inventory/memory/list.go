package memory

import (
	"context"
	"iter"

	"github.com/storagesnap/storagesnap/inventory"
)

// list yields one page of copies of what find selects from the state of now. It checks the context and the store between
// rows, so that a loop over a million of them can be stopped.
func list[K, R any](ctx context.Context, s *Store, p inventory.Page[K], find func(*state) iter.Seq[*R], copied func(*R) R,
) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		if err := p.Validate(); err != nil {
			yield(none, err)
			return
		}
		st, err := s.view(ctx)
		if err != nil {
			yield(none, err)
			return
		}
		n := 0
		for r := range find(st) {
			if n++; n <= p.Offset {
				continue
			}
			if _, err := s.view(ctx); err != nil {
				yield(none, err)
				return
			}
			if !yield(copied(r), nil) || p.Limit > 0 && n == p.Offset+p.Limit {
				return
			}
		}
	}
}

// rowsOf yields the rows of the keys, in their order, that stand behind after and match.
func rowsOf[K comparable, R any](rows *tree[K, *R], keys iter.Seq[K], after K, match func(*R) bool) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for key := range keys {
			if rows.compare(key, after) <= 0 {
				continue
			}
			if r, found := rows.get(key); found && match(r) && !yield(r) {
				return
			}
		}
	}
}

// scan yields all rows behind after that match.
func scan[K comparable, R any](rows *tree[K, *R], after K, match func(*R) bool) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for key, r := range rows.from(after) {
			if key != after && match(r) && !yield(r) {
				return
			}
		}
	}
}
