package local_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nonBlock makes open fail instead of waiting for a lease.
const nonBlock = unix.O_NONBLOCK

const (
	waitLimit = 20 * time.Second
	waitTick  = 10 * time.Millisecond
)

// specialFiles makes what opening would wait for or harm, and returns the names.
func specialFiles(t *testing.T, dir string) []string {
	t.Helper()
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "pipe.raw"), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, "sock.raw"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	made := []string{"pipe.raw", "sock.raw"}
	if os.Geteuid() == 0 {
		loop := int(unix.Mkdev(7, 0))
		require.NoError(t, unix.Mknod(filepath.Join(dir, "device.raw"), unix.S_IFBLK|0o600, loop))
		require.NoError(t, unix.Mknod(filepath.Join(dir, "char.raw"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
		made = append(made, "device.raw", "char.raw")
	}
	return made
}
