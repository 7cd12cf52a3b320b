package driver_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

type emptyConfig struct{}

func driverOpener() driver.Opener[driver.Driver] {
	return driver.Typed(func(emptyConfig, driver.Env) (driver.Driver, error) { return &fakeDriver{}, nil })
}

func hostOpener() driver.Opener[driver.Host] {
	return driver.Typed(func(emptyConfig, driver.Env) (driver.Host, error) { return &fakeHost{}, nil })
}

func TestRegistryOpensByName(t *testing.T) {
	var r driver.Registry
	require.Empty(t, r.Drivers())
	require.Empty(t, r.Hosts())
	for _, name := range []string{"zfs", "acme", "acme-2"} {
		r.Register(name, driverOpener())
	}
	r.RegisterHost("acme", hostOpener())
	require.Equal(t, []string{"acme", "acme-2", "zfs"}, r.Drivers())
	require.Equal(t, []string{"acme"}, r.Hosts())

	d, err := r.Open("acme", driver.OpenRequest{})
	require.NoError(t, err)
	require.IsType(t, &fakeDriver{}, d)
	h, err := r.OpenHost("acme", driver.OpenRequest{})
	require.NoError(t, err)
	require.IsType(t, &fakeHost{}, h)

	_, err = r.Open("acme", driver.OpenRequest{Config: json.RawMessage(`{"x":1}`)})
	require.ErrorIs(t, err, driver.ErrInvalid)
}

func TestRegistryUnknownName(t *testing.T) {
	var r driver.Registry
	d, err := r.Open("acme", driver.OpenRequest{})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.EqualError(t, err, `unknown driver "acme" (forgotten import?); registered: none: invalid`)
	require.Nil(t, d)

	r.Register("zfs", driverOpener())
	r.Register("local", driverOpener())
	_, err = r.Driver("acme")
	require.EqualError(t, err, `unknown driver "acme" (forgotten import?); registered: local, zfs: invalid`)

	r.RegisterHost("xenserver", hostOpener())
	h, err := r.OpenHost("zfs", driver.OpenRequest{})
	require.EqualError(t, err, `unknown host "zfs" (forgotten import?); registered: xenserver: invalid`)
	require.Nil(t, h)
	_, err = r.Host("")
	require.ErrorIs(t, err, driver.ErrInvalid)
}

func TestRegisterPanicsWithTheName(t *testing.T) {
	for _, name := range []string{"", "Acme", "9acme", "-acme", "acme_2", "ac me", "acmé", "acme\n"} {
		message := fmt.Sprintf("driver: register driver %q: a name is [a-z][a-z0-9-]*", name)
		require.PanicsWithValue(t, message, func() { new(driver.Registry).Register(name, driverOpener()) })
		message = strings.Replace(message, "register driver", "register host", 1)
		require.PanicsWithValue(t, message, func() { new(driver.Registry).RegisterHost(name, hostOpener()) })
	}
	var r driver.Registry
	r.Register("acme", driverOpener())
	require.PanicsWithValue(t, `driver: register driver "acme": registered twice`, func() { r.Register("acme", driverOpener()) })
	require.PanicsWithValue(t, `driver: register host "acme": the opener is empty; make it with driver.Typed`, func() {
		r.RegisterHost("acme", driver.Opener[driver.Host]{})
	})
	r.RegisterHost("acme", hostOpener()) // a panic leaves neither the lock nor half an entry behind
	require.Equal(t, []string{"acme"}, r.Hosts())
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	var r driver.Registry
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() { r.Register(fmt.Sprintf("driver-%02d", i), driverOpener()) })
		group.Go(func() { r.RegisterHost(fmt.Sprintf("host-%02d", i), hostOpener()) })
		group.Go(func() {
			for _, name := range r.Drivers() {
				if _, err := r.Open(name, driver.OpenRequest{}); err != nil {
					t.Errorf("open %s: %v", name, err)
				}
			}
			_, _ = r.OpenHost("nobody", driver.OpenRequest{})
		})
	}
	group.Wait()
	require.Len(t, r.Drivers(), 20)
	require.Len(t, r.Hosts(), 20)
}

// registerOnce, because a name stays taken when the tests are repeated.
var registerOnce = sync.OnceFunc(func() {
	driver.Register("registry-test", driverOpener())
	driver.RegisterHost("registry-test", hostOpener())
})

func TestDefaultRegistry(t *testing.T) {
	registerOnce()
	require.Contains(t, driver.Default.Drivers(), "registry-test")
	_, err := driver.Open("registry-test", driver.OpenRequest{})
	require.NoError(t, err)
	_, err = driver.OpenHost("registry-test", driver.OpenRequest{})
	require.NoError(t, err)
}

func TestEmptyOpener(t *testing.T) {
	var empty driver.Opener[driver.Driver]
	d, err := empty.Open(driver.OpenRequest{})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.Nil(t, d)
	require.Empty(t, empty.Fields())
	require.JSONEq(t, "null", string(empty.Redact(json.RawMessage(`{"a":1}`))))
}

func TestEnvLog(t *testing.T) {
	require.NotNil(t, driver.Env{}.Log())
	require.False(t, driver.Env{}.Log().Enabled(t.Context(), slog.LevelError), "no logger, no records")
	logger := slog.Default()
	require.Same(t, logger, driver.Env{Logger: logger}.Log())
}
