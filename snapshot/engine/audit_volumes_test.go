package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// revertBehind reverts at the array, which changes the volume's id, and returns the id now.
func (w *world) revertBehind(to snapshot.Snapshot) driver.VolumeID {
	w.t.Helper()
	res, err := w.array.Driver().Revert(ctx(w.t), driver.RevertRequest{Volume: w.now().Native, Snapshot: refOf(to), Token: w.token()})
	require.NoError(w.t, err)
	return res.Volume
}

func volumeFindings(two func(*world, *stage)) []found {
	only := func(f func(*world, *stage)) map[engine.AuditAction]func(*world, *stage) {
		return map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: f}
	}
	noList := []string{"Volumes"}
	all := []found{{
		name: "native id of a volume", kind: engine.FindingNativeChanged, settings: settings{facts: driver.Facts{RevertChangesID: true}},
		arrange: func(w *world, s *stage) {
			two(w, s)
			s.native = w.revertBehind(s.one)
			for range 3 { // volumes of others
				w.array.AddForeignSnapshot(w.array.AddVolume(size), "theirs")
			}
		},
		after: only(func(w *world, s *stage) {
			now := w.now()
			require.Equal(w.t, s.native, now.Native)
			require.Equal(w.t, []driver.VolumeID{w.volume.Native}, now.Former)
			require.True(w.t, now.HeadUnknown)
			require.Equal(w.t, []engine.FindingKind{engine.FindingHeadUnknown}, kindsOf(w.audit(engine.AuditRequest{})))
			w.revert(s.two)
			w.clean()
			w.create("three")
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
			w.clean()
		}),
	}}
	for _, without := range [][]string{nil, noList} {
		name := map[bool]string{true: "", false: ", not listed"}[without == nil]
		all = append(all, found{
			name: "size of a volume" + name, kind: engine.FindingSizeChanged, settings: settings{without: without},
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.Grow(w.volume.Native, 2*size))
			},
			after: only(func(w *world, _ *stage) {
				require.Equal(w.t, int64(2*size), w.now().Size)
				w.clean()
			}),
		}, found{
			name: "name of a volume" + name, kind: engine.FindingRenamed, settings: settings{without: without}, detail: `"new name"`,
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.RenameVolume(w.volume.Native, "new name"))
			},
			after: only(func(w *world, _ *stage) {
				require.Equal(w.t, "disk", w.now().Name, "a person chose that one")
				w.clean()
			}),
		}, found{
			name: "volume gone" + name, kind: engine.FindingVolumeGone, settings: settings{without: without},
			arrange: func(w *world, s *stage) {
				two(w, s)
				require.NoError(w.t, w.array.RemoveVolume(w.volume.Native))
			},
			after: map[engine.AuditAction]func(*world, *stage){
				engine.ActionReport: func(*world, *stage) {},
				engine.ActionRepair: func(w *world, s *stage) {
					now := w.now()
					require.False(w.t, now.DeletedAt.IsZero())
					require.Empty(w.t, now.Native)
					require.Equal(w.t, []driver.VolumeID{w.volume.Native}, now.Former)
					require.Len(w.t, w.array.AllSnapshots(), 2, "its snapshots are still there, and known")
					w.clean()
					require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
				},
			},
		})
	}
	return all
}

