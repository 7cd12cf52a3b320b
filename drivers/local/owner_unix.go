//go:build unix

package local

import (
	"io/fs"
	"os"
	"syscall"
)

// allocated returns how many bytes of the file system the file takes.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512 //nolint:unconvert // other systems have other widths
	}
	return info.Size()
}

// carryOver gives the file the owner and mode of another.
func carryOver(f *os.File, from fs.FileInfo) error {
	want, ok := from.Sys().(*syscall.Stat_t)
	if !ok {
		return f.Chmod(from.Mode().Perm())
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := info.Sys().(*syscall.Stat_t); !ok || have.Uid != want.Uid || have.Gid != want.Gid {
		if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(from.Mode().Perm())
}
