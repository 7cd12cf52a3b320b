package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// changeFlags are the flags of every command that changes something.
type changeFlags struct {
	yes       bool
	operation string
}

// change is what such a command does, once its arguments were understood.
type change struct {
	// loses says what is lost; empty for a change that loses nothing and so asks nobody.
	loses string
	// do makes the change and prints what came of it.
	do func(ctx context.Context) error
}

// changing makes a command that changes something; prepare looks things up and changes nothing.
func (a *app) changing(
	use, short, long, example string,
	prepare func(ctx context.Context, s *session, common engine.Common, args []string) (change, error),
) *cobra.Command {
	var flags changeFlags
	c := a.command(use, short, long, example, func(c *cobra.Command, args []string) error {
		common, err := a.common(flags)
		if err != nil {
			return err
		}
		return a.with(c.Context(), func(s *session) error {
			ch, err := prepare(c.Context(), s, common, args)
			if err != nil {
				return err
			}
			if err := a.agreed(c.Context(), ch.loses, flags.yes); err != nil {
				return err
			}
			return s.working(c.Context(), ch.do)
		})
	})
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false, "do it without asking")
	c.Flags().StringVar(&flags.operation, "operation-id", "",
		"`id` of the operation, a UUID: the same command again with the same id is done once")
	return c
}

// common is what every request has.
func (a *app) common(flags changeFlags) (engine.Common, error) {
	common := engine.Common{Actor: a.actor()}
	if flags.operation == "" {
		return common, nil
	}
	var err error
	if common.OperationID, err = snapshot.ParseID[inventory.OperationID](flags.operation); err != nil {
		return common, usagef("--operation-id: %s", err)
	}
	return common, nil
}

// agreed asks whoever sits there, unless --yes was given.
func (a *app) agreed(ctx context.Context, loses string, yes bool) error {
	if loses == "" || yes {
		return nil
	}
	next := "give --yes to do it"
	if !a.inTerminal {
		return &refusal{text: loses + "; nobody could be asked, so nothing was done", next: next}
	}
	_, _ = fmt.Fprintf(a.err, "%s. Do it? [y/N] ", strings.ToUpper(loses[:1])+loses[1:])
	answers := make(chan string, 1)
	go func() { // whoever interrupts the program does not answer
		answer, _ := bufio.NewReader(a.in).ReadString('\n')
		answers <- answer
	}()
	select {
	case answer := <-answers:
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "y" || answer == "yes" {
			return nil
		}
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.err)
	}
	return &refusal{text: "not agreed to, so nothing was done", next: next}
}

// interruptedText is said when a change is interrupted.
const interruptedText = "ctl: interrupted; what can be undone is undone first (once more: end now, and leave it to recovery)"

// working starts the engine around f: only a started one may change something.
func (s *session) working(ctx context.Context, f func(ctx context.Context) error) error {
	if err := s.eng.Start(ctx); err != nil {
		return err
	}
	s.app.busy.Store(true)
	defer s.app.busy.Store(false)
	defer context.AfterFunc(ctx, func() { _, _ = fmt.Fprintln(s.app.err, interruptedText) })()
	err := f(ctx)
	return errors.Join(err, s.drain(ctx))
}

// drain lets what the engine still works on come to its end. What takes longer is left to its journal, which is no error
// of the command's own.
func (s *session) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Engine.Grace)
	defer cancel()
	if err := s.eng.Close(ctx); err != nil {
		_, err := fmt.Fprintln(s.app.err, "ctl: an operation is still under way; it is left to its journal: see ctl op list --open")
		return err
	}
	return nil
}
