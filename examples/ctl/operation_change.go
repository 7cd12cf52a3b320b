package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) operationWait() *cobra.Command {
	return a.onOperation("wait OPERATION", "Wait until an operation has ended, or needs a person",
		"It may be any process's. The exit status tells how it ended; Ctrl-C ends the waiting, not the operation.",
		"  ctl op wait 8c1f2a3b", func(ctx context.Context, s *session, op inventory.Operation) error {
			return s.waitFor(ctx, op.ID)
		})
}

// waitFor prints the operation once it has ended.
func (s *session) waitFor(ctx context.Context, id inventory.OperationID) error {
	op, err := s.eng.Wait(ctx, id)
	if err != nil {
		return err
	}
	return s.app.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
}

func (a *app) operationRetry() *cobra.Command {
	return a.changing("retry OPERATION", "Go on now with an operation that waits",
		"Remove what stands in its way first: ctl op explain says what that is.", "  ctl op retry 8c1f2a3b",
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.operation(ctx, args[0])
			return change{do: func(ctx context.Context) error {
				if err := s.eng.Retry(ctx, op.ID); err != nil {
					return err
				}
				return s.waitFor(ctx, op.ID)
			}}, err
		})
}

func (a *app) operationCancel() *cobra.Command {
	return a.changing("cancel OPERATION", "Undo an operation that waits, or was queued",
		"It goes back if its journal allows that, and leaves nothing behind; what is past its pivot can only be completed.",
		"  ctl op cancel 8c1f2a3b", func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.operation(ctx, args[0])
			return change{do: func(ctx context.Context) error {
				if err := s.eng.Cancel(ctx, op.ID); err != nil {
					return err
				}
				return s.cancelled(ctx, op.ID)
			}}, err
		})
}

// cancelled waits for a cancelled operation. That it has failed is what was asked for.
func (s *session) cancelled(ctx context.Context, id inventory.OperationID) error {
	op, err := s.eng.Wait(ctx, id)
	if err != nil && op.State != inventory.Failed {
		return err
	}
	return s.app.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
}
