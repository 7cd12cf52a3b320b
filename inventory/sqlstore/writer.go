package sqlstore

import (
	"context"
	"time"
)

// writer is one goroutine that writes changes, on a session of its own. Changes that wait while it is busy are written
// together: one transaction, one flush to disk, but a savepoint each, so that a refused one takes nobody with it.
type writer struct {
	session

	store *Store
}

// run serves until the store closes. Nobody waits in the queue then: a caller's send ends with the store, too.
func (w *writer) run(ctx context.Context) {
	defer w.session.close()
	for {
		select {
		case r := <-w.store.queue:
			w.serve(ctx, r)
		case <-w.store.closing:
			return
		}
	}
}

// serve writes the change and those that wait by the time the transaction has begun.
func (w *writer) serve(ctx context.Context, first *request) {
	begun := w.begin(ctx, w.store.dialect)
	batch := w.gather(first)
	if begun != nil {
		err := w.store.classified(ctx, "commit", begun)
		for _, r := range batch {
			r.done <- err
		}
		return
	}
	refusals, err := w.transact(ctx, batch)
	for i, r := range batch {
		switch {
		case err == nil:
			r.done <- refusals[i]
		case len(batch) == 1 || err.lost && refusals[i] == nil:
			r.done <- w.settle(ctx, r.plan, err)
		default:
			// Nothing of the batch is written. Alone, each change fails or succeeds by itself.
			r.done <- w.alone(ctx, r.plan)
		}
	}
}

// gather claims the change and those that wait, as many as one transaction may hold.
func (w *writer) gather(first *request) []*request {
	var batch []*request
	for r := first; r != nil; r = w.waiting() {
		if r.claim() {
			batch = append(batch, r)
		}
		if len(batch) == w.store.dialect.batch {
			break
		}
	}
	return batch
}

// waiting returns a change that waits in the queue, or nil.
func (w *writer) waiting() *request {
	select {
	case r := <-w.store.queue:
		return r
	default:
		return nil
	}
}

// transactionError says that a transaction failed as a whole.
type transactionError struct {
	error

	// lost: the COMMIT was sent, and nobody knows what became of it. Else nothing is written.
	lost bool
}

func (e *transactionError) Unwrap() error { return e.error }

// transact applies the changes in the transaction that has begun, and commits. It returns why each change was refused, or
// nil for one that is written.
func (w *writer) transact(ctx context.Context, batch []*request) ([]error, *transactionError) {
	refusals := make([]error, len(batch))
	accepted := 0
	for i, r := range batch {
		err := w.applyOne(ctx, r.plan, len(batch) > 1)
		if err != nil && !refused(err) {
			w.rollback(ctx)
			return refusals, &transactionError{error: err}
		}
		if refusals[i] = err; err == nil {
			accepted++
		}
	}
	if accepted == 0 {
		w.rollback(ctx)
		return refusals, nil
	}
	if err := w.do(ctx, "COMMIT"); err != nil {
		if w.store.dialect.fault(err).beforeCommit() {
			w.rollback(ctx)
			return refusals, &transactionError{error: err}
		}
		w.discard()
		return refusals, &transactionError{error: err, lost: true}
	}
	return refusals, nil
}

// applyOne applies a change. If it is not alone in the transaction, a refused one is undone by its savepoint.
func (w *writer) applyOne(ctx context.Context, p *plan, company bool) error {
	a := &application{
		session: &w.session, plan: p, sql: w.store.statements, fault: w.store.dialect.fault,
		now: time.Now().UnixMicro(),
	}
	if !company {
		return a.apply(ctx)
	}
	if err := w.do(ctx, "SAVEPOINT one_change"); err != nil {
		return err
	}
	refusal := a.apply(ctx)
	if refusal != nil && !refused(refusal) {
		return refusal
	}
	if refusal != nil {
		if err := w.do(ctx, "ROLLBACK TO SAVEPOINT one_change"); err != nil {
			return err
		}
	}
	if err := w.do(ctx, "RELEASE SAVEPOINT one_change"); err != nil {
		return err
	}
	return refusal
}
