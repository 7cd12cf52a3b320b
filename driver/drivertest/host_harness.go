package drivertest

import (
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// HostHarness connects the suite to one host and to an array whose LUNs it reaches: a hypervisor with hardware, a
// simulator, or a [Hypervisor] over a [Backend]. Open and NewLUN are required; a zero field turns the checks that need it into
// named skips. Functions get the running check's testing.TB, as those of [Harness] do.
type HostHarness struct {
	_ [0]func()

	// Open logs in at the same host anew each time. The suite closes it.
	Open func(t testing.TB) driver.Host

	// NewLUN returns a LUN of at least size bytes that the host may reach but has never seen.
	NewLUN func(t testing.TB, size int64) Target

	// CloneLUN returns a new LUN with the source's content, signatures included.
	CloneLUN func(t testing.TB, source Target) Target

	// ArrayIO opens the LUN's content at the array, behind the host's back: what a revert changes.
	ArrayIO func(t testing.TB, lun driver.LUN) IO

	// HostIO opens the disk through the host, with whatever the host caches.
	HostIO func(t testing.TB, disk driver.Disk) IO

	// RunOn starts something on the host that has the disk in use and that Detach cannot unplug; stop ends it.
	RunOn func(t testing.TB, disk driver.Disk) (stop func())

	// Impostor makes another LUN, of the same size and with another serial, answer by the target's path.
	Impostor func(t testing.TB, target Target)

	// Grow makes the LUN larger at the array, behind the host's back, and returns the target with its new size.
	Grow func(t testing.TB, target Target) Target

	// Proxy returns the faults that can be planted between the host and every driver that Open returns during the check.
	// Tear stops the next mutation when part of it is done: one member of the pool served and another not.
	Proxy func(t testing.TB) Proxy

	// Installation is that of [Harness].
	Installation driver.InstallationID

	// Size of the LUNs in bytes, a multiple of 8192; zero is 1 MiB.
	Size int64

	// Deviations, Timeout and Strict are those of [Harness].
	Deviations map[string]string
	Timeout    time.Duration
	Strict     bool
}

// Target is a LUN and the path by which the host reaches it: what an engine knows after Volume and Grant.
type Target struct {
	_ [0]func()

	LUN  driver.LUN
	Path driver.Path
}