func stuckFindings(two func(*world, *stage)) []found {
	nobody := snapshot.NewID[inventory.OperationID]()
	damaged := func(name string, damage func(w *world, s *stage), after func(w *world, s *stage)) found {
		return found{
			name: "stuck, " + name, kind: engine.FindingStuck, detail: "not open",
			arrange: func(w *world, s *stage) {
				two(w, s)
				damage(w, s)
			},
			after: map[engine.AuditAction]func(*world, *stage){engine.ActionRepair: func(w *world, s *stage) {
				after(w, s)
				w.clean()
				w.create("after all")
				w.tree()
			}},
		}
	}
	state := func(st snapshot.State) func(*snapshot.Snapshot) { return func(r *snapshot.Snapshot) { r.State = st } }
	count := func(n int) func(*world, *stage) {
		return func(w *world, _ *stage) { require.Equal(w.t, n, w.tree().Len()) }
	}
	all := []found{
		damaged("volume", func(w *world, _ *stage) {
			w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Pending = nobody })
		}, count(2)),
		damaged("pin", func(w *world, s *stage) {
			w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.Pins = []snapshot.Pin{{Operation: nobody.String(), Reason: "none"}} })
		}, count(2)),
		damaged("deleting", func(w *world, s *stage) { w.editRow(s.one.ID, state(snapshot.Deleting)) }, count(2)),
		damaged("deleting, gone", func(w *world, s *stage) {
			w.editRow(s.two.ID, state(snapshot.Deleting))
			require.NoError(w.t, w.array.RemoveSnapshot(refOf(s.two)))
		}, func(w *world, s *stage) {
			require.Equal(w.t, s.one.ID, w.now().Head)
			count(1)(w, s)
		}),
		damaged("creating, there", func(w *world, s *stage) {
			w.editRow(s.two.ID, func(r *snapshot.Snapshot) { r.State, r.Native, r.TakenAt = snapshot.Creating, "", r.TakenAt.Add(-1) })
			w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Head = s.one.ID })
		}, func(w *world, s *stage) {
			require.Equal(w.t, s.two.ID, w.now().Head)
			require.Equal(w.t, s.two.Native, w.row(s.two.ID).Native)
			count(2)(w, s)
		}),
		damaged("creating, not there", func(w *world, s *stage) {
			w.editRow(s.two.ID, func(r *snapshot.Snapshot) { r.State, r.Native = snapshot.Creating, "" })
			require.NoError(w.t, w.array.RemoveSnapshot(refOf(s.two)))
		}, count(1)),
		damaged("volume that was being cloned", func(w *world, s *stage) {
			v := w.orphanClone(s.one, "copy")
			s.native = v.ID
			w.edit(inventory.Change{Volumes: []inventory.VolumeChange{{Volume: inventory.Volume{
				ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Token: v.Token, Pending: nobody, Origin: s.one.ID, CreatedAt: time.Now(),
			}}}})
		}, func(w *world, s *stage) {
			require.Len(w.t, volumesOf(w, s.native), 1)
		}),
		damaged("volume that was never cloned", func(w *world, s *stage) {
			w.edit(inventory.Change{Volumes: []inventory.VolumeChange{{Volume: inventory.Volume{
				ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array", Token: w.token(), Pending: nobody, Origin: s.one.ID,
			}}}})
		}, func(w *world, _ *stage) {
			require.Len(w.t, volumesOf(w, ""), 1)
		}),
	}
	for i := range all[2:6] {
		all[i+2].detail = "no operation is open"
	}
	return all
}

// volumesOf returns the records of the backend's volumes with that native id; "" for all.
func volumesOf(w *world, native driver.VolumeID) []inventory.Volume {
	w.t.Helper()
	var all []inventory.Volume
	for v, err := range w.inv.Volumes(ctx(w.t), inventory.VolumeQuery{Backend: "array", Native: native}) {
		require.NoError(w.t, err)
		all = append(all, v)
	}
	return all
}

func TestAuditHeadUnknown(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Head, v.HeadUnknown = snapshot.ID{}, true })
	repair := map[engine.FindingKind]engine.AuditAction{engine.FindingHeadUnknown: engine.ActionRepair}

	report := w.audit(engine.AuditRequest{Apply: true, Actions: repair})
	require.Equal(t, []engine.FindingKind{engine.FindingHeadUnknown}, kindsOf(report))
	require.NotEmpty(t, report.Findings()[0].Err, "it is left for a person who knows")
	require.True(t, w.now().HeadUnknown)

	report = w.audit(engine.AuditRequest{Apply: true, Volume: w.volume.ID, Head: snapshot.NewID[snapshot.ID](), Actions: repair})
	require.NotEmpty(t, report.Findings()[0].Err, "no such snapshot")
	require.True(t, w.now().HeadUnknown)

	report = w.audit(engine.AuditRequest{Apply: true, Volume: w.volume.ID, Head: one.ID})
	require.Empty(t, report.Findings()[0].Taken, "not by default")

	report = w.audit(engine.AuditRequest{Apply: true, Volume: w.volume.ID, Head: one.ID, Actions: repair})
	require.Empty(t, report.Findings()[0].Err)
	require.Equal(t, one.ID, w.now().Head)
	w.clean()
}
