package engine_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// explain prints how an operation stands.
func explain(ctx context.Context, eng *engine.Engine, id inventory.OperationID) error {
	x, err := eng.ExplainOperation(ctx, id)
	if err != nil {
		return err
	}
	fmt.Print(x)
	return nil
}

// Errors are left out to be short.
func ExampleEngine_ExplainOperation() {
	ctx := context.Background()
	inv := memory.New()
	eng, _ := engine.New(inv, engine.Options{})
	err := explain(ctx, eng, snapshot.NewID[inventory.OperationID]())
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	_ = eng.Close(ctx)
	_ = inv.Close()
	// Output: true
}
