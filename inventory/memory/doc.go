// Package memory is the inventory in memory: the reference by which other stores are judged, and a store for tests and for
// programs that rebuild their inventory at each start. It keeps the contract of [inventory.Inventory] to the letter, except
// that nothing outlives the process.
//
// # How it works
//
// The whole state is one immutable value of ordered trees. Commit builds the next value, which shares every untouched
// node with the last one, and publishes it with one store of a pointer; an error throws it away. So a commit is all or
// nothing by construction, costs O(rows touched · log rows), and a read takes no lock: a listing goes on over the
// value that it began with, whatever is committed or closed meanwhile.
//
// # Time
//
// Leases and due times are measured with time.Now, so a test inside a testing/synctest bubble moves them as it likes.
//
// # Errors
//
// [inventory.ErrUnavailable] comes only after Close; [inventory.ErrIndeterminate] never, as no reply can be lost.
//
// # Concurrency
//
// Commits wait for each other; reads wait for nothing. No goroutine is started.
package memory
