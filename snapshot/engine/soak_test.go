package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestSoak lets several engines work on many volumes of arrays of every kind, all on one inventory, while calls fail,
// replies are lost, processes die and callers give up. An oracle that knows nothing of the engine's ways says afterwards what
// the trees, the contents and the arrays must look like.
//
// SOAK_OPERATIONS is how many requests are made, SOAK_SEED which; the seed is printed. A seed gives the same requests and
// faults to each worker, though not the same interleaving of workers.
func TestSoak(t *testing.T) {
	total := fromEnvironment(t, "SOAK_OPERATIONS", 5000)
	if testing.Short() && os.Getenv("SOAK_OPERATIONS") == "" {
		total = 800
	}
	if underRace && os.Getenv("SOAK_OPERATIONS") == "" {
		total /= 5
	}
	seed := uint64(fromEnvironment(t, "SOAK_SEED", int(time.Now().UnixNano()%1_000_000)))
	for name, share := range map[string]int{"memory": 80, "sqlite": 20} {
		t.Run(name, func(t *testing.T) {
			t.Logf("SOAK_SEED=%d SOAK_OPERATIONS=%d", seed, total)
			path := soakStore(t, name)
			synctest.Test(t, func(t *testing.T) { newSoak(t, seed, openSoakStore(t, path)).run(total * share / 100) })
		})
	}
}

func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

const (
	soakVolumes   = 200
	soakProcesses = 4
	soakWorkers   = 16
	soakRound     = 1000 // requests between two looks at everything
)

// dice are random numbers of one goroutine's own.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) *dice { return &dice{rand.New(rand.NewPCG(seed, stream))} }

// once in n times.
func (d *dice) once(n int) bool { return d.IntN(n) == 0 }

func oneOf[T any](d *dice, all []T) (one T, ok bool) {
	if len(all) == 0 {
		return one, false
	}
	return all[d.IntN(len(all))], true
}

// soak is the whole of it: the arrays, the inventory, the processes, and what the oracle knows.
type soak struct {
	t      *testing.T
	seed   uint64
	sites  []*site
	inv    inventory.Inventory // as it is, without faults
	store  *flaky
	oracle *oracle
	procs  []*process
	verbs  []verb

	left    atomic.Int64
	calm    atomic.Bool
	results ends
	diary   diary
	goneBy  sync.WaitGroup
}

func newSoak(t *testing.T, seed uint64, inv inventory.Inventory) *soak {
	t.Helper()
	s := &soak{t: t, seed: seed, sites: soakSites(t), inv: inv, verbs: soakVerbs()}
	s.oracle = newOracle(s)
	s.store = &flaky{Inventory: inv, oracle: s.oracle, dice: newDice(seed, 1)}
	for i := range soakProcesses {
		p := &process{s: s, index: i, dice: newDice(seed, uint64(100+i))}
		s.procs = append(s.procs, p)
	}
	return s
}

// run makes the requests, round by round; after each the faults stop, and everything is looked at.
func (s *soak) run(total int) {
	s.settle()
	s.furnish()
	for round := 0; total > 0; round++ {
		n := min(total, soakRound)
		total -= n
		s.left.Store(int64(n))
		s.disturb(round)
		s.settle()
		s.oracle.check()
		if s.t.Failed() {
			s.t.Logf("in round %d", round)
			break
		}
	}
	for _, p := range s.procs {
		require.NoError(s.t, p.life().Close(context.Background()))
	}
	s.t.Log(s.results.String())
}

// furnish puts volumes under management, as an embedder does first of all.
func (s *soak) furnish() {
	d := newDice(s.seed, 2)
	for i := range soakVolumes {
		st := s.sites[i%len(s.sites)]
		req := s.newImport(st, d)
		_, err := s.procs[i%soakProcesses].life().Import(context.Background(), req)
		require.NoError(s.t, err)
	}
}

// disturb makes the round's requests while everything goes wrong.
func (s *soak) disturb(round int) {
	s.calm.Store(false)
	for i, st := range s.sites {
		st.plant(s.seed+uint64(1000*round+10*i), 0.2)
	}
	s.store.set(0.04)
	ctx, stop := context.WithCancel(context.Background())
	var others, workers sync.WaitGroup
	for _, p := range s.procs {
		others.Go(func() { p.chaos(ctx) })
	}
	others.Go(func() { s.operator(ctx, newDice(s.seed, uint64(50+100*round))) })
	others.Go(func() { s.bystander(ctx, newDice(s.seed, uint64(51+100*round))) })
	for i := range soakWorkers {
		w := &worker{s: s, dice: newDice(s.seed, uint64(1000*(round+1)+i))}
		workers.Go(w.work)
	}
	workers.Wait()
	stop()
	others.Wait()
	s.goneBy.Wait()
}

// operator looks after what waits, not always wisely.
func (s *soak) operator(ctx context.Context, d *dice) {
	for snooze(ctx, time.Duration(1+d.IntN(8))*time.Second) {
		for op, err := range s.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
			if err != nil {
				break
			}
			eng := s.anyone(d)
			switch {
			case d.once(12):
				_ = eng.Cancel(ctx, op.ID)
			case d.once(25):
				_ = eng.Suspend(ctx, op.ID, "the operator", "to look at it")
			case d.once(8):
				_ = eng.Resume(ctx, op.ID)
			case op.State == inventory.Waiting && op.NextAt.IsZero() && d.once(2):
				_ = eng.Retry(ctx, op.ID)
			case d.once(10):
				_, _ = eng.ExplainOperation(ctx, op.ID)
			}
		}
		if d.once(4) {
			_, _ = s.anyone(d).Expire(ctx)
		}
	}
}

