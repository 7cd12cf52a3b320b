package drivertest

import (
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Run runs every check of the driver contract against the harness, each as a subtest with a stable name, and logs a table
// of the results together with what the array says about itself. One check can be repeated with
// go test -run 'TestName/revert/restores-bytes'. Checks run one after the other; each opens the driver anew.
func Run(t *testing.T, h Harness) {
	t.Helper()
	s := newSuite(t, h)
	runTrials(t, terms{h.Deviations, h.Strict, s.limit()}, s.trials(), s.header)
}

// check is one thing that the contract promises. The why is printed when it fails: what goes wrong in practice.
type check struct {
	name string
	why  string
	run  func(p *probe)
}

// checks are all of Run's, in the order of the table.
func checks() []check {
	var all []check
	for _, of := range []func() []check{
		describeChecks, volumeChecks, createChecks, createNameChecks, createContextChecks, lookupChecks, listChecks,
		foreignChecks, deleteChecks, deleteOrderChecks, revertChecks, revertDropChecks, revertIdentityChecks, revertRefusalChecks,
		cloneChecks, cloneContentChecks, cloneResumeChecks, splitChecks, groupChecks, manageChecks, accessChecks,
		expiryChecks, supportChecks, limitChecks, concurrencyChecks, lostChecks, closeChecks, errorChecks,
	} {
		all = append(all, of()...)
	}
	return all
}

// suite is one run of the checks against one harness.
type suite struct {
	h    Harness
	seen observations
	desc driver.Description
	can  driver.Abilities
	// proven are the calls that have succeeded in this run, and so need less watching when they are unsupported.
	proven map[string]bool
}

func newSuite(t testing.TB, h Harness) *suite {
	t.Helper()
	if h.Open == nil || h.NewVolume == nil {
		t.Fatal("drivertest: a Harness needs Open and NewVolume")
	}
	h.Installation, h.Timeout = defaults(t, h.Installation, h.Timeout, h.Size)
	return &suite{h: h, proven: map[string]bool{}}
}

// defaults fills in and checks what both harnesses have.
func defaults(t testing.TB, id driver.InstallationID, timeout time.Duration, size int64) (driver.InstallationID, time.Duration) {
	t.Helper()
	if id == "" {
		id = driver.NewInstallationID()
	}
	if err := id.Validate(); err != nil {
		t.Fatalf("drivertest: Installation of the harness: %v", err)
	}
	if size%(2*ioBlock) != 0 {
		t.Fatalf("drivertest: Size %d of the harness is not a multiple of %d", size, 2*ioBlock)
	}
	if timeout == 0 {
		timeout = time.Minute
	}
	return id, timeout
}

// limit is how long one check may take before the run is given up.
func (s *suite) limit() time.Duration { return 10 * s.h.Timeout }

func (s *suite) trials() []trial {
	var trials []trial
	for _, c := range checks() {
		trials = append(trials, trial{c.name, c.why, func(r *recorder) { c.run(newProbe(r, s)) }})
	}
	return trials
}

func (s *suite) header() string { return describeBackend(s.desc, s.can) }
