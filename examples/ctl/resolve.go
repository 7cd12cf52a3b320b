package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) operationChoices() *cobra.Command {
	return a.onOperation("choices OPERATION", "List what a person can decide about an operation that is stuck",
		"They are computed from the journal, the safest first. Make one with ctl op resolve.", "  ctl op choices 8c1f2a3b",
		func(ctx context.Context, s *session, op inventory.Operation) error {
			all, err := s.eng.Choices(ctx, op.ID)
			if err != nil {
				return err
			}
			return a.print(slices.Concat([]engine.Choice{}, all), func(w io.Writer) error {
				t := newTable("CHOICE", "SAFE", "WHAT IT DOES")
				for _, c := range all {
					choiceRows(t, c)
				}
				return t.write(w, "There is nothing to decide: it has ended, or a process works on it.")
			})
		})
}

func choiceRows(t *table, c engine.Choice) {
	word := "yes"
	if !c.Safe {
		word = "no"
	}
	t.row(string(c.Name), word, safe(c.Does, 0))
	if c.Check != "" {
		t.row("", "", "first make sure: "+safe(c.Check, 0))
	}
	t.row("", "", "then: "+safe(c.Consequence, 0))
}

func (a *app) operationResolve() *cobra.Command {
	var reason string
	c := a.acting("resolve OPERATION CHOICE", "Decide about an operation that is stuck",
		"The choices, and what each means, are listed by ctl op choices. Who decides and why is journaled.",
		"  ctl op resolve 8c1f2a3b assume-done --reason 'the array shows the new content'", &changeFlags{recovery: onlyTold},
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.operation(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			if reason == "" {
				return change{}, usagef("--reason is missing: it is journaled with the decision")
			}
			ch, err := s.choice(ctx, op, args[1])
			return change{
				loses: ch,
				do: func(ctx context.Context) error {
					if err := s.eng.Resolve(ctx, op.ID, engine.ChoiceName(args[1]), a.actor(), reason); err != nil {
						return err
					}
					return s.decided(ctx, op.ID)
				},
			}, err
		})
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence")
	return c
}

// choice finds a choice, and says what it asks of a person unless it is safe.
func (s *session) choice(ctx context.Context, op inventory.Operation, name string) (loses string, err error) {
	all, err := s.eng.Choices(ctx, op.ID)
	if err != nil {
		return "", err
	}
	names := make([]string, len(all))
	for i, c := range all {
		if names[i] = string(c.Name); names[i] != name {
			continue
		}
		if !c.Safe {
			loses = fmt.Sprintf("this %s; %s", c.Does, c.Consequence)
		}
		return safe(loses, 0), nil
	}
	e := &refusal{text: fmt.Sprintf("operation %s has no choice %q", op.ID, name), next: "ctl op explain " + op.ID.String()}
	if len(names) > 0 {
		e.next = "choose one of: " + strings.Join(names, ", ")
	}
	return "", e
}

// decided waits for an operation that a person has decided about. That it is undone or abandoned is what was asked for.
func (s *session) decided(ctx context.Context, id inventory.OperationID) error {
	op, err := s.eng.Wait(ctx, id)
	if err != nil && op.State != inventory.Failed && op.State != inventory.Abandoned {
		return stillOpen(ctx, id, err)
	}
	return s.app.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
}

func (a *app) operationSuspend() *cobra.Command {
	var reason string
	c := a.acting("suspend OPERATION", "Stop an operation until it is resumed, resolved or cancelled",
		"It keeps its volume. One that runs, in whatever process, stops when the step under way is finished.",
		"  ctl op suspend 8c1f2a3b --reason 'the array is being moved'", &changeFlags{recovery: onlyTold},
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.operation(ctx, args[0])
			if err == nil && reason == "" {
				err = usagef("--reason is missing: it is journaled with the decision")
			}
			return change{do: func(ctx context.Context) error {
				if err := s.eng.Suspend(ctx, op.ID, a.actor(), reason); err != nil {
					return err
				}
				if err := s.eng.Idle(ctx); err != nil { // it may have been taken up here, to be let go of
					return err
				}
				x, err := s.eng.ExplainOperation(ctx, op.ID)
				return s.explained(x, err)
			}}, err
		})
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence")
	return c
}

func (a *app) operationResume() *cobra.Command {
	return a.acting("resume OPERATION", "Let a suspended operation go on", "",
		"  ctl op resume 8c1f2a3b", &changeFlags{recovery: onlyTold},
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.operation(ctx, args[0])
			return change{do: func(ctx context.Context) error {
				if err := s.eng.Resume(ctx, op.ID); err != nil {
					return err
				}
				return s.waitFor(ctx, op.ID)
			}}, err
		})
}

func choiceWords(_ context.Context, _ *session, add func(word, explanation string) bool) error {
	for _, name := range []engine.ChoiceName{
		engine.ChoiceRetry, engine.ChoiceUndo, engine.ChoiceAssumeDone, engine.ChoiceAssumeNotDone, engine.ChoiceAbandon,
	} {
		add(string(name), "")
	}
	return nil
}
