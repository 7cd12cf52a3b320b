package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/storagesnap/storagesnap/driver"
)

// Check looks at the folder, its file system, and what interrupted calls have left. Its two trial files are gone when it
// returns.
func (b *backend) Check(ctx context.Context) ([]driver.Finding, error) {
	t, err := b.open()
	if err != nil {
		return []driver.Finding{{
			Name: "folder", Status: driver.StatusFail, Detail: err.Error(), Hint: "mount the file system, or correct dir",
		}}, nil
	}
	defer func() { _ = t.root.Close() }()
	findings := []driver.Finding{
		{Name: "folder", Status: driver.StatusOK, Detail: b.config.Dir},
		t.checkFileSystem(), t.checkSpace(),
	}
	findings = append(findings, t.tryOut(ctx)...)
	findings = append(findings, t.checkLeftovers(), t.checkNames())
	if err := ctx.Err(); err != nil {
		return nil, classed("Check", err)
	}
	return findings, nil
}

func (t *tree) checkFileSystem() driver.Finding {
	f := driver.Finding{Name: "file-system", Status: driver.StatusOK}
	name, err := fileSystem(t.root)
	f.Detail = name
	switch {
	case err != nil:
		f.Status, f.Detail = driver.StatusFail, err.Error()
	case name == "":
		f.Status, f.Detail = driver.StatusSkip, "this system does not tell"
	case name == "tmpfs":
		f.Status, f.Hint = driver.StatusWarn, "images and snapshots are in memory and end with the machine; use a disk"
	case name == "nfs", name == "smb", name == "fuse", name == "gfs2", name == "ocfs2", name == "ceph":
		f.Status, f.Hint = driver.StatusWarn, "a machine that has an image open on another host is seen only if it locks the image"
	}
	return f
}

func (t *tree) checkSpace() driver.Finding {
	f := driver.Finding{Name: "free-space", Status: driver.StatusOK}
	free, err := freeSpace(t.root)
	f.Detail = fmt.Sprintf("%d bytes free, min_free %d", free, t.config.MinFree)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		f.Status, f.Detail = driver.StatusSkip, "this system does not tell"
	case err != nil:
		f.Status, f.Detail = driver.StatusFail, err.Error()
	case free <= t.config.MinFree:
		f.Status, f.Hint = driver.StatusFail, "delete snapshots, or add space: nothing new can be made"
	case free < lowSpace:
		f.Status, f.Hint = driver.StatusWarn, "delete snapshots, or add space"
	}
	return f
}

// lowSpace is the free space, in bytes, below which Check warns.
const lowSpace = 1 << 30

// checkLeftovers counts what dead calls have left and the next Describe will remove.
func (t *tree) checkLeftovers() driver.Finding {
	f := driver.Finding{Name: "leftovers", Status: driver.StatusOK}
	count := 0
	err := t.list(volumesDir, func(e fs.DirEntry) bool {
		free, err := t.isFree(e.Name())
		if !e.IsDir() || err != nil || !free {
			return true
		}
		count += t.leftovers(e.Name())
		return true
	})
	f.Detail = fmt.Sprintf("%d remains of interrupted calls", count)
	switch {
	case err != nil:
		f.Status, f.Detail = driver.StatusFail, err.Error()
	case count > 0:
		f.Status, f.Hint = driver.StatusWarn, "they are removed by the next Describe; if they stay, see the log"
	}
	return f
}

// checkNames counts what lies in the folder and cannot be a volume.
func (t *tree) checkNames() driver.Finding {
	f := driver.Finding{Name: "names", Status: driver.StatusOK}
	images, others, example := 0, 0, ""
	err := t.list(".", func(e fs.DirEntry) bool {
		switch {
		case e.Name() == stateDir:
		case e.Type().IsRegular() && checkName(driver.VolumeID(e.Name())) == nil:
			images++
		default:
			others++
			example = fmt.Sprintf("; for instance %q, a %s", e.Name(), kind(e.Type()))
		}
		return true
	})
	f.Detail = fmt.Sprintf("%d images, %d other entries%s", images, others, example)
	switch {
	case err != nil:
		f.Status, f.Detail = driver.StatusFail, err.Error()
	case others > 0:
		f.Status, f.Hint = driver.StatusWarn, "only regular files named [A-Za-z0-9_][A-Za-z0-9._-]* are volumes; move the rest away"
	}
	return f
}
