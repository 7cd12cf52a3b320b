package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
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
	go func() {
		<-signals
		fmt.Fprintln(os.Stderr, interruptedText)
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, endedText)
		os.Exit(exitWaiting)
	}()
	code := execute(ctx, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now, registry: &driver.Default,
		inTerminal: terminal(os.Stdin), errTerminal: terminal(os.Stderr),
	}, os.Args[1:])
	cancel()
	os.Exit(code)
}

// What is said when a signal comes, and when a second one does.
const (
	interruptedText = "ctl: interrupted; what can be undone is undone first (once more: end now, and leave it to recovery)"
	endedText       = "ctl: ended at once; what was under way is taken up from its journal: see ctl op list --open"
)

func terminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }
