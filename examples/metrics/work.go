package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	_ "github.com/storagesnap/storagesnap/drivers/local" // the driver "local"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// work is an engine on a folder of images, with something to do.
type work struct {
	eng   *engine.Engine
	image string
}

// withEngine makes an engine with its inventory and images in a temporary folder, and closes all of it after f.
func withEngine(ctx context.Context, opts engine.Options, f func(work) error) (err error) {
	dir, err := os.MkdirTemp("", "storagesnap-metrics-")
	if err != nil {
		return err
	}
	closing := []func() error{func() error { return os.RemoveAll(dir) }}
	defer func() {
		for _, end := range slices.Backward(closing) {
			err = errors.Join(err, end())
		}
	}()
	w := work{image: filepath.Join(dir, "disk.raw")}
	if err := os.WriteFile(w.image, bytes.Repeat([]byte("version 1 "), 100_000), 0o600); err != nil {
		return err
	}
	config, err := json.Marshal(map[string]string{"dir": dir})
	if err != nil {
		return err
	}
	images, err := driver.Open("local", driver.OpenRequest{Config: config})
	if err != nil {
		return err
	}
	closing = append(closing, images.Close)
	inv, err := sqlite.Open(ctx, filepath.Join(dir, "inventory.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	closing = append(closing, inv.Close)
	if w.eng, err = engine.New(inv, opts); err != nil {
		return err
	}
	closing = append(closing, func() error { return w.eng.Close(context.WithoutCancel(ctx)) })
	if err := errors.Join(w.eng.AddBackend("images", images), w.eng.Start(ctx)); err != nil {
		return err
	}
	return f(w)
}

// do takes two snapshots, reverts to the first, deletes the second, and asks for what is not there.
func (w work) do(ctx context.Context) error {
	vol, err := w.eng.Import(ctx, engine.ImportRequest{Backend: "images", Native: driver.VolumeID(filepath.Base(w.image))})
	if err != nil {
		return err
	}
	one, err := w.eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "one"})
	if err != nil {
		return err
	}
	two, err := w.eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "two"})
	if err != nil {
		return err
	}
	// Nothing has the image open, and nobody but this program could say so.
	alone := &engine.Assertion{By: "examples/metrics", Reason: "its own temporary file"}
	if _, err := w.eng.Revert(ctx, engine.RevertRequest{Volume: vol.ID, Snapshot: one.ID, AssertDetached: alone}); err != nil {
		return err
	}
	if err := w.eng.Delete(ctx, engine.DeleteRequest{Snapshot: two.ID}); err != nil {
		return err
	}
	_, err = w.eng.Import(ctx, engine.ImportRequest{Backend: "images", Native: "missing.raw"})
	if !errors.Is(err, driver.ErrNotFound) {
		return fmt.Errorf("an image that is not there was not refused: %w", err)
	}
	return nil
}
