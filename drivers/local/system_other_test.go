//go:build !linux

package local_test

import "testing"

// reflinkers: none that the tests could mount.
var reflinkers map[string]func(t testing.TB) string

// runChild does nothing: no test here starts child processes.
func runChild() {}

// specialFiles makes none.
func specialFiles(*testing.T, string) []string { return nil }
