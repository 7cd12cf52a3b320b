package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// childEnv carries the order of a child process: this test binary, started again.
const childEnv = "STORAGESNAP_LOCAL_TEST_CHILD"

// order is what a child does. It says "ready" on its output, does it, and ends when its input ends.
type order struct {
	// Scenario and KillAt: act the scenario and die before the n-th change to the file system.
	Scenario string
	Config   local.Config
	KillAt   int
	// Hold is how to hold File: "open", "read", "flock", "ofd".
	Hold string
	File string
	// Snapshots is how many to make of Volume, named by the tokens Prefix0, Prefix1…
	Snapshots int
	Volume    driver.VolumeID
	Prefix    string
}

// runChild does what the environment orders and ends the process; without an order it returns.
func runChild() {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (o order) run() error {
	switch {
	case o.Scenario != "":
		return o.act()
	case o.Hold != "":
		return o.hold()
	}
	return o.snapshots()
}

func (o order) act() error {
	n := 0
	d, err := local.OpenStepped(o.Config, driver.Env{}, func(string, string) error {
		if n++; n == o.KillAt {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return scenarios[o.Scenario].act(ctx, d)
}

func (o order) hold() error {
	flag := os.O_RDWR
	if o.Hold == "read" {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(o.File, flag, 0)
	if err != nil {
		return err
	}
	switch o.Hold {
	case "flock":
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	case "ofd": // as QEMU does
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: 100, Len: 2})
	}
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (o order) snapshots() error {
	d, err := local.Open(o.Config, driver.Env{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := d.Describe(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	for i := range o.Snapshots {
		token := driver.Token(fmt.Sprintf("%s%d", o.Prefix, i))
		if _, err := d.CreateSnapshot(ctx, driver.CreateSnapshotRequest{Volume: o.Volume, Token: token}); err != nil {
			return err
		}
		if i%2 == 1 {
			continue
		}
		ref := driver.SnapshotRef{Volume: o.Volume, Token: token}
		if _, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: ref}); err != nil {
			return err
		}
	}
	return nil
}

// child is a running child process.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *testWriter
}

type testWriter struct{ text []byte }

func (w *testWriter) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	return len(p), nil
}

// start starts a child with the order.
func start(t *testing.T, o order) *child {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	errOut := &testWriter{}
	cmd.Stderr = errOut
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &child{cmd, in, bufio.NewReader(out), errOut}
}

// ready waits until the child has said so.
func (c *child) ready(t *testing.T) {
	t.Helper()
	line, err := c.out.ReadString('\n')
	require.NoError(t, err, "%s", c.err.text)
	require.Equal(t, "ready\n", line)
}

// end lets the child end and returns whether it was killed. Any other failure fails the test.
func (c *child) end(t *testing.T) (killed bool) {
	t.Helper()
	require.NoError(t, c.in.Close())
	_, err := io.Copy(io.Discard, c.out)
	require.NoError(t, err)
	err = c.cmd.Wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return true
	}
	require.NoError(t, err, "%s", c.err.text)
	return false
}
