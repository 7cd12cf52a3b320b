package engine_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// found is one difference between inventory and array, and what must hold after each action on it.
type found struct {
	name string
	settings
	kind    engine.FindingKind
	arrange func(w *world, s *stage)
	// detail is part of the finding's sentence.
	detail string
	after  map[engine.AuditAction]func(w *world, s *stage)
}

func findings() []found {
	two := func(w *world, s *stage) { s.one, s.two = w.create("one"), w.create("two") }
	there := func(n int) func(*world, *stage) {
		return func(w *world, _ *stage) { require.Len(w.t, w.array.AllSnapshots(), n) }
	}
	return slices.Concat(orphanFindings(two), missingFindings(two, there), changedFindings(two), volumeFindings(two), stuckFindings(two),
		[]found{{
			name: "foreign without a token", kind: engine.FindingForeign, detail: "without a token",
			arrange: func(w *world, s *stage) {
				two(w, s)
				w.array.AddForeignSnapshot(w.volume.Native, "by hand")
			},
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionReport: there(3)},
		}, {
			name: "foreign, another installation's", kind: engine.FindingForeign, detail: "another installation's",
			arrange: func(w *world, s *stage) {
				two(w, s)
				token, err := driver.NewToken("sother00")
				require.NoError(w.t, err)
				_, err = w.array.Driver().CreateSnapshot(ctx(w.t), driver.CreateSnapshotRequest{
					Volume: w.volume.Native, Token: token, Name: "theirs",
				})
				require.NoError(w.t, err)
			},
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionReport: there(3)},
		}})
}

func orphanFindings(two func(*world, *stage)) []found {
	adopted := func(w *world, s *stage) {
		tree := w.tree()
		require.Equal(w.t, 3, tree.Len())
		head, ok := tree.Get(w.now().Head)
		require.True(w.t, ok)
		require.Equal(w.t, "lost", head.Name)
		require.Equal(w.t, map[string]string{"by": "test"}, head.Labels)
		require.Equal(w.t, s.two.ID, head.Parent)
		require.Equal(w.t, snapshot.Assumed, head.Lineage)
		require.NotEmpty(w.t, head.Token)
		require.Equal(w.t, "tenant", head.Owner)
		w.clean()
		require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: head.ID}))
		w.tree()
	}
	dropped := func(w *world, _ *stage) {
		require.Equal(w.t, 2, w.tree().Len(), "nothing else was deleted")
		w.clean()
	}
	arrange := func(w *world, s *stage) {
		two(w, s)
		w.orphan(w.volume.Native, "lost")
	}
	after := map[engine.AuditAction]func(*world, *stage){
		engine.ActionAdopt: adopted, engine.ActionRepair: adopted, engine.ActionDrop: dropped,
	}
	return []found{
		{name: "orphan", kind: engine.FindingOrphan, detail: "no record", arrange: arrange, after: after},
		{
			name: "orphan, token in name", kind: engine.FindingOrphan, arrange: arrange, after: after,
			settings: settings{facts: driver.Facts{TokenInName: true}},
		},
		{
			name: "orphan, containers", kind: engine.FindingOrphan, arrange: arrange, after: after,
			settings: settings{facts: driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}},
		},
		{
			name: "orphan volume", kind: engine.FindingOrphanVolume, detail: "no record",
			arrange: func(w *world, s *stage) {
				two(w, s)
				s.native = w.orphanClone(s.one, "copy").ID
			},
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionAdopt: func(w *world, s *stage) {
				for v, err := range w.inv.Volumes(ctx(w.t), inventory.VolumeQuery{Origin: s.one.ID}) {
					require.NoError(w.t, err)
					require.Equal(w.t, s.native, v.Native)
					require.Equal(w.t, w.volume.ID, v.OriginVolume)
					require.NotEmpty(w.t, v.Token)
					require.Equal(w.t, "tenant", v.Owner)
					w.clean()
					return
				}
				require.Fail(w.t, "no volume knows that it came from the snapshot")
			}},
		},
	}
}

func missingFindings(two func(*world, *stage), there func(int) func(*world, *stage)) []found {
	gone := func(w *world, s *stage) {
		two(w, s)
		require.NoError(w.t, w.array.RemoveSnapshot(refOf(s.one)))
	}
	marked := func(w *world, s *stage) {
		require.Equal(w.t, snapshot.Missing, w.row(s.one.ID).State)
		require.Equal(w.t, s.one.ID, w.row(s.two.ID).Parent, "it keeps its children")
		w.clean()
		_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: s.one.ID})
		require.ErrorIs(w.t, err, driver.ErrNotFound)
	}
	removed := func(w *world, s *stage) {
		_, err := w.eng.Snapshot(ctx(w.t), s.one.ID)
		require.ErrorIs(w.t, err, driver.ErrNotFound)
		require.True(w.t, w.row(s.two.ID).Parent.IsZero(), "its children move up")
		w.tree()
		w.clean()
	}
	expired := func(w *world, s *stage) {
		gone(w, s)
		w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.ExpiresAt = time.Now().Add(-time.Minute) })
	}
	return []found{
		{
			name: "missing", kind: engine.FindingMissing, arrange: gone, detail: "not at the array any more",
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: marked, engine.ActionDrop: removed},
		},
		{
			name: "the head is missing", kind: engine.FindingMissing,
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.RemoveSnapshot(refOf(s.two)))
			},
			after: map[engine.AuditAction]func(*world, *stage){
				engine.ActionRepair: func(w *world, s *stage) { require.Equal(w.t, s.two.ID, w.now().Head) },
				engine.ActionDrop:   func(w *world, s *stage) { require.Equal(w.t, s.one.ID, w.now().Head) },
			},
		},
		{
			name: "expired", kind: engine.FindingExpired, arrange: expired, detail: "it expired on",
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: marked, engine.ActionDrop: removed},
		},
		{
			name: "there again", kind: engine.FindingReappeared, detail: "again",
			arrange: func(w *world, s *stage) {
				two(w, s)
				w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.State = snapshot.Missing })
			},
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: func(w *world, s *stage) {
				there(2)(w, s)
				w.tree()
				w.clean()
			}},
		},
	}
}

