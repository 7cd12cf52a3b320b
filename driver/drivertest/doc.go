// Package drivertest proves drivers and hosts: it has the conformance suites that every implementation of
// [driver.Driver] and [driver.Host] passes, in this module and in a vendor's, and the reference implementations in
// memory on which programs that use drivers are tested.
//
// # How a vendor runs it
//
// The suite needs little more than a way to open the driver and a volume to work on. One test function serves a simulator
// on every push and real hardware once a night:
//
//	func TestConformance(t *testing.T) {
//		array := labArray(t) // skips if the environment names none
//		drivertest.Run(t, drivertest.Harness{
//			Open:      func(t testing.TB) driver.Driver { return open(t, array.Config()) },
//			NewVolume: func(t testing.TB, size int64) driver.VolumeID { return array.NewVolume(t, size) },
//			IO:        func(t testing.TB, v driver.VolumeID) drivertest.IO { return array.AttachHere(t, v) },
//			Foreign:   func(t testing.TB, v driver.VolumeID) driver.SnapshotRef { return array.SnapshotByCLI(t, v) },
//
//			Installation:  "slab0001", // what an aborted run leaves behind begins with this
//			MaxLimitProbe: 64,
//			Timeout:       5 * time.Minute,
//			Deviations: map[string]string{
//				"volume/counts-its-snapshots": "firmware before 7.2 counts every ten minutes",
//			},
//		})
//	}
//
// Start with Open and NewVolume; every other field of [Harness] that is filled in turns skips into checks. IO is worth the
// most: without it the suite proves that reverts are reported, not that they happen. Then [Harness].Proxy, between driver and
// array, for the replies that get lost: that is where snapshots are orphaned. Set Strict when nothing should be skipped any
// more. A host is proven by [RunHost] and a [HostHarness] in the same way.
//
// The suite creates, reverts and deletes. It touches only volumes from NewVolume, those that it made itself, and their
// snapshots, and removes what it made, even when a check fails; what it could not remove is noted in the table.
//
// # Checks
//
// A check has a name that never changes, as "create/resume-returns-the-same", is a subtest of that name, and prints on failure
// why anybody should care. It opens the driver anew, asks it for its [driver.Facts] and [driver.Limits] and computes from them
// what it expects: where Facts.RevertDropsYounger is set, a revert that keeps the younger snapshots is as wrong as one that
// drops them elsewhere. So state the facts first, and truly.
//
// Every mutation is repeated with Resume, by the same driver and by a newly opened one. An ability's call that answers
// [driver.ErrUnsupported] is a skip, after a look that it gave a reason and had no effect. Foreign snapshots may come and go
// meanwhile. The array's clock is only compared with itself.
//
// At the end stands a table of all checks with their results, times and notes, under what the array says about itself: the
// page to keep with a release, and to send with a question. The results are ok, FAIL, skip (the note says what is missing) and
// deviates (a failure that [Harness].Deviations names; should such a check pass some day, the run fails until the entry is
// removed). A check that hangs although its context has ended stops the run.
//
// # The reference
//
// [NewBackend] makes an array in memory with real bytes and no comfort beyond what its facts say: it keeps or drops the
// younger, changes ids, forgets access that was revoked, has limits and a trash, takes time, as [BackendOptions] tell it. Its
// methods are the array's console, on which tests build their invariants. [NewHost] makes a hypervisor pool that attaches its
// volumes, with a cache and with signatures, so that a revert under a running machine or a clone that was not re-signed
// shows. Both pass these suites for every fact, and many planted bugs in them are caught: a check that nothing can fail is
// not a check.
//
// # Tests of programs that use drivers
//
// [Faults] are planted between a program and any driver or host: refused, lost, late, slow, hanging calls, chosen or random
// by a seed. [Pedantic] and [PedanticHost] check the other side of the contract, what the engine promises to drivers: a
// deadline on every context, one mutation per volume at a time, Resume wherever a token was sent before. A program's test has
// its driver in this order, faults inside:
//
//	faults := drivertest.NewFaults(drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.After})
//	d := drivertest.Pedantic(t, driver.Wrap(backend.Driver(), faults.Hook()), facts)
//
// # Errors
//
// Nothing here returns errors of its own: a harness that is unfit and an option that does not exist fail the test or panic at
// once, with the name of what is wrong.
//
// # Concurrency
//
// A run is sequential, but for the checks of group "concurrency"; several may run at once on different volumes. Backend,
// Hypervisor, Faults and Pedant are safe for concurrent use.
package drivertest
