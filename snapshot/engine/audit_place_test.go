package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// placed is an orphan, and where it must end up when it is adopted.
type placed struct {
	name    string
	facts   driver.Facts
	arrange func(w *world) driver.SnapshotRef
	parent  string
	head    string // "" is none, "?" unknown
}

func places() []placed {
	return append(placesByTime(), placesByID()...)
}

func placesByTime() []placed {
	return []placed{{
		name:    "alone",
		arrange: func(w *world) driver.SnapshotRef { return w.orphan(w.volume.Native, "lost") },
		head:    "lost",
	}, {
		name: "youngest",
		arrange: func(w *world) driver.SnapshotRef {
			w.create("one")
			return w.orphan(w.volume.Native, "lost")
		},
		parent: "one", head: "lost",
	}, {
		name: "youngest, after a revert: the content descends from the head",
		arrange: func(w *world) driver.SnapshotRef {
			one := w.create("one")
			w.create("two")
			w.revert(one)
			return w.orphan(w.volume.Native, "lost")
		},
		parent: "one", head: "lost",
	}, {
		name: "between: the head stays, and so do the children",
		arrange: func(w *world) driver.SnapshotRef {
			w.create("one")
			lost := w.orphan(w.volume.Native, "lost")
			w.create("two")
			return lost
		},
		parent: "one", head: "two",
	}, {
		name: "oldest",
		arrange: func(w *world) driver.SnapshotRef {
			lost := w.orphan(w.volume.Native, "lost")
			w.create("one")
			return lost
		},
		head: "one",
	}}
}

func placesByID() []placed {
	changes := driver.Facts{RevertChangesID: true}
	unknown := func(w *world) {
		w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Head, v.HeadUnknown = snapshot.ID{}, true })
	}
	return []placed{{
		name: "head unknown",
		arrange: func(w *world) driver.SnapshotRef {
			w.create("one")
			unknown(w)
			return w.orphan(w.volume.Native, "lost")
		},
		parent: "one", head: "?",
	}, {
		name: "head unknown, taken under the present id", facts: changes,
		arrange: func(w *world) driver.SnapshotRef {
			w.revert(w.create("one"))
			unknown(w)
			return w.orphan(w.now().Native, "lost")
		},
		parent: "one", head: "lost",
	}, {
		name: "head unknown, a younger one was taken under the present id", facts: changes,
		arrange: func(w *world) driver.SnapshotRef {
			w.revert(w.create("one"))
			lost := w.orphan(w.now().Native, "lost")
			w.create("two")
			unknown(w)
			return lost
		},
		parent: "one", head: "?",
	}, {
		name: "taken under a former id", facts: changes,
		arrange: func(w *world) driver.SnapshotRef {
			one := w.create("one")
			lost := w.orphan(w.now().Native, "lost")
			w.revert(one)
			return lost
		},
		parent: "one", head: "one",
	}}
}

// TestAdoptPlaces: where an adopted snapshot ends up, and whether the head moves to it.
func TestAdoptPlaces(t *testing.T) {
	for _, tc := range places() {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, settings{facts: tc.facts})
			lost := tc.arrange(w)
			row, err := w.eng.Adopt(ctx(t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: lost})
			require.NoError(t, err)
			tree := w.tree()
			nameOf := func(id snapshot.ID) string {
				s, _ := tree.Get(id)
				return s.Name
			}
			require.Equal(t, tc.parent, nameOf(row.Parent))
			require.Equal(t, snapshot.Assumed, row.Lineage)
			now := w.now()
			require.Equal(t, tc.head == "?", now.HeadUnknown)
			if tc.head != "?" {
				require.Equal(t, tc.head, nameOf(now.Head))
			}
		})
	}
}

// TestAdoptUnready: what the array still makes is not adopted.
func TestAdoptUnready(t *testing.T) {
	w := newWorld(t, settings{})
	array := drivertestBackend("second")
	require.NoError(t, w.eng.AddBackend("second", unready{array.Driver()}))
	native := array.AddVolume(size)
	vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "second", Native: native})
	require.NoError(t, err)
	s, err := array.Driver().CreateSnapshot(ctx(t), driver.CreateSnapshotRequest{Volume: native, Token: w.token(), Name: "lost"})
	require.NoError(t, err)
	_, err = w.eng.Adopt(ctx(t), engine.AdoptRequest{Volume: vol.ID, Snapshot: s.Ref})
	require.ErrorIs(t, err, driver.ErrBusy)
}

// TestAuditVolumeThatIsNot: a volume that once had the id of ours is not ours.
func TestAuditVolumeThatIsNot(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{RevertChangesID: true}})
	w.create("one")
	theirs := w.array.AddVolume(size)
	ref := w.array.AddForeignSnapshot(theirs, "theirs")
	_, err := w.array.Driver().Revert(ctx(t), driver.RevertRequest{Volume: theirs, Snapshot: ref, Token: "sother000123456789"})
	require.NoError(t, err)
	w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Native = theirs })
	report := w.audit(engine.AuditRequest{})
	require.Contains(t, kindsOf(report), engine.FindingVolumeGone)
	require.NotContains(t, kindsOf(report), engine.FindingNativeChanged)
}

// TestAuditVolumeThatCameBack: a clone whose record says that it is gone, and that is there, can be adopted again.
func TestAuditVolumeThatCameBack(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	w.editVolume(clone.ID, func(v *inventory.Volume) {
		v.DeletedAt, v.Former, v.Native = v.CreatedAt, []driver.VolumeID{v.Native}, ""
	})
	require.Equal(t, []engine.FindingKind{engine.FindingOrphanVolume}, kindsOf(w.heal(nil)))
	w.clean()
	require.Len(t, volumesOf(w, clone.Native), 2, "the record of the one that was gone, and the one that is there")
}
