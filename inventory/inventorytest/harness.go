package inventorytest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/storagesnap/storagesnap/inventory"
)

// Harness says how to get at the store under test.
type Harness struct {
	_ [0]func()

	// Open returns a store that is fresh and empty; the suite closes it. Required. What else it needs is cleaned up with
	// tb.Cleanup.
	Open func(tb testing.TB) inventory.Inventory
	// Reopen closes the store and opens it again on the same data, as after the end of a process.
	// Nil if the store is not durable.
	Reopen func(tb testing.TB, inv inventory.Inventory) inventory.Inventory
	// Share opens the same data a second time while inv stays open, as another process would; the suite closes it first.
	// Nil if only one handle can be open.
	Share func(tb testing.TB, inv inventory.Inventory) inventory.Inventory
	// LoseReply arranges that the next commit takes place in the database while its reply is lost on the way to the store.
	// Nil if the harness cannot.
	LoseReply func(tb testing.TB, inv inventory.Inventory)
	// Synctest says that the store waits for nothing but its own goroutines and reads the time with package time: each
	// check then runs in a bubble of testing/synctest.
	Synctest bool
	// Seed repeats the random changes of a run that failed, which logs it; 0 takes a fresh one.
	Seed uint64
}

// T is what a check needs of *testing.T, so that a test of the suite can watch it fail.
type T interface {
	// These are as in package testing.
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Logf(format string, args ...any)
	Context() context.Context
}

// check is one promise.
type check struct {
	name string
	// why is printed when it fails.
	why   string
	needs needs
	run   func(s *scene)
}

// needs is what a check needs beyond Open.
type needs int

const (
	nothing needs = iota
	reopen
	share
	loseReply
)

// missing returns the field of the harness that the check needs and does not get.
func (c check) missing(h Harness) string {
	switch {
	case c.needs == reopen && h.Reopen == nil:
		return "Reopen"
	case c.needs == share && h.Share == nil:
		return "Share"
	case c.needs == loseReply && h.LoseReply == nil:
		return "LoseReply"
	}
	return ""
}

// Run checks the store, each promise as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if field := c.missing(h); field != "" {
				t.Skipf("the harness has no %s", field)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s, because: %s", c.name, c.why)
				}
			})
			body := func(t *testing.T) {
				t.Helper()
				c.on(t, t, h)
			}
			if h.Synctest {
				synctest.Test(t, body)
				return
			}
			body(t)
		})
	}
}

// on runs the check on a fresh store. The harness gets tb, the results go to t.
func (c check) on(tb testing.TB, t T, h Harness) {
	tb.Helper()
	s := &scene{T: t, tb: tb, h: h, inv: h.Open(tb)}
	defer func() {
		if err := s.inv.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	c.run(s)
}

// checks returns all promises, in the order in which a person who writes a store would make them true.
func checks() []check {
	var all []check
	for _, part := range [][]check{
		storeChecks(), volumeChecks(), uniqueChecks(), snapshotChecks(), treeChecks(), operationChecks(), leaseChecks(),
		recordChecks(), atomicChecks(), fieldChecks(), queryChecks(), listingChecks(), durableChecks(), concurrentChecks(),
		sharedChecks(), modelChecks(),
	} {
		all = append(all, part...)
	}
	return all
}
