package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestThemeQuiesce(t *testing.T) {
	hold := &engine.Quiesce{Max: 30 * time.Second}
	t.Run("a snapshot that fails does not leave the guest frozen", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: driver.Errorf(driver.ErrExhausted, "full")})
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "fails", Quiesce: hold})
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Empty(t, w.host.Frozen())
		w.fill(1)
	})
	t.Run("a freeze that fails does not cost the snapshot, and the record says what it is worth", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.faults.Add(drivertest.Fault{Method: "Quiesce", Err: driver.Errorf(driver.ErrUnsupported, "no agent")})
		s, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "as after a power cut", Quiesce: hold})
		require.NoError(t, err)
		require.Equal(t, snapshot.CrashConsistent, s.Consistency)
		require.NotEmpty(t, s.Quiesce, "that it was tried is told")
		require.Empty(t, w.host.Frozen())
	})
	t.Run("whoever finds the journal of a dead process thaws", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.close()
		for n := 1; ; n++ {
			w.killer = newKiller(n)
			w.open()
			_, _ = w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "dies", Quiesce: hold})
			dead := w.killer.isDead()
			w.die()
			w.open()
			require.NoError(t, w.eng.Idle(ctx(t)))
			require.Empty(t, w.host.Frozen(), "died at %d", n)
			w.fill(byte(n))
			if !dead {
				return
			}
			w.close()
		}
	})
}

func TestThemeCredentials(t *testing.T) {
	t.Run("what could not be deleted with old credentials can be with new ones", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := w.create("one")
		w.faults.Add(drivertest.Fault{Err: driver.Errorf(driver.ErrPermission, "the password was changed")})
		require.ErrorIs(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}), driver.ErrPermission)
		w.faults.Clear() // the program reads its secrets anew with each call
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
		require.Zero(t, w.tree().Len())
	})
	t.Run("an operation in the middle waits for them, and then goes on", func(t *testing.T) {
		w := newWorld(t, settings{host: true})
		w.fill(1)
		s := w.create("one")
		w.fill(2)
		w.faults.Add(drivertest.Fault{Method: "Grant", Err: driver.Errorf(driver.ErrPermission, "the password was changed")})
		op := snapshot.NewID[inventory.OperationID]()
		_, err := w.eng.Revert(ctx(t), engine.RevertRequest{
			Common: engine.Common{OperationID: op}, Volume: w.volume.ID, Snapshot: s.ID,
		})
		require.ErrorIs(t, err, driver.ErrPermission)
		w.faults.Clear()
		require.NoError(t, w.eng.Retry(ctx(t), op))
		require.NoError(t, w.eng.Idle(ctx(t)))
		require.Equal(t, byte(1), w.content(w.now().Native))
		w.consistent()
	})
}

func TestThemeImport(t *testing.T) {
	t.Run("what is at the array already can be taken over, in the order of time, and used at once", func(t *testing.T) {
		w := newWorld(t, settings{})
		native := w.array.AddVolume(size)
		for _, name := range []string{"monday", "tuesday"} {
			w.array.AddForeignSnapshot(native, name)
		}
		vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
		require.NoError(t, err)
		tree, err := w.eng.Tree(ctx(t), vol.ID)
		require.NoError(t, err)
		head, _ := tree.Get(vol.Head)
		require.Equal(t, "tuesday", head.Name)
		require.Equal(t, snapshot.Assumed, head.Lineage, "that it is a guess is told")
		_, err = w.eng.Revert(ctx(t), engine.RevertRequest{Volume: vol.ID, Snapshot: head.Parent})
		require.NoError(t, err)
	})
	t.Run("twice is refused, and names the record", func(t *testing.T) {
		w := newWorld(t, settings{})
		_, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.volume.Native})
		require.ErrorIs(t, err, driver.ErrConflict)
		require.ErrorContains(t, err, w.volume.ID.String())
	})
}

