package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// entry says how a run comes to own its operation; it holds until the first commit succeeds.
type entry int

const (
	entryOwned    entry = iota // it does own it
	entryNew                   // the operation does not exist
	entryRestart               // it has failed, and begins anew
	entryTakeOver              // another process left it
)

// run is one operation while this process works on it.
type run struct {
	e        *Engine
	kind     *kind
	id       inventory.OperationID
	argsHash string
	req      Request

	// members are the volumes that it works on, the main one first; the embedded one is in focus.
	*member
	members []*member

	// planning: it will never begin. fore is what prepare says for the plan.
	planning bool
	fore     *forecast

	// op and d are the journal as this run goes on writing it.
	op inventory.Operation
	d  detail

	turn  chan struct{}       // holds who commits: the run itself or its heartbeat, who alone change what follows
	mu    sync.Mutex          // guards it against those who look on
	saved inventory.Operation // the journal as it was committed last
	enter entry

	// lease is nil until the first commit. beating: a heartbeat is renewing it.
	lease   atomic.Pointer[lease]
	beating atomic.Bool

	// fresh: the step at the cursor was marked as sent by this process and not tried yet. tries counts this process's.
	fresh bool
	tries int
	// sentBy is until when an earlier send of the step at the cursor may have left: when the last failed try came back, or when
	// the operation was taken over. Zero: there was none.
	sentBy time.Time
	// cause is the error that turned the operation back, with its blockers.
	cause error

	// lacks is the error for a backend that the journal names and this engine does not have.
	lacks error
	// leaving is the reason that an abandoned operation keeps.
	leaving string

	cancelAsked atomic.Bool
	// wished: there may be a record that says what is wanted of the operation.
	wished atomic.Bool
	// endCall ends the context of the call under way; endUndoable only if the call can be undone.
	endCall     atomic.Pointer[context.CancelFunc]
	endUndoable atomic.Pointer[context.CancelFunc]
	locked      []string
	begun       chan struct{} // closed once it is durable, or refused
	done        chan struct{}
	err         error // how it ended, for those who wait

	span      trace.Span // of the operation while this process works on it
	trace     string     // the span's, for the journal
	stepAttrs []attribute.KeyValue
}

func newRun(e *Engine, k *kind) *run {
	r := &run{e: e, kind: k, turn: make(chan struct{}, 1), begun: make(chan struct{}), done: make(chan struct{})}
	r.reset()
	return r
}

// commit writes the change together with the journal, as the operation's owner, and renews the lease while it runs. Only
// the run's own goroutine calls it. The errors are the store's; a lost reply is looked up, so that nil means written and
// any error but inventory.ErrIndeterminate means not written.
func (r *run) commit(ctx context.Context, c inventory.Change) error {
	if r.cancelAsked.Load() {
		r.op.CancelAsked = true
	}
	next := r.op
	next.Steps = slices.Clone(r.op.Steps)
	r.d.Trace = cmp.Or(r.d.Trace, r.trace)
	next.Detail = r.d.encode()
	next.LeaseOwner = r.e.opts.Owner
	ctx, done, err := r.writing(ctx)
	if err != nil {
		return err
	}
	defer done()
	saved, err := r.write(ctx, c, next)
	if err == nil {
		r.op.Epoch, r.op.UpdatedAt = saved.Epoch, saved.UpdatedAt
	}
	return err
}

// writing waits for the turn to commit, and returns the context of the write: what has begun is not left half known because
// a caller gives up. Error: inventory.ErrUnavailable, with nothing written.
func (r *run) writing(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.e.opts.CallTimeout)
	select {
	case r.turn <- struct{}{}:
		return ctx, func() { <-r.turn; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, fmt.Errorf("the commit before it does not end: %w", inventory.ErrUnavailable)
	}
}

// write commits the change with the next state of the journal, trying again while the store certainly wrote nothing. It is
// the caller's turn.
func (r *run) write(ctx context.Context, c inventory.Change, next inventory.Operation) (inventory.Operation, error) {
	backOff := r.e.opts.BackOff
	for try := 1; ; try++ {
		saved, err := r.writeOnce(ctx, c, next)
		if err == nil || !errors.Is(err, inventory.ErrUnavailable) || try >= r.e.opts.Attempts || pause(ctx, backOff) != nil {
			return saved, err
		}
		backOff *= 2
	}
}

