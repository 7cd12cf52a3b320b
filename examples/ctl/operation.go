package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func (a *app) operationCommands() *cobra.Command {
	c := a.group("op", "List, explain, cancel, retry and resolve operations", "",
		a.operationList(), a.completes(a.operationShow(), operationWords), a.completes(a.operationExplain(), operationWords),
		a.completes(a.operationWait(), operationWords), a.completes(a.operationCancel(), operationWords),
		a.completes(a.operationRetry(), operationWords), a.completes(a.operationChoices(), operationWords),
		a.completes(a.operationResolve(), operationWords, choiceWords), a.completes(a.operationSuspend(), operationWords),
		a.completes(a.operationResume(), operationWords), a.operationRecover())
	c.Aliases = []string{"operation"}
	return c
}

func (a *app) operationList() *cobra.Command {
	var q inventory.OperationQuery
	var volume, state string
	var last int
	c := a.command("list", "List operations, those that changed last at the end", "",
		"  ctl op list --open\n  ctl op list --volume web01 --state failed",
		func(c *cobra.Command, _ []string) error {
			q.State = inventory.OperationState(state)
			return a.with(c.Context(), func(s *session) error {
				if volume != "" {
					v, err := s.volume(c.Context(), volume)
					if err != nil {
						return err
					}
					q.Volume = v.ID
				}
				return s.listOperations(c.Context(), q, last)
			})
		})
	f := c.Flags()
	f.BoolVar(&q.Open, "open", false, "only those that may still do something")
	f.StringVar(&volume, "volume", "", "only those on this volume")
	f.StringVar(&q.Kind, "kind", "", "only those of this kind: create, revert, …")
	f.StringVar(&state, "state", "", "only those in this `state`: queued, running, waiting, succeeded, failed or abandoned")
	f.IntVar(&last, "last", 0, "only the last so many; 0 is all")
	a.complete(c, "state", string(inventory.Queued), string(inventory.Running), string(inventory.Waiting),
		string(inventory.Succeeded), string(inventory.Failed), string(inventory.Abandoned))
	return c
}

func (s *session) listOperations(ctx context.Context, q inventory.OperationQuery, last int) error {
	all := []inventory.Operation{}
	for op, err := range s.inv.Operations(ctx, q) {
		if err != nil {
			return err
		}
		if all = append(all, op); last > 0 && len(all) > last {
			all = all[1:]
		}
	}
	volume := s.names(ctx)
	t := newTable("ID", "KIND", "STATE", "VOLUME", "ASKED (UTC)", "BY")
	for _, op := range all {
		t.row(op.ID.Short(), op.Kind, operationState(op), name(volumesOf(op, volume)), minute(op.CreatedAt), name(op.Actor))
	}
	return s.app.print(all, func(w io.Writer) error { return t.write(w, "There are no such operations.") })
}

func operationState(op inventory.Operation) string {
	switch {
	case op.State == inventory.Waiting && op.NextAt.IsZero():
		return "waiting: person"
	case op.State == inventory.Waiting:
		return "waiting: retry"
	case op.State.Open() && op.Undoing:
		return string(op.State) + ": undoing"
	}
	return string(op.State)
}

func volumesOf(op inventory.Operation, name func(snapshot.VolumeID) string) string {
	all := make([]string, len(op.Volumes))
	for i, v := range op.Volumes {
		all[i] = name(v)
	}
	return strings.Join(all, ", ")
}

func (a *app) operationShow() *cobra.Command {
	return a.onOperation("show OPERATION", "Show the journal of an operation", "", "  ctl op show 8c1f2a3b -o json",
		func(ctx context.Context, s *session, op inventory.Operation) error {
			return a.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
		})
}

func (s *session) operationDetails(ctx context.Context, op inventory.Operation) *list {
	var l list
	l.add("operation", op.ID.String())
	l.add("kind", op.Kind)
	l.add("state", operationState(op))
	l.add("volumes", volumesOf(op, s.names(ctx)))
	l.add("asked", stamp(op.CreatedAt))
	l.add("by", op.Actor)
	l.add("changed", stamp(op.UpdatedAt))
	for i, step := range op.Steps {
		l.add(fmt.Sprintf("step %d", i+1), fmt.Sprintf("%s: %s", step.Name, step.State))
	}
	l.add("error", op.Error)
	l.add("waits", op.Reason)
	l.add("next try", stamp(op.NextAt))
	if op.State.Open() {
		l.add("process", cmp.Or(op.LeaseOwner, "none"))
		l.add("lease", stamp(op.LeaseUntil))
	}
	l.add("request", string(op.Args))
	l.add("result", string(op.Result))
	return &l
}

// onOperation makes a command that reads one operation.
func (a *app) onOperation(
	use, short, long, example string, f func(ctx context.Context, s *session, op inventory.Operation) error,
) *cobra.Command {
	return a.command(use, short, long, example, func(c *cobra.Command, args []string) error {
		return a.with(c.Context(), func(s *session) error {
			op, err := s.operation(c.Context(), args[0])
			if err != nil {
				return err
			}
			return f(c.Context(), s, op)
		})
	})
}
