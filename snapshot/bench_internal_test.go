package snapshot

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// benchCounts are the sizes of the trees; the largest is the budget's.
var benchCounts = []int{1e3, 1e5, 1e6}

// grown is the parent of snapshot i in a tree as it comes about: mostly a line, with a revert every 50 snapshots, which
// goes back 100. It is as deep as trees get in practice, and deeper.
func grown(i int) int {
	if i%50 == 0 {
		return max(0, i-100)
	}
	return i - 1
}

// benchRows are the records of a tree, with the strings that real ones have.
func benchRows(n int) []Snapshot {
	rows := make([]Snapshot, n)
	begin := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		rows[i] = Snapshot{
			ID: numbered(i + 1), Volume: costVolume, Name: "nightly", State: Ready, Token: "a1b2c3d4e5f6g7h8i9j0k1l2m3n",
			Native: "123456", NativeVolume: "42", CreatedAt: begin.Add(time.Duration(i) * time.Minute), Size: 20 << 30,
			Lineage: Recorded, Consistency: CrashConsistent, Version: 2,
		}
		rows[i].TakenAt = rows[i].CreatedAt
		rows[i].Parent = numbered(grown(i + 1))
	}
	return rows
}

func benchTree(b *testing.B, n int) *Tree {
	b.Helper()
	tree, err := NewTree(costVolume, Head{Snapshot: numbered(n)}, benchRows(n))
	require.NoError(b, err)
	return tree
}

// eachCount runs a benchmark on trees of every size; prepare returns what is measured.
func eachCount(b *testing.B, name string, prepare func(tree *Tree) func()) {
	b.Helper()
	for _, n := range benchCounts {
		b.Run(fmt.Sprintf("%sn=%d", name, n), func(b *testing.B) {
			run := prepare(benchTree(b, n))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, order := range []string{"sorted", "shuffled"} {
		for _, n := range benchCounts {
			b.Run(fmt.Sprintf("%s/n=%d", order, n), func(b *testing.B) {
				rows := benchRows(n)
				if order == "shuffled" {
					// A prime step visits every place once, in an order that no sort knows.
					slices.SortFunc(rows, func(x, y Snapshot) int { return place(x) - place(y) })
				}
				var tree *Tree
				before := heap()
				for b.Loop() {
					tree, _ = NewTree(costVolume, Head{}, rows)
				}
				b.ReportMetric(float64(heap()-before)/float64(n)-float64(unsafe.Sizeof(Snapshot{})), "B/node")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
				runtime.KeepAlive(tree)
				runtime.KeepAlive(rows)
			})
		}
	}
}

func place(s Snapshot) int {
	n := int(s.ID[13])<<16 | int(s.ID[14])<<8 | int(s.ID[15])
	return n * 15485863 % (1 << 24)
}

func BenchmarkPath(b *testing.B) {
	for _, i := range []int{10, 990} {
		eachCount(b, fmt.Sprintf("snapshot=%d/", i), func(tree *Tree) func() {
			return func() { _ = tree.Path(numbered(i)) }
		})
	}
}

func BenchmarkIsAncestor(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		return func() { _ = tree.IsAncestor(numbered(1), numbered(900)) }
	})
}

func BenchmarkCommonAncestor(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		return func() { _ = tree.CommonAncestor(numbered(640), numbered(660)) }
	})
}

func BenchmarkWalk(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		count := 0
		return func() {
			for range tree.Walk() {
				count++
			}
		}
	})
}

func BenchmarkCreateDelete(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		s := *tree.nodes.at(1)
		s.ID, s.CreatedAt = numbered(tree.Len()+1), s.CreatedAt.AddDate(10, 0, 0)
		return func() {
			_, err := tree.Create(s)
			require.NoError(b, err)
			_, err = tree.Delete(s.ID)
			require.NoError(b, err)
		}
	})
}

func BenchmarkMarshalJSON(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		return func() {
			_, err := tree.MarshalJSON()
			require.NoError(b, err)
		}
	})
}

func BenchmarkUnmarshalJSON(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		text, err := tree.MarshalJSON()
		require.NoError(b, err)
		return func() { require.NoError(b, new(Tree).UnmarshalJSON(text)) }
	})
}

func BenchmarkText(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		return func() { _ = tree.Text(TextOptions{}) }
	})
}

// A chain is the deepest tree that there can be.
func BenchmarkTextOfChain(b *testing.B) {
	eachCount(b, "", func(tree *Tree) func() {
		chain := plant(b, tree.Len(), func(i int) int { return i - 1 })
		return func() { _ = chain.Text(TextOptions{}) }
	})
}
