package memory

import "iter"

// tree is an ordered map. A copy of the struct is a version of the map: versions share their nodes, and a change copies
// the path from the root to what it touches. Changing one version never shows in another.
type tree[K, V any] struct {
	compare func(a, b K) int
	root    *node[K, V]
	size    int
}

func (t *tree[K, V]) get(key K) (V, bool) {
	for n := t.root; n != nil; {
		i, found := n.search(t.compare, key)
		if n.leaf() {
			if found {
				return n.values[i], true
			}
			break
		}
		n = n.kids[i]
	}
	var none V
	return none, false
}

// from yields the keys that are not below the given one, in order. The zero key of every type used here is below all.
// The version that it ranges over must not be changed inside the loop.
func (t *tree[K, V]) from(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.root.ascend(t.compare, key, yield)
		}
	}
}

func (t *tree[K, V]) set(e *edit, key K, value V) {
	if t.root == nil {
		t.root = &node[K, V]{owner: e}
	}
	left, right, added := t.root.set(e, t.compare, key, value)
	t.root = left
	if right != nil {
		t.root = &node[K, V]{owner: e, keys: []K{left.keys[0], right.keys[0]}, kids: []*node[K, V]{left, right}}
	}
	if added {
		t.size++
	}
}

func (t *tree[K, V]) remove(e *edit, key K) {
	if _, found := t.get(key); !found {
		return
	}
	t.size--
	t.root = t.root.remove(e, t.compare, key)
	for !t.root.leaf() && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if len(t.root.keys) == 0 {
		t.root = nil
	}
}
