package snapshot_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

// What bounds the tree and the program, for the naive tree is slow.
const (
	maxFuzzed  = 40
	maxProgram = 300
)

// FuzzOperations reads its input as a program: each byte is an operation, and the bytes behind it say on what. After each
// operation the tree keeps every rule and is the same as the naive one.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 3, 1, 0, 0, 4, 2, 1})
	f.Add([]byte{0, 9, 0, 8, 1, 0, 0, 7, 1, 0, 0, 6, 2, 0, 2, 0, 5})
	f.Add([]byte{0, 1, 0, 2, 0, 3, 0, 4, 3, 0, 0b1010, 5, 4, 3, 9, 4, 5, 5, 2, 2})
	f.Add([]byte{4, 200, 100, 50, 4, 150, 150, 60, 2, 1, 0, 5, 6, 5, 3, 1, 0xff})
	f.Add([]byte{6, 0, 1, 6, 0, 2, 7, 0, 2, 0, 7, 1, 5, 5})
	f.Add(bytes.Repeat([]byte{0, 5, 1, 1, 0, 3, 2, 2}, 20))
	f.Fuzz(func(t *testing.T, program []byte) {
		tree, err := snapshot.NewTree(volume, snapshot.Head{}, nil)
		require.NoError(t, err)
		program = program[:min(len(program), maxProgram)]
		r := &runner{T: t, program: program, tree: tree, model: &naive{rows: map[snapshot.ID]snapshot.Snapshot{}}}
		for len(r.program) > 0 {
			r.step()
			if len(r.model.rows) > 0 {
				r.model.requireSame(t, r.tree, r.pick(), r.pick())
			}
		}
	})
}

// runner runs one program on a tree and on the naive one.
type runner struct {
	*testing.T

	program []byte
	tree    *snapshot.Tree
	model   *naive
	made    int
}

// next reads one byte; behind the end there are zeros.
func (r *runner) next() int {
	if len(r.program) == 0 {
		return 0
	}
	b := r.program[0]
	r.program = r.program[1:]
	return int(b)
}

// pick reads which snapshot to act on.
func (r *runner) pick() snapshot.ID {
	walk := r.model.below(snapshot.ID{})
	return walk[r.next()%len(walk)]
}

// fresh is a new record; the byte that it reads is its time, so that clocks go back too.
func (r *runner) fresh() snapshot.Snapshot {
	r.made++
	s := record("")
	s.ID, s.CreatedAt = exampleID(r.made), day.Add(time.Duration(r.next())*time.Second)
	return s
}

func (r *runner) step() {
	operation := r.next() % 8
	switch {
	case operation == 0 && len(r.model.rows) < maxFuzzed:
		r.create()
	case operation == 4 && len(r.model.rows) < maxFuzzed:
		r.imports()
	case operation == 5:
		r.copies()
	case operation == 6:
		r.model.head = snapshot.Head{Unknown: r.next()%2 == 0}
		require.NoError(r, r.tree.SetHead(r.model.head))
	case len(r.model.rows) == 0:
	case operation == 1:
		id := r.pick()
		require.NoError(r, r.tree.Revert(id))
		r.model.head = snapshot.Head{Snapshot: id}
	case operation == 2:
		id := r.pick()
		moved, err := r.tree.Delete(id)
		require.NoError(r, err)
		require.Equal(r, r.model.children(id), moved)
		r.model.delete(id)
	case operation == 3:
		r.drop()
	case operation == 7:
		r.update()
	}
}

func (r *runner) create() {
	s := r.fresh()
	_, err := r.tree.Create(s)
	require.NoError(r, err)
	s.Parent = r.model.head.Snapshot
	r.model.rows[s.ID], r.model.head = s, snapshot.Head{Snapshot: s.ID}
}

func (r *runner) drop() {
	to := r.pick()
	var dropped []snapshot.ID
	for i, id := range r.model.below(snapshot.ID{}) {
		if id != to && r.next()>>(i%8)&1 == 1 {
			dropped = append(dropped, id)
		}
	}
	var want []snapshot.ID
	for _, d := range dropped {
		for _, c := range r.model.children(d) {
			if !slices.Contains(dropped, c) {
				want = append(want, c)
			}
		}
	}
	moved, err := r.tree.RevertDropping(to, dropped)
	require.NoError(r, err)
	require.Equal(r, want, moved)
	for _, id := range dropped {
		r.model.delete(id)
	}
	r.model.head = snapshot.Head{Snapshot: to}
}

// imports adopts the tree's choice of the parent after it has asserted that it is right: of several of one instant any is.
func (r *runner) imports() {
	foreign := make([]snapshot.Snapshot, 1+r.next()%3)
	for i := range foreign {
		foreign[i] = r.fresh()
		foreign[i].TakenAt = day.Add(time.Duration(r.next()) * time.Second)
	}
	made, err := r.tree.Import(foreign)
	require.NoError(r, err)
	require.Len(r, made, len(foreign))
	for _, s := range made {
		require.Equal(r, snapshot.Assumed, s.Lineage)
		parent, ok := r.model.rows[s.Parent]
		require.Equal(r, !s.Parent.IsZero(), ok)
		require.True(r, r.model.newest(s.TakenAt).Equal(parent.TakenAt), "the youngest that is not younger")
		r.model.rows[s.ID] = s
	}
}

// copies replaces the tree by what comes back from JSON, or from its own records in another order.
func (r *runner) copies() {
	var copied *snapshot.Tree
	var err error
	if r.next()%2 == 0 {
		copied, err = unmarshal(marshal(r, r.tree))
	} else {
		rows := slices.Collect(all(r.tree))
		slices.Reverse(rows)
		copied, err = snapshot.NewTree(volume, r.tree.Head(), rows)
	}
	require.NoError(r, err)
	require.True(r, r.tree.Equal(copied))
	require.Equal(r, r.tree.String(), copied.String())
	r.tree = copied
}

func (r *runner) update() {
	id := r.pick()
	s, ok := r.tree.Get(id)
	require.True(r, ok)
	s.Name, s.Version = string(rune('a'+r.next()%26)), s.Version+1
	require.NoError(r, r.tree.Update(s))
	r.model.rows[id] = s
}
