package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestAudit: it reports, and acts only if told to; what would lose something is asked for.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	native := w.lun("web")
	require.Empty(t, decoded[engine.AuditReport](w, "audit").Findings())
	for _, name := range []string{"one", "two"} {
		one := decoded[snapshot.Snapshot](w, "snapshot", "create", "web", name)
		require.NoError(t, w.array.RemoveSnapshot(driver.SnapshotRef{
			Volume: native, ID: one.Native, Token: driver.Token(one.Token),
		}))
	}
	w.array.AddForeignSnapshot(native, "somebody's")

	report := decoded[engine.AuditReport](w, "audit", "array", "--volume", "web")
	require.False(t, report.Applied)
	require.Len(t, report.Findings(), 3)
	text := w.ok("audit")
	require.Contains(t, text, "foreign: ")
	require.Contains(t, text, "missing: ")
	require.Contains(t, text, "this was a dry run: nothing was changed\n")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list", "--state", "ready"), 2)

	r := w.run("audit", "--apply", "--action", "missing=drop")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "this drops what the audit finds: missing=drop; nobody could be asked")
	w.ok("audit", "--apply")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list", "--state", "missing"), 2)
	require.Contains(t, w.ok("explain", "web@one"), ": missing\n")

	r = w.run("audit", "--action", "foreign=drop")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "foreign")
	require.Equal(t, exitUsage, w.run("audit", "--action", "foreign").code)
	require.Equal(t, exitRefused, w.run("audit", "--volume", "nothing").code)

	w.faults.Add(drivertest.Fault{Method: "Describe", Err: driver.Errorf(driver.ErrUnavailable, "no route to host")})
	r = w.run("audit")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, "backend images: up; ")
	require.Contains(t, r.err, "ctl: 1 backends were not audited to the end, and 0 actions failed\n")
}
