package local_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// A process that is killed before any change to the file system leaves a folder that the next process understands.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some two hundred processes")
	}
	for fs, place := range map[string]func(testing.TB) string{"copy": fastDir, "reflink": reflinkers["xfs"]} {
		t.Run(fs, func(t *testing.T) { killedAtEveryStep(t, place(t)) })
	}
}

func killedAtEveryStep(t *testing.T, dir string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		t.Run(name, func(t *testing.T) {
			for n, killed := 1, true; killed; n++ {
				config := local.Config{Dir: subfolder(t, dir)}
				begin(t, name, config)
				killed = start(t, order{Scenario: name, Config: config, KillAt: n}).end(t)
				require.Less(t, n, 100, "the scenario does not end")
				verify(t, name, config, killed)
			}
		})
	}
}

// A power failure at any step loses what was not synced. What a call has returned is durable, and what was interrupted is
// all or nothing. XFS_IOC_GOINGDOWN without a log flush stands for the failure; ext4 knows it too.
func TestPowerFailureAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts file systems some two hundred times")
	}
	for fs, mkfs := range map[string][]string{
		"xfs":  {"mkfs.xfs", "-q", "-m", "reflink=1"},
		"ext4": {"mkfs.ext4", "-q", "-E", "nodiscard"},
	} {
		t.Run(fs, func(t *testing.T) {
			dir := mountLoop(t, "512M", mkfs...)
			for _, name := range slices.Sorted(maps.Keys(scenarios)) {
				t.Run(name, func(t *testing.T) {
					for n, interrupted := 1, true; interrupted; n++ {
						config := local.Config{Dir: subfolder(t, dir)}
						var failed bool
						interrupted, failed = powerFailure(t, name, config, n)
						require.Less(t, n, 100, "the scenario does not end")
						verify(t, name, config, failed)
					}
				})
			}
		})
	}
}

// powerFailure acts the scenario and fails the file system before the n-th change, or after the last.
func powerFailure(t *testing.T, name string, config local.Config, n int) (interrupted, failed bool) {
	t.Helper()
	begin(t, name, config)
	flush(t, config.Dir)
	steps := 0
	d, err := local.OpenStepped(config, driver.Env{}, func(string, string) error {
		if steps++; steps == n {
			interrupted = true
			shutDown(t, config.Dir)
			return unix.EIO
		}
		return nil
	})
	require.NoError(t, err)
	err = scenarios[name].act(within(t), d)
	if !interrupted {
		require.NoError(t, err)
		shutDown(t, config.Dir)
	}
	remount(t, config.Dir)
	// A call may succeed although what it tidies up at its end fails; then its effect is durable.
	return interrupted, err != nil
}

// flush makes durable what the test itself has prepared.
func flush(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	require.NoError(t, unix.Syncfs(int(f.Fd())))
	require.NoError(t, f.Close())
}

// shutDown makes the file system of the folder lose everything that is not on its disk.
func shutDown(t *testing.T, dir string) {
	t.Helper()
	const goingDown, noLogFlush = 0x8004587d, 2 // XFS_IOC_GOINGDOWN, EXT4_IOC_SHUTDOWN
	f, err := os.Open(dir)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush))
	require.NoError(t, f.Close())
}

// remount mounts the file system of the folder anew, with its log replayed.
func remount(t *testing.T, dir string) {
	t.Helper()
	point := filepath.Dir(filepath.Dir(dir))
	device := mountedDevice(t, point)
	command(t, "umount", point)
	command(t, "mount", device, point)
}
