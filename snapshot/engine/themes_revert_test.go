package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestThemeRevert(t *testing.T) {
	t.Run("under a running machine it is refused, not a success without effect", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.fill(1)
		s := w.create("one")
		w.fill(2)
		release, err := w.host.Hold(w.volume.Disk, "vm-7", true)
		require.NoError(t, err)
		_, err = w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: s.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.Equal(t, "vm-7", driver.BlockersOf(err)[0].ID)
		require.Equal(t, byte(2), w.content(w.volume.Native))
		release()
		w.revert(s)
		seen, err := w.host.Content(w.now().Disk)
		require.NoError(t, err)
		require.Equal(t, byte(1), seen[0], "the machine sees what the array has")
	})
	t.Run("twice to one snapshot, with a new one after each, gives two branches", func(t *testing.T) {
		for name, facts := range map[string]driver.Facts{"plain": {}, "the id changes": {RevertChangesID: true}} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, settings{facts: facts})
				w.fill(1)
				base := w.create("base")
				for b := byte(2); b < 4; b++ {
					w.revert(base)
					w.revert(base)
					w.fill(b)
					s := w.create("branch")
					require.Equal(t, base.ID, s.Parent)
					require.Equal(t, s.ID, w.now().Head)
				}
				tree := w.tree()
				require.Equal(t, 3, tree.Len())
				for s := range tree.Children(base.ID) {
					w.revert(s)
				}
				require.Equal(t, byte(3), w.content(w.now().Native))
			})
		}
	})
	t.Run("clones and snapshots know where they come from after the volume has got another id", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{RevertChangesID: true}, host: true})
		w.fill(1)
		one := w.create("one")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy", Host: "pool"})
		require.NoError(t, err)
		w.fill(2)
		two := w.create("two")
		w.revert(one)
		now, err := w.eng.Volume(ctx(t), clone.ID)
		require.NoError(t, err)
		require.Equal(t, one.ID, now.Origin)
		require.Equal(t, w.volume.ID, now.OriginVolume)
		w.revert(two)
		require.Equal(t, byte(2), w.content(w.now().Native))
		again, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "another copy"})
		require.NoError(t, err)
		require.Equal(t, byte(1), w.content(again.Native))
	})
}

func TestThemeRevertAndAttachment(t *testing.T) {
	t.Run("a detached volume can be reverted, and stays detached", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.fill(1)
		s := w.create("one")
		w.fill(2)
		lun, err := w.array.LUN(w.volume.Native)
		require.NoError(t, err)
		h := w.host.Driver()
		a, err := h.Attachments(ctx(t), lun)
		require.NoError(t, err)
		require.NoError(t, h.Detach(ctx(t), a))
		w.revert(s)
		require.Equal(t, byte(1), w.content(w.volume.Native))
		require.Zero(t, w.host.Attached(w.now().Disk))
	})
	t.Run("it is attached on as many members as before, and to nobody else", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		s := w.create("one")
		members, access := w.host.Attached(w.volume.Disk), w.array.Access(w.volume.Native)
		for _, call := range []string{"Revoke", "Grant", "Attach", "Detach"} {
			w.faults.Clear()
			w.loseReply(call)
			w.revert(s)
			require.Equal(t, members, w.host.Attached(w.now().Disk), call)
			require.Equal(t, access, w.array.Access(w.now().Native), call)
		}
		w.consistent()
	})
	t.Run("the content before it can be kept, and had again", func(t *testing.T) {
		w := newWorld(t, settings{})
		w.fill(1)
		one := w.create("one")
		w.fill(2)
		r, err := w.eng.Revert(ctx(t), engine.RevertRequest{
			Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "before the revert",
		})
		require.NoError(t, err)
		kept, err := w.eng.Snapshot(ctx(t), r.Kept)
		require.NoError(t, err)
		w.revert(kept)
		require.Equal(t, byte(2), w.content(w.now().Native))
	})
}

