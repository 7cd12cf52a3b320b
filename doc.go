// Package storagesnap is the front page of a library that programs embed to take, keep and use storage-side snapshots of
// virtual disks: the snapshot is made by the storage array and stays there, for rollback and cloning; the library keeps
// the hierarchy in a database, drives array and hypervisor through drivers, and survives crashes half-way. This package has
// no code.
//
// # Map
//
// For a program that embeds the library:
//
//   - snapshot/engine: the verbs (create, revert, delete, clone, import), operations, recovery
//   - snapshot: the tree of snapshots as a value
//   - inventory, and its stores inventory/sqlite (the default) and inventory/memory (for tests); inventory/sqlstore for a
//     database of your own
//   - drivers: blank import of all drivers; drivers/local for plain image files
//
// For a vendor who writes a driver or a host:
//
//   - driver: the contract, its errors, the registry
//   - driver/drivertest: the suite that proves an implementation, and a reference array and host in memory
//   - driver/driverhttp: a transport that never sends a mutation twice
//
// # Reading order
//
// Start with the examples of package snapshot/engine and examples/quickstart; then the documentation of snapshot/engine
// for what survives a crash, and of driver for what a backend must promise.
package storagesnap
