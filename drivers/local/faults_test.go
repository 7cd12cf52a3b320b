package local_test

import (
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// A change to the file system that fails, once or from then on, ends in an error that tells the truth about the effect.
func TestEveryChangeFails(t *testing.T) {
	dir := fastDir(t)
	for _, once := range []bool{true, false} {
		for _, name := range slices.Sorted(maps.Keys(scenarios)) {
			t.Run(map[bool]string{true: "once/", false: "for good/"}[once]+name, func(t *testing.T) {
				for n, failed := 1, true; failed; n++ {
					config := local.Config{Dir: subfolder(t, dir)}
					begin(t, name, config)
					var err error
					failed, err = actFailing(t, name, config, n, once)
					truthful(t, name, config, err)
					verify(t, name, config, err != nil)
					require.Less(t, n, 100, "the scenario does not end")
				}
			})
		}
	}
}

// actFailing acts the scenario with the n-th change failing, or all from the n-th.
func actFailing(t *testing.T, name string, config local.Config, n int, once bool) (failed bool, err error) {
	t.Helper()
	steps := 0
	d, err := local.OpenStepped(config, driver.Env{}, func(string, string) error {
		if steps++; steps == n || (steps > n && !once) {
			failed = true
			return syscall.EIO
		}
		return nil
	})
	require.NoError(t, err)
	return failed, scenarios[name].act(within(t), d)
}

// truthful checks what the error says about the effect against what can be seen.
func truthful(t *testing.T, name string, config local.Config, err error) {
	t.Helper()
	if name == "describe" {
		return
	}
	d, openErr := local.Open(config, driver.Env{})
	require.NoError(t, openErr)
	done := scenarios[name].done(t, d, config.Dir)
	switch driver.EffectOf(err) {
	case driver.EffectDone:
		require.True(t, done, "success without effect")
	case driver.EffectNone:
		require.False(t, done, "an effect in spite of %v", err)
	case driver.EffectUnknown, driver.EffectPartial, driver.EffectByClass:
		require.ErrorIs(t, err, driver.ErrIndeterminate)
	}
}
