package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

func statusOf(t *testing.T, findings []driver.Finding, name string) driver.Status {
	t.Helper()
	for _, f := range findings {
		if f.Name == name {
			return f.Status
		}
	}
	require.Fail(t, "no finding", "%s in %v", name, findings)
	return ""
}

func check(t *testing.T, config local.Config) []driver.Finding {
	t.Helper()
	d, err := local.Open(config, driver.Env{})
	require.NoError(t, err)
	findings, err := d.Abilities().Checker.Check(within(t))
	require.NoError(t, err)
	for _, f := range findings {
		require.NotEmpty(t, f.Detail, f.Name)
		if f.Status == driver.StatusWarn || f.Status == driver.StatusFail {
			require.NotEmpty(t, f.Hint, f.Name)
		}
	}
	return findings
}

func TestCheck(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, dir string) {
		var order []string
		for _, f := range check(t, local.Config{Dir: dir}) {
			order = append(order, f.Name)
		}
		require.Equal(t, []string{
			"folder", "file-system", "free-space", "files", "reflink", "locks", "leases", "leftovers", "names",
		}, order)
		findings := check(t, local.Config{Dir: dir})
		for _, name := range []string{"folder", "files", "locks", "leases", "leftovers", "names"} {
			require.Equal(t, driver.StatusOK, statusOf(t, findings, name), name)
		}
		tidy(t, dir)
		require.NoFileExists(t, filepath.Join(dir, ".storagesnap", "backend.json"), "a check makes no backend")
	})
}

func TestCheckReflink(t *testing.T) {
	eachReflinker(t, func(t *testing.T, dir string) {
		require.Equal(t, driver.StatusOK, statusOf(t, check(t, local.Config{Dir: dir, Reflink: local.ReflinkAlways}), "reflink"))
	})
	dir := fastDir(t)
	auto := statusOf(t, check(t, local.Config{Dir: dir}), "reflink")
	if auto == driver.StatusOK {
		t.Skip("the temporary folder has reflinks")
	}
	require.Equal(t, driver.StatusWarn, auto)
	require.Equal(t, driver.StatusFail, statusOf(t, check(t, local.Config{Dir: dir, Reflink: local.ReflinkAlways}), "reflink"))
	require.Equal(t, driver.StatusOK, statusOf(t, check(t, local.Config{Dir: dir, Reflink: local.ReflinkNever}), "reflink"))
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	missing := check(t, local.Config{Dir: filepath.Join(t.TempDir(), "none")})
	require.Equal(t, driver.StatusFail, statusOf(t, missing, "folder"))

	dir := t.TempDir()
	require.Equal(t, driver.StatusFail, statusOf(t, check(t, local.Config{Dir: dir, MinFree: 1 << 60}), "free-space"))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "my disk.raw"), nil, 0o600))
	require.Equal(t, driver.StatusWarn, statusOf(t, check(t, local.Config{Dir: dir}), "names"))

	state := filepath.Join(dir, ".storagesnap", "volumes", "disk.raw")
	require.NoError(t, os.MkdirAll(state, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "stest001base.img.tmp"), nil, 0o600))
	require.Equal(t, driver.StatusWarn, statusOf(t, check(t, local.Config{Dir: dir}), "leftovers"))
	open(t, local.Config{Dir: dir})
	require.Equal(t, driver.StatusOK, statusOf(t, check(t, local.Config{Dir: dir}), "leftovers"))
}

func TestMinFree(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "disk.raw"), mib, 1)
	d := open(t, local.Config{Dir: dir, MinFree: 1 << 60})
	_, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: newToken(t)})
	require.ErrorIs(t, err, driver.ErrExhausted)
	require.ErrorContains(t, err, "min_free")
	require.Empty(t, names(t, stateOf(dir, disk)))
}
