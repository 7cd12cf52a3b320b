package engine_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// A revert is shown before it runs; what was shown runs, or nothing. Errors are left out to be short.
func ExampleEngine_Plan() {
	ctx := context.Background()
	array := drivertest.NewBackend(drivertest.BackendOptions{})
	pool := drivertest.NewHost(array, drivertest.HostOptions{})
	inv := memory.New()
	eng, _ := engine.New(inv, engine.Options{})
	_ = eng.AddBackend("gold", array.Driver())
	_ = eng.AddHost("pool", pool.Driver())
	_ = eng.Start(ctx)
	native := array.AddVolume(10 << 30)
	_, _ = pool.AddDisk(native)
	vol, _ := eng.Import(ctx, engine.ImportRequest{Backend: "gold", Native: native, Name: "disk 1", Host: "pool"})
	before, _ := eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "before the upgrade"})
	_, _ = eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "after the upgrade"})

	req := engine.RevertRequest{Volume: vol.ID, Snapshot: before.ID, KeepCurrent: true, KeepName: "broken"}
	plan, _ := eng.Plan(ctx, req)
	fmt.Print(withoutIDs(plan.String()))

	// While somebody reads that, somebody else works.
	_, _ = eng.Create(ctx, engine.CreateRequest{Volume: vol.ID, Name: "nightly"})
	req.IfVersion = plan.Version
	_, err := eng.Revert(ctx, req)
	fmt.Println("outdated:", errors.Is(err, inventory.ErrStale))
	_, _ = eng.Close(ctx), inv.Close()
	// Output:
	// plan: revert
	//   volume "disk 1" of backend "gold", 10 GiB, descends from "after the upgrade", then from "before the upgrade"
	// steps:
	//    1  Detach       host "pool" lets go of the volume [Detach]
	//                    if it goes back: the host attaches it again as it was
	//    2  Revoke       backend "gold" takes all access to the volume away [Revoke]
	//                    if it goes back: access is given back as it was
	//    3  KeepCurrent  the array takes a snapshot of the volume as it is now, "broken" [CreateSnapshot]
	//                    if it goes back: that snapshot is deleted
	//    4  Revert       once nobody has it open, the array replaces the content by that of the snapshot [Sessions, Revert]
	//                    from here on there is NO WAY BACK
	//    5  Volume       id, serial number and size of the volume are read again [Volume]
	//    6  Grant        backend "gold" gives access to the volume back as it was [Grant]
	//    7  Attach       host "pool" attaches the volume again, reads it anew and verifies that it is the same disk [Attach]
	//    8  Outcome      the content descends from the snapshot; the next one becomes its child
	// hosts:
	//   "pool"
	// version: p1
	// outdated: true
}

// withoutIDs removes what differs each time.
func withoutIDs(text string) string {
	return regexp.MustCompile(` ?\([0-9a-f]{8}\)|\.[0-9a-f.]{44}`).ReplaceAllString(text, "")
}
