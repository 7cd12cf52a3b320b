package local_test

import (
	"fmt"
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
		for _, described := range []bool{true, false} {
			for _, name := range slices.Sorted(maps.Keys(scenarios)) {
				t.Run(fmt.Sprintf("%s/once=%v/described=%v", name, once, described), func(t *testing.T) {
					for n, failed := 1, true; failed; n++ {
						failed = changeFails(t, name, local.Config{Dir: subfolder(t, dir)}, n, once, described)
						require.Less(t, n, 100, "the scenario does not end")
					}
				})
			}
		}
	}
}

// changeFails acts the scenario with a failure and lets the next process, which may or may not describe the folder first,
// go on.
func changeFails(t *testing.T, name string, config local.Config, n int, once, described bool) (failed bool) {
	t.Helper()
	begin(t, name, config)
	failed, err := actFailing(t, name, config, n, once)
	truthful(t, name, config, err)
	if described {
		verify(t, name, config, err != nil)
		return failed
	}
	next, openErr := local.Open(config, driver.Env{})
	require.NoError(t, openErr)
	judge(t, name, config, next, err != nil)
	return failed
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
	if name == "describe" || name == "clone again" {
		return // the effect was there before
	}
	d, openErr := local.Open(config, driver.Env{})
	require.NoError(t, openErr)
	done := scenarioNamed(name).done(t, d, config.Dir)
	switch driver.EffectOf(err) {
	case driver.EffectDone:
		require.True(t, done, "success without effect")
	case driver.EffectNone:
		require.False(t, done, "an effect in spite of %v", err)
	case driver.EffectUnknown, driver.EffectPartial, driver.EffectByClass:
		require.ErrorIs(t, err, driver.ErrIndeterminate)
	}
}
