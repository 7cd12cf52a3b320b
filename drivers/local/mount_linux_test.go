package local_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reflinkers are the file systems with reflinks that the tests run on, beside that of the temporary folder.
var reflinkers = map[string]func(t testing.TB) string{
	"xfs":   func(t testing.TB) string { return mountLoop(t, "1G", "mkfs.xfs", "-q", "-m", "reflink=1") },
	"btrfs": func(t testing.TB) string { return mountLoop(t, "1G", "mkfs.btrfs", "-q") },
}

// requireRoot skips a test that mounts file systems, with how to run it. On CI (environment variable CI=true) it fails
// instead wherever it could have run: as root without the tools, or where sudo asks for no password.
func requireRoot(t testing.TB, tools ...string) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "needs root to mount a loop device; run: sudo -E go test ./drivers/local"
	}
	for _, tool := range append([]string{"losetup", "mount", "umount"}, tools...) {
		if _, err := exec.LookPath(tool); err != nil {
			missing = "needs " + tool + " in PATH; run: apt-get install mount xfsprogs btrfs-progs e2fsprogs"
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil && missing == "" {
		missing = "needs loop devices; run on a machine that has /dev/loop-control"
	}
	if missing == "" {
		return
	}
	couldBeRoot := os.Geteuid() == 0 || exec.CommandContext(t.Context(), "sudo", "-n", "true").Run() == nil
	if os.Getenv("CI") == "true" && couldBeRoot {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// mountLoop makes a file system of the size in a file, mounts it, and takes all down at the end of the test.
func mountLoop(t testing.TB, size string, mkfs ...string) string {
	t.Helper()
	requireRoot(t, mkfs[0], "truncate")
	base := fastDir(t)
	image, point := filepath.Join(base, "disk"), filepath.Join(base, "mnt")
	require.NoError(t, os.Mkdir(point, 0o700))
	command(t, "truncate", "-s", size, image)
	command(t, append(mkfs, image)...)
	device := strings.TrimSpace(command(t, "losetup", "-f", "--show", image))
	t.Cleanup(func() { command(t, "losetup", "-d", device) })
	command(t, "mount", device, point)
	t.Cleanup(func() { command(t, "umount", point) })
	dir := filepath.Join(point, "images")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

// mountTmpfs mounts a file system in memory and takes it down at the end of the test.
func mountTmpfs(t testing.TB, size string) string {
	t.Helper()
	requireRoot(t)
	point := t.TempDir()
	command(t, "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", point)
	t.Cleanup(func() { command(t, "umount", point) })
	return point
}

// command runs a program that must succeed, also in cleanups, and returns its output.
func command(t testing.TB, args ...string) string {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	var errOut strings.Builder
	c.Stderr = &errOut
	out, err := c.Output()
	require.NoError(t, err, "%v: %s", args, errOut.String())
	return string(out)
}

// mountedDevice returns what is mounted at the point.
func mountedDevice(t testing.TB, point string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[1] == point {
			return fields[0]
		}
	}
	t.Fatalf("nothing is mounted at %s", point)
	return ""
}
