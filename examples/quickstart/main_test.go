package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program builds the quickstart once; it starts itself as a child, so it has to be a program of its own.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quickstart.exe")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func run(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestQuickstart(t *testing.T) {
	quickstart, dir := program(t), filepath.Join(t.TempDir(), "dir")
	image := filepath.Join(t.TempDir(), "my image.raw")
	content := bytes.Repeat([]byte("storagesnap"), 40_000)
	copy(content[100_000:], make([]byte, 200_000)) // a hole, or what could be one
	require.NoError(t, os.WriteFile(image, content, 0o600))
	digest := sha256.Sum256(content)

	for _, round := range []string{"first run", "second run in the same folder"} {
		out, errs, err := run(t, quickstart, "-image", image, "-dir", dir)
		require.NoError(t, err, "%s: %s%s", round, out, errs)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		copied := lines[len(lines)-2]
		require.Equal(t, "sha256 "+hex.EncodeToString(digest[:]), lines[len(lines)-1])
		require.True(t, strings.HasPrefix(copied, dir), copied)
		got, err := os.ReadFile(copied)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got), "%s: the image is not what it was", round)
		require.Contains(t, out, "killed")
		require.Contains(t, out, "● now (content descends from first)")
	}
	got, err := os.ReadFile(image)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got), "the user's own image was changed")
}

func TestQuickstartJSON(t *testing.T) {
	out, errs, err := run(t, program(t), "-json", "-dir", t.TempDir())
	require.NoError(t, err, errs)
	n := 0
	var last struct {
		Step               int
		Did, Image, SHA256 string
	}
	for line := range strings.Lines(out) {
		n++
		require.NoError(t, json.Unmarshal([]byte(line), &last), line)
		require.Equal(t, n, last.Step)
		require.NotEmpty(t, last.Did)
	}
	require.Greater(t, n, 8)
	require.FileExists(t, last.Image)
	require.Len(t, last.SHA256, 64)
}

func TestQuickstartFindsDamage(t *testing.T) {
	quickstart, dir := program(t), t.TempDir()
	_, errs, err := run(t, quickstart, "-dir", dir)
	require.NoError(t, err, errs)
	snapshots, err := filepath.Glob(filepath.Join(dir, "images", ".storagesnap", "volumes", "disk.raw", "*.img"))
	require.NoError(t, err)
	require.NotEmpty(t, snapshots)
	require.NoError(t, os.Chmod(snapshots[0], 0o600))
	f, err := os.OpenFile(snapshots[0], os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("damage"), 4096)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	_, errs, err = run(t, quickstart, "-dir", dir)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, errs, "sha256")
	require.Contains(t, errs, "want")
}

func TestQuickstartRefuses(t *testing.T) {
	quickstart, dir := program(t), t.TempDir()
	other := filepath.Join(t.TempDir(), "other.raw")
	require.NoError(t, os.WriteFile(other, []byte("another image"), 0o600))
	_, errs, err := run(t, quickstart, "-dir", dir)
	require.NoError(t, err, errs)
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"another image in the same folder": {[]string{"-dir", dir, "-image", other}, "belongs to another image"},
		"an image that is not there":       {[]string{"-dir", dir, "-image", "/nowhere/x"}, "/nowhere/x"},
		"an image that is a folder":        {[]string{"-dir", t.TempDir(), "-image", dir}, "the image"},
		"an unknown flag":                  {[]string{"-frobnicate"}, "-frobnicate"},
		"an argument":                      {[]string{"x"}, `"x"`},
		"a folder that cannot be made":     {[]string{"-dir", filepath.Join(other, "dir")}, "not a directory"},
	} {
		_, errs, err := run(t, quickstart, tt.args...)
		require.Error(t, err, name)
		require.Contains(t, errs, tt.says, name)
	}
}
