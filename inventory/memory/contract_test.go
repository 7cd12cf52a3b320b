package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/inventorytest"
	"github.com/storagesnap/storagesnap/inventory/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(testing.TB) inventory.Inventory { return memory.New() }

func TestContract(t *testing.T) {
	inventorytest.Run(t, inventorytest.Harness{Open: open, Synctest: true})
}

// TestContractOutsideBubble shows that the suite needs no bubble: other stores have their own clocks.
func TestContractOutsideBubble(t *testing.T) {
	inventorytest.Run(t, inventorytest.Harness{Open: open})
}
