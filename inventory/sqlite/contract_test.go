package sqlite_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/inventorytest"
)

func TestContract(t *testing.T) {
	var paths sync.Map
	at := func(tb testing.TB, path string) inventory.Inventory {
		tb.Helper()
		s := openAt(tb, path)
		paths.Store(s, path)
		return s
	}
	pathOf := func(tb testing.TB, inv inventory.Inventory) string {
		tb.Helper()
		path, found := paths.Load(inv)
		require.True(tb, found)
		return path.(string)
	}
	inventorytest.Run(t, inventorytest.Harness{
		Open: func(tb testing.TB) inventory.Inventory {
			tb.Helper()
			return at(tb, fresh(tb))
		},
		Reopen: func(tb testing.TB, inv inventory.Inventory) inventory.Inventory {
			tb.Helper()
			require.NoError(tb, inv.Close())
			return at(tb, pathOf(tb, inv))
		},
		Share: func(tb testing.TB, inv inventory.Inventory) inventory.Inventory {
			tb.Helper()
			return at(tb, pathOf(tb, inv))
		},
		// The clock is package time's, so leases pass in no time.
		Synctest: true,
	})
}
