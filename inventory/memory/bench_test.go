package memory_test

import (
	"testing"

	"github.com/storagesnap/storagesnap/inventory/inventorytest"
)

func BenchmarkStore(b *testing.B) { inventorytest.Bench(b, open) }
