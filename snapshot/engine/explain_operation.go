package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/inventory"
)

// ExplainOperation explains an operation: what it did and found, who works on it, what is safe and what is not, what a
// person can decide. It asks neither arrays nor hosts. Errors: ErrNotFound, the inventory's.
func (e *Engine) ExplainOperation(ctx context.Context, id inventory.OperationID) (Explanation, error) {
	op, err := e.inv.Operation(ctx, id)
	if err != nil {
		return Explanation{}, classified(err)
	}
	free, err := e.unattended(ctx, op)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Subject: fmt.Sprintf("operation %s (%s)", op.ID, op.Kind), State: string(op.State)}
	r, err := e.journalOf(op)
	if err != nil {
		x.Happened = append(e.asked(op), strangeSteps(op)...)
		x.Now = append(x.Now, "this program cannot read its journal: "+err.Error())
		x.Next = append(x.Next, "a program that knows it goes on with it")
		return x, nil //nolint:nilerr // it is told
	}
	r.learnNames(ctx)
	r.explain(&x)
	x.Now = append(x.Now, e.worker(op, free)...)
	if free {
		x.Choices = r.choices()
	}
	x.Next = append(x.Next, r.next())
	return x, nil
}

// explain fills in what the journal tells.
func (r *run) explain(x *Explanation) {
	r.about(x)
	x.Happened = r.e.asked(r.op)
	if r.kind.aim != "" && !r.p.Volume.IsZero() {
		x.Happened[0] += r.named(": to " + r.kind.aim)
	}
	main := r.member
	for i, s := range r.op.Steps {
		r.focus(s.Volume)
		x.Happened = append(x.Happened, r.explainStep(i, s))
	}
	r.member = main
	for _, d := range r.d.Decisions {
		text := fmt.Sprintf("%s was chosen %s", d.Choice, d.word)
		if d.Step != "" {
			text += fmt.Sprintf(" (at step %s)", d.Step)
		}
		x.Happened = append(x.Happened, text)
	}
	if r.op.Error != "" && !r.told() {
		x.Happened = append(x.Happened, "error: "+r.op.Error)
	}
	switch {
	case r.op.State == inventory.Abandoned && r.kind.leaves != nil:
		x.Now = append(x.Now, r.leftovers()...)
	case r.op.State == inventory.Queued:
		x.Now = append(x.Now, "it has not begun: nothing was touched")
	case r.op.State.Open():
		if r.d.Suspended != nil && r.op.State == inventory.Waiting {
			x.Happened = append(x.Happened, "suspended "+r.d.Suspended.String())
			x.Now = append(x.Now, "it is suspended: it is neither retried nor recovered by itself, in no process")
		}
		x.Safe = append(x.Safe,
			"waiting: the operation keeps its volume, and nothing gets worse",
			"repairing or restarting the array, the host and this program: the operation goes on from where it is")
		r.explainMembers(x)
		if r.op.Undoing {
			x.Now = append(x.Now, "it goes back: what was done is being undone")
		}
	}
}

// explainMembers adds what the kind says of each volume, once.
func (r *run) explainMembers(x *Explanation) {
	if r.kind.explain == nil {
		return
	}
	_ = r.each(func() error {
		var y Explanation
		r.kind.explain(r, &y)
		x.Now, x.Safe, x.DoNot = r.addNamed(x.Now, y.Now), r.addNamed(x.Safe, y.Safe), r.addNamed(x.DoNot, y.DoNot)
		return nil
	})
}

