package engine_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// sharing is an array whose one snapshot covers the two volumes of a container. It lists it under the volume that it was asked
// for, and under the first if it was asked for all.
type sharing struct {
	driver.Driver

	token   driver.Token
	deleted int
}

func (*sharing) Abilities() driver.Abilities { return driver.Abilities{} }

func (*sharing) Describe(context.Context) (driver.Description, error) {
	return driver.Description{Backend: "sharing", Facts: driver.Facts{SnapshotUnit: driver.UnitContainer}}, nil
}

func (*sharing) Volume(_ context.Context, id driver.VolumeID) (driver.Volume, error) {
	sibling := map[driver.VolumeID]driver.VolumeID{"a": "b", "b": "a"}[id]
	return driver.Volume{ID: id, Size: size, Container: "c", Siblings: []driver.VolumeID{sibling}}, nil
}

func (s *sharing) daily(of driver.VolumeID) driver.Snapshot {
	return driver.Snapshot{
		Ref: driver.SnapshotRef{Volume: of, ID: "daily", Token: s.token}, Name: "daily", CreatedAt: time.Unix(1, 0), Size: size, Ready: true,
	}
}

func (s *sharing) Lookup(_ context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	return s.daily(req.Snapshot.Volume), nil
}

func (s *sharing) Snapshots(_ context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	of := req.Volume
	if of == "" {
		of = "a"
	}
	return func(yield func(driver.Snapshot, error) bool) { yield(s.daily(of), nil) }
}

func (s *sharing) DeleteSnapshot(context.Context, driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	s.deleted++
	return driver.DeleteResult{}, nil
}

// TestAuditSharedSnapshot: a snapshot that stands in the trees of two volumes, and is deleted in one, is neither an orphan nor
// foreign, and nothing deletes it while the other has it.
func TestAuditSharedSnapshot(t *testing.T) {
	w := newWorld(t, settings{})
	for name, token := range map[string]driver.Token{"with our token": w.token(), "without a token": ""} {
		t.Run(name, func(t *testing.T) {
			array := &sharing{token: token}
			eng, err := engine.New(w.inv, engine.Options{Owner: name})
			require.NoError(t, err)
			require.NoError(t, eng.AddBackend("sharing", array))
			require.NoError(t, eng.Start(ctx(t)))
			t.Cleanup(func() { require.NoError(t, eng.Close(context.Background())) }) //nolint:usetesting // it has ended by then
			var vols []inventory.Volume
			for _, native := range []driver.VolumeID{"a", "b"} {
				vol, err := eng.Import(ctx(t), engine.ImportRequest{Backend: "sharing", Native: native, Name: string(native)})
				require.NoError(t, err)
				vols = append(vols, vol)
			}
			audit := func() engine.AuditReport {
				report, err := eng.Audit(ctx(t), engine.AuditRequest{Backends: []string{"sharing"}, Apply: true})
				require.NoError(t, err)
				require.True(t, report.Clean(), report.String())
				return report
			}
			audit()
			require.NoError(t, eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: vols[0].Head}))
			require.Equal(t, 1, audit().Backends[0].Snapshots)
			if token != "" {
				ref := driver.SnapshotRef{Volume: "a", ID: "daily", Token: token}
				require.ErrorIs(t, eng.Drop(ctx(t), engine.DropRequest{Volume: vols[0].ID, Orphan: ref}), driver.ErrConflict)
			}
			require.Zero(t, array.deleted)
			for _, vol := range vols {
				require.NoError(t, eng.Forget(ctx(t), engine.ForgetRequest{Volume: vol.ID}))
			}
			require.NoError(t, eng.RemoveBackend(ctx(t), "sharing"))
		})
	}
}

// TestAuditDropsGroupWithItsLast: the records of a group's members are dropped, and with the last of them the group.
func TestAuditDropsGroupWithItsLast(t *testing.T) {
	w := newWorld(t, settings{})
	other, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size)})
	require.NoError(t, err)
	group, err := w.eng.CreateGroup(ctx(t), engine.CreateGroupRequest{
		Volumes: []snapshot.VolumeID{w.volume.ID, other.ID}, Name: "both",
	})
	require.NoError(t, err)
	require.Len(t, group.Members, 2)
	w.clean()
	for i, s := range group.Members {
		require.NoError(t, w.array.RemoveSnapshot(refOf(s)))
		report := w.heal(map[engine.FindingKind]engine.AuditAction{engine.FindingMissing: engine.ActionDrop})
		require.Equal(t, []engine.FindingKind{engine.FindingMissing}, kindsOf(report))
		left, err := w.eng.Group(ctx(t), group.ID)
		if i == 0 {
			require.NoError(t, err)
			require.True(t, left.Degraded)
			continue
		}
		require.ErrorIs(t, err, driver.ErrNotFound)
	}
	w.clean()
}

// TestAuditLostContainerLock: a container that is marked as had by an operation which does not exist is freed, once.
func TestAuditLostContainerLock(t *testing.T) {
	container := driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}
	w := newWorld(t, settings{facts: container, container: "c"})
	w.addSibling("c")
	w.edit(inventory.Change{Records: []inventory.RecordChange{{Record: inventory.Record{
		Kind: "container", ID: "array/c", Data: []byte(`{"operation":"` + snapshot.NewID[inventory.OperationID]().String() + `"}`),
	}}}})
	_, err := w.eng.Create(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "new"})
	require.ErrorIs(t, err, driver.ErrBusy)
	require.Equal(t, []engine.FindingKind{engine.FindingStuck}, kindsOf(w.audit(engine.AuditRequest{})))
	require.Equal(t, []engine.FindingKind{engine.FindingStuck}, kindsOf(w.heal(nil)))
	w.clean()
	w.create("new")
}
