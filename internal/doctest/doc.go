// Package doctest holds no code, only tests of what no compiler checks: that everything exported is documented, that README's
// code and commands are those that CI runs, that links lead somewhere, that packages import only what their layer may, and
// that files and functions stay small.
//
// # Files
//
// testdata/imports.txt lists each package with what it imports beside the standard library, so that a new dependency, or
// a new edge between our packages, is a line in a review. After such a change:
//
//	go test ./internal/doctest -update
package doctest
