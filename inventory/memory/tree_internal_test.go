package memory

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func newTree() tree[int, int] { return tree[int, int]{compare: cmp.Compare[int]} }

// content collects the tree from a key on.
func content(t *tree[int, int], from int) (keys, values []int) {
	for k, v := range t.from(from) {
		keys, values = append(keys, k), append(values, v)
	}
	return keys, values
}

// requireLike compares the tree with a map: single keys, all keys in order, and from keys that are there or not.
func requireLike(t *testing.T, want map[int]int, got *tree[int, int]) {
	t.Helper()
	require.Equal(t, len(want), got.size)
	keys := slices.Sorted(maps.Keys(want))
	if len(keys) == 0 {
		require.Nil(t, got.root)
		return
	}
	listed, values := content(got, 0)
	require.Equal(t, keys, listed)
	for i, k := range listed {
		require.Equal(t, want[k], values[i])
		v, found := got.get(k)
		require.True(t, found)
		require.Equal(t, want[k], v)
		_, found = got.get(k + 1)
		_, wanted := want[k+1]
		require.Equal(t, wanted, found)
	}
	for _, at := range []int{0, len(keys) / 3, len(keys) - 1} {
		listed, _ = content(got, keys[at])
		require.Equal(t, keys[at:], listed)
		listed, _ = content(got, keys[at]+1)
		require.Equal(t, keys[at+1:], slices.Clip(append([]int{}, listed...)))
	}
	requireShape(t, got.root, true)
}

// requireShape checks the rules of nodes, and returns the smallest and the largest key and the depth.
func requireShape(t *testing.T, n *node[int, int], root bool) (low, high, depth int) {
	t.Helper()
	require.NotEmpty(t, n.keys)
	require.LessOrEqual(t, len(n.keys), nodeMax)
	require.True(t, slices.IsSorted(n.keys))
	if n.leaf() {
		require.Len(t, n.values, len(n.keys))
		return n.keys[0], n.keys[len(n.keys)-1], 1
	}
	require.Len(t, n.kids, len(n.keys))
	require.False(t, root && len(n.kids) == 1, "a root with one kid is one level too many")
	for i, kid := range n.kids {
		first, last, below := requireShape(t, kid, false)
		require.LessOrEqual(t, n.keys[i], first)
		require.True(t, i == 0 || high < n.keys[i])
		require.True(t, i == 0 || depth == below+1, "all leaves are equally deep")
		if i == 0 {
			low = first
		}
		high, depth = last, below+1
	}
	return low, high, depth
}

func TestTreeIsAnOrderedMap(t *testing.T) {
	for name, pick := range map[string]func(r *rand.Rand, step int) int{
		"few keys":   func(r *rand.Rand, _ int) int { return 2 * r.IntN(20) },
		"many keys":  func(r *rand.Rand, _ int) int { return 2 * r.IntN(5000) },
		"ascending":  func(_ *rand.Rand, step int) int { return 2 * step },
		"descending": func(_ *rand.Rand, step int) int { return 2 * (10000 - step) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			want, got := map[int]int{}, newTree()
			for step := range 4000 {
				e := &edit{}
				if key := pick(r, step); r.IntN(3) > 0 {
					want[key] = step
					got.set(e, key, step)
				} else {
					key = pick(r, r.IntN(step+1))
					delete(want, key)
					got.remove(e, key)
				}
				if step%400 == 0 {
					requireLike(t, want, &got)
				}
			}
			requireLike(t, want, &got)
			for _, key := range slices.Collect(maps.Keys(want)) {
				delete(want, key)
				got.remove(&edit{}, key)
				if len(want)%500 == 0 {
					requireLike(t, want, &got)
				}
			}
		})
	}
}

// TestVersionsAreIndependent keeps every hundredth version and finds it as it was, whatever was done to the next ones.
func TestVersionsAreIndependent(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	type version struct {
		want map[int]int
		tree tree[int, int]
	}
	var kept []version
	want, now := map[int]int{}, newTree()
	for range 60 {
		kept = append(kept, version{maps.Clone(want), now})
		e := &edit{}
		for range 50 {
			if key := 2 * r.IntN(1500); r.IntN(5) > 1 {
				want[key] = r.Int()
				now.set(e, key, want[key])
			} else {
				delete(want, key)
				now.remove(e, key)
			}
		}
	}
	for i := range kept {
		requireLike(t, kept[i].want, &kept[i].tree)
	}
}

// TestAscendingKeysFillNodes: ids made by time must not leave half-empty nodes behind.
func TestAscendingKeysFillNodes(t *testing.T) {
	tr := newTree()
	for i := range 100 * nodeMax {
		tr.set(&edit{}, i, i)
	}
	leaves := 0
	var count func(n *node[int, int])
	count = func(n *node[int, int]) {
		if n.leaf() {
			leaves++
		}
		for _, kid := range n.kids {
			count(kid)
		}
	}
	count(tr.root)
	require.LessOrEqual(t, leaves, 101)
}

// FuzzTree plays any sequence of insertions and removals: two bytes each, the key and what to do.
func FuzzTree(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 1, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		want, got := map[int]int{}, newTree()
		for i := 0; i+1 < len(steps); i += 2 {
			key := 2 * (int(steps[i]) | int(steps[i+1]>>4)<<8)
			if steps[i+1]&1 == 0 {
				want[key] = i
				got.set(&edit{}, key, i)
			} else {
				delete(want, key)
				got.remove(&edit{}, key)
			}
		}
		requireLike(t, want, &got)
	})
}
