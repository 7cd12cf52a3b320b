package memory

import "slices"

// nodeMax is the most keys in a node. Small nodes are cheap to copy, large ones make flat trees; 32 measured best.
const nodeMax = 32

// edit is the mark of one transaction on the nodes that it made: only these may it change in place. It has a size so
// that each one has its own address.
type edit struct{ _ byte }

// node is a leaf, with a value per key, or has a kid per key, where a key is not above any key of its kid.
type node[K, V any] struct {
	owner  *edit
	keys   []K
	values []V
	kids   []*node[K, V]
}

func (n *node[K, V]) leaf() bool { return n.kids == nil }

// own returns the node itself if the transaction made it, else a copy that it may change.
func (n *node[K, V]) own(e *edit) *node[K, V] {
	if n.owner == e {
		return n
	}
	return &node[K, V]{owner: e, keys: roomy(n.keys), values: roomy(n.values), kids: roomy(n.kids)}
}

// roomy copies a slice with room for one more: most copies are made for one insertion.
func roomy[E any](s []E) []E {
	if s == nil {
		return nil
	}
	return append(make([]E, 0, len(s)+1), s...)
}

// search returns where the key is, or in an inner node which kid it belongs to.
func (n *node[K, V]) search(compare func(a, b K) int, key K) (int, bool) {
	i, found := slices.BinarySearchFunc(n.keys, key, compare)
	if !n.leaf() && !found && i > 0 {
		i--
	}
	return i, found
}

// set returns the node with the key, and a second node to its right if it had to be split.
func (n *node[K, V]) set(e *edit, compare func(a, b K) int, key K, value V) (self, right *node[K, V], added bool) {
	n = n.own(e)
	i, found := n.search(compare, key)
	if n.leaf() {
		if found {
			n.values[i] = value
			return n, nil, false
		}
		n.keys, n.values = slices.Insert(n.keys, i, key), slices.Insert(n.values, i, value)
		return n, n.split(e, i), true
	}
	if compare(key, n.keys[i]) < 0 {
		n.keys[i] = key
	}
	n.kids[i], right, added = n.kids[i].set(e, compare, key, value)
	if right == nil {
		return n, nil, added
	}
	n.keys, n.kids = slices.Insert(n.keys, i+1, right.keys[0]), slices.Insert(n.kids, i+1, right)
	return n, n.split(e, i+1), added
}

// split cuts a node that is too large, and returns the right part. One that grew at its end is cut there, because
// ids ascend with time and a half-full left part would never be filled.
func (n *node[K, V]) split(e *edit, grew int) *node[K, V] {
	size := len(n.keys)
	if size <= nodeMax {
		return nil
	}
	at := size / 2
	if grew == size-1 {
		at = size - 1
	}
	right := &node[K, V]{owner: e, keys: slices.Clone(n.keys[at:])}
	n.keys = slices.Delete(n.keys, at, size)
	if n.leaf() {
		right.values = slices.Clone(n.values[at:])
		n.values = slices.Delete(n.values, at, size)
	} else {
		right.kids = slices.Clone(n.kids[at:])
		n.kids = slices.Delete(n.kids, at, size)
	}
	return right
}

// remove returns the node without the key, which is there.
func (n *node[K, V]) remove(e *edit, compare func(a, b K) int, key K) *node[K, V] {
	n = n.own(e)
	i, _ := n.search(compare, key)
	if n.leaf() {
		n.keys, n.values = slices.Delete(n.keys, i, i+1), slices.Delete(n.values, i, i+1)
		return n
	}
	n.kids[i] = n.kids[i].remove(e, compare, key)
	switch {
	case len(n.kids[i].keys) == 0:
		n.keys, n.kids = slices.Delete(n.keys, i, i+1), slices.Delete(n.kids, i, i+1)
	case n.small(i):
		n.join(e, i)
	case n.small(i - 1):
		n.join(e, i-1)
	}
	return n
}

// small reports whether kid i and the next one fit well into one node.
func (n *node[K, V]) small(i int) bool {
	return i >= 0 && i+1 < len(n.kids) && len(n.kids[i].keys)+len(n.kids[i+1].keys) <= nodeMax/2
}

// join makes one kid of kid i and the next.
func (n *node[K, V]) join(e *edit, i int) {
	left, right := n.kids[i].own(e), n.kids[i+1]
	left.keys = append(left.keys, right.keys...)
	left.values = append(left.values, right.values...)
	left.kids = append(left.kids, right.kids...)
	n.kids[i] = left
	n.keys, n.kids = slices.Delete(n.keys, i+1, i+2), slices.Delete(n.kids, i+1, i+2)
}

// ascend yields the keys from the given one on, in order, until yield returns false.
func (n *node[K, V]) ascend(compare func(a, b K) int, from K, yield func(K, V) bool) bool {
	i, _ := n.search(compare, from)
	if !n.leaf() {
		return n.kids[i].ascend(compare, from, yield) && n.all(i+1, yield)
	}
	return n.all(i, yield)
}

// all yields everything from position i on.
func (n *node[K, V]) all(i int, yield func(K, V) bool) bool {
	for ; i < len(n.keys); i++ {
		if n.leaf() {
			if !yield(n.keys[i], n.values[i]) {
				return false
			}
		} else if !n.kids[i].all(0, yield) {
			return false
		}
	}
	return true
}
