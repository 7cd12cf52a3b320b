package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
)

// site is one array of the soak, with its host if it has one, and what goes wrong on the way to them.
type site struct {
	name       string
	array      *drivertest.Backend
	host       *drivertest.Hypervisor
	facts      driver.Facts
	without    []string
	pedant     *drivertest.Pedant
	faults     *drivertest.Faults
	hostFaults *drivertest.Faults
	// turn is taken by whoever changes a volume's content, a guest or a revert, so that what descends from what is known.
	turn chan struct{}
}

const (
	soakSize   = 8 << 10 // two blocks, so that a mixture shows
	soakSettle = 3 * time.Second
	guestName  = "iqn.2026-01.org.example:guest"
)

// soakSites are arrays of every fact that an engine has to know, mixed.
func soakSites(t testing.TB) []*site {
	t.Helper()
	kinds := []struct {
		name    string
		facts   driver.Facts
		limits  driver.Limits
		without []string
		host    bool
		opts    drivertest.BackendOptions
	}{
		{name: "plain", host: true},
		{name: "bare", limits: driver.Limits{SnapshotsPerVolume: 8, VolumesPerBackend: 60}},
		{name: "drops", facts: driver.Facts{RevertDropsYounger: true, RevertNeedsDetach: true}, host: true},
		{name: "renames", facts: driver.Facts{RevertChangesID: true}, host: true},
		{name: "tears", facts: driver.Facts{RevertNonAtomic: true, RevertNeedsDetach: true}, host: true},
		{
			name: "names", facts: driver.Facts{TokenInName: true, DeleteToTrash: true},
			limits: driver.Limits{SnapshotsPerVolume: 6, NameLength: 64},
			opts:   drivertest.BackendOptions{TrashTime: time.Hour, TrashCounts: true},
		},
		{name: "chains", facts: driver.Facts{SnapshotsDependent: true, CloneDependence: driver.CloneDependent}, host: true},
		{name: "splits", facts: driver.Facts{CloneDependence: driver.CloneUntilSplit}, without: []string{"Access"}, host: true},
		{name: "trusts", without: []string{"Access", "Expiry"}},
		{
			name:  "fences",
			facts: driver.Facts{RevertFenced: true, SnapshotsDieWithVolume: true}, without: []string{"Access"},
		},
		{name: "shares", facts: driver.Facts{
			SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer, LimitUnit: driver.UnitContainer,
		}, limits: driver.Limits{SnapshotsPerVolume: 24, Requests: 8}},
	}
	sites := make([]*site, 0, len(kinds))
	for _, k := range kinds {
		k.facts.Settle = soakSettle
		k.opts.ID, k.opts.Facts, k.opts.Limits, k.opts.Without = driver.BackendID(k.name), k.facts, k.limits, k.without
		k.opts.CloneTime = 2 * time.Second
		s := &site{
			name: k.name, array: drivertest.NewBackend(k.opts), facts: k.facts, without: k.without,
			pedant: drivertest.NewPedant(t, k.facts), faults: drivertest.NewFaults(), hostFaults: drivertest.NewFaults(),
			turn: make(chan struct{}, 1),
		}
		if k.host {
			s.host = drivertest.NewHost(s.array, drivertest.HostOptions{ID: "host-" + k.name})
		}
		sites = append(sites, s)
	}
	return sites
}

func (s *site) lacks(ability string) bool {
	return slices.Contains(s.without, ability)
}

// unfenced: only a person's word keeps writers away from the volume.
func (s *site) unfenced(vol inventory.Volume) bool {
	return vol.Host == "" && s.lacks("Access") && !s.facts.RevertFenced
}

// plant makes calls go wrong with the given chance. Describe is asked under a lock, so it never takes its time.
func (s *site) plant(seed uint64, chance float64) {
	s.faults.Random(seed, chance, soakFaults(arrayCalls(), lateCalls())...)
	s.hostFaults.Random(seed+1, chance, soakFaults(hostCalls(), nil)...)
}

func (s *site) heal() {
	s.faults.Clear()
	s.hostFaults.Clear()
	s.faults.Wait()
	s.hostFaults.Wait()
}

