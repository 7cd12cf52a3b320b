package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// word is what a person said about an operation: who, why, when.
type word struct {
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// decision is one choice of a person, as the journal keeps it.
type decision struct {
	Choice ChoiceName `json:"choice"`
	word
	// Step is where the operation was.
	Step string `json:"step,omitempty"`
}

// choiceResume is journaled when a suspended operation is let go on.
const choiceResume ChoiceName = "resume"

func (w word) String() string {
	text := "on " + stamp(w.At)
	if w.By != "" {
		text = "by " + w.By + " " + text
	}
	if w.Reason != "" {
		text += ": " + w.Reason
	}
	return text
}

func (w word) validate() error {
	if strings.TrimSpace(w.By) == "" || strings.TrimSpace(w.Reason) == "" {
		return driver.Errorf(driver.ErrInvalid, "a decision about an operation needs who decides and why")
	}
	return errors.Join(validText("by", w.By), validText("reason", w.Reason))
}

// Resolve carries out one of the operation's [Engine.Choices]. by and reason say who decides and why; both are journaled,
// in the same commit that takes the operation up, so that a process which dies after it goes on as decided. Resolve does not
// wait for what follows: use [Engine.Wait]. Repeating a decision that was carried out already does nothing.
//
// Errors: ErrNotFound; ErrBusy while a live process works on the operation; ErrInvalid for a choice that the journal does not
// allow (it names those that it does), and without by or reason; ErrUnsupported for what this program does not know.
func (e *Engine) Resolve(ctx context.Context, id inventory.OperationID, choice ChoiceName, by, reason string) error {
	w := word{By: by, Reason: reason, At: e.now()}
	if err := w.validate(); err != nil {
		return err
	}
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return classified(err)
	}
	r, err := e.journalOf(op)
	if err != nil {
		return err
	}
	if r.settled(choice) {
		return nil
	}
	if !op.State.Open() {
		return driver.Errorf(driver.ErrInvalid, "operation %s has ended: it is %s", id, op.State)
	}
	free, err := e.unattended(ctx, op)
	switch {
	case err != nil:
		return err
	case !free:
		return driver.Errorf(driver.ErrBusy, "operation %s is being worked on by %q; suspend or cancel it first", id, op.LeaseOwner)
	}
	return e.decide(ctx, op, r, choice, w)
}

func (e *Engine) decide(ctx context.Context, op inventory.Operation, r *run, choice ChoiceName, w word) error {
	again := choice != ChoiceRetry && r.last() == choice // it was decided, and waits for something on the way
	offered := r.choices()
	if !again && !slices.ContainsFunc(offered, func(c Choice) bool { return c.Name == choice }) {
		names := make([]string, len(offered))
		for i, c := range offered {
			names[i] = string(c.Name)
		}
		return driver.Errorf(driver.ErrInvalid, "operation %s cannot be resolved by %q now; its choices are: %s",
			op.ID, choice, strings.Join(names, ", "))
	}
	if err := e.unwish(ctx, op.ID); err != nil {
		return err
	}
	return e.takeUpNow(ctx, op, func(r *run) {
		if !again {
			r.resolved(decision{Choice: choice, word: w})
		}
		r.d.Suspended = nil
	})
}

// last is the latest decision about the operation.
func (r *run) last() ChoiceName {
	if n := len(r.d.Decisions); n > 0 {
		return r.d.Decisions[n-1].Choice
	}
	return ""
}

// abandoned: a person has decided to end it where it is.
func (r *run) abandoned() bool { return r.last() == ChoiceAbandon }

// settled: the same decision was made before and nothing is left of it to do, or it is being done.
func (r *run) settled(choice ChoiceName) bool {
	return r.last() == choice && (!r.op.State.Open() || r.e.running(r.id) != nil)
}

// resolved writes a decision into the journal, with what it changes there. The caller commits.
func (r *run) resolved(d decision) {
	defer r.atCursor()()
	i := r.op.Cursor
	if i < len(r.op.Steps) {
		d.Step = r.op.Steps[i].Name
	}
	r.d.Decisions = append(r.d.Decisions, d)
	switch d.Choice {
	case ChoiceUndo:
		if r.op.State == inventory.Queued {
			r.cancelAsked.Store(true)
			return
		}
		r.reverse(d)
	case ChoiceAssumeNotDone:
		r.op.Steps[i].State = inventory.StepPlanned
		r.reverse(d)
	case ChoiceAssumeDone:
		r.kind.steps[d.Step].assume(r)
		r.op.Steps[i].State, r.op.Steps[i].Error = inventory.StepDone, ""
		r.op.Cursor++
	case ChoiceAbandon:
		if r.op.Error == "" {
			r.op.Error, r.op.ErrorClass = "abandoned "+d.String(), driver.ErrIndeterminate
		}
	case ChoiceRetry, choiceResume:
	}
}

// reverse makes the operation go back because a person said so.
func (r *run) reverse(d decision) {
	was := r.op.Error
	r.op.Undoing = true
	r.op.Cursor = min(r.op.Cursor, len(r.op.Steps)-1)
	r.op.Error, r.op.ErrorClass = fmt.Sprintf("turned back (%s) %s", d.Choice, d.word), driver.ErrUnavailable
	if was != "" {
		r.op.Error += "; before that: " + was
	}
}

// assumed: a person's word stands for the pivot's outcome.
func (r *run) assumed() bool {
	return slices.ContainsFunc(r.d.Decisions, func(d decision) bool {
		return d.Choice == ChoiceAssumeDone || d.Choice == ChoiceAssumeNotDone
	})
}

// callsLeft reports whether anything has to be asked of an array or host before the operation can end.
func (r *run) callsLeft() bool {
	switch {
	case r.abandoned():
		return false
	case !r.op.Undoing:
		return r.op.Cursor < len(r.op.Steps)
	}
	return slices.ContainsFunc(r.op.Steps[:min(r.op.Cursor+1, len(r.op.Steps))], func(s inventory.Step) bool {
		return (s.State == inventory.StepSent || s.State == inventory.StepDone) && r.kind.steps[s.Name].undo != nil
	})
}
