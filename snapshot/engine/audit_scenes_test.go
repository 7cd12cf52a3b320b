package engine_test

import (
	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// auditScenes are the operations by which an audit acts. What was not done is done afterwards, so that the judge finds
// inventory and array in agreement.
func auditScenes() []scene {
	two := func(w *world, s *stage) {
		w.fill(1)
		s.one, s.two = w.create("one"), w.create("two")
		w.fill(3)
	}
	return append(orphanScenes(func(w *world, s *stage) {
		two(w, s)
		s.lost = w.orphan(w.volume.Native, "lost")
	}), recordScenes(two, func(w *world, s *stage) {
		two(w, s)
		require.NoError(w.t, w.array.RemoveSnapshot(refOf(s.one)))
	})...)
}

func orphanScenes(withOrphan func(*world, *stage)) []scene {
	adopt := scene{
		name: "adopt", before: withOrphan,
		act: func(w *world, s *stage) error {
			_, err := w.eng.Adopt(w.context(), engine.AdoptRequest{Common: s.common(), Volume: w.volume.ID, Snapshot: s.lost})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			if !done {
				require.Equal(w.t, s.two.ID, w.now().Head)
				_, err := w.eng.Adopt(ctx(w.t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: s.lost})
				require.NoError(w.t, err)
			}
			tree := w.tree()
			require.Equal(w.t, 3, tree.Len())
			head, ok := tree.Get(w.now().Head)
			require.True(w.t, ok)
			require.Equal(w.t, "lost", head.Name)
			require.Equal(w.t, s.two.ID, head.Parent)
		},
	}
	remove := scene{
		name: "drop, orphan", before: withOrphan,
		act: func(w *world, s *stage) error {
			return w.eng.Drop(w.context(), engine.DropRequest{Common: s.common(), Volume: w.volume.ID, Orphan: s.lost})
		},
		after: func(w *world, s *stage, done bool) {
			if !done {
				require.Len(w.t, w.array.AllSnapshots(), 3)
				require.NoError(w.t, w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Orphan: s.lost}))
			}
			require.Equal(w.t, 2, w.tree().Len())
			require.Equal(w.t, s.two.ID, w.now().Head)
		},
	}
	return []scene{adopt, remove}
}

func recordScenes(two, withMissing func(*world, *stage)) []scene {
	repair := scene{
		name: "repair", before: withMissing,
		act: func(w *world, s *stage) error {
			return w.eng.Repair(w.context(), engine.RepairRequest{
				Common: s.common(), Finding: engine.FindingMissing, Volume: w.volume.ID, Snapshot: s.one.ID,
			})
		},
		after: func(w *world, s *stage, done bool) {
			row, err := w.inv.Snapshot(ctx(w.t), s.one.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, map[bool]snapshot.State{true: snapshot.Missing, false: snapshot.Ready}[done], row.State)
			require.NoError(w.t, w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Snapshot: s.one.ID}))
		},
	}
	drop := scene{
		name: "drop, record", before: withMissing,
		act: func(w *world, s *stage) error {
			return w.eng.Drop(w.context(), engine.DropRequest{Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID})
		},
		after: func(w *world, s *stage, done bool) {
			_, err := w.inv.Snapshot(ctx(w.t), s.one.ID)
			if !done {
				require.NoError(w.t, err)
				require.NoError(w.t, w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Snapshot: s.one.ID}))
			} else {
				require.ErrorIs(w.t, err, inventory.ErrNotFound)
			}
			row, ok := w.tree().Get(s.two.ID)
			require.True(w.t, ok)
			require.True(w.t, row.Parent.IsZero())
		},
	}
	moved := scene{
		name: "repair, changed id", settings: settings{facts: driver.Facts{RevertChangesID: true}},
		before: func(w *world, s *stage) {
			two(w, s)
			s.native = w.revertBehind(s.one)
		},
		act: func(w *world, s *stage) error {
			return w.eng.Repair(w.context(), engine.RepairRequest{
				Common: s.common(), Finding: engine.FindingNativeChanged, Volume: w.volume.ID, Native: s.native,
			})
		},
		after: func(w *world, s *stage, done bool) {
			require.Equal(w.t, map[bool]driver.VolumeID{true: s.native, false: w.volume.Native}[done], w.now().Native)
			require.Equal(w.t, done, w.now().HeadUnknown)
		},
	}
	return []scene{repair, drop, moved}
}
