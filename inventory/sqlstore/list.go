package sqlstore

import (
	"context"
	"iter"
	"slices"

	"github.com/storagesnap/storagesnap/inventory"
)

const (
	// The first page of a listing is small, as many loops need no more; the later ones are larger, as a query has its price.
	firstPage = 64
	lastPage  = 1024
)

// listing says how rows R with the key K are listed.
type listing[K, R any] struct {
	doing   string
	columns string
	row     func(*R) *row
	// order are the columns of the key, and behind the condition that a row stands behind the key :after, or, where it has
	// two columns, the keys :after and :then.
	order, behind string
	bind          func(K) (after, then any)
	key           func(*R) K
	// last, if set, reads :last when the listing begins: a key that the listing does not go beyond.
	last statement
}

// list yields the rows page by page. No connection is held while the caller has the word.
func list[K, R any](ctx context.Context, s *Store, l listing[K, R], q *query, p inventory.Page[K]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		if err := p.Validate(); err != nil {
			yield(none, err)
			return
		}
		pg := newPager(s, l, q, p)
		for !pg.over {
			err := pg.next(ctx)
			for i := 0; err == nil && i < len(pg.rows); i++ {
				if err = s.check(ctx, l.doing); err == nil && !yield(pg.rows[i], nil) {
					return
				}
			}
			if err != nil {
				yield(none, err)
				return
			}
		}
	}
}

// pager reads the pages of one listing, all into the same memory.
type pager[K, R any] struct {
	listing[K, R]

	store     *Store
	statement statement
	values    []any
	after     K
	last      int64
	begun     bool
	// size is that of the next page; wanted is how many rows the caller still wants, if it said so.
	size, wanted, skip int
	limited            bool
	rows               []R
	over               bool
}

func newPager[K, R any](s *Store, l listing[K, R], q *query, p inventory.Page[K]) *pager[K, R] {
	text := q.statement(l.columns, l.behind, " ORDER BY "+l.order+" LIMIT :limit OFFSET :skip")
	return &pager[K, R]{
		listing: l, store: s, values: q.values,
		statement: s.dialect.sqlText(s.prefix, text, append(q.params, "after", "then", "last", "limit", "skip")),
		after:     p.After, size: firstPage, wanted: p.Limit, limited: p.Limit > 0, skip: p.Offset,
	}
}

// next reads the next page.
func (p *pager[K, R]) next(ctx context.Context) error {
	p.rows = p.rows[:0]
	if err := p.store.check(ctx, p.doing); err != nil {
		return err
	}
	size := p.size
	if p.limited {
		size = min(size, p.wanted)
	}
	if err := p.read(ctx, size); err != nil {
		return p.store.classified(ctx, p.doing, err)
	}
	n := len(p.rows)
	if n > 0 {
		p.after = p.key(&p.rows[n-1])
	}
	p.wanted -= n
	p.skip = 0
	p.size = min(p.size*4, lastPage)
	p.over = n < size || p.limited && p.wanted == 0
	return nil
}

func (p *pager[K, R]) read(ctx context.Context, size int) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	after, then := p.bind(p.after)
	rows, err := p.store.reads.query(ctx, p.statement, append(slices.Clip(p.values), after, then, p.last, size, p.skip))
	if err != nil {
		return err
	}
	p.rows, err = collect(rows, p.row, p.rows)
	return err
}

// begin reads where the listing ends, once.
func (p *pager[K, R]) begin(ctx context.Context) error {
	if p.begun || p.listing.last.text == "" {
		return nil
	}
	p.begun = true
	n, err := p.store.reads.number(ctx, p.listing.last, nil)
	p.last = n
	return err
}
