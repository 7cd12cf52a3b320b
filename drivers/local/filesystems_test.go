package local_test

import (
	"maps"
	"slices"
	"testing"
)

// eachFileSystem runs f on a folder of each file system: the temporary folder's, of which nothing is known, and those that
// have reflinks for certain.
func eachFileSystem(t *testing.T, f func(t *testing.T, dir string)) {
	t.Helper()
	t.Run("tmp", func(t *testing.T) { f(t, t.TempDir()) })
	eachReflinker(t, f)
}

// eachReflinker runs f on a folder of each file system that has reflinks.
func eachReflinker(t *testing.T, f func(t *testing.T, dir string)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(reflinkers)) {
		t.Run(name, func(t *testing.T) { f(t, reflinkers[name](t)) })
	}
}
