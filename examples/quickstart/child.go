package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// killChild starts this program once more, to take a snapshot and be killed at the worst moment: the backend has made
// the snapshot, and the inventory does not know yet.
func killChild(ctx context.Context, dir, name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, "-dir", dir, "-die-in-create", name) //nolint:gosec // this program
	child.Stderr = os.Stderr
	err = child.Run()
	if _, died := errors.AsType[*exec.ExitError](err); !died {
		return fmt.Errorf("the child process was to be killed, but ended with: %w", err)
	}
	return nil
}

// dieInCreate is the child.
func dieInCreate(ctx context.Context, opts options) error {
	s, err := open(ctx, opts.dir, func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		err := next(ctx)
		if call.Method == "CreateSnapshot" && err == nil {
			kill()
		}
		return err
	})
	if err != nil {
		return err
	}
	vol, _, err := s.volume(ctx, "")
	if err != nil {
		return err
	}
	digest, err := sum(s.path(vol))
	if err != nil {
		return err
	}
	_, err = s.eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: opts.child, Labels: map[string]string{"sha256": digest}})
	return fmt.Errorf("the process should have been killed: %w", err)
}

// kill ends this process as a power cut would: nothing is flushed, no deferred call runs.
func kill() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}
