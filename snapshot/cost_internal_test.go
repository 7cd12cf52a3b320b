package snapshot

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

var costVolume = NewID[VolumeID]()

func numbered(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// plant makes a tree of the snapshots 1 to n; parent says which one each descends from, 0 for none.
func plant(tb testing.TB, n int, parent func(i int) int) *Tree {
	tb.Helper()
	begin := time.Unix(1e9, 0)
	tree, err := Collect(costVolume, Head{Snapshot: numbered(n)}, func(yield func(Snapshot, error) bool) {
		for i := 1; i <= n; i++ {
			s := Snapshot{
				ID: numbered(i), Volume: costVolume, Parent: numbered(parent(i)), State: Ready, Lineage: Recorded,
				CreatedAt: begin.Add(time.Duration(i) * time.Second),
			}
			if !yield(s, nil) {
				return
			}
		}
	})
	require.NoError(tb, err)
	return tree
}

// spoil makes every node useless but those to keep: whoever steps on one panics, for its links lead nowhere. What then
// still works has touched nothing else, which is a proof of its price that does not depend on a clock.
func spoil(tree *Tree, keep ...int) {
	for i := range tree.nodes.links {
		if !slices.Contains(keep, i) {
			tree.nodes.links[i] = link{parent: -7, first: -7, next: -7, prev: -7}
		}
	}
}

// comb is a chain of odd numbers in which every snapshot has one more child: 1(2 3(4 5(6 7(8 …)))).
func comb(i int) int { return max(0, i-1-i%2) }

func TestComb(t *testing.T) {
	require.Equal(t, []int{0, 1, 1, 3, 3, 5, 5}, []int{comb(1), comb(2), comb(3), comb(4), comb(5), comb(6), comb(7)})
}

func TestPathQueriesTouchThePathOnly(t *testing.T) {
	tree := plant(t, 10_000, comb)
	spoil(tree, 0, 1, 3, 5, 7, 8, 9)
	path := tree.Path(numbered(8))
	require.Equal(t, []ID{numbered(1), numbered(3), numbered(5), numbered(7), numbered(8)}, idsOf(path))
	require.Len(t, slices.Collect(tree.Ancestors(numbered(9))), 4)
	depth, _ := tree.Depth(numbered(9))
	require.Equal(t, 4, depth)
	require.True(t, tree.IsAncestor(numbered(3), numbered(8)))
	require.False(t, tree.IsAncestor(numbered(10_000), numbered(8)))
	require.Equal(t, numbered(7), tree.CommonAncestor(numbered(8), numbered(9)))
	require.NoError(t, tree.Revert(numbered(5)))
}

func idsOf(all []Snapshot) (ids []ID) {
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestChildrenAndDescendantsTouchTheirOwnOnly(t *testing.T) {
	tree := plant(t, 10_000, func(i int) int { return i / 10 })
	keep := []int{42}
	for i := 420; i < 430; i++ {
		keep = append(keep, i)
	}
	for i := 4200; i < 4300; i++ {
		keep = append(keep, i)
	}
	spoil(tree, keep...)
	require.Len(t, slices.Collect(tree.Descendants(numbered(42))), 110)
	spoil(tree, keep[:11]...)
	require.Len(t, slices.Collect(tree.Children(numbered(42))), 10)
}

func TestCreateAndDeleteTouchTheirNeighboursOnly(t *testing.T) {
	tree := plant(t, 10_000, func(i int) int { return (i+99)/100 - 1 }) // a hundred children each
	head := 7
	first, last := head*100+1, head*100+100
	require.NoError(t, tree.Revert(numbered(head)))
	spoil(tree, head, first, last, last-1)
	s := *tree.nodes.at(1)
	s.ID, s.CreatedAt = numbered(20_000), s.CreatedAt.Add(time.Hour*24)
	_, err := tree.Create(s)
	require.NoError(t, err)
	_, err = tree.Delete(s.ID)
	require.NoError(t, err)
	require.Equal(t, numbered(head), tree.Head().Snapshot)
	_, err = tree.Delete(numbered(last))
	require.NoError(t, err)
}

func TestAllocationsDoNotGrowWithTheTree(t *testing.T) {
	tree := plant(t, 1000, comb)
	deep, other := numbered(999), numbered(500)
	count := 0
	for name, query := range map[string]func(){
		"Get":            func() { _, _ = tree.Get(deep) },
		"Depth":          func() { _, _ = tree.Depth(deep) },
		"IsAncestor":     func() { _ = tree.IsAncestor(numbered(1), deep) },
		"CommonAncestor": func() { _ = tree.CommonAncestor(deep, other) },
		"Revert":         func() { _ = tree.Revert(deep) },
		"Ancestors": func() {
			for range tree.Ancestors(deep) {
				count++
			}
		},
		"Walk": func() {
			for range tree.Walk() {
				count++
			}
		},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(10, query), 4.0, "%s: allocations must not grow with the tree", name)
	}
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { _ = tree.Path(deep) }), 1.0, "Path: one list of the right size")
}

