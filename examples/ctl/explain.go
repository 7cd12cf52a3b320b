package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) explainCommand() *cobra.Command {
	c := a.command("explain ID", "Explain how something stands: an operation, snapshot, volume or backend",
		"It says what happened, what stands in the way and what would help. It goes by the inventory alone, so it works\n"+
			"while arrays and hosts are down.",
		"  ctl explain 8c1f2a3b\n  ctl explain web01@before-upgrade",
		func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error { return s.explain(c.Context(), args[0]) })
		})
	return a.completes(c, func(ctx context.Context, s *session, add func(word, explanation string) bool) error {
		return errors.Join(operationWords(ctx, s, add), snapshotWords(ctx, s, add), volumeWords(ctx, s, add))
	})
}

func (a *app) operationExplain() *cobra.Command {
	return a.onOperation("explain OPERATION", "Explain how far an operation is, what it waits for and what would help", "",
		"  ctl op explain 8c1f2a3b", func(ctx context.Context, s *session, op inventory.Operation) error {
			x, err := s.eng.ExplainOperation(ctx, op.ID)
			return s.explained(x, err)
		})
}

// explain tries what the reference may name, one kind after the other.
func (s *session) explain(ctx context.Context, ref string) error {
	op, err := s.operation(ctx, ref)
	if err == nil {
		x, err := s.eng.ExplainOperation(ctx, op.ID)
		return s.explained(x, err)
	}
	if !absent(err) {
		return err
	}
	one, err := s.snapshot(ctx, ref)
	if err == nil {
		x, err := s.eng.ExplainSnapshot(ctx, one.ID)
		return s.explained(x, err)
	}
	if !absent(err) {
		return err
	}
	v, err := s.volume(ctx, ref)
	if err == nil {
		x, err := s.eng.ExplainVolume(ctx, v.ID)
		return s.explained(x, err)
	}
	if !absent(err) {
		return err
	}
	x, err := s.eng.ExplainBackend(ctx, ref)
	if driver.ClassOf(err) != driver.ErrNotFound {
		return s.explained(x, err)
	}
	return &refusal{
		text: fmt.Sprintf("there is no operation, snapshot, volume or backend %q in the inventory", ref),
		next: "ctl op list, ctl snapshot list and ctl volume list show what there is",
	}
}

// absent: the reference names nothing, rather than several things or nothing that can be told.
func absent(err error) bool {
	e, ok := errors.AsType[*refusal](err)
	return ok && len(e.candidates) == 0
}

func (s *session) explained(x engine.Explanation, err error) error {
	if err != nil {
		return err
	}
	return s.app.print(x, func(w io.Writer) error {
		_, err := io.WriteString(w, safe(x.String(), 0))
		return err
	})
}
