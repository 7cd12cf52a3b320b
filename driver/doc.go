// Package driver is the contract between storagesnap and the makers of storage arrays and hypervisors. A vendor implements
// [Driver] or [Host] in its own repository with nothing but this package, proves it with package drivertest against its
// own hardware, and registers it; a program takes it in by a blank import. Package driver needs the standard library only.
//
// The contract is narrow because the engine is wide: validation, defaults, ordering, locking, limits, error texts, logging,
// retries and recovery after a crash are written once, there. A driver translates.
//
// # Words
//
//   - volume: a LUN or virtual disk; native id: the array's own id for it, opaque to everyone else ([VolumeID])
//   - backend: a configured driver, known by a name; backend id: the array's serial number or cluster uuid ([BackendID])
//   - container: what holds volumes and shares their snapshots or limits: a pool, a FlexVol ([ContainerID])
//   - snapshot: a volume's content at one instant, kept by the array; group: several volumes at one instant
//   - revert: roll a volume back in place; clone: make a new volume from a snapshot
//   - token: the identity of one side effect, chosen before the call and stored at the array with the object ([Token])
//   - installation: one inventory; its id starts all its tokens; an object with another token, or none, is foreign
//   - host: a hypervisor or a pool of them; attachment: how it has a LUN attached; detach, attach: let go, bring back
//   - grant, revoke: give and take access at the array; introduce, withdraw: make a new LUN known to a host, and undo it
//   - pivot: the one step of an operation from which there is no way back; steps before it are undone, steps after it
//     are completed
//
// # Map
//
// The minimum is [Driver]: nine methods that every array can serve. Beyond it are abilities, small interfaces that a driver
// offers as fields of [Abilities]:
//
//	Cloner            new volumes from snapshots
//	GroupSnapshotter  several volumes at one instant
//	VolumeManager     create, delete, resize, list volumes
//	AccessController  take access away and give it back: the fence of a revert
//	ExpirySetter      the array deletes a snapshot by itself
//	Splitter          make a clone independent of its snapshot
//	Checker           the list that a support person reads first
//
// The minimum for a hypervisor is [Host], with [Quiescer], [Impact] and [Checker] in [HostAbilities]. What no type can
// express about an array's behaviour is data: [Facts] and [Limits], in the [Description]. The engine plans with them, and
// drivertest derives what it expects from them, so they must be true rather than flattering. [Wrap] and [WrapHost] put
// hooks around all calls and keep the abilities.
//
// # How to write a driver
//
//  1. Declare the configuration as a struct with tags ([Field]) and register [Typed] with a constructor in an init
//     function ([Register]). Opening validates and does no I/O: an array that is down must not stop the program.
//  2. Write Describe. Find out which facts hold; when in doubt take the less comfortable one.
//  3. Decide where tokens live: in an attribute of the object, else in its name (then set [Facts.TokenInName]). They are at
//     most [TokenLength] characters [a-z][a-z0-9]*. A driver that keeps them anywhere but at the array is wrong: another
//     process on another machine must find them.
//  4. Write CreateSnapshot, Lookup and Snapshots; then DeleteSnapshot and Revert. Look first exactly if Attempt.Resume is
//     set, so that the common case is one round trip.
//  5. Classify every error by the table below. The question is always the same: may the effect have taken place? A reply
//     that was lost or cannot be read after a mutation was sent is [ErrIndeterminate], whatever the transport calls it;
//     a refused connection is [ErrUnavailable].
//  6. Run drivertest over a simulator or a fake on every change, and over real hardware with the same function.
//  7. Add abilities one at a time. One that only this array's licence lacks is present all the same and answers
//     [ErrUnsupported].
//
// # Calls
//
// A caller promises clean arguments: ids and tokens are well-formed and not empty, a context has a deadline, one mutation
// at most is under way per volume (per container where the facts say so), no token serves two effects, nothing is called
// after Close. A driver need not check these again.
//
// Every mutation carries an [Attempt]. Without Resume its token was never sent: send it. With Resume it may have been
// applied by a process that died or a reply that was lost: look, and apply only what is missing. Either way the caller
// sees the result of one application. A long call blocks until it is done and calls Note ([Notes]) as soon as it has a
// handle, so that another process can go on with the same job or cancel it.
//
// # Errors
//
// Every error is an [*Error], or wraps a [Class] with %w. The class says what the caller may conclude, and so decides what
// the engine does:
//
//	class                           effect    before the pivot              after the pivot, or while undoing
//	ErrNotFound                     none      a delete succeeds; else       success where absence is the aim
//	                                          undo and fail
//	ErrConflict, ErrInvalid,        none      undo and fail                 wait for a person
//	  ErrPermission, ErrExhausted
//	ErrInUse                        none      undo and fail, naming         wait for a person
//	                                          the blockers
//	ErrBusy, ErrUnavailable         none      undo and fail                 wait, and try again after a while
//	ErrIndeterminate                unknown   look it up, or repeat         the same
//	                                          under the fence
//	ErrPartial                      partial   cannot be                     complete it; nothing is attached and
//	                                                                        nothing undone before
//	ErrUnsupported                  none      fall back, or fail before     cannot be
//	                                          anything is touched
//
// An error without a class counts as ErrIndeterminate: that is always safe, and always slow. ErrNotFound is conclusive
// everywhere; "could not tell" is never ErrNotFound. Only errors of effect none may be answered by sending the mutation
// again. Name what stands in the way as [Blocker] values: a person reads them first. Keep the vendor's own error below with
// %w, its code in VendorCode; never put a secret in a text.
//
// Use [ClassOf] and [EffectOf] to decide: they take the outermost class. errors.Is(err, ErrNotFound) also matches a cause
// further down that somebody has classified anew.
//
// # Configuration and secrets
//
// A configuration is one JSON object, decoded strictly into a driver's own struct by [Typed]. Help, defaults, required
// fields and secrets come from the struct's tags, so that forms, documentation and redaction have one source
// ([Opener.Fields], [Opener.Redact]). A [Secret] is a literal or a reference to a file, an environment variable or the
// program's vault. Reveal it per call, keep the Secret rather than its value, and rotation works.
//
// # Concurrency
//
// All methods are called from many goroutines at once. For one volume (or container) mutations come one at a time, also from
// several processes; reads come at any time. A [Registry], an [Opener] and a Secret are safe for concurrent use.
//
// # Evolution
//
// From v1 on, Driver, Host and the ability interfaces gain no methods and the classes keep their numbers. New abilities,
// facts, limits and request fields may be added; their zero value is the old behaviour. Structs that may grow start with
// a field of type [0]func(), so that they are written with field names and not compared.
package driver
