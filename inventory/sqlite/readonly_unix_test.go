//go:build unix

package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
)

// TestMayNotWrite runs a process that has no permission to write the file, the folder or both.
func TestMayNotWrite(t *testing.T) {
	for name, test := range map[string]struct {
		file, folder os.FileMode
		missing      bool
		role         string
	}{
		"new file in a folder that cannot be written": {0, 0o555, true, "open"},
		"file that cannot be read":                    {0o000, 0o755, false, "open"},
		"file that cannot be written":                 {0o444, 0o755, false, "commit"},
		"nothing can be written":                      {0o444, 0o555, false, "commit"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			if test.missing {
				path = fresh(t)
			} else {
				require.NoError(t, os.Chmod(path, test.file))
			}
			folder := filepath.Dir(path)
			letIn(t, filepath.Dir(folder))
			require.NoError(t, os.Chmod(folder, test.folder))
			t.Cleanup(func() { require.NoError(t, os.Chmod(folder, 0o700)) })
			said := asNobody(t, test.role, path)
			require.Contains(t, said, "class: "+inventory.ErrUnavailable.Error())
		})
	}
}

// asNobody runs a child without privileges, as root may write everywhere, and returns what it says.
func asNobody(t *testing.T, role, path string) string {
	t.Helper()
	binary := os.Args[0]
	cmd := exec.CommandContext(t.Context(), binary)
	if os.Geteuid() == 0 {
		content, err := os.ReadFile(binary)
		require.NoError(t, err)
		folder := t.TempDir()
		letIn(t, filepath.Dir(folder))
		cmd.Path = filepath.Join(folder, "child")
		require.NoError(t, os.WriteFile(cmd.Path, content, 0o755))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	cmd.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// letIn opens the folder of a test's folders, which is the owner's only.
func letIn(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, os.Chmod(folder, 0o755))
}
