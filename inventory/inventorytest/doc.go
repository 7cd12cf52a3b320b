// Package inventorytest holds the proof that a store keeps the contract of [inventory.Inventory], for the stores in this
// module and for those in other repositories.
//
// Call [Run] from a test of the store and [Bench] from a benchmark:
//
//	func TestContract(t *testing.T) {
//		inventorytest.Run(t, inventorytest.Harness{Open: openFresh, Reopen: reopen})
//	}
//
// # Checks
//
// Each check is a subtest on a store of its own, named after the promise that it tests; when it fails it also prints why
// the promise matters. A check that needs something that the harness does not give is skipped by name. Every refused
// change is also checked to have left nothing behind, by comparing all that the store lists before and after.
// The last check runs random changes against the store and the reference, package memory, and compares everything.
//
// # Time
//
// No check depends on how fast the store is. Where time has to pass, a short lease is waited for in a bounded loop, or in
// no time at all if [Harness.Synctest] allows a bubble.
package inventorytest
