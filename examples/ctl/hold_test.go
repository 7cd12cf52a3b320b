package main

import (
	"testing"
	"time"

	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
	"github.com/stretchr/testify/require"
)

func TestHold(t *testing.T) {
	w := imported(t)
	held := decoded[snapshot.Snapshot](w, "snapshot", "hold", "first", "audit", "--reason", "case 4711", "--until", "90d")
	require.Equal(t, "audit", held.Holds[0].Name)
	require.Equal(t, "ada@desk", held.Holds[0].By)
	require.Equal(t, w.now.AddDate(0, 0, 90), held.Holds[0].Until)
	require.Contains(t, w.ok("snapshot", "list"), "ready, held\n")
	require.Contains(t, w.ok("snapshot", "show", "first"), "held:        audit by ada@desk: case 4711, since 2026-03-07 ")
	r := w.run("snapshot", "delete", "first", "--yes")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "  in the way: hold audit")
	require.Equal(t, "audit\tcase 4711\n:4\n", w.run("__complete", "snapshot", "release", "first", "").out)
	require.Contains(t, w.ok("snapshot", "release", "first", "audit"), "released snapshot web01@first (")
	require.Contains(t, w.ok("snapshot", "delete", "first", "--yes"), "deleted snapshot web01@first (")
}

func TestEdit(t *testing.T) {
	w := imported(t)
	first := decoded[snapshot.Snapshot](w, "snapshot", "edit", "first", "--label", "checked=no")
	require.Equal(t, map[string]string{"checked": "no", "ticket": "4711"}, first.Labels)
	first = decoded[snapshot.Snapshot](w, "snapshot", "edit", "first", "--label", "checked=yes", "--remove-label", "ticket")
	require.Equal(t, map[string]string{"checked": "yes"}, first.Labels)
	require.Equal(t, "first", first.Name)
	first = decoded[snapshot.Snapshot](w, "snapshot", "edit", "first", "--name", "installed")
	require.Equal(t, map[string]string{"checked": "yes"}, first.Labels, "labels stay unless they are named")
	require.Equal(t, "installed", first.Name)
	v := decoded[inventory.Volume](w, "volume", "edit", "web01", "--external-id", "vm-7", "--owner", "shop")
	require.Equal(t, "vm-7", v.ExternalID)
	v = decoded[inventory.Volume](w, "volume", "edit", "vm-7", "--external-id", "", "--name", "web02")
	require.Empty(t, v.ExternalID)
	require.Equal(t, "shop", v.Owner)
	require.Equal(t, exitRefused, w.run("volume", "edit", "web02").code, "nothing to edit")
}

// TestExpire: the inventory's clock decides, so what has expired for it has expired by the real time.
func TestExpire(t *testing.T) {
	w := newWorld(t)
	w.array = drivertest.NewBackend(drivertest.BackendOptions{Without: []string{"Expiry"}})
	w.now = time.Now().Add(-48 * time.Hour)
	w.lun("web")
	w.ok("snapshot", "create", "web", "short", "--expires", "1h")
	w.ok("snapshot", "create", "web", "held", "--expires", "2h")
	w.ok("snapshot", "create", "web", "long")
	w.ok("snapshot", "set-expiry", "long", "90d")
	w.ok("snapshot", "hold", "held", "audit")
	due := decoded[[]snapshot.Snapshot](w, "snapshot", "expire", "-n")
	require.Len(t, due, 2)
	r := w.run("snapshot", "expire")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "this deletes 2 snapshots that have expired")
	report := decoded[engine.ExpireReport](w, "snapshot", "expire", "--yes")
	require.Equal(t, []snapshot.ID{due[0].ID}, report.Deleted)
	require.Len(t, report.Kept, 1)
	require.Contains(t, w.ok("snapshot", "expire", "--yes"), "deleted 0 snapshots, kept 1\n  kept "+due[1].ID.String()+" (held): ")
	w.ok("snapshot", "set-expiry", "held", "never")
	require.Equal(t, "deleted 0 snapshots, kept 0\n", w.ok("snapshot", "expire"))
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 2)
	require.Len(t, w.array.AllSnapshots(), 2)
}

func TestTimes(t *testing.T) {
	w := newWorld(t)
	a := &app{streams: streams{now: func() time.Time { return w.now }}}
	for text, want := range map[string]time.Time{
		"": {}, "never": {}, "36h": w.now.Add(36 * time.Hour), "90d": w.now.AddDate(0, 0, 90),
		"2026-12-31":           time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC),
		"2026-12-31T23:59:00Z": time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC),
		"2026-12-31 23:59":     time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC),
	} {
		got, err := a.timeFrom("WHEN", text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"tomorrow", "-1h", "0h", "d", "-3d", "1w", "99999999d"} {
		_, err := a.timeFrom("WHEN", text)
		require.EqualError(t, err, `WHEN "`+text+`": want a time as 2026-12-31 or 2026-12-31T23:59:00Z (UTC), one from now as 36h or 90d, or never`)
	}
}
