package local

import (
	"io/fs"
	"os"
)

// allocated returns how many bytes of the file system the file takes, at most.
func allocated(info fs.FileInfo) int64 { return info.Size() }

// carryOver does nothing: access lists come from the folder.
func carryOver(*os.File, fs.FileInfo) error { return nil }
