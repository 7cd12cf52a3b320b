package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestRestoredBackup: the inventory's file is lost and an old copy is put in its place, while the array went on. An audit
// shows exactly what the copy does not know; applied, it heals all that can be known, and work goes on.
func TestRestoredBackup(t *testing.T) {
	for _, tc := range []struct {
		name  string
		facts driver.Facts
	}{
		{"plain", driver.Facts{}},
		{"revert changes the id", driver.Facts{RevertChangesID: true}},
		{"token in name", driver.Facts{TokenInName: true}},
		{"containers", driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}},
		{"changes the id, token in name, snapshots die with their volume", driver.Facts{
			RevertChangesID: true, TokenInName: true, SnapshotsDieWithVolume: true,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			playRestore(t, tc.facts)
		})
	}
}

// history is what was done before and after the backup.
type history struct {
	w            *world
	path, backup string
	a, b, c, u   snapshot.Snapshot
	other        inventory.Volume // with a snapshot, reverted after the backup
	gone         inventory.Volume // a clone from before the backup, deleted after it
	clone        inventory.Volume // made after the backup, with a snapshot of its own
	volume       inventory.Volume // the main one, as it is at the end
}

func playRestore(t *testing.T, facts driver.Facts) {
	t.Helper()
	h := &history{path: filepath.Join(fastDir(t), "inventory.db")}
	h.backup = h.path + ".old"
	require.NoError(t, os.WriteFile(h.path, emptySQLite(), 0o600))
	h.w = newWorld(t, settings{facts: facts, inv: h.open})
	h.before()
	h.restart(func() { copyFile(t, h.path, h.backup) })
	h.after()
	h.restart(func() {
		copyFile(t, h.backup, h.path)
		for _, suffix := range []string{"-wal", "-shm"} {
			_ = os.Remove(h.path + suffix)
		}
	})
	h.differs(facts)
	h.heals(facts)
	h.goesOn()
}

func (h *history) open(t testing.TB) inventory.Inventory {
	t.Helper()
	inv, err := sqlite.Open(ctx(t), h.path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = inv.Close() })
	return inv
}

// restart ends the process, does something with the closed file, and starts it again.
func (h *history) restart(between func()) {
	w := h.w
	w.close()
	require.NoError(w.t, w.inv.Close())
	between()
	w.inv = h.open(w.t)
	w.killer = nil
	w.open()
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	doc, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, doc, 0o600))
}

func (h *history) before() {
	w := h.w
	h.a = w.create("a")
	w.fill(2)
	h.b = w.create("b")
	var err error
	h.other, err = w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size), Name: "other"})
	require.NoError(w.t, err)
	h.u, err = w.eng.Create(ctx(w.t), engine.CreateRequest{Volume: h.other.ID, Name: "u"})
	require.NoError(w.t, err)
	h.gone, err = w.eng.Clone(ctx(w.t), engine.CloneRequest{Snapshot: h.a.ID, Name: "gone"})
	require.NoError(w.t, err)
}

func (h *history) after() {
	w := h.w
	w.fill(3)
	h.c = w.create("c")
	w.revert(h.b)
	w.create("d")
	w.revert(h.c)
	w.fill(4)
	w.create("e")
	require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: h.a.ID}))
	_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Volume: h.other.ID, Snapshot: h.u.ID})
	require.NoError(w.t, err)
	require.NoError(w.t, w.eng.DeleteVolume(ctx(w.t), engine.DeleteVolumeRequest{Volume: h.gone.ID}))
	h.clone, err = w.eng.Clone(ctx(w.t), engine.CloneRequest{Snapshot: h.c.ID, Name: "clone"})
	require.NoError(w.t, err)
	_, err = w.eng.Create(ctx(w.t), engine.CreateRequest{Volume: h.clone.ID, Name: "of the clone"})
	require.NoError(w.t, err)
	h.volume = w.now()
	w.consistent()
	w.clean()
}