// bystander does at the arrays and hosts what engines know nothing of.
func (s *soak) bystander(ctx context.Context, d *dice) {
	for snooze(ctx, time.Duration(1+d.IntN(5))*time.Second) {
		st, _ := oneOf(d, s.sites)
		native, ok := oneOf(d, st.array.Volumes())
		switch {
		case !ok:
		case d.once(3) && st.facts.RevertNonAtomic:
			_ = st.array.InterruptReverts(native, 1+d.IntN(2))
		case d.once(10) && !st.facts.SnapshotsDependent:
			s.goneBy.Go(func() {
				ref := st.array.AddForeignSnapshot(native, "by hand")
				<-time.After(time.Minute)
				_ = st.array.RemoveSnapshot(ref)
			})
		}
	}
}

func snooze(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (s *soak) anyone(d *dice) *engineLife {
	p, _ := oneOf(d, s.procs)
	return p.life()
}

// settle stops the faults, starts every engine anew, and waits until nothing is open but what legitimately waits for a
// person.
func (s *soak) settle() {
	s.store.set(0)
	for _, st := range s.sites {
		st.faults.Clear()
		st.hostFaults.Clear()
	}
	s.calm.Store(true)
	for i, p := range s.procs {
		if life := p.life(); life != nil {
			if i%2 == 0 {
				life.kill()
			} else {
				require.NoError(s.t, life.Close(context.Background()))
			}
		}
		p.start(fmt.Sprintf("process-%d-%d", p.index, p.starts), 0)
	}
	for _, st := range s.sites {
		st.heal()
	}
	deadline := time.Now().Add(time.Hour)
	for time.Now().Before(deadline) {
		if !s.push() {
			return
		}
		<-time.After(time.Second)
	}
	for op, err := range s.inv.Operations(context.Background(), inventory.OperationQuery{Open: true}) {
		require.NoError(s.t, err)
		if s.mayWait(op) {
			continue
		}
		x, _ := s.procs[0].life().ExplainOperation(context.Background(), op.ID)
		s.t.Errorf("after an hour without faults an operation is still open:\n%s\n%s\n%s", x, op.Detail, s.diary.about(op.ID.String()))
	}
}

// push retries what waits for a person, and reports whether anything is left that must come to an end.
func (s *soak) push() (open bool) {
	ctx := context.Background()
	for op, err := range s.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
		require.NoError(s.t, err)
		if s.mayWait(op) {
			s.person(op)
			continue
		}
		open = true
		if op.State == inventory.Waiting {
			_ = s.procs[0].life().Resume(ctx, op.ID)
			err := s.procs[0].life().Retry(ctx, op.ID)
			if err != nil && !errors.Is(err, driver.ErrBusy) && !errors.Is(err, driver.ErrInvalid) {
				s.t.Logf("retry of %s: %v", op.ID, err)
			}
		}
	}
	return open
}

// mayWait: nothing but a person's word stood for the fence of a revert whose outcome is unknown; or clones, which the
// inventory has forgotten, need some of the snapshots that were to be deleted.
func (s *soak) mayWait(op inventory.Operation) bool {
	if op.State != inventory.Waiting || !op.NextAt.IsZero() {
		return false
	}
	for _, id := range op.Volumes {
		vol, err := s.inv.Volume(context.Background(), id)
		if err != nil {
			continue
		}
		switch st := s.site(vol.Backend); op.Kind {
		case "revert", "revert-group":
			if st.unfenced(vol) {
				return true
			}
		case "delete-volume", "delete-group":
			if (st.facts.CloneDependence != driver.CloneIndependent || st.facts.SnapshotsDependent) && op.ErrorClass == driver.ErrInUse {
				return true
			}
		}
	}
	return false
}

func (s *soak) site(name string) *site {
	for _, st := range s.sites {
		if st.name == name {
			return st
		}
	}
	return nil
}

// newImport makes a volume at the array that no engine knows, and the request to import it.
func (s *soak) newImport(st *site, d *dice) engine.ImportRequest {
	var native driver.VolumeID
	if st.facts.RevertUnit == driver.UnitContainer {
		native = st.array.AddVolumeIn(driver.ContainerID(fmt.Sprintf("shared-%d", d.IntN(6))), soakSize)
	} else {
		native = st.array.AddVolume(soakSize)
	}
	req := engine.ImportRequest{Backend: st.name, Native: native, Name: "disk", Owner: "tenant"}
	s.oracle.base(st, native)
	if st.host != nil {
		_, err := st.host.AddDisk(native)
		require.NoError(s.t, err)
		req.Host = "host-" + st.name
	} else if !st.lacks("Access") {
		_, err := st.array.Allow(native, driver.Initiator{Protocol: "iscsi", Name: guestName})
		require.NoError(s.t, err)
		s.oracle.admit(place{st.name, native})
	}
	s.oracle.note(req)
	return req
}

func soakStore(t *testing.T, name string) string {
	t.Helper()
	if name == "memory" {
		return ""
	}
	path := fastDir(t) + "/inventory.db"
	require.NoError(t, os.WriteFile(path, emptySQLite(), 0o600))
	return path
}

// openSoakStore opens the inventory inside of the bubble, whose clock is then the store's too.
func openSoakStore(t *testing.T, path string) inventory.Inventory {
	t.Helper()
	if path == "" {
		return memory.New()
	}
	inv, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, inv.Close()) })
	return inv
}
