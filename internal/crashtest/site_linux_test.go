package crashtest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// content returns what an image has that is told by its number: noise, a hole, and noise. The length tells it too.
func content(number int) []byte {
	var key [32]byte
	key[0] = byte(number)
	noise := make([]byte, 20_000)
	_, _ = rand.NewChaCha8(key).Read(noise)
	return bytes.Join([][]byte{noise, make([]byte, 60_000+number), noise}, nil)
}

// numberOf is the inverse of content.
func numberOf(b []byte) string {
	for n := range 10 {
		if bytes.Equal(b, content(n)) {
			return fmt.Sprint(n)
		}
	}
	return "DAMAGED"
}

func writeImage(t testing.TB, root, name string, number int) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(imagesOf(root), name), content(number), 0o600))
}

// newSite makes the site of which every cell gets a copy.
func newSite(t *testing.T) (root string, k known) {
	t.Helper()
	root = folder(t)
	require.NoError(t, os.Mkdir(imagesOf(root), 0o700))
	for name, number := range map[string]int{"disk": 1, "bare": 7, "other": 5} {
		writeImage(t, root, name, number)
	}
	foreign(t, root)
	ctx := within(t)
	proc, err := order{Root: root, Owner: "founder"}.open(ctx, newPoints(order{Root: root}))
	require.NoError(t, err)
	imported := func(name driver.VolumeID) snapshot.VolumeID {
		v, err := proc.Import(ctx, engine.ImportRequest{Backend: "folder", Native: name})
		require.NoError(t, err)
		return v.ID
	}
	k = known{Disk: imported("disk"), Bare: imported("bare"), Op: snapshot.NewID[inventory.OperationID]()}
	one, err := proc.Create(ctx, engine.CreateRequest{Volume: k.Disk, Name: "one"})
	require.NoError(t, err)
	k.One = one.ID
	writeImage(t, root, "disk", 2)
	_, err = proc.Create(ctx, engine.CreateRequest{Volume: k.Disk, Name: "two"})
	require.NoError(t, err)
	writeImage(t, root, "disk", 3)
	require.NoError(t, proc.close(ctx))
	require.NoError(t, os.Remove(transcriptOf(root)))
	require.Equal(t, before, state(t, root))
	return root, k
}

// foreign makes two snapshots that another installation might have made.
func foreign(t *testing.T, root string) {
	t.Helper()
	drv, err := local.Open(local.Config{Dir: imagesOf(root)}, driver.Env{})
	require.NoError(t, err)
	for _, name := range []string{"foreign-a", "foreign-b"} {
		token, err := driver.NewToken(driver.NewInstallationID())
		require.NoError(t, err)
		_, err = drv.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: "other", Token: token, Name: name})
		require.NoError(t, err)
	}
	require.NoError(t, drv.Close())
}

// copyOf copies a site on which nobody works, SQLite's log included.
func copyOf(t *testing.T, root string) string {
	t.Helper()
	to := folder(t)
	require.NoError(t, os.CopyFS(to, os.DirFS(root)))
	return to
}

// folder makes a folder in memory where that is possible: a killed process loses nothing that it has written.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "storagesnap-") //nolint:usetesting // not in the usual place
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) //nolint:usetesting // also used while a test cleans up
	t.Cleanup(cancel)
	return ctx
}