// differs: a dry run shows exactly what the backup does not know.
func (h *history) differs(facts driver.Facts) {
	w := h.w
	before := dump(w.t, w.inv)
	report := w.audit(engine.AuditRequest{})
	require.Equal(w.t, before, dump(w.t, w.inv))
	want := []engine.FindingKind{
		engine.FindingVolumeGone, engine.FindingOrphan, engine.FindingOrphan, engine.FindingOrphan, engine.FindingOrphan,
		engine.FindingOrphanVolume, engine.FindingMissing,
	}
	if facts.RevertChangesID {
		want = append([]engine.FindingKind{engine.FindingNativeChanged, engine.FindingNativeChanged}, want...)
	}
	require.Equal(w.t, want, kindsOf(report), report.String())
	var orphans []string
	for _, f := range report.Findings() {
		switch f.Kind {
		case engine.FindingOrphan:
			orphans = append(orphans, f.Name)
		case engine.FindingMissing:
			require.Equal(w.t, h.a.ID, f.Snapshot)
		case engine.FindingOrphanVolume:
			require.Equal(w.t, h.clone.Native, f.NativeVolume)
		case engine.FindingVolumeGone:
			require.Equal(w.t, h.gone.ID, f.Volume)
		default:
		}
	}
	require.Equal(w.t, []string{"c", "d", "e", "of the clone"}, orphans)
}

// heals: what is applied leaves nothing to find, but what nobody can know.
func (h *history) heals(facts driver.Facts) {
	w := h.w
	w.heal(map[engine.FindingKind]engine.AuditAction{engine.FindingVolumeGone: engine.ActionRepair})
	if facts.RevertChangesID {
		report := w.audit(engine.AuditRequest{})
		require.Equal(w.t, []engine.FindingKind{engine.FindingHeadUnknown}, kindsOf(report), report.String())
		report = w.audit(engine.AuditRequest{
			Apply: true, Volume: h.other.ID, Head: h.u.ID,
			Actions: map[engine.FindingKind]engine.AuditAction{engine.FindingHeadUnknown: engine.ActionRepair},
		})
		require.Empty(w.t, report.Findings()[0].Err)
	}
	w.clean()
	now := w.now()
	require.Equal(w.t, h.volume.Native, now.Native)
	require.Equal(w.t, h.volume.Former, now.Former)
	tree, err := w.eng.Tree(ctx(w.t), w.volume.ID)
	require.NoError(w.t, err)
	var names []string
	for _, s := range tree.Path(now.Head) {
		names = append(names, s.Name)
	}
	require.Equal(w.t, []string{"a", "b", "c", "d", "e"}, names, "the branch is not known any more; the head is")
	a, _ := tree.Get(h.a.ID)
	require.Equal(w.t, snapshot.Missing, a.State)
	clones := volumesOf(w, h.clone.Native)
	require.Len(w.t, clones, 1)
	require.Equal(w.t, h.clone.Token, clones[0].Token)
	require.Equal(w.t, "clone", clones[0].Name)
	require.Equal(w.t, w.volume.ID, clones[0].OriginVolume)
	require.Equal(w.t, "tenant", clones[0].Owner)
	require.Equal(w.t, 1, clones[0].SnapshotCount)
	source, ok := tree.Get(clones[0].Origin)
	require.True(w.t, ok)
	require.Equal(w.t, h.c.Token, source.Token)
	h.c, h.clone = source, clones[0]
}

// goesOn: everything works again.
func (h *history) goesOn() {
	w := h.w
	f := w.create("f")
	require.Equal(w.t, "e", w.row(f.Parent).Name)
	w.revert(h.c)
	require.Equal(w.t, byte(3), w.content(w.now().Native))
	w.revert(f)
	require.Equal(w.t, byte(4), w.content(w.now().Native))
	require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: h.c.ID}))
	require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: h.a.ID}), "a missing one goes from the inventory")
	_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Volume: h.other.ID, Snapshot: h.u.ID})
	require.NoError(w.t, err)
	require.NoError(w.t, w.eng.DeleteVolume(ctx(w.t), engine.DeleteVolumeRequest{
		Volume: h.clone.ID, Snapshots: engine.SnapshotsDelete,
	}))
	w.tree()
	w.clean()
}