func changedFindings(two func(*world, *stage)) []found {
	usable := func(w *world, s *stage) {
		w.clean()
		w.revert(s.one)
		require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
		w.tree()
	}
	only := func(f func(*world, *stage)) map[engine.AuditAction]func(*world, *stage) {
		return map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: f}
	}
	named := settings{facts: driver.Facts{TokenInName: true}}
	return []found{
		{
			name: "size of a snapshot", kind: engine.FindingSizeChanged,
			arrange: func(w *world, s *stage) {
				two(w, s)
				w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.Size = 1 })
			},
			after: only(func(w *world, s *stage) {
				require.Equal(w.t, int64(size), w.row(s.one.ID).Size)
				usable(w, s)
			}),
		},
		{
			name: "a snapshot's name lost its token", kind: engine.FindingRenamed, settings: named, detail: "lost its token",
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.Rename(refOf(s.one), "do not delete"))
			},
			after: only(func(w *world, s *stage) {
				require.Empty(w.t, w.row(s.one.ID).Token)
				usable(w, s)
			}),
		},
		{
			name: "a snapshot's name has another token", kind: engine.FindingRenamed, settings: named, detail: "carries token",
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.Rename(refOf(s.one), string(w.token())+".copied by hand"))
			},
			after: only(usable),
		},
		{
			name: "native id of a snapshot", kind: engine.FindingNativeChanged, detail: "with the same token",
			arrange: func(w *world, s *stage) {
				two(w, s)
				w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.Native = "snap-1000" })
			},
			after: only(func(w *world, s *stage) {
				require.Equal(w.t, s.one.Native, w.row(s.one.ID).Native)
				usable(w, s)
			}),
		},
		{
			name: "native id of a snapshot, which is another's now", kind: engine.FindingNativeChanged, settings: named,
			arrange: func(w *world, s *stage) {
				two(w, s)
				theirs := w.array.AddForeignSnapshot(w.volume.Native, "theirs")
				w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.Native = theirs.ID })
			},
			after: only(func(w *world, s *stage) {
				require.Equal(w.t, s.one.Native, w.row(s.one.ID).Native)
				require.Equal(w.t, []engine.FindingKind{engine.FindingForeign}, kindsOf(w.audit(engine.AuditRequest{})))
			}),
		},
	}
}

func TestAuditFindings(t *testing.T) {
	for _, f := range findings() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			t.Run("dry run", func(t *testing.T) { playFinding(t, f, "") })
			for _, action := range slices.Sorted(maps.Keys(f.after)) {
				t.Run(string(action), func(t *testing.T) { playFinding(t, f, action) })
			}
		})
	}
}

// playFinding audits without and, unless the action is empty, with effect.
func playFinding(t *testing.T, f found, action engine.AuditAction) {
	t.Helper()
	w := newWorld(t, f.settings)
	var s stage
	f.arrange(w, &s)
	before, mutations := dump(t, w.inv), w.array.Mutations()
	report := w.audit(engine.AuditRequest{})
	require.Equal(t, []engine.FindingKind{f.kind}, kindsOf(report), report.String())
	require.Equal(t, before, dump(t, w.inv), "a dry run changes nothing")
	require.Equal(t, mutations, w.array.Mutations(), "a dry run changes nothing")
	require.Equal(t, report, w.audit(engine.AuditRequest{}), "a second one finds the same")
	require.Contains(t, report.String(), f.detail)
	require.Contains(t, report.String(), "dry run")
	require.False(t, report.Clean())
	if action == "" {
		return
	}
	report = w.audit(engine.AuditRequest{
		Apply: true, Actor: "auditor", Actions: map[engine.FindingKind]engine.AuditAction{f.kind: action},
	})
	require.Len(t, report.Findings(), 1)
	done := report.Findings()[0]
	require.Empty(t, done.Err)
	if action == engine.ActionReport {
		require.Empty(t, done.Taken)
		require.Equal(t, before, dump(t, w.inv))
		require.Equal(t, mutations, w.array.Mutations())
	} else {
		require.NotEmpty(t, done.Taken)
		op, err := w.inv.Operation(ctx(t), done.Operation)
		require.NoError(t, err)
		require.Equal(t, inventory.Succeeded, op.State)
		require.Equal(t, "auditor", op.Actor)
	}
	if action != engine.ActionDrop {
		require.Equal(t, mutations, w.array.Mutations(), "only a drop touches the array")
	}
	require.Empty(t, w.array.Violations())
	f.after[action](w, &s)
}
