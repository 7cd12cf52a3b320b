package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/storagesnap/storagesnap/driver"
	_ "github.com/storagesnap/storagesnap/drivers" // all drivers of this repository
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var busy atomic.Bool
	go func() {
		<-signals
		cancel()
		<-signals
		if busy.Load() {
			fmt.Fprintln(os.Stderr, endedText)
			os.Exit(exitWaiting)
		}
		os.Exit(exitFailed)
	}()
	code := execute(ctx, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now, registry: &driver.Default, busy: &busy,
		inTerminal: terminal(os.Stdin), errTerminal: terminal(os.Stderr),
	}, os.Args[1:])
	cancel()
	os.Exit(code)
}

// endedText is said when a second signal ends a change.
const endedText = "ctl: ended at once; what was under way is taken up from its journal: see ctl op list --open"

func terminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }
