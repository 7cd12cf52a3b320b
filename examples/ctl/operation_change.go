package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
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
		return stillOpen(ctx, id, err)
	}
	return s.app.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
}

// openOperation finds an operation that may still do something, and refuses others.
func (s *session) openOperation(ctx context.Context, ref string) (inventory.Operation, error) {
	op, err := s.operation(ctx, ref)
	if err == nil && !op.State.Open() {
		err = &refusal{text: fmt.Sprintf("operation %s has ended: it is %s", op.ID, op.State), next: "ctl op explain " + op.ID.String()}
	}
	return op, err
}

// unlessOver forgets the error of a request that came too late: another process has ended the operation meanwhile.
func (s *session) unlessOver(ctx context.Context, id inventory.OperationID, err error) error {
	if err == nil {
		return nil
	}
	if op, readErr := s.inv.Operation(ctx, id); readErr != nil || op.State.Open() {
		return err
	}
	return nil
}

// stillOpen is the error of a waiting that was interrupted.
func stillOpen(ctx context.Context, id inventory.OperationID, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &engine.Error{
		Operation: id, Kind: "the operation", State: inventory.Running,
		Err: driver.Errorf(driver.ErrIndeterminate, "nobody waits for it here any more: %w", context.Cause(ctx)),
	}
}

func (a *app) operationRetry() *cobra.Command {
	return a.acting("retry OPERATION", "Go on now with an operation that waits, or that a dead process has left",
		"Remove what stands in its way first: ctl op explain says what that is.", "  ctl op retry 8c1f2a3b",
		&changeFlags{recovery: onlyTold},
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.openOperation(ctx, args[0])
			return change{do: func(ctx context.Context) error {
				if err := s.unlessOver(ctx, op.ID, s.eng.Retry(ctx, op.ID)); err != nil {
					return err
				}
				return s.waitFor(ctx, op.ID)
			}}, err
		})
}

func (a *app) operationCancel() *cobra.Command {
	return a.acting("cancel OPERATION", "Undo an operation, whatever process works on it",
		"It goes back if its journal allows that, and leaves nothing behind; what is past its pivot can only be completed.",
		"  ctl op cancel 8c1f2a3b", &changeFlags{recovery: onlyTold},
		func(ctx context.Context, s *session, _ engine.Common, args []string) (change, error) {
			op, err := s.openOperation(ctx, args[0])
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
	switch {
	case err == nil:
		return fmt.Errorf("operation %s was past its pivot: it could only be completed, and has succeeded", id)
	case op.State != inventory.Failed:
		return stillOpen(ctx, id, err)
	}
	return s.app.print(op, func(w io.Writer) error { return s.operationDetails(ctx, op).write(w) })
}