func arrayCalls() []string {
	return []string{
		"Volume", "CreateSnapshot", "Lookup", "Snapshots", "Revert", "DeleteSnapshot", "Clone", "FindClone", "Discard",
		"DeleteVolume", "Revoke", "Grant", "Sessions", "Split", "CheckGroup", "CreateGroup", "LookupGroup", "DeleteGroup",
		"SetExpiry", "Volumes",
	}
}

// lateCalls are those that may reach the array after their senders have given up on them. (The calls that keep notes would
// write those late too, which no array does.)
func lateCalls() []string {
	return []string{"CreateSnapshot", "DeleteSnapshot", "Discard", "Grant", "DeleteVolume", "CreateGroup", "DeleteGroup"}
}

func hostCalls() []string {
	return []string{"Attachments", "Detach", "Attach", "Introduce", "Withdraw", "Initiators", "Quiesce", "Thaw"}
}

// errPlanted marks an error that the soak has made.
var errPlanted = errors.New("planted by the soak")

func planted(class driver.Class, retryAfter time.Duration) error {
	return &driver.Error{Class: class, RetryAfter: retryAfter, Err: errPlanted}
}

// soakFaults are all the ways in which a call can go wrong without a driver that lies. "Not found" is never planted: it
// is conclusive by contract.
func soakFaults(calls, late []string) []drivertest.Fault {
	faults := []drivertest.Fault{{Method: "Describe", Err: planted(driver.ErrUnavailable, 0)}}
	for _, call := range calls {
		for _, class := range []driver.Class{
			driver.ErrUnavailable, driver.ErrUnavailable, driver.ErrUnavailable, driver.ErrIndeterminate, driver.ErrIndeterminate,
			driver.ErrConflict, driver.ErrInvalid, driver.ErrPermission, driver.ErrExhausted, driver.ErrInUse, driver.ErrUnsupported,
		} {
			faults = append(faults, drivertest.Fault{Method: call, Err: planted(class, 0)})
		}
		lost := planted(driver.ErrIndeterminate, 0)
		faults = append(faults,
			drivertest.Fault{Method: call, Err: planted(driver.ErrBusy, 50*time.Millisecond)},
			drivertest.Fault{Method: call, When: drivertest.After, Err: lost},
			drivertest.Fault{Method: call, When: drivertest.After, Err: lost},
			drivertest.Fault{Method: call, When: drivertest.After, Err: fmt.Errorf("what is this: %w", errPlanted)},
			drivertest.Fault{Method: call, When: drivertest.Slow, Delay: 700 * time.Millisecond},
			drivertest.Fault{Method: call, When: drivertest.Slow, Delay: 20 * time.Millisecond},
			drivertest.Fault{Method: call, When: drivertest.Hang},
		)
	}
	for _, call := range late {
		for _, delay := range []time.Duration{soakSettle / 10, soakSettle * 8 / 10} {
			faults = append(faults, drivertest.Fault{
				Method: call, When: drivertest.Late, Err: planted(driver.ErrIndeterminate, 0), Delay: delay,
			})
		}
	}
	return faults
}

// flaky is the inventory as all processes reach it: replies are lost, commits are refused, and what was written is noted.
type flaky struct {
	inventory.Inventory

	oracle *oracle
	mu     sync.Mutex
	dice   *dice
	chance float64
}

var errCommitLost = errors.Join(errPlanted, inventory.ErrIndeterminate)

// fate is what becomes of a commit: nil, mostly.
func (f *flaky) fate(one ...error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.chance <= 0 || f.dice.Float64() >= f.chance {
		return nil
	}
	return one[f.dice.IntN(len(one))]
}

func (f *flaky) set(chance float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chance = chance
}

func (f *flaky) Commit(ctx context.Context, c inventory.Change) error {
	unwritten := errors.Join(errPlanted, errors.New("the request was lost"), inventory.ErrIndeterminate)
	refused := errors.Join(errPlanted, inventory.ErrUnavailable)
	fate := f.fate(errCommitLost, errCommitLost, unwritten, refused, refused)
	if fate != nil && fate != errCommitLost { //nolint:errorlint // which of the three it is
		return fate
	}
	err := f.Inventory.Commit(ctx, c)
	if err == nil {
		f.oracle.committed(c)
	}
	if fate != nil {
		return fate
	}
	return err
}
