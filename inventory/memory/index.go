package memory

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// index finds the keys K of the rows R that belong to a group G: the children of a parent, the rows of an owner.
// A row belongs to any number of groups.
type index[G comparable, K, R any] struct {
	entries tree[entry[G, K], struct{}]
	groups  func(*R) []G
}

type entry[G, K any] struct {
	group G
	key   K
}

func newIndex[G comparable, K, R any](group func(a, b G) int, key func(a, b K) int, groups func(*R) []G) index[G, K, R] {
	compare := func(a, b entry[G, K]) int {
		if c := group(a.group, b.group); c != 0 {
			return c
		}
		return key(a.key, b.key)
	}
	return index[G, K, R]{entries: tree[entry[G, K], struct{}]{compare: compare}, groups: groups}
}

// replace follows a row from its old to its new form; nil is "not there".
func (x *index[G, K, R]) replace(e *edit, key K, before, after *R) {
	var was, is []G
	if before != nil {
		was = x.groups(before)
	}
	if after != nil {
		is = x.groups(after)
	}
	for _, g := range was {
		if !slices.Contains(is, g) {
			x.entries.remove(e, entry[G, K]{g, key})
		}
	}
	for _, g := range is {
		if !slices.Contains(was, g) {
			x.entries.set(e, entry[G, K]{g, key}, struct{}{})
		}
	}
}

// in yields the keys of a group that are not below the given one, in order.
func (x *index[G, K, R]) in(group G, from K) iter.Seq[K] {
	return func(yield func(K) bool) {
		for e := range x.entries.from(entry[G, K]{group, from}) {
			if e.group != group || !yield(e.key) {
				return
			}
		}
	}
}

// nonzero is the group of a row that belongs to one if the value is set.
func nonzero[G comparable](value G) []G {
	var none G
	if value == none {
		return nil
	}
	return []G{value}
}

func compareID[K any](a, b snapshot.UUID[K]) int { return bytes.Compare(a[:], b[:]) }

func compareText[S ~string](a, b S) int { return strings.Compare(string(a), string(b)) }

func compareRecordKey(a, b inventory.RecordKey) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
}

// compareFlag is the order of the one group of an index that is a set.
func compareFlag(struct{}, struct{}) int { return 0 }

func flag(set bool) []struct{} {
	if set {
		return make([]struct{}, 1)
	}
	return nil
}
