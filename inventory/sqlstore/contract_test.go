package sqlstore_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/inventorytest"
	"github.com/storagesnap/storagesnap/inventory/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openOn migrates and opens a store on the proxy's database; it is closed with the test, if not before.
func openOn(tb testing.TB, p *proxy) *sqlstore.Store {
	tb.Helper()
	db := p.open(tb)
	require.NoError(tb, sqlstore.Migrate(tb.Context(), db, sqlstore.SQLite(), sqlstore.Options{}))
	s, err := sqlstore.Open(tb.Context(), db, sqlstore.SQLite(), sqlstore.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// places remembers which database a store of the suite is on.
type places struct{ proxies sync.Map }

func (p *places) open(tb testing.TB) inventory.Inventory {
	tb.Helper()
	return p.on(tb, newProxy(tb))
}

func (p *places) on(tb testing.TB, at *proxy) inventory.Inventory {
	tb.Helper()
	s := openOn(tb, at)
	p.proxies.Store(s, at)
	return s
}

func (p *places) of(tb testing.TB, inv inventory.Inventory) *proxy {
	tb.Helper()
	at, found := p.proxies.Load(inv)
	require.True(tb, found)
	return at.(*proxy)
}

func TestContract(t *testing.T) {
	var p places
	inventorytest.Run(t, inventorytest.Harness{
		Open: p.open,
		Reopen: func(tb testing.TB, inv inventory.Inventory) inventory.Inventory {
			tb.Helper()
			require.NoError(tb, inv.Close())
			return p.on(tb, p.of(tb, inv))
		},
		Share: func(tb testing.TB, inv inventory.Inventory) inventory.Inventory {
			tb.Helper()
			return p.on(tb, p.of(tb, inv))
		},
		LoseReply: func(tb testing.TB, inv inventory.Inventory) {
			tb.Helper()
			p.of(tb, inv).onCommits(1, func(execute func() error) error {
				if err := execute(); err != nil {
					return err
				}
				return errLost
			})
		},
	})
}
