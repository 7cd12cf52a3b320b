// Package snapshot is the model of a volume's snapshots: the records, their ids, and the tree that says what descends from
// what. It is pure: no I/O, no clock, no context. Stores keep the records, the engine changes arrays by them, and a
// program shows and plans with a [Tree].
//
// # Words
//
//   - volume: a virtual disk, named by a [VolumeID]. Each volume has a tree of its own.
//   - snapshot: the volume's content at one instant, kept by the array. [Snapshot] is our record of it.
//   - parent: the snapshot that this one's content descends from. A snapshot without one is a root; a tree may have several.
//   - head: the snapshot that the volume's present content descends from; none, or unknown. See [Head].
//   - branch: a line of snapshots that ends at a leaf, a snapshot without children. A revert begins a new one.
//   - lineage: how we know the parent. Recorded: we made the snapshot. Assumed: somebody else did, and time is all we have.
//   - hold: a person forbids the deletion of a snapshot; a pin: an operation does, for as long as it runs.
//
// # A picture
//
//	○ golden image           000000a0    8d ago    20 GiB  ready
//	○ before upgrade         000000a1    7d ago    20 GiB  ready
//	├─○ upgrade, first try   000000a2    6d ago    20 GiB  ready
//	│ ○ database converted   000000a3    5d ago    20 GiB  ready
//	├─○ upgrade, second try  000000a4    4d ago    20 GiB  ready
//	○ night of 7 March       000000a5    3d ago    20 GiB  ready
//	● now (content descends from night of 7 March)
//
// Each line descends from the one above it in its column; ├─ begins a branch off the column to its left. [Tree.Text] draws
// it.
//
// # Rules
//
//	operation            parents                                      head
//	create S             the parent of S is the head, if known        S
//	revert to S          unchanged                                    S
//	delete S             the children of S move up to its parent      its parent, if it was S
//	revert, dropping D…  as if each of D were deleted                 S
//	import               each follows the youngest assumed one        unchanged
//	                     that is not younger than itself
//
// The content after a revert is that of S, so what is created next is a child of S: that is how branches come about. Where
// the head is none or unknown, a new snapshot is a root. An array whose snapshots depend on each other refuses to delete
// one that has younger ones: [Tree.DeleteDependent] does the same and [Tree.Younger] lists them.
//
// # Order and price
//
// Siblings, and roots, are always in the order of CreatedAt, then id. With n snapshots, d for the depth of a snapshot, k
// for its children:
//
//	NewTree, Collect                        n, and a sort if the records are out of order
//	Get, Len, Head, SetHead, Revert, Update constant
//	Create                                  constant; siblings that are younger by the clock count
//	Delete                                  k, and the siblings that the children end up among
//	Children, Roots                         what is yielded
//	Ancestors, Path, Depth                  d
//	IsAncestor, CommonAncestor              d, or the sum of both
//	Descendants, Walk, Leaves               the size of the subtree, or n
//	Younger, DeleteDependent, Import        n, and a sort of what is found
//	Validate, Equal, JSON                   n
//	Text                                    n, times 21 at most
//
// Nothing recurses, so a chain of a million snapshots is as good as any tree. Beyond the records a tree takes less than 100
// bytes per snapshot.
//
// # Errors
//
// [ErrNotFound] and [ErrInvalid] are matched by errors.Is, [*DependentsError] by errors.AsType. The text names the snapshot,
// the volume and what is wrong. A method that fails has changed nothing. Queries do not fail: they are empty for a
// snapshot that the tree does not have.
//
// # Concurrency
//
// Any number of goroutines may read a tree at once; nothing is cached on reading. A change needs the tree for itself, and
// must not be made inside a loop over one of its queries.
package snapshot