func TestThemeHierarchy(t *testing.T) {
	t.Run("there is one head, and every parent is there, whatever was deleted and reverted", func(t *testing.T) {
		w := newWorld(t, settings{})
		var all []snapshot.Snapshot
		for b := range byte(12) {
			w.fill(b + 1)
			all = append(all, w.create("s"))
			if b%3 == 2 {
				w.revert(all[b/2])
			}
		}
		for i := 0; i < len(all); i += 2 {
			require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: all[i].ID}))
			tree := w.tree() // which is checked
			require.Equal(t, len(all)-i/2-1, tree.Len())
		}
		for i := 1; i < len(all); i += 2 {
			w.revert(all[i])
			require.Equal(t, byte(i+1), w.content(w.now().Native), "each is still its own content")
			require.Equal(t, all[i].ID, w.now().Head)
		}
	})
	t.Run("a record that is broken is named, and the other volumes are not the worse for it", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("one")
		native := w.array.AddVolume(size)
		other, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
		require.NoError(t, err)
		s.Parent = snapshot.NewID[snapshot.ID]() // a snapshot that never was
		commit(w, inventory.Change{Put: []snapshot.Snapshot{s}})
		_, err = w.eng.Tree(ctx(t), w.volume.ID)
		require.ErrorIs(t, err, driver.ErrInvalid)
		require.ErrorContains(t, err, s.ID.String())
		_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: other.ID, Name: "healthy"})
		require.NoError(t, err)
		_, err = w.eng.Tree(ctx(t), other.ID)
		require.NoError(t, err)
	})
}

func TestThemeCloneDependence(t *testing.T) {
	facts := driver.Facts{CloneDependence: driver.CloneUntilSplit}
	t.Run("the snapshot's deletion is refused and names the clone; nothing is split unasked", func(t *testing.T) {
		w := newWorld(t, settings{facts: facts})
		s := w.create("source")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
		require.NoError(t, err)
		err = w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID})
		require.ErrorIs(t, err, driver.ErrInUse)
		require.Equal(t, clone.ID.String(), driver.BlockersOf(err)[0].ID)
		require.Zero(t, w.array.Counts()["Split"])
		_, err = w.eng.Split(ctx(t), engine.SplitRequest{Volume: clone.ID})
		require.NoError(t, err)
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
	})
	t.Run("the clone's deletion sets the snapshot free", func(t *testing.T) {
		w := newWorld(t, settings{facts: driver.Facts{CloneDependence: driver.CloneDependent}})
		s := w.create("source")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "copy"})
		require.NoError(t, err)
		require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: clone.ID}))
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		require.Zero(t, w.tree().Len())
	})
	t.Run("a snapshot of a volume that is gone can be cloned beside where it was", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.fill(7)
		s := w.create("source")
		require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{
			Volume: w.volume.ID, Snapshots: engine.SnapshotsKeep,
		}))
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "back again", Host: "pool"})
		require.NoError(t, err)
		require.Equal(t, byte(7), w.content(clone.Native))
		require.Positive(t, w.host.Attached(clone.Disk))
	})
}

func TestThemeSizeMismatch(t *testing.T) {
	t.Run("a clone smaller than its snapshot is refused before anything is made", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("one")
		_, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "small", Size: size / 2})
		require.ErrorIs(t, err, driver.ErrInvalid)
		require.Len(t, w.array.Volumes(), 1)
	})
	t.Run("after a volume has grown, its snapshot says what it had, and a revert what it has", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		one := w.create("small")
		require.NoError(t, w.array.Grow(w.volume.Native, 2*size))
		two, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "large"})
		require.NoError(t, err)
		require.Equal(t, int64(size), one.Size)
		require.Equal(t, int64(2*size), two.Size)
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: two.ID, Name: "copy"})
		require.NoError(t, err)
		require.Equal(t, int64(2*size), clone.Size)
		w.revert(one)
		array, err := w.array.Driver().Volume(ctx(t), w.now().Native)
		require.NoError(t, err)
		require.Equal(t, array.Size, w.now().Size, "the record says what the array has")
		require.Positive(t, w.host.Attached(w.now().Disk))
	})
	t.Run("a larger clone is as large as it was asked for, and says so", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("one")
		clone, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: s.ID, Name: "large", Size: 3 * size})
		require.NoError(t, err)
		array, err := w.array.Driver().Volume(ctx(t), clone.Native)
		require.NoError(t, err)
		require.Equal(t, []int64{3 * size, 3 * size}, []int64{clone.Size, array.Size})
	})
}
