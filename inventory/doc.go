// Package inventory is the contract between an engine and the store that remembers for it: which volumes and snapshots there
// are, how they descend from each other, and what is being done to them right now.
//
// The contract is [Inventory]. Package memory keeps it in memory, packages sqlstore and sqlite in a database, and package
// inventorytest tells whether a store keeps it.
//
// # Words
//
// A volume is our record of one LUN: the header of its snapshot tree, and the lock on it. A snapshot is a node of that tree.
// An operation is the journal of one thing that was asked for: what, how far, by whom. A record is a row of a later package,
// of which the store understands only the keys. A change is one transaction, given to Commit. An intent is the change that
// an engine commits before it touches the array; an outcome is the one after. A version counts the changes of one record; an
// epoch counts the take-overs of an operation; a lease says until when a process may work on one; a Seq orders operations by
// their last commits. The native id is the array's id of a volume, a former native id one that it had before a revert.
//
// # The journal is part of what it protects
//
// An engine that died between the array and the inventory has to find out what it was doing, and no other engine may begin
// something else meanwhile. So there is no journal beside the data that could disagree with it, and no lock service: the
// volume itself carries [Volume.Pending], the operation that is open on it, and [Volume.Version], which every change has
// to know. The intent sets Pending, writes the operation with the token of the snapshot to be made and the snapshot's row in
// state Creating, all in one Commit; only then is the array called. The outcome clears Pending and says what became of it. Of
// two engines that compute an intent from the same version one is refused with ErrStale, and has not touched anything.
//
// Metadata of a snapshot (holds, labels, expiry) can change while an operation runs, because each snapshot has a version of
// its own. An outcome that meets ErrStale for that reason is computed anew and committed again, while Pending and epoch
// are still the engine's.
//
// # What is atomic
//
// A [Change] takes effect wholly or not at all, and is durable when Commit returns nil. Its parts are applied in the order
// of the fields: volumes in the order of their ids, then Put, Reparent, Drop, the operation, the records. Each part sees what
// those before it did: a snapshot can be put into a volume that the same change makes, and one that is put below a
// reparented snapshot moves too, with a version for each. Checks are made in the same order, so a unique value that one
// volume of a change gives up is free for those after it.
//
// A read sees whole changes only, and every change whose Commit returned before the read began. A listing is not one read: it
// reads page by page. A row that is there from the beginning to the end of the listing appears exactly once; one
// that comes or goes meanwhile may or may not.
//
// What belongs to the store: versions, [Volume.SnapshotCount] (which follows the rows without a new version of the volume),
// [Operation.LeaseUntil] and [Operation.Seq]. What a caller writes there is ignored.
//
// Deleting a volume deletes its snapshots and records. Its operations stay: they are the history. Nothing else is checked
// across rows: a parent, a head, an origin and the volumes of an operation may name what is no longer there.
//
// # Values
//
// Ids, names and all other texts are compared byte by byte: case, spaces and accents matter. Texts are UTF-8 without the
// character 0. Times come back in UTC, cut to the microsecond. Documents (json.RawMessage) come back byte for byte. An empty
// map, list or document is the same as none; a reader must not tell them apart. What a method returns belongs to the
// caller, and Commit keeps nothing of what it was given.
//
// # Errors
//
//	error             written?   what it means                                   what to do
//	ErrNotFound       –          conclusive: not there                           go by that
//	ErrStale          no         a version, epoch, lease, or what is to be       read again, compute again, commit again
//	                             dropped is not what the change assumed;
//	                             an id exists that must not, or the reverse
//	ErrConflict       no         a native id in a backend or an external id      final: tell the user
//	                             belongs to another volume
//	ErrInvalid        no         the change or the page breaks a rule, or        a bug of the caller
//	                             names a volume that does not exist
//	ErrUnavailable    no         closed, full, busy, or not to be reached        try later; nothing happened
//	ErrIndeterminate  unknown    the reply was lost, and the change's id         call no array; read until you know,
//	                             could not be looked for                         or leave it to recovery
//	ErrSchema         no         the schema is damaged, foreign or too new       migrate, or run the right program
//	context's         no         the caller gave up before the commit            –
//
// A caller that gives up while a commit is already on its way gets the outcome if the store can tell it, else
// ErrIndeterminate: never the context's error for a change that took place.
//
// # Leases and epochs
//
// A process that works on an operation holds a lease: [OperationChange.LeaseTTL] grants it with every commit, counted from
// the store's now, so that the clocks of processes do not matter. A commit with LeaseTTL 0 gives it up; [Operation.LeaseOwner]
// should then be empty too. A lease that has run out takes nothing away by itself: the process may go on while nobody has
// taken over. A take-over needs the lease to have run out (or to be missing, or to be the same owner's), and raises the
// epoch; whoever still works under the old epoch is refused from then on. Whoever takes over also writes the operation's
// volumes, so that a change computed before is stale there too.
//
// Any process may write an operation under its current epoch, whether or not it holds the lease, and its change replaces the
// whole record, the lease included. Two processes that do so do not see each other: leave the operation to its lease's
// owner, and say what you want of it in a record or by taking it over.
//
// # The feed
//
// Each commit that writes an operation gives it a Seq above all before it, and a Seq becomes visible in that order.
// A reader that asks for Operations with After set to the last Seq that it saw hears of the last commit of every operation,
// though not of each commit in between. One listing ends with the last Seq that there was when it began: otherwise a loop
// that commits what it lists would meet it again behind all others, for ever.
//
// # How large a change may be
//
// [MaxChange] rows: one for each volume, snapshot put or dropped, reparenting, record, and the operation. Reparenting
// counts one, however many children move. A group of n volumes costs 2n + 1 (each volume, each snapshot, the operation), so 59
// volumes fit. Deleting a volume counts one, however many snapshots go with it. Work that needs more is split, so that
// each change leaves a state that is right by itself. Details of an operation are limited by good sense only: stores are
// tested with documents of 256 KiB and names of 255 characters.
//
// # How to write a store
//
// Let [Change.Validate] and [Page.Validate] refuse first what needs no look at the rows. Then compare and write under one
// lock or in one transaction of the database, in the order of the fields, and undo everything at the first refusal. Order
// volumes by id whatever the order given, so that two processes that write several wait for each other and not in a
// circle. Let the database keep what is unique by constraint: a look before the insertion is no constraint. Give out Seq
// under a lock that is held until the commit, because a sequence that counts before it lets a higher one become visible
// first. Write the change's id into the headers that the change touches; after a lost reply look for it, and answer
// ErrIndeterminate only if that fails too. In listings hold neither a lock nor open rows while the caller's loop runs: it may
// call any method. Compare texts in binary collation. Then run inventorytest.Run, with every field of its Harness
// that can be served, and with the race detector.
//
// # Concurrency
//
// An Inventory serves any number of goroutines, and a store in a database any number of processes.
package inventory
