package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
)

const (
	// settleFor is how long a writer tries to find out what became of a COMMIT, settleWait the first pause between two
	// attempts, which doubles up to the last.
	settleFor                    = 10 * time.Second
	settleWait, settleWaitAtMost = 10 * time.Millisecond, time.Second
	// againTries is how often a transaction is run where the database asks for that.
	againTries = 5
)

// alone writes one change in a transaction of its own.
func (w *writer) alone(ctx context.Context, p *plan) error {
	failure, refusal := w.attempt(ctx, p)
	if failure != nil {
		return w.settle(ctx, p, failure)
	}
	return refusal
}

// attempt returns why the transaction failed, or why the change was refused.
func (w *writer) attempt(ctx context.Context, p *plan) (failure *transactionError, refusal error) {
	if err := w.begin(ctx, w.store.dialect); err != nil {
		return &transactionError{error: err}, nil
	}
	refusals, failure := w.transact(ctx, []*request{{plan: p}})
	return failure, refusals[0]
}

// settle turns the failure of a transaction with one change into the answer to its caller.
func (w *writer) settle(ctx context.Context, p *plan, failure *transactionError) error {
	for try := 1; !failure.lost && w.store.dialect.fault(failure.error) == faultAgain && try < againTries; try++ {
		var refusal error
		if failure, refusal = w.attempt(ctx, p); failure == nil {
			return refusal
		}
	}
	if failure.lost {
		return w.resolve(ctx, p, failure)
	}
	return w.store.classified(ctx, "commit", failure.error)
}

// resolve finds out what became of a change whose COMMIT got no answer, by applying it again. What it locks makes it wait
// for the first transaction, should that still be under way. If the first one took place, the versions have moved on, the
// second is refused, and the change's id is found on the rows.
func (w *writer) resolve(ctx context.Context, p *plan, lost error) error {
	end := time.Now().Add(settleFor)
	for wait := settleWait; ; wait = min(2*wait, settleWaitAtMost) {
		failure, refusal := w.attempt(ctx, p)
		switch {
		case failure == nil && refusal == nil:
			return nil
		case failure == nil:
			return w.verdict(ctx, p, refusal, lost)
		case time.Now().After(end) || w.store.closed():
			return unknown(lost)
		}
		select {
		case <-time.After(wait):
		case <-w.store.closing:
		}
	}
}

func unknown(lost error) error {
	return fmt.Errorf("inventory: commit: %w (%w); read again before anything is done", inventory.ErrIndeterminate, lost)
}

// verdict says what it means that a change whose COMMIT got no answer is refused now: it was written, it certainly was not,
// or nobody can tell any more.
func (w *writer) verdict(ctx context.Context, p *plan, refusal, lost error) error {
	if err := w.begin(ctx, w.store.dialect); err != nil {
		return unknown(lost)
	}
	defer w.rollback(ctx)
	a := &application{session: &w.session, plan: p, sql: w.store.statements, fault: w.store.dialect.fault}
	result := unknown(lost)
	for sight, err := range a.sightings(ctx) {
		if err != nil {
			return unknown(lost)
		}
		if bytes.Equal(sight.change, p.ID[:]) {
			return nil
		}
		// A version that still is the old one, or is the next one but of another change, has not been ours.
		if v := sight.version; v != 0 && (v == sight.before || v == sight.before+1) {
			result = refusal
		}
	}
	return result
}

// sighting is what the database has of a row that the change would have written, and the version before that.
type sighting struct {
	stored

	before int64
}

// sightings yields all rows that the change writes and does not delete.
func (a *application) sightings(ctx context.Context) func(yield func(sighting, error) bool) {
	return func(yield func(sighting, error) bool) {
		see := func(st statement, values []any, before int64) bool {
			found, err := a.stored(ctx, st, values)
			return yield(sighting{found, before}, err)
		}
		for i := range a.Volumes {
			if !see(a.sql.volumeVersion, a.volumes[i], a.Volumes[i].IfVersion) {
				return
			}
		}
		for i := range a.Put {
			if !see(a.sql.snapshotVersion, a.puts[i], a.Put[i].Version) {
				return
			}
		}
		for i := range a.Records {
			if !see(a.sql.recordVersion, a.records[i], a.Records[i].IfVersion) {
				return
			}
		}
		if a.Operation != nil {
			found, err := a.storedOperation(ctx)
			// An epoch counts take-overs, not writes: it proves nothing but the id.
			yield(sighting{stored{change: found.change}, 0}, err)
		}
	}
}
