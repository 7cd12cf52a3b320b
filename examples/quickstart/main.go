// Quickstart shows the main job of storagesnap on real bytes, on any machine: it needs no array, no server and no cgo.
//
//	go run ./examples/quickstart -image FILE -dir DIR
//
// It imports a copy of FILE (or of a small image that it makes) as a volume of the driver for image files, takes
// snapshots, changes bytes between them, reverts, branches, clones, deletes an inner snapshot, lets a process be killed
// half-way through a snapshot and recovers from that, and ends with the volume as it was: byte by byte FILE. Every content is
// verified by SHA-256; a mismatch ends it with exit status 1. Run it again in the same DIR and it goes on from there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// options are the program's flags.
type options struct {
	image string
	dir   string
	json  bool
	// child is the name of the snapshot during which this process is to be killed; only the program itself sets it.
	child string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	opts, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.child != "" {
		return dieInCreate(ctx, opts)
	}
	r := newReport(out, opts.json)
	if opts.dir == "" {
		if opts.dir, err = os.MkdirTemp("", "storagesnap-quickstart-"); err != nil {
			return err
		}
		r.note("everything is kept in " + opts.dir)
	}
	if opts.dir, err = filepath.Abs(opts.dir); err != nil {
		return err
	}
	source := opts.image
	if source == "" {
		if source, err = makeImage(opts.dir); err != nil {
			return err
		}
		r.note("no -image given: made " + source)
	}
	return tell(ctx, opts, source, r)
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.StringVar(&o.image, "image", "", "image file to work on; it is copied, never changed (default: a small one is made)")
	flags.StringVar(&o.dir, "dir", "", "folder for the copy, the snapshots and the inventory (default: a new temporary one)")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a step")
	flags.StringVar(&o.child, "die-in-create", "", "for the program's own use")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}
