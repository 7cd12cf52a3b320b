package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Submit begins an operation and returns it as soon as its intent is durable; ctx matters until then only. When the volume
// is busy the operation is queued, durably, and begins when its turn comes.
//
// Whatever can be refused is refused before there is an operation: unknown ids, limits, holds, dependants, a missing
// ability, another operation that waits on the volume. The error is an [*Error] whose class, blockers and Next say why.
// Repeating a request with the same OperationID and arguments returns the operation that is there; if that failed, it
// begins anew; with other arguments it is ErrConflict.
func (e *Engine) Submit(ctx context.Context, req Request) (inventory.Operation, error) {
	r, prior, err := e.submit(ctx, req)
	if err != nil {
		return inventory.Operation{}, err
	}
	if r == nil {
		return prior, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.saved, nil
}

// errTaken: somebody else has begun the operation between our look and our intent.
var errTaken = errors.New("begun by somebody else in this moment; repeat the request")

// submit returns the run, or, for a request that was made before, the operation that is there.
func (e *Engine) submit(ctx context.Context, req Request) (*run, inventory.Operation, error) {
	for try := 1; ; try++ {
		r, prior, err := e.submitOnce(ctx, req)
		if !errors.Is(err, errTaken) || try == e.opts.Attempts {
			return r, prior, err
		}
	}
}

func (e *Engine) submitOnce(ctx context.Context, req Request) (*run, inventory.Operation, error) {
	var none inventory.Operation
	if req = value(req); req == nil {
		return nil, none, driver.Errorf(driver.ErrInvalid, "engine: no request")
	}
	k := e.kinds[req.kind()]
	if err := req.validate(); err != nil {
		return nil, none, refused(k.name, err, "correct the request")
	}
	r, prior, err := e.runOf(ctx, k, req)
	if err != nil || r == nil {
		return nil, prior, err
	}
	if other, err := e.adopt(r); other != nil {
		return e.join(ctx, other, r)
	} else if err != nil {
		return nil, none, refused(k.name, err, "")
	}
	ctx = r.traced(ctx)
	err = e.launch(ctx, r)
	close(r.begun)
	if err != nil {
		r.untraced(ctx, err)
		r.err = err
		e.unlock(r)
		e.release(r)
		return nil, none, err
	}
	return r, none, nil
}

// value returns the request itself where a pointer to it was given, and nil for none.
func value(req Request) Request {
	v := reflect.ValueOf(req)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	itself, _ := reflect.TypeAssert[Request](v)
	return itself
}

// join is for a request whose operation is under way in this process: the same request gets the same operation.
func (e *Engine) join(ctx context.Context, other, r *run) (*run, inventory.Operation, error) {
	var none inventory.Operation
	if other.kind.name != r.kind.name || other.argsHash != r.argsHash {
		return nil, none, refused(r.kind.name, driver.Errorf(driver.ErrConflict,
			"operation id %s is used for another request (%s)", other.id, other.kind.name), "choose a fresh operation id")
	}
	select {
	case <-other.begun:
	case <-ctx.Done():
		return nil, none, refused(r.kind.name, &driver.Error{Class: driver.ErrUnavailable, Err: ctx.Err()}, "")
	}
	other.mu.Lock()
	saved := other.saved
	other.mu.Unlock()
	if saved.ID.IsZero() { // it was refused
		<-other.done
		return nil, none, other.err
	}
	return nil, saved, nil
}

// runOf makes the run of a new request, or returns the operation that an earlier one under its id has begun.
func (e *Engine) runOf(ctx context.Context, k *kind, req Request) (*run, inventory.Operation, error) {
	args, err := json.Marshal(req)
	if err != nil {
		return nil, inventory.Operation{}, refused(k.name, driver.Errorf(driver.ErrInvalid, "%w", err), "correct the request")
	}
	sum := sha256.Sum256(append([]byte(k.name+"\n"), args...))
	common := req.common()
	r := newRun(e, k)
	r.req, r.enter, r.argsHash = req, entryNew, hex.EncodeToString(sum[:16])
	r.op = inventory.Operation{
		ID: common.OperationID, Kind: k.name, Format: k.format, State: inventory.Queued, Actor: common.Actor,
		Args: args, ArgsHash: r.argsHash, CreatedAt: e.now(), LeaseOwner: e.opts.Owner,
	}
	if common.OperationID.IsZero() {
		r.op.ID = snapshot.NewID[inventory.OperationID]()
	}
	r.d.IfVersion = common.IfVersion
	if r.id = r.op.ID; common.OperationID.IsZero() {
		return r, inventory.Operation{}, nil
	}
	prior, err := e.inv.Operation(ctx, common.OperationID)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return r, inventory.Operation{}, nil
	case err != nil:
		return nil, inventory.Operation{}, refused(k.name, err, "")
	case prior.Kind != k.name || prior.ArgsHash != r.op.ArgsHash:
		return nil, inventory.Operation{}, refused(k.name, driver.Errorf(driver.ErrConflict,
			"operation id %s was used for another request (%s)", prior.ID, prior.Kind), "choose a fresh operation id")
	case prior.State == inventory.Failed:
		r.enter, r.saved = entryRestart, prior
		return r, inventory.Operation{}, nil
	case prior.State == inventory.Succeeded:
		return e.remembered(ctx, r, prior)
	}
	return nil, prior, nil
}

// remembered: a success answers for its request as long as what it made exists.
func (e *Engine) remembered(ctx context.Context, r *run, prior inventory.Operation) (*run, inventory.Operation, error) {
	res, err := resultOf(prior, nil)
	if err != nil {
		return nil, inventory.Operation{}, refused(r.op.Kind, err, "")
	}
	switch prior.Kind {
	case kindCreate, kindHold, kindRelease, kindSetExpiry, kindEdit:
		_, err = e.inv.Snapshot(ctx, res.Snapshot)
	case kindCreateGroup, kindRevertGroup:
		_, err = e.Group(ctx, res.Group)
	case kindClone, kindImport, kindRevert, kindSplit, kindEditVolume:
		_, err = e.inv.Volume(ctx, res.Volume)
	}
	if errors.Is(err, inventory.ErrNotFound) || errors.Is(err, driver.ErrNotFound) {
		return nil, inventory.Operation{}, refused(r.op.Kind, driver.Errorf(driver.ErrConflict,
			"operation id %s succeeded, but what it made or changed was removed since", prior.ID), "choose a fresh operation id")
	}
	return nil, prior, classified(err)
}

// launch begins the run in this goroutine if its volumes are free, so that refusals reach the caller; else it queues it.
func (e *Engine) launch(ctx context.Context, r *run) error {
	volumes, err := r.kind.locate(ctx, e, r.req)
	if err != nil {
		return refused(r.kind.name, err, "")
	}
	keys := e.lockKeys(ctx, volumes)
	if e.tryLock(r, keys) {
		err := r.begin(ctx)
		if err == nil {
			e.wg.Go(func() { e.finish(r, r.execute(e.base)) })
			return nil
		}
		if !errors.Is(err, errElsewhere) {
			return r.refused(err)
		}
		e.unlock(r)
	}
	r.op.Volumes = volumes
	if err := r.commit(ctx, inventory.Change{}); err != nil {
		return r.refused(err)
	}
	r.event(inventory.Queued, "", nil)
	e.wg.Go(func() { e.finish(r, e.whenFree(r, keys)) })
	return nil
}

// refused is the error of a request that did not begin, or of which nobody can tell: then its operation's id says where to
// look.
func (r *run) refused(err error) error {
	if !errors.Is(err, inventory.ErrIndeterminate) {
		return refused(r.kind.name, err, nextOf(err))
	}
	return &Error{
		Operation: r.id, Kind: r.kind.name, State: inventory.Running, Err: classified(err),
		Next: "whether it was begun is unknown; if it was, it is taken up from its journal: wait for the operation by its id",
	}
}

// whenFree waits for the queued run's turn and executes it.
func (e *Engine) whenFree(r *run, keys []string) error {
	ctx, cancel := context.WithCancel(r.spanned(e.base))
	defer cancel()
	r.endUndoable.Store(&cancel)
	if r.cancelAsked.Load() { // before there was a call to interrupt
		cancel()
	}
	for _, key := range keys {
		if err := e.locks.Lock(ctx, key); err != nil {
			return r.giveUp(err)
		}
		r.locked = append(r.locked, key)
	}
	for {
		err := r.begin(ctx)
		switch {
		case err == nil:
			r.endUndoable.Store(nil)
			return r.execute(e.base)
		case errors.Is(err, errElsewhere):
			if err := pause(ctx, e.opts.Poll/10); err != nil {
				return r.giveUp(err)
			}
		default:
			return r.giveUp(err)
		}
	}
}

