package inventorytest

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

// selection checks one kind of query against the rows that it should select: for each row, each field of the query, and
// each pair of fields, set to what the row has.
type selection[Q, R, K any] struct {
	// rows are all that is stored, in the order of their keys.
	rows   []R
	fields []field[Q, R]
	key    func(R) K
	page   func(*Q) *inventory.Page[K]
	list   func(q Q) iter.Seq2[R, error]
	// count is nil if this kind cannot be counted.
	count func(q Q) (int64, error)
}

// field is one field of a query.
type field[Q, R any] struct {
	name string
	// set makes the query select rows that are like r in this field; false if r has nothing there.
	set func(q *Q, r R) bool
	// like says whether a row is selected by the query that set made from r.
	like func(row, r R) bool
}

// equal makes a field of a query that compares with one value of a row.
func equal[Q, R any, V comparable](name string, in func(*Q) *V, of func(R) V) field[Q, R] {
	var none V
	return field[Q, R]{
		name: name,
		set:  func(q *Q, r R) bool { *in(q) = of(r); return of(r) != none },
		like: func(row, r R) bool { return of(row) == of(r) },
	}
}

// flagged makes a field of a query that is true or false.
func flagged[Q, R any](name string, in func(*Q) *bool, of func(R) bool) field[Q, R] {
	return field[Q, R]{
		name: name,
		set:  func(q *Q, _ R) bool { *in(q) = true; return true },
		like: func(row, _ R) bool { return of(row) },
	}
}

func (sel selection[Q, R, K]) check(s *scene) {
	s.Helper()
	sel.checkComplete(s)
	sel.expect(s, "all", *new(Q), sel.rows)
	for at, r := range sel.rows {
		for i, a := range sel.fields {
			for _, b := range sel.fields[i:] {
				var q Q
				if !a.set(&q, r) || !b.set(&q, r) {
					continue
				}
				var want []R
				for _, row := range sel.rows {
					if a.like(row, r) && b.like(row, r) {
						want = append(want, row)
					}
				}
				sel.expect(s, fmt.Sprintf("%s and %s of row %d", a.name, b.name, at), q, want)
			}
		}
	}
}

// checkComplete fails when a field was added to the query and not here.
func (sel selection[Q, R, K]) checkComplete(s *scene) {
	s.Helper()
	names := map[string]bool{"Page": true}
	for _, f := range sel.fields {
		names[f.name] = true
	}
	for f := range reflect.TypeFor[Q]().Fields() {
		require.True(s, !f.IsExported() || names[f.Name], "the suite does not know field %s of %T", f.Name, *new(Q))
	}
}

func (sel selection[Q, R, K]) expect(s *scene, name string, q Q, want []R) {
	s.Helper()
	sel.same(s, name, q, want)
	if sel.count != nil {
		*sel.page(&q) = inventory.Page[K]{After: sel.key(sel.rows[len(sel.rows)-1]), Limit: 1, Offset: 1}
		n, err := sel.count(q)
		require.NoError(s, err, name)
		require.Equal(s, int64(len(want)), n, "%s: the count of all that the query selects, whatever the page", name)
	}
	if len(want) < 2 {
		return
	}
	middle := len(want) / 2
	*sel.page(&q) = inventory.Page[K]{After: sel.key(want[middle-1])}
	sel.same(s, name+", after", q, want[middle:])
	*sel.page(&q) = inventory.Page[K]{Offset: middle, Limit: 1}
	sel.same(s, name+", offset and limit", q, want[middle:middle+1])
	*sel.page(&q) = inventory.Page[K]{After: sel.key(want[0]), Limit: len(want), Offset: middle - 1}
	sel.same(s, name+", after, offset and limit", q, want[middle:])
}

func (sel selection[Q, R, K]) same(s *scene, name string, q Q, want []R) {
	s.Helper()
	keys := func(rows []R) []K {
		all := []K{}
		for _, r := range rows {
			all = append(all, sel.key(r))
		}
		return all
	}
	require.Equal(s, keys(want), keys(collect(s, sel.list(q))), name)
}