func TestFreePlacesAreUsedAgain(t *testing.T) {
	tree := plant(t, 10, comb)
	for i := range 1000 {
		s := *tree.nodes.at(1)
		s.ID = numbered(100 + i)
		_, err := tree.Create(s)
		require.NoError(t, err)
		_, err = tree.Delete(s.ID)
		require.NoError(t, err)
	}
	require.Len(t, tree.nodes.links, 12)
	require.NoError(t, tree.Validate())
}

// The worst case for the index is a number just above a power of two times 7/8, when a map has half of its places free.
const worstCount = 1<<18*7/8 + 100

func TestMemoryPerNode(t *testing.T) {
	before := heap()
	tree := plant(t, worstCount, comb)
	used := heap() - before
	runtime.KeepAlive(tree)
	perNode := float64(used)/worstCount - float64(unsafe.Sizeof(Snapshot{}))
	t.Logf("%.1f bytes per node beyond the %d of a Snapshot", perNode, unsafe.Sizeof(Snapshot{}))
	require.LessOrEqual(t, perNode, 100.0)
	require.Positive(t, perNode, "the measurement itself")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestValidateFindsDamage(t *testing.T) {
	damages := map[string]func(*Tree){
		"parent in the record": func(t *Tree) { t.nodes.at(4).Parent = numbered(2) },
		"parent in the link":   func(t *Tree) { t.nodes.links[4].parent = 2 },
		"list cut":             func(t *Tree) { t.nodes.links[2].next = 0 },
		"first child":          func(t *Tree) { t.nodes.links[3].first = 0 },
		"previous":             func(t *Tree) { t.nodes.links[3].prev = 0 },
		"list of another":      func(t *Tree) { t.nodes.links[2].first = 4 },
		"order":                func(t *Tree) { t.nodes.at(2).CreatedAt = time.Unix(2e9, 0) },
		"id":                   func(t *Tree) { t.nodes.at(2).ID = numbered(77) },
		"record":               func(t *Tree) { t.nodes.at(2).State = "" },
		"index too short":      func(t *Tree) { delete(t.index, numbered(7)) },
		"index too long":       func(t *Tree) { t.index[numbered(78)] = 1 },
		"head not there":       func(t *Tree) { t.head.Snapshot = numbered(79) },
		"head unknown too":     func(t *Tree) { t.head.Unknown = true },
		"free list":            func(t *Tree) { t.nodes.free = 0 },
		"volume":               func(t *Tree) { t.volume = VolumeID{} },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			tree := plant(t, 8, comb)
			_, err := tree.Delete(numbered(8))
			require.NoError(t, err)
			require.NoError(t, tree.Validate())
			damage(tree)
			require.ErrorIs(t, tree.Validate(), ErrInvalid)
		})
	}
}
