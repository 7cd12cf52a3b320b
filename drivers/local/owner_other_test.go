//go:build !unix

package local_test

import "io/fs"

func allocated(fs.FileInfo) (int64, bool) { return 0, false }

func owner(fs.FileInfo) [2]uint32 { return [2]uint32{} }
