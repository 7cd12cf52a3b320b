package crashtest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// child is a running child process.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

// start starts a child with the order.
func start(t *testing.T, o order) *child {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	c := &child{cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	c.cmd.Stderr = &c.err
	c.in, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.out = bufio.NewReader(out)
	require.NoError(t, c.cmd.Start())
	return c
}

// end lets the child end and reports whether it killed itself, or was killed. Any other failure fails the test.
func (c *child) end(t *testing.T) (killed bool) {
	t.Helper()
	_, err := io.Copy(io.Discard, c.out)
	require.NoError(t, err)
	err = c.cmd.Wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	require.NoError(t, err, "%s", c.err.String())
	return false
}

// at returns the point at which the child says that it is; empty if it ends before.
func (c *child) at(t *testing.T) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return ""
	}
	require.NoError(t, err)
	where, ok := strings.CutPrefix(strings.TrimSpace(line), "at ")
	require.True(t, ok, line)
	return where
}

// goOn lets what waits for a line go on.
func (c *child) goOn(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(c.in, "\n")
	require.NoError(t, err)
}

// signal sends a signal to the child.
func (c *child) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(s))
}

// isStopped reads the state of the process from the kernel.
func (c *child) isStopped(t *testing.T) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "T")
}

// play is start and end.
func play(t *testing.T, o order) (killed bool) {
	t.Helper()
	return start(t, o).end(t)
}
