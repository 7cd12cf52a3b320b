package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlanCommand: ctl plan is the command with --dry-run, whatever flags it has and wherever they stand.
func TestPlanCommand(t *testing.T) {
	w := newWorld(t)
	w.lun("web")
	w.ok("snapshot", "create", "web", "one")
	for _, command := range [][]string{
		{"snapshot", "create", "web", "two", "--label", "a=b"},
		{"snapshot", "revert", "web", "one", "--keep", "kept"},
		{"volume", "delete", "web", "--snapshots", "delete", "-o", "json"},
		{"snapshot", "delete", "--", "web@one"},
	} {
		dry := append([]string{command[0], command[1], "-n"}, command[2:]...)
		require.Equal(t, w.run(dry...).code, w.run(append([]string{"plan"}, command...)...).code)
		require.Equal(t, w.stable(w.run(dry...).out), w.stable(w.run(append([]string{"plan"}, command...)...).out), "%v", command)
	}
	require.Contains(t, w.ok("snapshot", "list", "web"), "one")
	require.NotContains(t, w.ok("snapshot", "list", "web"), "two", "nothing was done")

	r := w.run("plan", "volume", "list")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "there is no plan of it")
	require.Equal(t, exitUsage, w.run("plan", "volume", "lsit").code)
	require.Contains(t, w.ok("plan", "--help"), "ctl plan COMMAND")
}
