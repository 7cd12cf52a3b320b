package local_test

import (
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// mib is 2^20 bytes.
const mib = 1 << 20

// installation marks the tokens of these tests.
const installation = driver.InstallationID("stest001")

func newToken(t testing.TB) driver.Token {
	t.Helper()
	token, err := driver.NewToken(installation)
	require.NoError(t, err)
	return token
}

// within returns a context with the deadline that every engine sets.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// open opens a driver of the folder and describes it, as an engine does.
func open(t testing.TB, config local.Config) driver.Driver {
	t.Helper()
	d, err := local.Open(config, driver.Env{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	_, err = d.Describe(within(t))
	require.NoError(t, err)
	return d
}

// writeImage makes an image of the size: data, a hole, and data at the end, all from the seed.
func writeImage(t testing.TB, path string, size int64, seed uint64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	block := noise(min(size/4, mib), seed)
	for _, at := range []int64{0, size - int64(len(block))} {
		_, err = f.WriteAt(block, at)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
}

// noise returns n bytes that do not compress and differ for each seed.
func noise(n int64, seed uint64) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	out := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(out)
	return out
}

// sum returns the SHA-256 of a file.
func sum(t testing.TB, path string) [sha256.Size]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return [sha256.Size]byte(h.Sum(nil))
}

// snapshotFile returns the path of a snapshot's content.
func snapshotFile(dir string, ref driver.SnapshotRef) string {
	return filepath.Join(stateOf(dir, ref.Volume), string(ref.Token)+".img")
}

// stateOf returns the path of a volume's state folder.
func stateOf(dir string, volume driver.VolumeID) string {
	return filepath.Join(dir, ".storagesnap", "volumes", string(volume))
}

// names returns the names in a folder; none if it is not there.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// take makes a snapshot.
func take(t testing.TB, d driver.Driver, volume driver.VolumeID) driver.Snapshot {
	t.Helper()
	s, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: volume, Token: newToken(t), Name: "test"})
	require.NoError(t, err)
	return s
}

// lookup reports whether the snapshot is there.
func lookup(t testing.TB, d driver.Driver, ref driver.SnapshotRef) (driver.Snapshot, error) {
	t.Helper()
	return d.Lookup(within(t), driver.LookupRequest{Snapshot: ref})
}

// fastDir returns a temporary folder in memory where there is one: these tests flush a thousand times.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "storagesnap-") //nolint:usetesting // not in the usual place
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// subfolder makes a new folder below dir.
func subfolder(t testing.TB, dir string) string {
	t.Helper()
	path, err := os.MkdirTemp(dir, "folder-") //nolint:usetesting // not in the usual place
	require.NoError(t, err)
	return path
}