func TestThemeGroups(t *testing.T) {
	t.Run("one that could not be made leaves no members", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := &stage{}
		twoVolumes(w, s)
		w.faults.Add(drivertest.Fault{Method: "CreateGroup", Call: 1, When: drivertest.After, Err: errLostReply()},
			drivertest.Fault{Method: "LookupGroup", Call: 1, Err: driver.Errorf(driver.ErrBusy, "later")})
		_, _ = w.createGroup(s, nil)
		require.NoError(t, w.eng.Idle(ctx(t)))
		w.faults.Clear()
		n := len(w.array.AllSnapshots())
		require.Contains(t, []int{0, 2}, n, "all or none")
		for _, g := range w.groups() {
			require.Len(t, g.Members, n)
		}
		w.consistent()
	})
	t.Run("a deletion that was interrupted half-way is completed", func(t *testing.T) {
		w := newWorld(t, settings{without: []string{"Groups"}, host: true})
		s := &stage{}
		twoVolumes(w, s)
		g, err := w.createGroup(s, &engine.Quiesce{Max: time.Minute})
		if err != nil { // the sibling has no host that could hold its writes
			require.ErrorIs(t, err, driver.ErrUnsupported)
			return
		}
		w.loseReply("DeleteSnapshot")
		require.NoError(t, w.eng.DeleteGroup(ctx(t), engine.DeleteGroupRequest{Group: g.ID}))
		require.Empty(t, w.array.AllSnapshots())
	})
	t.Run("one whose member is gone says so, and the others can be used singly", func(t *testing.T) {
		w := newWorld(t, settings{})
		s := &stage{}
		grouped(w, s)
		g := w.groups()[0]
		require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: g.Members[0].ID}))
		now, err := w.eng.Group(ctx(t), g.ID)
		require.NoError(t, err)
		require.True(t, now.Degraded)
		_, err = w.eng.Revert(ctx(t), engine.RevertRequest{Volume: now.Members[0].Volume, Snapshot: now.Members[0].ID})
		require.NoError(t, err)
		require.NoError(t, w.eng.DeleteGroup(ctx(t), engine.DeleteGroupRequest{Group: g.ID}))
		require.Empty(t, w.array.AllSnapshots())
	})
}

func TestThemeTruthfulness(t *testing.T) {
	t.Run("a snapshot that failed is not shown, and one in the making not as ready", func(t *testing.T) {
		w := newWorld(t, settings{})
		hanging, release := blocked(w)
		op, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "in the making"})
		require.NoError(t, err)
		<-hanging
		all, err := w.eng.Snapshots(ctx(t), w.volume.ID)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, snapshot.Creating, all[0].State)
		w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: driver.Errorf(driver.ErrExhausted, "full")})
		release()
		_, err = w.eng.Wait(ctx(t), op.ID)
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Zero(t, w.tree().Len())
	})
	t.Run("counts agree with what exists", func(t *testing.T) {
		w := newWorld(t, settings{})
		for i := range 6 {
			s := w.create("s")
			if i%2 == 0 {
				w.loseReply("DeleteSnapshot")
				require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
			}
			n, err := w.inv.Count(ctx(t), inventory.SnapshotQuery{Volume: w.volume.ID})
			require.NoError(t, err)
			require.Equal(t, int(n), w.now().SnapshotCount)
			require.Len(t, w.array.AllSnapshots(), int(n))
		}
	})
	t.Run("who asked, for what, when and what came of it can be read afterwards", func(t *testing.T) {
		w := newWorld(t, settings{})
		op := snapshot.NewID[inventory.OperationID]()
		_, err := w.eng.Create(ctx(t), engine.CreateRequest{
			Common: engine.Common{OperationID: op, Actor: "alice"}, Volume: w.volume.ID, Name: "one",
		})
		require.NoError(t, err)
		x, err := w.eng.ExplainOperation(ctx(t), op)
		require.NoError(t, err)
		require.Contains(t, x.String(), "alice")
		require.Equal(t, string(inventory.Succeeded), x.State)
	})
}