// giveUp ends a queued operation that never began: refused, or cancelled. When the engine is closing it stays queued.
func (r *run) giveUp(cause error) error {
	if r.e.base.Err() != nil || errors.Is(cause, errLost) {
		return errLost
	}
	if r.cancelAsked.Load() {
		cause = driver.Errorf(driver.ErrUnavailable, "cancelled before it began: %w", context.Canceled)
		r.op.CancelAsked = true
	}
	r.cause = cause
	r.d.Outdated, r.op.Reason = isOutdated(cause), nextOf(cause)
	r.op.Steps, r.op.Cursor = nil, 0
	r.op.State, r.op.Error, r.op.ErrorClass = inventory.Failed, cause.Error(), driver.ClassOf(classified(cause))
	if r.progress(r.e.base) != nil {
		return errLost
	}
	r.ended(r.e.base, inventory.Failed)
	return nil
}

// intend makes the checks of a request and returns its intent.
func (r *run) intend(ctx context.Context) (inventory.Change, error) {
	r.reset()
	r.op.State, r.op.Steps, r.op.Cursor = inventory.Queued, nil, 0 // it may have to wait after a try that came too late
	change, err := r.kind.prepare(ctx, r)
	if err == nil {
		err = r.asPlanned(ctx, change)
	}
	return change, err
}

// begin checks the request against the inventory and the array as they are now and commits the intent.
func (r *run) begin(ctx context.Context) error {
	for try := range 5 { // the inventory may change between the checks and the intent
		change, err := r.intend(ctx)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return &driver.Error{Class: driver.ErrUnavailable, Effect: driver.EffectNone, Err: err}
		}
		switch err = r.commitIntent(ctx, change); {
		case err == nil:
			return nil
		case errors.Is(err, inventory.ErrInvalid) && try == 0: // a volume that it names is gone: the checks say so
		case !errors.Is(err, inventory.ErrStale):
			return err
		case r.enter == entryOwned && !r.owned(ctx):
			return errLost
		case r.enter != entryOwned && r.taken(ctx):
			return driver.Errorf(driver.ErrBusy, "operation %s: %w", r.id, errTaken)
		}
	}
	return driver.Errorf(driver.ErrBusy, "the inventory keeps changing under the request")
}

func (r *run) commitIntent(ctx context.Context, change inventory.Change) error {
	if len(r.op.Steps) == 0 {
		return r.atOnce(ctx, change)
	}
	if err := r.lockContainers(ctx, &change); err != nil {
		return err
	}
	r.op.State = inventory.Running
	if !r.kind.steps[r.op.Steps[0].Name].read {
		r.mark(0)
	}
	if err := r.commit(ctx, change); err != nil {
		return err
	}
	r.wrote()
	r.event(inventory.Running, "", nil)
	return nil
}

// taken reports whether somebody else has made, or begun anew, the operation that this run was about to.
func (r *run) taken(ctx context.Context) bool {
	stored, err := r.e.inv.Operation(ctx, r.id)
	return err == nil && stored.Epoch != r.saved.Epoch
}

// atOnce commits an operation that touches nothing but the inventory: its intent is its outcome.
func (r *run) atOnce(ctx context.Context, change inventory.Change) error {
	_, res, err := r.kind.outcome(ctx, r)
	if err != nil {
		return err
	}
	if err := r.commitEnd(ctx, change, inventory.Succeeded, res); err != nil {
		r.op.State = inventory.Queued
		return err
	}
	r.ended(ctx, inventory.Succeeded)
	return nil
}

// finish tells whoever waits how the run ended, and frees its volumes.
func (e *Engine) finish(r *run, err error) {
	switch {
	case errors.Is(err, errLost):
		r.err = &Error{
			Operation: r.id, Kind: r.op.Kind, State: inventory.Running,
			Err:  &driver.Error{Class: driver.ErrIndeterminate, Err: fmt.Errorf("%w", errLost)},
			Next: "it is taken up from its journal; wait for the operation by its id",
		}
	case r.op.State == inventory.Succeeded:
	default:
		e := &Error{Operation: r.id, Kind: r.op.Kind, State: r.op.State, Next: r.op.Reason, Err: classified(r.cause)}
		if r.op.Cursor < len(r.op.Steps) && r.op.State == inventory.Waiting {
			e.Step = r.op.Steps[r.op.Cursor].Name
		}
		if r.cause == nil {
			e.Err = recorded(r.op)
		}
		r.err = e
	}
	e.unlock(r)
	r.spanOver(err)
	e.release(r)
}

func (e *Engine) tryLock(r *run, keys []string) bool {
	for _, key := range keys {
		if !e.locks.TryLock(key) {
			e.unlock(r)
			return false
		}
		r.locked = append(r.locked, key)
	}
	return true
}

func (e *Engine) unlock(r *run) {
	for _, key := range r.locked {
		e.locks.Unlock(key)
	}
	r.locked = nil
}
