package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// ChoiceName names what a person can decide about an operation.
type ChoiceName string

// The choices.
const (
	// ChoiceRetry: go on now, in the direction that the journal has.
	ChoiceRetry ChoiceName = "retry"
	// ChoiceUndo: turn back. Offered only while the journal says that the effect was not sent.
	ChoiceUndo ChoiceName = "undo"
	// ChoiceAssumeDone: a person looked, and the effect took place; go forward.
	ChoiceAssumeDone ChoiceName = "assume-done"
	// ChoiceAssumeNotDone: a person looked, and the effect did not take place; go back.
	ChoiceAssumeNotDone ChoiceName = "assume-not-done"
	// ChoiceAbandon: end the operation where it is, as Abandoned. The inventory then says what is known.
	ChoiceAbandon ChoiceName = "abandon"
)

// Choice is one thing that a person can decide about an operation that is stuck; give its name to [Engine.Resolve].
type Choice struct {
	_ [0]func()

	Name ChoiceName `json:"name"`
	// Does says what the engine then does, Check what the person must make sure of before, Consequence what follows, and
	// what is left for the person to clean up.
	Does        string `json:"does"`
	Check       string `json:"check,omitempty"`
	Consequence string `json:"consequence"`
	// Safe: it is right whatever has taken place at the array. The others rest on the person's word, or leave work.
	Safe bool `json:"safe"`
}

// Choices returns what a person can decide about the operation now, the safest first. They are computed from the journal
// alone, so that arrays and hosts may be down. There are none for an operation that has ended, that a live process works
// on (suspend or cancel it first), or whose kind this program does not know. Errors: ErrNotFound.
func (e *Engine) Choices(ctx context.Context, id inventory.OperationID) ([]Choice, error) {
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return nil, classified(err)
	}
	r, err := e.journalOf(op)
	if err != nil {
		return nil, nil //nolint:nilerr // another program's: that one has choices for it
	}
	free, err := e.unattended(ctx, op)
	if err != nil || !free {
		return nil, err
	}
	r.learnNames(ctx)
	return r.choices(), nil
}

// journalOf reads an operation's journal into a run that nobody executes: it has no lease, and may lack backends.
func (e *Engine) journalOf(op inventory.Operation) (*run, error) {
	k, ok := e.kinds[op.Kind]
	if !ok || op.Format != k.format {
		return nil, driver.Errorf(driver.ErrUnsupported, "kind %q format %d is not known to this program", op.Kind, op.Format)
	}
	r := newRun(e, k)
	r.id, r.argsHash, r.op, r.saved, r.enter = op.ID, op.ArgsHash, op, op, entryTakeOver
	var err error
	if r.req, err = k.decode(op.Args); err != nil {
		return nil, err
	}
	if r.d, err = decodeDetail(op.Detail); err != nil {
		return nil, err
	}
	r.restore()
	return r, nil
}

// unattended reports whether nobody works on an open operation, so that a person may decide about it.
func (e *Engine) unattended(ctx context.Context, op inventory.Operation) (bool, error) {
	switch {
	case !op.State.Open() || e.running(op.ID) != nil:
		return false, nil
	case op.State == inventory.Waiting || op.LeaseOwner == e.opts.Owner:
		return true, nil
	}
	q := inventory.OperationQuery{Open: true, LeaseExpired: true}
	if len(op.Volumes) > 0 {
		q.Volume = op.Volumes[0]
	}
	for other, err := range e.inv.Operations(ctx, q) { // the store's clock decides
		if err != nil {
			return false, classified(err)
		}
		if other.ID == op.ID {
			return true, nil
		}
	}
	return false, nil
}

// choices computes what the journal allows, for an operation that nobody works on.
func (r *run) choices() []Choice {
	defer r.atCursor()()
	switch {
	case r.op.State == inventory.Queued:
		return []Choice{r.retry(), {
			Name: ChoiceUndo, Does: "ends the operation before it begins", Safe: true,
			Consequence: "nothing was touched, so nothing is left",
		}}
	case r.abandoned():
		return []Choice{r.abandon()}
	}
	var all []Choice
	if !r.inDoubt() || !r.p.WordOnly {
		all = append(all, r.retry())
	}
	if !r.op.Undoing && r.mayTurnBack() {
		all = append(all, Choice{
			Name: ChoiceUndo, Does: "turns back and undoes what was done so far",
			Consequence: "the operation fails and leaves nothing behind; if the array or host cannot be reached, it waits for them",
			Safe:        true,
		})
	}
	if r.inDoubt() && !r.p.Partial {
		all = append(all, r.words()...)
	}
	if r.kind.abandon != nil {
		all = append(all, r.abandon())
	}
	return all
}

