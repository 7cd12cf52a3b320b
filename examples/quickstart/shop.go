package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	_ "github.com/storagesnap/storagesnap/drivers/local" // the driver named "local"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// shop is what a program that embeds storagesnap sets up once: an inventory, a backend and an engine on them.
type shop struct {
	images string // the folder of the images
	inv    inventory.Inventory
	drv    driver.Driver
	eng    *engine.Engine
}

// open sets up the shop in a folder; hook, if not nil, stands around every call of the driver.
func open(ctx context.Context, dir string, hook driver.Hook) (*shop, error) {
	s := &shop{images: filepath.Join(dir, "images")}
	if err := os.MkdirAll(s.images, 0o750); err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]string{"dir": s.images})
	if err != nil {
		return nil, err
	}
	if s.drv, err = driver.Open("local", driver.OpenRequest{Config: config}); err != nil {
		return nil, err
	}
	if hook != nil {
		s.drv = driver.Wrap(s.drv, hook)
	}
	if s.inv, err = sqlite.Open(ctx, filepath.Join(dir, "inventory.db"), sqlite.Options{}); err != nil {
		return nil, errors.Join(err, s.drv.Close())
	}
	// The owner's name lets the next process go on at once with what a dead one left, without waiting for its lease.
	s.eng, err = engine.New(s.inv, engine.Options{Owner: "quickstart"})
	if err == nil {
		err = s.eng.AddBackend("images", s.drv)
	}
	if err == nil {
		err = s.eng.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shop) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(s.eng.Close(ctx), s.drv.Close(), s.inv.Close())
}

// volume returns the volume of an earlier run, or imports the image.
func (s *shop) volume(ctx context.Context, source string) (vol inventory.Volume, found bool, err error) {
	for v, err := range s.inv.Volumes(ctx, inventory.VolumeQuery{ExternalID: "quickstart"}) {
		return v, true, err
	}
	image := filepath.Join(s.images, "disk.raw")
	if !exists(image) {
		if err := copyImage(source, image); err != nil {
			return vol, false, err
		}
	}
	vol, err = s.eng.Import(ctx, engine.ImportRequest{Backend: "images", Native: "disk.raw", ExternalID: "quickstart"})
	if err != nil {
		return vol, false, fmt.Errorf("import: %w", err)
	}
	return vol, false, nil
}