func (r *run) writeOnce(ctx context.Context, c inventory.Change, next inventory.Operation) (inventory.Operation, error) {
	next.Epoch = r.saved.Epoch
	next.UpdatedAt = r.e.now()
	if !next.UpdatedAt.After(r.saved.UpdatedAt) { // strictly later, so that a lost reply can be told from an older state
		next.UpdatedAt = r.saved.UpdatedAt.Add(time.Microsecond)
	}
	oc := &inventory.OperationChange{
		IfEpoch: r.saved.Epoch, TakeOver: r.enter == entryTakeOver, Restart: r.enter == entryRestart,
	}
	if r.enter != entryOwned {
		next.Epoch++
	}
	if r.enter == entryTakeOver { // what is written over must be what was read
		oc.IfSeq = r.saved.Seq
	}
	if next.State == inventory.Running || next.State == inventory.Queued {
		oc.LeaseTTL = r.e.opts.LeaseTTL
	} else {
		next.LeaseOwner = "" // nobody's any more
	}
	granted := r.e.newLease(oc.LeaseTTL)
	oc.Operation = next
	c.ID = snapshot.NewID[inventory.ChangeID]()
	c.Operation = oc
	err := r.e.inv.Commit(ctx, c)
	if errors.Is(err, inventory.ErrIndeterminate) {
		err = r.settleCommit(ctx, next, err)
	}
	if err != nil {
		return next, err
	}
	r.mu.Lock()
	if r.saved = next; r.enter != entryOwned {
		r.enter = entryOwned
	}
	r.mu.Unlock()
	r.lease.Store(granted)
	return next, nil
}

// settleCommit finds out whether a commit with a lost reply was written: the operation says when it was, and by whom.
func (r *run) settleCommit(ctx context.Context, next inventory.Operation, lost error) error {
	stored, err := r.e.inv.Operation(ctx, next.ID)
	switch {
	case err == nil && r.enter != entryOwned && stored.Epoch == next.Epoch && stored.LeaseOwner != next.LeaseOwner:
		return fmt.Errorf("operation %s: %q was faster: %w", next.ID, stored.LeaseOwner, inventory.ErrStale)
	case err == nil && stored.Epoch == next.Epoch && stored.UpdatedAt.Equal(next.UpdatedAt):
		return nil
	case err == nil && stored.Epoch == r.saved.Epoch && stored.UpdatedAt.Equal(r.saved.UpdatedAt):
		return fmt.Errorf("the commit was not written: %w", inventory.ErrUnavailable)
	case errors.Is(err, inventory.ErrNotFound) && r.enter == entryNew:
		return fmt.Errorf("the commit was not written: %w", inventory.ErrUnavailable)
	}
	return lost
}

// owned reports whether a stale commit was stale for another reason than that the operation was taken from us.
func (r *run) owned(ctx context.Context) bool {
	stored, err := r.e.inv.Operation(ctx, r.id)
	return err == nil && stored.Epoch == r.op.Epoch && stored.State.Open()
}

// volumeChange writes the header of the member in focus, computed from the version that we know.
func (r *run) volumeChange(v inventory.Volume) []inventory.VolumeChange {
	return []inventory.VolumeChange{{Volume: v, IfVersion: r.vol.Version}}
}

// unpend returns the header without the operation: what every outcome writes.
func (r *run) unpend() inventory.Volume { return r.released(r.member) }

// pend returns the header with the operation: what every intent writes.
func (r *run) pend(v inventory.Volume) inventory.Volume {
	v.Pending = r.id
	return v
}

func (r *run) event(state inventory.OperationState, step string, err error) {
	r.e.opts.OnEvent(Event{
		Operation: r.id, Kind: r.op.Kind, State: state, Volumes: slices.Clone(r.op.Volumes),
		Step: step, Undoing: r.op.Undoing, Err: err,
	})
}
