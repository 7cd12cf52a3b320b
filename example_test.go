package storagesnap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/storagesnap/storagesnap/driver"
	_ "github.com/storagesnap/storagesnap/drivers"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// upgrade takes a snapshot of a disk image, works on it, and rolls it back if the work fails.
func upgrade(ctx context.Context, eng *engine.Engine, image driver.VolumeID, work func() error) error {
	vol, err := eng.Import(ctx, engine.ImportRequest{Backend: "images", Native: image})
	if err != nil {
		return err
	}
	before, err := eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "before the upgrade"})
	if err != nil {
		return err
	}
	if failed := work(); failed != nil {
		_, err := eng.Revert(ctx, engine.RevertRequest{Volume: vol.ID, Snapshot: before.ID})
		return errors.Join(failed, err)
	}
	return eng.Delete(ctx, engine.DeleteRequest{Snapshot: before.ID})
}

// An engine on image files, with its inventory in one file. Errors are left out to be short.
func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "example-")
	defer func() { _ = os.RemoveAll(dir) }()
	image := filepath.Join(dir, "disk.raw")
	_ = os.WriteFile(image, []byte("version 1"), 0o600)

	config, _ := json.Marshal(map[string]string{"dir": dir})
	images, err := driver.Open("local", driver.OpenRequest{Config: config})
	if err != nil {
		log.Fatal(err)
	}
	inv, err := sqlite.Open(ctx, filepath.Join(dir, "inventory.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	eng, _ := engine.New(inv, engine.Options{Owner: "example"})
	_ = eng.AddBackend("images", images)
	_ = eng.Start(ctx)

	err = upgrade(ctx, eng, "disk.raw", func() error {
		_ = os.WriteFile(image, []byte("version 2"), 0o600)
		return errors.New("version 2 does not boot")
	})
	content, _ := os.ReadFile(image)
	fmt.Printf("%v\nthe image has %s\n", err, content)
	_, _, _ = eng.Close(ctx), images.Close(), inv.Close()
	// Output:
	// version 2 does not boot
	// the image has version 1
}
