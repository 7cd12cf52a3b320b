package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot"
)

func ExampleOpen() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "inventory")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	inv, err := sqlite.Open(ctx, filepath.Join(folder, "inventory.db"), sqlite.Options{})
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = inv.Close() }()

	volume := inventory.Volume{ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array-1", Native: "42", Owner: "accounting"}
	err = inv.Commit(ctx, inventory.Change{
		ID:      snapshot.NewID[inventory.ChangeID](),
		Volumes: []inventory.VolumeChange{{Volume: volume}},
	})
	if err != nil {
		log.Print(err)
		return
	}
	for v, err := range inv.Volumes(ctx, inventory.VolumeQuery{Owner: "accounting"}) {
		fmt.Println(v.Backend, v.Native, v.Version, err)
	}
	// Output: array-1 42 1 <nil>
}
