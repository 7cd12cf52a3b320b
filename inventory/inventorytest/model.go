package inventorytest

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func modelChecks() []check {
	return []check{{
		name: "LikeTheReference", run: likeTheReference,
		why: "after any sequence of changes, right or wrong, the store says and holds what the reference does",
	}}
}

// likeTheReference plays the same random changes on the store and on the reference.
func likeTheReference(s *scene) {
	steps := 400
	if testing.Short() {
		steps = 120
	}
	seed := s.h.Seed
	if seed == 0 {
		fresh := snapshot.NewID[snapshot.ID]()
		seed = binary.LittleEndian.Uint64(fresh[8:])
	}
	s.Logf("seed %#x", seed)
	p := &player{scene: s, rng: rand.New(rand.NewPCG(seed, 1)), model: memory.New()}
	defer p.model.Close() //nolint:errcheck // never fails
	for step := range steps {
		c := p.change()
		want, got := p.model.Commit(s.Context(), c), s.inv.Commit(s.Context(), c)
		require.Equal(s, classOf(want), classOf(got), "step %d: the reference says %v, the store %v, to %+v", step, want, got, c)
		if step%20 == 0 || step == steps-1 {
			p.compare(step)
		}
	}
}

// classOf returns the class of an error of the inventory; nil for success.
func classOf(err error) error {
	for _, class := range []error{
		inventory.ErrStale, inventory.ErrConflict, inventory.ErrInvalid, inventory.ErrNotFound, inventory.ErrUnavailable,
		inventory.ErrIndeterminate,
	} {
		if errors.Is(err, class) {
			return class
		}
	}
	return err
}

func (p *player) compare(step int) {
	p.Helper()
	want, got := p.contentsOf(p.model), p.contents()
	for _, c := range []contents{want, got} {
		for i := range c.Operations { // each store has its own clock and its own numbers; the order is the same
			c.Operations[i].Seq = int64(i)
			if !c.Operations[i].LeaseUntil.IsZero() {
				c.Operations[i].LeaseUntil = made()
			}
		}
	}
	require.Equal(p, want, got, "step %d", step)
	p.expectCounts()
	if len(want.Snapshots) == 0 {
		return
	}
	one := want.Snapshots[p.rng.IntN(len(want.Snapshots))]
	for _, q := range []inventory.SnapshotQuery{
		{Parent: one.ID}, {Volume: one.Volume, Roots: true}, {Token: one.Token}, {Owner: one.Owner, State: one.State},
	} {
		want, got := collect(p.scene, p.model.Snapshots(p.Context(), q)), collect(p.scene, p.inv.Snapshots(p.Context(), q))
		require.Equal(p, canon(want), canon(got))
	}
}

// player makes random changes from what the reference holds.
type player struct {
	*scene

	rng   *rand.Rand
	model *memory.Store
	// now is what the reference holds before the change under way; claimed are the volumes that the change has touched.
	now     contents
	claimed map[snapshot.VolumeID]bool
}

// change returns a change of a few parts that are all right, and in one of three cases a fault among them.
func (p *player) change() inventory.Change {
	p.now, p.claimed = p.contentsOf(p.model), map[snapshot.VolumeID]bool{}
	var parts []part
	for range 1 + p.rng.IntN(3) {
		parts = append(parts, p.move()...)
	}
	if p.rng.IntN(2) == 0 {
		parts = append(parts, p.operationMove())
	}
	if p.rng.IntN(3) == 0 {
		parts = append(parts, p.fault()...)
	}
	p.rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return changeOf(parts...)
}

// claim returns a volume that nothing in the change has touched, with its snapshots; false if there is none.
func (p *player) claim() (v inventory.Volume, snapshots []snapshot.Snapshot, found bool) {
	if len(p.now.Volumes) == 0 {
		return v, nil, false
	}
	v = p.now.Volumes[p.rng.IntN(len(p.now.Volumes))]
	if p.claimed[v.ID] {
		return v, nil, false
	}
	p.claimed[v.ID] = true
	for _, r := range p.now.Snapshots {
		if r.Volume == v.ID {
			snapshots = append(snapshots, r)
		}
	}
	return v, snapshots, true
}

// text returns one of few texts, so that queries and labels meet.
func (p *player) text() string { return among(p.rng.IntN(4), "", "a", "A", "é") }

func (p *player) time() time.Time {
	return made().Add(time.Duration(p.rng.IntN(1e9)) * time.Microsecond)
}

// uuid returns an id that does not grow with time, unlike those of the other checks.
func uuid[U ~[16]byte](p *player) U {
	var id U
	binary.LittleEndian.PutUint64(id[:8], p.rng.Uint64())
	binary.LittleEndian.PutUint64(id[8:], p.rng.Uint64())
	return id
}
