package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// The exit statuses, as the help of the root command explains them.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitRefused
	exitWaiting
)

// usageError: the command line or the configuration is wrong.
type usageError struct{ text, next string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{text: fmt.Sprintf(format, args...)} }

// refusal: this program refused, before the engine was asked.
type refusal struct {
	text, next string
	candidates []driver.Blocker
}

func (e *refusal) Error() string { return e.text }

// failure is an error as it is printed.
type failure struct {
	Error     string                   `json:"error"`
	Exit      int                      `json:"exit"`
	Class     string                   `json:"class,omitempty"`
	Operation inventory.OperationID    `json:"operation,omitzero"`
	Kind      string                   `json:"kind,omitempty"`
	State     inventory.OperationState `json:"state,omitempty"`
	Step      string                   `json:"step,omitempty"`
	Blockers  []driver.Blocker         `json:"blockers,omitempty"`
	// Candidates are what an ambiguous name may mean.
	Candidates []driver.Blocker `json:"candidates,omitempty"`
	Next       string           `json:"next,omitempty"`
}

func failureOf(err error) failure {
	if e, ok := errors.AsType[*usageError](err); ok {
		return failure{Error: e.text, Exit: exitUsage, Next: e.next}
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return failure{Error: e.text, Exit: exitRefused, Candidates: e.candidates, Next: e.next}
	}
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return engineFailure(e)
	}
	if e, ok := errors.AsType[*openError](err); ok {
		return failure{Error: e.Error(), Exit: exitWaiting, Next: "ctl op explain says of each what would help"}
	}
	if errors.Is(err, context.Canceled) {
		return failure{Error: "interrupted", Exit: exitFailed}
	}
	f := failure{Error: plain(err), Exit: exitFailed, Blockers: driver.BlockersOf(err)}
	if e, ok := errors.AsType[*driver.Error](err); ok {
		f.Class = e.Class.Error()
		if e.Class != driver.ErrUnavailable && driver.EffectOf(err) == driver.EffectNone {
			f.Exit = exitRefused // an operation's errors are the engine's; this one says that there is none
		}
	}
	return f
}

func engineFailure(e *engine.Error) failure {
	f := failure{
		Error: plain(e.Err), Class: driver.ClassOf(e.Err).Error(), Operation: e.Operation, Kind: e.Kind, State: e.State, Step: e.Step,
		Blockers: driver.BlockersOf(e.Err), Next: e.Next, Exit: exitFailed,
	}
	switch {
	case e.Operation.IsZero():
		f.Exit = exitRefused
	case e.State.Open():
		f.Exit = exitWaiting
	}
	return f
}

// plain is the error's text without the blockers, which are listed apart.
func plain(err error) string {
	if e, ok := err.(*driver.Error); ok && len(e.Blockers) > 0 { //nolint:errorlint // the outermost error makes the text
		c := *e
		c.Blockers = nil
		err = &c
	}
	return err.Error()
}

// heading says in a sentence what became of the request.
func (f failure) heading() string {
	switch {
	case f.Kind == "":
		return ""
	case f.Exit == exitRefused:
		return f.Kind + " was refused, and nothing was done: "
	case f.State == inventory.Waiting:
		return fmt.Sprintf("%s waits (operation %s): ", f.Kind, f.Operation)
	case f.Exit == exitWaiting:
		return fmt.Sprintf("%s goes on (operation %s): ", f.Kind, f.Operation)
	case f.State == inventory.Failed:
		return fmt.Sprintf("%s failed, and left nothing behind (operation %s): ", f.Kind, f.Operation)
	}
	return fmt.Sprintf("%s ended as %s (operation %s): ", f.Kind, f.State, f.Operation)
}

func (f failure) write(w io.Writer) {
	var b strings.Builder
	b.WriteString("ctl: " + f.heading() + safe(f.Error, 0) + "\n")
	for _, blocker := range f.Blockers {
		b.WriteString("  in the way: " + safe(blocker.String(), 0) + "\n")
	}
	for _, c := range f.Candidates {
		b.WriteString("  it may be: " + safe(c.String(), 0) + "\n")
	}
	if f.Next != "" {
		b.WriteString("  next: " + safe(f.Next, 0) + "\n")
	}
	if f.Exit == exitWaiting && !f.Operation.IsZero() {
		b.WriteString("  next: ctl op explain " + f.Operation.String() + "\n")
	}
	_, _ = io.WriteString(w, b.String())
}

// report prints the error, in the form of the output, and returns the exit status.
func (a *app) report(err error) int {
	f := failureOf(err)
	if a.flags.output == outputJSON || a.flags.output == outputYAML {
		if encode(a.err, a.flags.output, f) == nil {
			return f.Exit
		}
	}
	f.write(a.err)
	return f.Exit
}
