//go:build unix

package main

import (
	"bufio"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// program builds ctl and returns the folder that it is in.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "ctl"), ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// TestSessionOfTheDocumentation runs the commands that the package comment shows.
func TestSessionOfTheDocumentation(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	require.NoError(t, err)
	_, session, found := strings.Cut(file.Doc.Text(), "# A session\n")
	require.True(t, found)
	session, _, _ = strings.Cut(session, "\n# ")
	var script strings.Builder
	for line := range strings.Lines(session) {
		if command, ok := strings.CutPrefix(line, "\t"); ok {
			script.WriteString(command)
		}
	}
	require.Equal(t, 22, strings.Count(script.String(), "\n"))
	cmd := exec.CommandContext(t.Context(), "sh", "-eux", "-c", script.String())
	cmd.Env = append(os.Environ(), "DIR="+t.TempDir(), "PATH="+program(t)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "● now (content descends from installed)")
}

// start runs the program on the world's images, with the driver for image files waiting for a lock that only the returned
// function frees.
func (w *world) start(ctl, lock string, args ...string) (cmd *exec.Cmd, stderr *bufio.Reader, free func()) {
	w.t.Helper()
	w.config = w.file("images.yaml", "inventory: sqlite:"+w.dir+"/inventory.db\nengine: {lease: 1s}\n"+
		"backends: [{name: images, driver: local, config: {dir: "+w.dir+"/images}}]\n")
	free = hold(w.t, filepath.Join(w.dir, "images", ".storagesnap", "locks", lock))
	cmd = exec.CommandContext(w.t.Context(), filepath.Join(ctl, "ctl"), append([]string{"-c", w.config, "--progress"}, args...)...)
	pipe, err := cmd.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, cmd.Start())
	return cmd, bufio.NewReader(pipe), free
}

// TestInterrupt: a signal ends what can be undone, and nothing is left of it.
func TestInterrupt(t *testing.T) {
	w := imported(t)
	cmd, stderr, free := w.start(program(t), ".names", "snapshot", "clone", "first", "copy")
	defer free()
	until(t, stderr, "clone: Clone\n") // it waits for the lock now
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	_ = cmd.Wait()
	require.Equal(t, exitFailed, cmd.ProcessState.ExitCode(), string(rest))
	op := decoded[[]inventory.Operation](w, "op", "list", "--kind", "clone")[0]
	require.Equal(t, inventory.Failed, op.State)
	require.Contains(t, string(rest), interruptedText+"\n")
	require.Contains(t, string(rest), "ctl: clone failed, and left nothing behind (operation "+op.ID.String()+"): ")
	require.Len(t, decoded[[]inventory.Volume](w, "volume", "list"), 1)
	require.NoFileExists(t, filepath.Join(w.dir, "images", "copy"))
}

// TestInterruptTwice: a create that was sent can only be completed; the second signal ends the program at once.
func TestInterruptTwice(t *testing.T) {
	w := imported(t)
	cmd, stderr, free := w.start(program(t), "disk.raw", "snapshot", "create", "web01", "third")
	until(t, stderr, "create: CreateSnapshot\n")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	until(t, stderr, interruptedText+"\n")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	until(t, stderr, endedText+"\n")
	_ = cmd.Wait()
	require.Equal(t, exitWaiting, cmd.ProcessState.ExitCode())
	op := decoded[[]inventory.Operation](w, "op", "list", "--open")[0]
	require.Equal(t, inventory.Running, op.State)
	free()
	var retried result
	require.Eventually(t, func() bool {
		retried = w.run("op", "retry", op.ID.String())
		return retried.code != exitRefused // the dead process's lease has ended
	}, time.Minute, 100*time.Millisecond)
	require.Contains(t, retried.err, "ctl: create failed, and left nothing behind (operation "+op.ID.String()+"): ")
	require.Empty(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list", "--name", "third"))
	w.ok("snapshot", "create", "web01", "third")
}

// until reads lines up to the one that is wanted.
func until(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	var seen strings.Builder
	for {
		line, err := r.ReadString('\n')
		seen.WriteString(line)
		require.NoError(t, err, "waiting for %q, seen: %s", want, seen.String())
		if line == want {
			return
		}
	}
}

// hold takes the lock without which the driver for image files makes no volume.
func hold(t *testing.T, path string) (free func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	return func() {
		require.NoError(t, os.Remove(path))
		require.NoError(t, f.Close())
	}
}
