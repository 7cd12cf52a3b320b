package engine

// Scope is the instrumentation scope of all spans and metrics of the engine. With [Options.TracerProvider] and
// [Options.MeterProvider] an embedder gets what the tables say; without them nothing is recorded, and the global providers
// are never used.
//
// # Spans
//
//	name              kind      one for                                   attributes
//	operation KIND    internal  an operation while one process works on   operation.id, .kind, .state, .epoch, volume.id,
//	                            it, from the request or take-over on      waits_for, takeover.reason, error.type, effect
//	step STEP         internal  a try of a step                           operation.*, volume.id, step, undoing, resume,
//	undo STEP         internal  a try to take a step back                 attempt, error.type, effect, request_id,
//	find STEP         internal  a look whether a step took place          vendor_code
//	call METHOD       client    a call of a driver or host                operation.*, backend or host, call, volume.id,
//	                                                                      step, undoing, resume, attempt, error.type,
//	                                                                      effect, request_id, vendor_code
//
// A call's span is below its step's, and that below the operation's. Calls before the intent are directly below the operation's,
// those of a plan or an audit below the caller's. The context that a driver gets carries the call's span, so the spans of its
// transport nest in it. An operation outlives the request that asked for it, so its span begins a trace of its own: it is
// linked to the caller's span, and that to it. Its trace is kept in the journal; when a process takes the operation up, its new
// span is linked to the first.
//
// A failure has the status Error with the class of the error as its description. Never the error's text: that may name what
// belongs to users. Names and labels of theirs are in no attribute, nor is any secret.
//
// # Metrics
//
//	name                                  kind       unit         attributes, what it counts
//	storagesnap.operation.outcomes        counter    {operation}  operation.kind, operation.state: what this process brought
//	                                                              to that state: succeeded, failed, waiting; refused by
//	                                                              the checks before it began; lost: nobody can tell
//	storagesnap.operation.takeovers       counter    {operation}  operation.kind, takeover.reason: abandoned, retry
//	storagesnap.operation.duration        histogram  s            operation.kind, operation.state: from the request to its
//	                                                              end, whichever processes worked on it
//	storagesnap.step.duration             histogram  s            operation.kind, step, undoing, error.type: one try
//	storagesnap.call.duration             histogram  s            backend or host, call, error.type
//	storagesnap.operation.open            gauge      {operation}  operation.kind, operation.state: queued, running, waiting
//	storagesnap.operation.waiting         gauge      {operation}  waits_for: retry, person
//	storagesnap.operation.oldest_age      gauge      s            –: since the oldest open operation was asked for; 0 if none
//	storagesnap.operation.quiesced        gauge      {operation}  –: open operations that have, or may have, frozen a guest
//	storagesnap.inventory.up              gauge      –            –: 1 if the open operations could be listed, else 0
//	storagesnap.backend.up                gauge      –            backend: 1 or 0, as it answered Describe last
//	storagesnap.backend.last_create_age   gauge      s            backend: since this process last made a snapshot on it
//
// The four gauges of operations count the whole inventory, so every process that shares it reports the same; take their
// maximum. They are read when the reader collects, and are absent while the inventory cannot be read, which
// storagesnap.inventory.up says. A backend is absent until it was reached, or missed, for the first time; its last create until
// there was one in this process.
//
// The attributes of the tables have the prefix "storagesnap.", except error.type; that is absent where nothing failed.
const Scope = "github.com/storagesnap/storagesnap/snapshot/engine"

// The names of spans; each is followed by a space and the kind, step or method.
const (
	SpanOperation = "operation"
	SpanStep      = "step"
	SpanUndo      = "undo"
	SpanFind      = "find"
	SpanCall      = "call"
)

// The names of metrics.
const (
	MetricOutcomes          = "storagesnap.operation.outcomes"
	MetricTakeOvers         = "storagesnap.operation.takeovers"
	MetricOperationDuration = "storagesnap.operation.duration"
	MetricStepDuration      = "storagesnap.step.duration"
	MetricCallDuration      = "storagesnap.call.duration"
	MetricOpen              = "storagesnap.operation.open"
	MetricWaiting           = "storagesnap.operation.waiting"
	MetricOldestAge         = "storagesnap.operation.oldest_age"
	MetricQuiesced          = "storagesnap.operation.quiesced"
	MetricInventoryUp       = "storagesnap.inventory.up"
	MetricBackendUp         = "storagesnap.backend.up"
	MetricLastCreateAge     = "storagesnap.backend.last_create_age"
)

// The keys of attributes, of spans and metrics.
const (
	// AttrOperation and AttrVolume are our ids; AttrEpoch counts the processes that have worked on the operation.
	AttrOperation = "storagesnap.operation.id"
	AttrVolume    = "storagesnap.volume.id"
	AttrEpoch     = "storagesnap.operation.epoch"
	AttrKind      = "storagesnap.operation.kind"
	// AttrState is an operation's state, "refused" for one that never began, or "lost" for one that goes on elsewhere.
	AttrState = "storagesnap.operation.state"
	// AttrWaitsFor is "retry" or "person".
	AttrWaitsFor = "storagesnap.waits_for"
	// AttrTakeOver is why a process took the operation up: "abandoned" by another, or "retry" of one that waited.
	AttrTakeOver = "storagesnap.takeover.reason"
	// AttrUndoing: the operation goes back. AttrResume: the step may have been sent before. AttrAttempt counts from 1.
	AttrStep    = "storagesnap.step"
	AttrUndoing = "storagesnap.undoing"
	AttrResume  = "storagesnap.resume"
	AttrAttempt = "storagesnap.attempt"
	// AttrBackend and AttrHost are names that the embedder gave; a call has one of them.
	AttrBackend = "storagesnap.backend"
	AttrHost    = "storagesnap.host"
	AttrCall    = "storagesnap.call"
	// AttrError is the text of the error's [driver.Class], AttrEffect that of its [driver.Effect].
	AttrError  = "error.type"
	AttrEffect = "storagesnap.effect"
	// AttrRequestID and AttrVendorCode are those of [driver.Error].
	AttrRequestID  = "storagesnap.request_id"
	AttrVendorCode = "storagesnap.vendor_code"
)

// Values of [AttrState], [AttrWaitsFor] and [AttrTakeOver] beside the states of operations.
const (
	stateRefused   = "refused"
	stateLost      = "lost"
	waitsForRetry  = "retry"
	waitsForPerson = "person"
	takenAbandoned = "abandoned"
	takenForRetry  = "retry"
)