func (r *run) addNamed(all, texts []string) []string {
	for _, text := range texts {
		if text = r.named(text); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// told: the operation's error is that of a step, or says that it was suspended.
func (r *run) told() bool {
	return r.d.Suspended != nil && r.op.Error == r.op.Reason ||
		slices.ContainsFunc(r.op.Steps, func(s inventory.Step) bool { return s.Error == r.op.Error })
}

// about says what the names stand for.
func (r *run) about(x *Explanation) {
	if !r.p.Volume.IsZero() {
		text := r.named("{volume} is ") + r.p.Volume.String()
		if r.p.Native != "" {
			text += r.named("; {backend} calls it ") + string(r.p.Native)
		}
		if r.p.Attachment != nil && r.p.Attachment.Disk != "" {
			text += r.named("; {host} calls it ") + string(r.p.Attachment.Disk)
		}
		x.About = append(x.About, text)
	}
	if !r.p.Snapshot.IsZero() {
		text := r.named("{snapshot} is ") + r.p.Snapshot.String()
		if r.p.Ref.ID != "" {
			text += r.named("; {backend} calls it ") + r.p.Ref.ID
		}
		if r.p.Ref.Token != "" {
			text += "; its token is " + string(r.p.Ref.Token)
		}
		x.About = append(x.About, text)
	}
	if !r.p.Keep.IsZero() {
		x.About = append(x.About, fmt.Sprintf("%s is %s; its token is %s", r.named("{keep}"), r.p.Keep, r.p.KeepRef.Token))
	}
	if r.p.Token != "" {
		x.About = append(x.About, fmt.Sprintf("the token of the %s is %s", r.op.Kind, r.p.Token))
	}
	for _, m := range r.members[1:] {
		text := fmt.Sprintf("it also works on volume %s, which backend %q calls %s", m.p.Volume, m.p.Backend, m.p.Native)
		x.About = append(x.About, text)
	}
}

func (e *Engine) asked(op inventory.Operation) []string {
	text := "asked for on " + stamp(op.CreatedAt)
	if op.Actor != "" {
		text += " by " + op.Actor
	}
	if op.CancelAsked {
		return []string{text, "somebody asked for its cancellation; it turns back if it still can"}
	}
	return []string{text}
}

func (r *run) explainStep(i int, s inventory.Step) string {
	text := fmt.Sprintf("step %d of %d, %s: ", i+1, len(r.op.Steps), s.Name)
	words := r.kind.steps[s.Name].say
	switch s.State {
	case inventory.StepPlanned:
		text += and("not begun", "it is to "+words.aim, words.aim)
	case inventory.StepSent:
		text += "sent on " + stamp(s.SentAt) + "; " + and("its outcome is not in the journal", words.unknown, words.unknown)
	case inventory.StepDone:
		text += and("done", words.done, words.done)
	case inventory.StepUndone:
		text += and("undone", words.undone, words.undone)
	}
	if s.Error != "" {
		text += " (" + s.Error + ")"
	}
	return r.named(text)
}

// and joins two clauses, unless there is nothing to add.
func and(clause, more, only string) string {
	if only == "" {
		return clause
	}
	return clause + ": " + more
}

func strangeSteps(op inventory.Operation) []string {
	var all []string
	for _, s := range op.Steps {
		all = append(all, fmt.Sprintf("step %s: %s", s.Name, s.State))
	}
	return all
}

// worker says who works on the operation, or since when nobody does.
func (e *Engine) worker(op inventory.Operation, free bool) []string {
	switch {
	case !op.State.Open():
		return nil
	case e.running(op.ID) != nil:
		return []string{"this process works on it"}
	case op.State == inventory.Waiting:
		return []string{"nobody works on it since " + stamp(op.UpdatedAt) + "; its volume takes no other operation meanwhile"}
	case !free:
		return []string{fmt.Sprintf("process %q works on it, or has just died: its lease ends on %s unless it is renewed",
			op.LeaseOwner, stamp(op.LeaseUntil))}
	}
	return []string{fmt.Sprintf("nobody works on it: process %q did, and its lease ended on %s",
		op.LeaseOwner, stamp(op.LeaseUntil))}
}

// next says what becomes of the operation, as far as only its journal tells.
func (r *run) next() string {
	defer r.atCursor()()
	if r.op.State == inventory.Waiting && r.inDoubt() && r.p.WordOnly && r.d.Suspended == nil {
		return "it waits for a person to look whether the revert took place, and to choose; it is never sent again by itself, since " +
			"only a person's word kept writers away, and that was given for the first time"
	}
	return r.e.next(r.op)
}

// next says what becomes of the operation.
func (e *Engine) next(op inventory.Operation) string {
	back := ""
	if op.Undoing {
		back = "; it goes back, so that nothing is left behind"
	}
	left := op.State.Open() && e.running(op.ID) == nil && !e.mine(op.ID)
	switch op.State {
	case inventory.Queued, inventory.Running:
		switch {
		case left:
			return "this process was started for manual recovery and takes up nothing by itself: choose what to do"
		case op.State == inventory.Queued:
			return "it begins when its volume is free"
		case e.running(op.ID) != nil:
			return "it goes on" + back
		}
		return fmt.Sprintf("if %q has died, it is taken up after %s%s", op.LeaseOwner, stamp(op.LeaseUntil), back)
	case inventory.Waiting:
		w := suspension(op)
		switch {
		case w != nil:
			return fmt.Sprintf("it was suspended %s; it stays as it is until somebody resumes it or makes a choice%s", w, back)
		case op.NextAt.IsZero():
			return "it waits for a person: " + op.Reason + back
		case left:
			return "this process was started for manual recovery and retries nothing by itself: choose what to do"
		}
		return fmt.Sprintf("%s, not before %s (%s so far)%s", op.Reason, stamp(op.NextAt), count(op.Attempts, "attempt"), back)
	case inventory.Succeeded:
		return "nothing: it succeeded on " + stamp(op.UpdatedAt)
	case inventory.Failed:
		return "it left nothing behind; the request can be made again"
	case inventory.Abandoned:
	}
	return "it was " + op.Reason + "; look whether something was left behind, and make the request again under a fresh operation id"
}