// atCursor puts the member into focus that the step at the cursor is about; what it returns puts back which was.
func (r *run) atCursor() func() {
	was := r.member
	if r.op.Cursor < len(r.op.Steps) {
		r.focus(r.op.Steps[r.op.Cursor].Volume)
	}
	return func() { r.member = was }
}

// atPivot: the pivot was sent, and its outcome is not in the journal.
func (r *run) atPivot() bool {
	i := r.op.Cursor
	return !r.op.Undoing && i < len(r.op.Steps) && i == r.pivot() && r.op.Steps[i].State == inventory.StepSent
}

// inDoubt: the pivot, or one like it for another of the volumes, was sent, and its outcome is not in the journal.
func (r *run) inDoubt() bool {
	i := r.op.Cursor
	return !r.op.Undoing && i < len(r.op.Steps) && slices.Contains(r.kind.pivots, r.op.Steps[i].Name) &&
		r.op.Steps[i].State == inventory.StepSent
}

func (r *run) retry() Choice {
	c := Choice{Name: ChoiceRetry, Safe: true, Consequence: "if the same thing stands in the way, the operation waits again"}
	step := ""
	if r.op.Cursor < len(r.op.Steps) {
		step = r.op.Steps[r.op.Cursor].Name
	}
	switch {
	case r.op.State == inventory.Queued:
		c.Does = "takes the operation up; it begins when its volume is free"
		c.Consequence = "it is refused if it can no longer be done"
	case r.op.Undoing:
		c.Does = "goes on undoing, from step " + step
	case r.inDoubt() && r.kind.steps[step].repeat:
		c.Does = "makes sure that nothing uses the volume and sends " + step + " again, which is harmless if it was applied before"
		if r.kind.name == kindDelete {
			c.Does = "sends " + step + " again, which is harmless if it was applied before"
		}
	case r.atPivot():
		c.Does = "asks the array whether " + step + " took place, and goes on or back accordingly"
	case step == "":
		c.Does = "writes the outcome into the inventory; everything else is done"
	case r.kind.goBack && r.mayTurnBack():
		c.Does = "takes the operation up; since it was interrupted before its effect, it goes back"
	default:
		c.Does = "goes on with step " + step
	}
	if r.d.Suspended != nil {
		c.Does = "ends the suspension; " + c.Does
	}
	return c
}

// words are the choices that rest on a person's word about the pivot.
func (r *run) words() []Choice {
	name := r.op.Steps[r.op.Cursor].Name
	st := r.kind.steps[name]
	var all []Choice
	if st.assume != nil && r.try(st.assume) {
		all = append(all, Choice{
			Name: ChoiceAssumeDone, Does: "takes your word that " + name + " took place, and goes forward",
			Check: r.named(st.say.proof), Consequence: r.named(st.say.ifDone),
		})
	}
	if r.atPivot() && !st.several { // behind the first, there is no way back
		all = append(all, Choice{
			Name: ChoiceAssumeNotDone, Does: "takes your word that " + name + " did not take place, and goes back",
			Check: r.named(st.say.disproof), Consequence: r.named(st.say.ifNotDone),
		})
	}
	return all
}

// try calls assume on a copy of the journal.
func (r *run) try(assume func(*run) bool) bool {
	was := *r.p
	defer func() { *r.p = was }()
	return assume(r)
}

func (r *run) abandon() Choice {
	does := r.named("ends the operation here; {volume} takes other operations again")
	if r.kind.name == kindClone { // which has no other volume than the one that it makes
		does = "ends the operation here"
	}
	c := Choice{
		Name: ChoiceAbandon, Does: does,
		Check: "prefer the other choices; abandon what cannot be brought to an end",
	}
	if r.kind.leaves != nil {
		c.Consequence = strings.Join(r.leftovers(), "; ")
	}
	return c
}
