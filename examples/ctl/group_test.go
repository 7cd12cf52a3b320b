package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// lun makes a volume at the array in memory and imports it.
func (w *world) lun(name string) driver.VolumeID {
	native := w.array.AddVolume(1 << 20)
	w.ok("volume", "import", "array", string(native), "--name", name)
	return native
}

func TestGroup(t *testing.T) {
	w := newWorld(t)
	web, db := w.lun("web"), w.lun("db")
	require.NoError(t, w.array.WriteAt(web, []byte("old"), 0))
	made := decoded[engine.Group](w, "group", "create", "nightly", "web", "db", "--label", "ticket=4711", "--expires", "3650d") // the array has a clock of its own
	require.Len(t, made.Members, 2)
	require.False(t, made.Members[0].ExpiresAt.IsZero())
	require.NoError(t, w.array.WriteAt(web, []byte("new"), 0))
	require.Equal(t, made, decoded[engine.Group](w, "group", "show", made.ID.Short()))
	require.Equal(t, []engine.Group{made}, decoded[[]engine.Group](w, "group", "list", "--volume", "web"))
	require.Equal(t, "ID        NAME     CREATED (UTC)     VOLUMES  CONSISTENCY  STATE\n"+
		"00000001  nightly  2026-03-07 12:04  2        group        whole\n", w.stable(w.ok("group", "list")))
	require.Contains(t, w.ok("group", "show", "nightly"), "(web@nightly), ready")
	require.Equal(t, "nightly\t2026-03-07 12:04\n:4\n", w.run("__complete", "group", "show", "").out)
	require.Equal(t, "web\tarray/"+string(web)+"\n:4\n", w.run("__complete", "group", "create", "x", "db", "w").out)

	r := w.run("group", "revert", "nightly", "--keep", "kept")
	require.Equal(t, exitRefused, r.code)
	require.Equal(t, "reverted 2 volumes to group nightly\n", w.ok("group", "revert", "nightly", "--keep", "kept", "--yes"))
	was := make([]byte, 3)
	require.NoError(t, w.array.ReadAt(web, was, 0))
	require.Equal(t, "old", string(was))
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list", "--name", "kept"), 2)

	w.ok("snapshot", "delete", "db@nightly", "--yes")
	require.Contains(t, w.ok("group", "list"), "degraded: 1 left\n")
	require.Equal(t, "deleted group nightly ("+made.ID.String()+")\n", w.ok("group", "delete", "nightly", "--yes"))
	require.Equal(t, "There are no such groups.\n", w.ok("group", "list"))
	require.Equal(t, exitRefused, w.run("group", "show", "nightly").code)
	require.Equal(t, int64(1<<20), decoded[inventory.Volume](w, "volume", "show", string("array/"+db)).Size)
}

// TestQuiesce: what was asked for and could not be had is told, or refused.
func TestQuiesce(t *testing.T) {
	w := newWorld(t)
	w.lun("web")
	require.Equal(t, snapshot.QuiesceFellBack, decoded[snapshot.Snapshot](w, "snapshot", "create", "web", "one", "--quiesce").Quiesce)
	r := w.run("snapshot", "create", "web", "two", "--quiesce-required")
	require.Equal(t, exitRefused, r.code, r.err)
	require.Contains(t, w.ok("snapshot", "show", "one"), "quiesce:     fell-back\n")
}

// TestSiblings: what else an array rolls back has to be named.
func TestSiblings(t *testing.T) {
	w := newWorld(t)
	w.array = drivertest.NewBackend(drivertest.BackendOptions{
		Facts: driver.Facts{RevertUnit: driver.UnitContainer, SnapshotUnit: driver.UnitContainer, RevertFenced: true},
	})
	for _, name := range []string{"web", "db"} {
		w.ok("volume", "import", "array", string(w.array.AddVolumeIn("pool", 1<<20)), "--name", name)
	}
	w.ok("snapshot", "create", "web", "one")
	r := w.run("snapshot", "revert", "web@one", "--yes")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "in the way: volume ")
	require.True(t, strings.HasPrefix(w.ok("snapshot", "revert", "web@one", "--yes", "--sibling", "db"), "reverted to web@one"))
}

func TestSplit(t *testing.T) {
	w := newWorld(t)
	w.array = drivertest.NewBackend(drivertest.BackendOptions{Facts: driver.Facts{CloneDependence: driver.CloneUntilSplit}})
	w.lun("web")
	w.ok("snapshot", "create", "web", "one")
	w.ok("snapshot", "clone", "one", "copy")
	require.Equal(t, exitRefused, w.run("snapshot", "delete", "one", "--yes").code)
	require.Contains(t, w.ok("volume", "split", "copy"), "split volume copy (")
	w.ok("snapshot", "delete", "one", "--yes")
}
