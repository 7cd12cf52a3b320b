package main

import (
	"fmt"
	"sync"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// steps tells each step on stderr, if that was asked for.
func (a *app) steps() func(engine.Event) {
	if !a.flags.progress {
		return nil
	}
	var mu sync.Mutex
	return func(e engine.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Err != nil && e.Step != "":
			_, _ = fmt.Fprintf(a.err, "%s: %s: %s\n", e.Kind, e.Step, safe(e.Err.Error(), 0))
		case e.Step != "" && e.Undoing:
			_, _ = fmt.Fprintf(a.err, "%s: undoing %s\n", e.Kind, e.Step)
		case e.Step != "":
			_, _ = fmt.Fprintf(a.err, "%s: %s\n", e.Kind, e.Step)
		case e.State != inventory.Running:
			_, _ = fmt.Fprintf(a.err, "%s: %s\n", e.Kind, e.State)
		}
	}
}

// part tells how much of a long call is done: on one line of a terminal, or with --progress as a line for each tenth.
// It returns nil if nobody wants to know. end ends the line.
func (a *app) part(what string) (tell func(done float64), end func()) {
	if !a.errTerminal && !a.flags.progress {
		return nil, func() {}
	}
	var mu sync.Mutex
	last, step, form := -1, 1, "\r%s: %d %%"
	if !a.errTerminal {
		step, form = 10, "%s: %d %%\n"
	}
	tell = func(done float64) {
		mu.Lock()
		defer mu.Unlock()
		if percent := int(done*100) / step * step; percent > last {
			last = percent
			_, _ = fmt.Fprintf(a.err, form, what, percent)
		}
	}
	return tell, func() {
		mu.Lock()
		defer mu.Unlock()
		if last >= 0 && a.errTerminal {
			_, _ = fmt.Fprintln(a.err)
		}
	}
}
