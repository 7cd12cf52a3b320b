// Package engine takes, keeps and uses storage-side snapshots: it drives backends and hosts through the contracts of package
// driver and keeps the hierarchy in an inventory, so that a crash at any moment leaves nothing half done.
//
//	eng, err := engine.New(inv, engine.Options{Owner: "replica-1"})
//	err = eng.AddBackend("gold", drv)
//	err = eng.Start(ctx) // takes up what a dead process has left
//	vol, err := eng.Import(ctx, engine.ImportRequest{Backend: "gold", Native: "42"})
//	snap, err := eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "before the upgrade"})
//	_, err = eng.Revert(ctx, engine.RevertRequest{Volume: vol.ID, Snapshot: snap.ID})
//
// # Words
//
//   - operation: one request while it is worked on, and after; it has a journal in the inventory
//   - intent: the commit before which nothing was touched, and after which the operation is known to every process
//   - step: one call of a driver or host, with its undo
//   - pivot: the step that decides: before it an operation goes back when a step fails, after it only forward
//   - outcome: the commit that makes the tree say what was done
//   - fence: the proof, directly before a revert, that nobody writes
//   - waiting: the operation keeps its volume, and is retried by itself or waits for a person
//   - suspend: a person stops an operation where it is, until it is resumed
//   - resolve: a person decides about an operation that is stuck, by one of the choices that its journal allows
//
// # Operations
//
// Each kind is a list of steps; the pivot stands in capitals. The executor is the same for all.
//
//	kind           steps                                                                       undo
//	create         intent, CREATESNAPSHOT, outcome                                             delete by token
//	delete         intent, DELETESNAPSHOT, outcome                                             back to ready, if refused
//	revert         intent, Detach, Revoke, [KeepCurrent], [CondemnYounger], fence + REVERT,    delete what was kept, Grant,
//	               Volume, [SpareYounger], Grant, Attach, outcome                              Attach
//	clone          intent, Clone, [SplitClone], [GrantClone, Introduce], OUTCOME               Withdraw, Revoke, Discard
//	split          intent, SPLIT, outcome                                                      –
//	create-group   intent, CREATEGROUP, [Thaw], outcome                                        delete by token
//	revert-group   as revert, each step for every volume; the first REVERT is the pivot        as revert
//	delete-group   intent, DELETEGROUP or DELETESNAPSHOTS, outcome                             back to ready, if refused
//	import         intent, records of the snapshots that are there, OUTCOME                    drop the records
//	forget         OUTCOME                                                                     –
//	adopt, repair  OUTCOME, after a fresh look at the array                                    –
//	drop           OUTCOME; of an orphan: intent, DELETESNAPSHOT, outcome                      –
//	delete-volume  intent, Detach, Revoke, [CondemnSnapshots, DELETESNAPSHOTS], DELETEVOLUME,  Grant, Attach
//	               outcome
//	hold, release  OUTCOME, or where the array expires snapshots: intent, SETEXPIRY, outcome   –
//	set-expiry     as hold                                                                     –
//	edit           OUTCOME                                                                     –
//	edit-volume    OUTCOME                                                                     –
//
// Every token, and how a volume was attached, is durable before anything is touched. A call of unknown outcome is never
// blindly sent again: it is looked up by its token, or repeated where its contract says that this is harmless.
//
// # Plans
//
// [Engine.Plan] makes a request's checks and lists the steps that they choose, with their calls, what is lost and what is in
// the way, and touches nothing. Its version, put into the request, makes sure that what somebody saw is what runs.
//
// # Several volumes
//
// A group is one operation over all its volumes: one intent, one outcome, and between them the fewest calls that take all.
// What one call of an array takes together is of one instant. If several calls are needed, on one backend or on many, a
// quiesce must hold all writes meanwhile; without one the request is refused. A group says how consistent it is, how far
// apart its members may be, and for how long writes were held. It is degraded while a member is missing or deleted, and
// goes with its last.
//
// A freeze is a lease: its tokens and its longest time are in the journal before a host is asked, nothing is committed while it
// lasts, a watchdog ends it should a call hang, and whoever takes an operation over thaws before anything else. A freeze that
// did not last, or of which nobody can tell, counts as none: the snapshot says so, or is removed if the freeze was required.
//
// Where an array snapshots or rolls back a container as a whole, the container is locked for each operation on one of its
// volumes, over all processes. Its revert names all volumes that it rolls back, lets go of them all, and gives them all back.
//
// # Guarantees
//
// When a process dies at any moment, the next one (or another, once the lease has ended) brings each of its operations
// to one of two ends: done, with the tree saying so, or not done, with nothing left at the array. A revert that was
// interrupted before its pivot gives the volume back as it was; after it, it is completed and given back. What cannot be
// brought to an end now, because an array is down or refuses, waits, and says why: [Engine.ExplainOperation].
//
// Two processes never work on one volume at once: the inventory's compare-and-swap is the lock, and a lease says for how
// long. The lease is looked at directly before each call, by the monotonic and by the wall clock, whichever leaves less; a call
// is cut off shortly before the lease ends if it cannot be renewed; and whoever takes over a step in flight reckons with its
// effect until [driver.Facts].Settle after the take-over. The context of a call looks at the lease, too, whenever a driver
// asks it. One window remains: a process that is stopped (a debugger, a paused virtual machine) after the driver's own last
// look at its context, and woken after another has taken over, sends that one call. It commits nothing, and sends nothing
// else.
//
// # Audit
//
// [Engine.Audit] compares the inventory with the arrays both ways: orphans (at the array, ours, without a record), missing ones
// (the reverse), foreign ones (never touched), and what has another size, name or id than the inventory says. It changes nothing
// unless asked to; then each change is an operation of its own: [Engine.Adopt], [Engine.Repair], [Engine.Drop] or
// [Engine.Import].
// A restored old backup of the inventory is brought up to date in this way.
//
// # How long snapshots are kept
//
// A snapshot stays until somebody deletes it, or until [Engine.Expire] finds that its ExpiresAt has passed; nothing calls
// Expire but the program. A hold forbids both, a pin does so while an operation uses the snapshot. An array that can delete
// snapshots by itself is told the expiry too, some time later (Options.ExpiryMargin), as a safety net; a hold is not in
// the record before the array was told to let the snapshot live. What somebody changes of an expiry at the array itself
// is not noticed.
//
// # What a person can do
//
// [Engine.ExplainOperation] says, from the inventory alone, what an operation did and found, what is safe and what must not be
// done by hand; [Engine.ExplainVolume], [Engine.ExplainSnapshot] and [Engine.ExplainBackend] begin elsewhere.
// [Engine.Cancel] and [Engine.Suspend] reach an operation in whichever process it runs: what is wanted is a record that
// its owner finds between steps, and whoever takes it up. [Engine.Resolve] carries out one of [Engine.Choices]: go on, turn
// back, take a person's word for what the array cannot tell, or end the operation where it is. A decision is committed
// together with the take-over, so a process that dies after it goes on as decided. With [Options.ManualRecovery] nothing is
// taken up that nobody has decided about.
//
// # Errors
//
// Verbs return [*Error], which says operation, step and what to do next; its class is that of package driver:
//
//	ErrInvalid      the request is wrong, or asks for what cannot be
//	ErrNotFound     no such volume, snapshot, backend, host, operation; or it is gone at the array
//	ErrConflict     a name, id or operation id is taken; a backend is not the one it was
//	ErrInUse        dependants, holds or users stand in the way; driver.BlockersOf names them
//	ErrBusy         another operation waits on the volume
//	ErrExhausted    a limit, which is named with what could go
//	ErrUnsupported  the backend or host cannot do it
//	ErrUnavailable  nothing was done, or it was undone; try again later
//	ErrIndeterminate  it goes on without the caller: wait for the operation by its id
//
// A request that is refused before its intent leaves nothing, not even an operation. If State in the error is Waiting, the
// operation keeps its volume and goes on by itself, or after [Engine.Retry] or [Engine.Resolve].
//
// # Telemetry
//
// With a tracer and a meter of OpenTelemetry in [Options], every operation, step and call has a span, and what an operator
// watches has a metric: [Scope] lists them. Secrets and users' names and labels are in none.
//
// # Concurrency
//
// An Engine is safe for concurrent use. Requests for one volume are served in the order in which they came; those for
// different volumes run at once, within each backend's number of calls. A verb whose context ends undoes what can be
// undone before it returns; what is past its pivot is completed, and the verb returns its success.
package engine
