//go:build unix

package local_test

import (
	"io/fs"
	"syscall"
)

// allocated returns how many bytes of the file system the file takes; false where that cannot be told.
func allocated(info fs.FileInfo) (int64, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	return st.Blocks * 512, ok
}

// owner returns the ids of user and group.
func owner(info fs.FileInfo) [2]uint32 {
	st, _ := info.Sys().(*syscall.Stat_t)
	return [2]uint32{st.Uid, st.Gid}
}
