package crashtest_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot"
)

// state says in words what is on the disk, read without the driver, and what is in the inventory. Whatever should not be
// there, a file that is not finished, a row that is not ready, a mark that was left, has a line of its own.
func state(t *testing.T, root string) string {
	t.Helper()
	s, err := sqlite.Open(within(t), databaseOf(root), sqlite.Options{NoMigrate: true})
	require.NoError(t, err)
	lines := slices.Concat(onDisk(t, imagesOf(root)), inInventory(t, s, imagesOf(root)))
	require.NoError(t, s.Close())
	return "\n" + strings.Join(lines, "\n") + "\n"
}

func onDisk(t *testing.T, dir string) (lines []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if line := fileLine(t, dir, filepath.ToSlash(name)); line != "" {
			lines = append(lines, line)
		}
		return err
	}))
	for i, line := range lines { // the clone's name has its token where a dying process had the plain one still
		lines[i] = suffix.ReplaceAllString(line, "$1")
	}
	slices.Sort(lines)
	return lines
}

var suffix = regexp.MustCompile(`^((?:file|made) copy)-s[a-z0-9]{26}`)

// fileLine says what a file of the folder is; nothing for those that belong to others or to all.
func fileLine(t *testing.T, dir, name string) string {
	t.Helper()
	parts := strings.Split(name, "/")
	last := parts[len(parts)-1]
	snapshots := len(parts) == 4 && parts[1] == "volumes"
	switch {
	case len(parts) == 1:
		return "file " + name + " " + numberAt(t, filepath.Join(dir, name))
	case name == ".storagesnap/backend.json", snapshots && last == "reverts.json":
		return ""
	case snapshots && last == "volume.json":
		return "made " + parts[2]
	case snapshots && strings.HasSuffix(last, ".json") && exists(dir, strings.TrimSuffix(name, ".json")+".img"):
		var record struct{ Name string }
		doc, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(doc, &record))
		content := filepath.Join(dir, strings.TrimSuffix(name, ".json")+".img")
		return "kept " + parts[2] + " " + record.Name + " " + numberAt(t, content)
	case snapshots && strings.HasSuffix(last, ".img") && exists(dir, strings.TrimSuffix(name, ".img")+".json"):
		return ""
	}
	return "LEFT " + name
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

func numberAt(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return numberOf(b)
}

func inInventory(t *testing.T, s inventory.Inventory, dir string) (lines []string) {
	t.Helper()
	names := map[snapshot.ID]string{{}: "none"}
	for r, err := range s.Snapshots(within(t), inventory.SnapshotQuery{}) {
		require.NoError(t, err)
		names[r.ID] = r.Name
	}
	for v, err := range s.Volumes(within(t), inventory.VolumeQuery{}) {
		require.NoError(t, err)
		lines = append(lines, strings.Join(append([]string{volumeLine(v, names)}, rows(t, s, v, names, dir)...), "\n\t"))
	}
	slices.Sort(lines)
	for op, err := range s.Operations(within(t), inventory.OperationQuery{Open: true}) {
		require.NoError(t, err)
		lines = append(lines, fmt.Sprintf("OPEN %s %s: %s", op.Kind, op.State, op.Error))
	}
	return lines
}

func volumeLine(v inventory.Volume, names map[snapshot.ID]string) string {
	var about []string
	if !v.DeletedAt.IsZero() {
		about = append(about, "gone")
	}
	if !v.Origin.IsZero() {
		about = append(about, "from "+names[v.Origin])
	}
	if !v.Head.IsZero() {
		about = append(about, "head "+names[v.Head])
	}
	if v.HeadUnknown {
		about = append(about, "HEAD UNKNOWN")
	}
	if !v.Pending.IsZero() {
		about = append(about, "BUSY")
	}
	return strings.TrimSpace("volume " + v.Name + " " + strings.Join(about, ", "))
}

// rows are the snapshots of a volume, which must be a tree, each with the content that is found at its native id.
func rows(t *testing.T, s inventory.Inventory, v inventory.Volume, names map[snapshot.ID]string, dir string) (lines []string) {
	t.Helper()
	var all []snapshot.Snapshot
	for r, err := range s.Snapshots(within(t), inventory.SnapshotQuery{Volume: v.ID}) {
		require.NoError(t, err)
		all = append(all, r)
		image, token, _ := strings.Cut(r.Native, "/")
		line := r.Name + " " + numberAt(t, filepath.Join(dir, ".storagesnap", "volumes", image, token+".img"))
		if !r.Parent.IsZero() {
			line += " below " + names[r.Parent]
		}
		if r.State != snapshot.Ready {
			line += " NOT READY"
		}
		if len(r.Pins) > 0 {
			line += " PINNED"
		}
		lines = append(lines, line)
	}
	require.Equal(t, len(all), v.SnapshotCount)
	tree, err := snapshot.NewTree(v.ID, snapshot.Head{Snapshot: v.Head, Unknown: v.HeadUnknown}, all)
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	slices.Sort(lines)
	return lines
}
