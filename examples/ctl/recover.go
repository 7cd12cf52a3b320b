package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) operationRecover() *cobra.Command {
	flags := &changeFlags{recovery: everything}
	open := inventory.OperationQuery{Open: true}
	c := a.acting("recover", "Take up everything that waits for a retry, or that dead processes have left",
		"What could not be brought to its end is listed: it waits, or its process may still live until its lease has ended.",
		"  ctl op recover", flags, func(_ context.Context, s *session, _ engine.Common, _ []string) (change, error) {
			return change{
				plan: func(ctx context.Context) error { return s.listOperations(ctx, open, 0) },
				do: func(ctx context.Context) error {
					if err := s.eng.Idle(ctx); err != nil {
						return err
					}
					return s.listLeft(ctx, open)
				},
			}, nil
		})
	c.Flags().BoolVarP(&flags.dryRun, "dry-run", "n", false, "list what is open, and do nothing")
	return c
}

// openError: so many operations are open still.
type openError struct{ count int }

func (e *openError) Error() string { return fmt.Sprintf("%d operations are still open", e.count) }

// listLeft lists the operations that are open still.
func (s *session) listLeft(ctx context.Context, q inventory.OperationQuery) error {
	if err := s.listOperations(ctx, q, 0); err != nil {
		return err
	}
	left := 0
	for _, err := range s.inv.Operations(ctx, q) {
		if err != nil {
			return err
		}
		left++
	}
	if left > 0 {
		return &openError{left}
	}
	return nil
}
