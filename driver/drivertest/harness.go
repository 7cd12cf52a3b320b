package drivertest

import (
	"io"
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Harness connects the suite to one driver and the array behind it: real hardware, a simulator, or a [Backend]. Open and
// NewVolume are required. Every other field that is left zero turns the checks that need it into named skips, so the
// table at the end says what was not looked at.
//
// Functions get the running check's testing.TB: they may use its Cleanup and TempDir, fail it, or skip it with a reason.
type Harness struct {
	_ [0]func()

	// Open opens a new driver on the same array each time. The suite closes it.
	Open func(t testing.TB) driver.Driver

	// NewVolume returns a volume of at least size bytes that has no snapshots: a new one, or one that was reset. Several
	// calls in one check return different volumes. The suite removes the snapshots and clones that it made; the volume
	// is the harness's to remove, in t.Cleanup, under whatever native id it has then.
	NewVolume func(t testing.TB, size int64) driver.VolumeID

	// Absent returns an id that no volume has, formed as the array forms them; nil appends digits to one that exists.
	Absent func(t testing.TB) driver.VolumeID

	// IO opens the volume's content at the array, or over a host that attaches it for as long as the IO is open. Without
	// it nobody looks at a single byte: fill it if there is any way to.
	IO func(t testing.TB, volume driver.VolumeID) IO

	// HoldOpen opens the volume as a running machine would and keeps it open until release. It returns an error when
	// the array refuses, which the checks of revoked access want to see.
	HoldOpen func(t testing.TB, volume driver.VolumeID) (release func(), err error)

	// Foreign makes a snapshot of the volume as somebody else would: by the array's own tools, without a token.
	Foreign func(t testing.TB, volume driver.VolumeID) driver.SnapshotRef

	// Proxy returns the faults that can be planted between the array and every driver that Open returns during the check.
	Proxy func(t testing.TB) Proxy

	// Initiators are ends that access may be granted to; HoldOpen connects from the first.
	Initiators []driver.Initiator

	// Installation marks the suite's tokens; a random one if empty. Give a fixed one to shared hardware, so that what an
	// aborted run has left behind can be told and removed.
	Installation driver.InstallationID

	// Size of the volumes in bytes, a multiple of 8192; zero is the least that the array's limits allow, 1 MiB at least.
	Size int64

	// MaxLimitProbe is how many snapshots the suite may make to reach a limit; a limit above it is not probed.
	MaxLimitProbe int

	// Deviations name checks that the driver is known not to pass, and why. A deviation is reported, not failed; a
	// check that passes although it is named here fails the run, so that the list cannot rot.
	Deviations map[string]string

	// Timeout bounds each call of the driver; zero is one minute. A check may take ten times as long.
	Timeout time.Duration

	// Strict turns every skip that is not named in Deviations into a failure.
	Strict bool
}

// IO is a volume's content. The suite holds it open only while it reads or writes, and never during a revert.
type IO interface {
	io.ReaderAt
	io.WriterAt
	// Sync returns when everything written is at the array, where a snapshot covers it.
	Sync() error
	// Close lets the volume go: afterwards nothing has it open.
	Close() error
}

// Proxy plants faults on the way between driver and array; a nil field is a fault that it cannot plant. Each call
// concerns the next request that changes something at the array, whatever it is; what the driver only reads passes.
type Proxy struct {
	_ [0]func()

	// LoseReply lets the array do the work and breaks the connection before its reply.
	LoseReply func()
	// Refuse turns the request away before the array has seen it: connection refused, or 503.
	Refuse func()
	// Stall lets the array do the work and never replies, until the driver gives up.
	Stall func()
	// Tear stops the next revert in the middle; for drivers with [driver.Facts.RevertNonAtomic], and for hosts.
	Tear func()
	// Reset removes faults that were not met. The suite calls it, if it is set, at the end of each check.
	Reset func()
}
