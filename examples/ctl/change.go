package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// changeFlags are the flags of every command that changes something.
type changeFlags struct {
	yes       bool
	dryRun    bool
	operation string
	ifPlan    string
	recovery  recovery
}

// change is what such a command does, once its arguments were understood.
type change struct {
	// req is what the engine is asked for; nil where it makes no plans. Then plan, if not nil, prints what would be done.
	req  engine.Request
	plan func(ctx context.Context) error
	// reads: it changes nothing, so the engine need not be started.
	reads bool
	// loses says what is lost; empty for a change that loses nothing and so asks nobody.
	loses string
	// do makes the change and prints what came of it.
	do func(ctx context.Context) error
}

// prepare looks up what the arguments name, and changes nothing. It may be called again, with another common.
type prepare func(ctx context.Context, s *session, common engine.Common, args []string) (change, error)

// changing makes a command that asks the engine for an operation.
func (a *app) changing(use, short, long, example string, prepare prepare) *cobra.Command {
	var flags changeFlags
	c := a.acting(use, short, long, example, &flags, prepare)
	f := c.Flags()
	f.BoolVarP(&flags.dryRun, "dry-run", "n", false, "print the plan, and do nothing")
	f.StringVar(&flags.ifPlan, "if-plan", "", "do it only if it is still what the plan of this `version` says")
	f.StringVar(&flags.operation, "operation-id", "",
		"`id` of the operation, a UUID: the same command again with the same id is done once")
	return c
}

// acting makes a command that changes something.
func (a *app) acting(use, short, long, example string, flags *changeFlags, prepare prepare) *cobra.Command {
	c := a.command(use, short, long, example, func(c *cobra.Command, args []string) error {
		common, err := a.common(*flags)
		if err != nil {
			return err
		}
		return a.recovering(c.Context(), flags.recovery, func(s *session) error {
			return s.change(c.Context(), *flags, common, args, prepare)
		})
	})
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false, "do it without asking")
	return c
}

func (s *session) change(ctx context.Context, flags changeFlags, common engine.Common, args []string, prepare prepare) error {
	ch, err := prepare(ctx, s, common, args)
	switch {
	case err != nil:
		return err
	case ch.reads:
		return ch.do(ctx)
	case flags.dryRun && ch.plan != nil:
		return ch.plan(ctx)
	case flags.dryRun:
		return s.dryRun(ctx, ch.req)
	case ch.loses == "" || flags.yes:
		return s.working(ctx, ch.do)
	case ch.req != nil:
		// What is agreed to is what the plan says, and nothing else is done.
		if common.IfVersion, err = s.shown(ctx, ch.req); err != nil {
			return err
		}
		if ch, err = prepare(ctx, s, common, args); err != nil {
			return err
		}
	}
	if err := s.app.agreed(ctx, ch.loses); err != nil {
		return err
	}
	return s.working(ctx, ch.do)
}

// dryRun prints the plan. One that says that the request would be refused is the same failure as the request's.
func (s *session) dryRun(ctx context.Context, req engine.Request) error {
	plan, err := s.eng.Plan(ctx, req)
	if err != nil {
		return err
	}
	err = s.app.print(plan, func(w io.Writer) error {
		_, err := io.WriteString(w, plan.String())
		return err
	})
	return errors.Join(err, wouldBeRefused(plan))
}

// shown prints the plan for whoever is going to be asked, and returns its version.
func (s *session) shown(ctx context.Context, req engine.Request) (version string, err error) {
	plan, err := s.eng.Plan(ctx, req)
	if err != nil {
		return "", err
	}
	if err := wouldBeRefused(plan); err != nil {
		return "", err
	}
	if s.app.flags.output == outputText {
		_, err = io.WriteString(s.app.err, plan.String())
	}
	return plan.Version, err
}

func wouldBeRefused(plan engine.Plan) error {
	if plan.Refusal == nil {
		return nil
	}
	text, _, _ := strings.Cut(plan.Refusal.Text, " (in the way: ") // which are listed by themselves
	return &engine.Error{
		Kind: plan.Kind, Next: plan.Refusal.Next,
		Err: &driver.Error{Class: plan.Refusal.Class, Blockers: plan.Blockers, Err: errors.New(text)},
	}
}

// common is what every request has.
func (a *app) common(flags changeFlags) (engine.Common, error) {
	common := engine.Common{Actor: a.actor(), IfVersion: flags.ifPlan}
	if flags.operation == "" {
		return common, nil
	}
	var err error
	if common.OperationID, err = snapshot.ParseID[inventory.OperationID](flags.operation); err != nil {
		return common, usagef("--operation-id: %s", err)
	}
	return common, nil
}

// agreed asks whoever sits there.
func (a *app) agreed(ctx context.Context, loses string) error {
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
