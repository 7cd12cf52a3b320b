package drivertest

import (
	"testing"

	"github.com/storagesnap/storagesnap/driver"
)

// RunHost runs every check of the host contract against the harness, as [Run] does for drivers.
func RunHost(t *testing.T, h HostHarness) {
	t.Helper()
	s := newHostSuite(t, h)
	runTrials(t, terms{h.Deviations, h.Strict, 10 * s.h.Timeout}, s.trials(), s.header)
}

// hostCheck is one thing that the host contract promises.
type hostCheck struct {
	name string
	why  string
	run  func(p *hostProbe)
}

func hostChecks() []hostCheck {
	var all []hostCheck
	for _, of := range []func() []hostCheck{
		hostSelfChecks, attachmentChecks, detachChecks, attachChecks, introduceChecks, introduceResumeChecks, introduceCloneChecks,
		withdrawChecks, quiesceChecks, hostLostChecks, hostCloseChecks,
	} {
		all = append(all, of()...)
	}
	return all
}

type hostSuite struct {
	h    HostHarness
	seen observations
	desc driver.HostDescription
	can  driver.HostAbilities
}

func newHostSuite(t testing.TB, h HostHarness) *hostSuite {
	t.Helper()
	if h.Open == nil || h.NewLUN == nil {
		t.Fatal("drivertest: a HostHarness needs Open and NewLUN")
	}
	h.Installation, h.Timeout = defaults(t, h.Installation, h.Timeout, h.Size)
	if h.Size == 0 {
		h.Size = 1 << 20
	}
	return &hostSuite{h: h}
}

func (s *hostSuite) trials() []trial {
	var trials []trial
	for _, c := range hostChecks() {
		trials = append(trials, trial{c.name, c.why, func(r *recorder) { c.run(newHostProbe(r, s)) }})
	}
	return trials
}

func (s *hostSuite) header() string { return describeHost(s.desc, s.can) }
