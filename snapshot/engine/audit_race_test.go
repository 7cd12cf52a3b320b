package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestAuditRaces: whatever operations do while an audit looks, in whichever moment, is no finding.
func TestAuditRaces(t *testing.T) {
	meanwhile := map[string]func(w *world, s *stage){
		"create": func(w *world, _ *stage) { w.create("new") },
		"delete": func(w *world, s *stage) {
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
		},
		"create and delete": func(w *world, _ *stage) {
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: w.create("new").ID}))
		},
		"delete and create": func(w *world, s *stage) {
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
			w.create("new")
		},
		"revert": func(w *world, s *stage) {
			_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: s.one.ID, DropYounger: true})
			require.NoError(w.t, err)
		},
		"clone": func(w *world, s *stage) {
			_, err := w.eng.Clone(ctx(w.t), engine.CloneRequest{Snapshot: s.two.ID, Name: "copy"})
			require.NoError(w.t, err)
		},
		"delete volume": func(w *world, _ *stage) {
			require.NoError(w.t, w.eng.DeleteVolume(ctx(w.t), engine.DeleteVolumeRequest{
				Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete,
			}))
		},
		"import": func(w *world, s *stage) {
			_, err := w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: s.native})
			require.NoError(w.t, err)
		},
	}
	facts := map[string]driver.Facts{
		"plain": {}, "changes the id": {RevertChangesID: true}, "drops younger": {RevertDropsYounger: true},
	}
	// The audit of this world makes each of these calls once: before each is another moment.
	for _, moment := range []string{"Volumes", "Snapshots", "journals"} {
		for name, act := range meanwhile {
			for fact, f := range facts {
				t.Run(moment+"/"+name+"/"+fact, func(t *testing.T) {
					t.Parallel()
					inv := &watched{Inventory: memory.New()}
					w := newWorld(t, settings{facts: f, inv: func(testing.TB) inventory.Inventory { return inv }})
					s := stage{one: w.create("one"), two: w.create("two"), native: w.array.AddVolume(size)}
					w.array.AddForeignSnapshot(s.native, "theirs")
					acted := false
					play := func() {
						acted = true
						act(w, &s)
					}
					if moment == "journals" {
						inv.between = play
					} else {
						w.onCall(func(method string) {
							if method == moment && !acted {
								play()
							}
						})
					}
					w.clean()
					require.True(t, acted)
					w.onCall(nil)
					w.clean()
				})
			}
		}
	}
}

// TestAuditLeavesOpenOperationsAlone: what an operation that waits has made, or is about to take away, is its.
func TestAuditLeavesOpenOperationsAlone(t *testing.T) {
	down := driver.Errorf(driver.ErrUnavailable, "no route")
	for _, tc := range []struct {
		name  string
		facts driver.Facts
		fault []drivertest.Fault
		act   func(w *world, s *stage) error
	}{{
		name: "create", fault: []drivertest.Fault{{Method: "CreateSnapshot", Call: 1, When: drivertest.After}, {Method: "Lookup", Err: down}},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Create(ctx(w.t), engine.CreateRequest{Common: s.common(), Volume: w.volume.ID, Name: "new"})
			return err
		},
	}, {
		name: "delete", fault: []drivertest.Fault{{Method: "DeleteSnapshot", When: drivertest.After}, {Method: "Lookup", Err: down}},
		act: func(w *world, s *stage) error {
			return w.eng.Delete(ctx(w.t), engine.DeleteRequest{Common: s.common(), Snapshot: s.one.ID})
		},
	}, {
		name: "drop", fault: []drivertest.Fault{{Method: "DeleteSnapshot", Err: driver.Errorf(driver.ErrIndeterminate, "lost")}},
		act: func(w *world, s *stage) error {
			s.lost = w.orphan(w.volume.Native, "lost")
			return w.eng.Drop(ctx(w.t), engine.DropRequest{Common: s.common(), Volume: w.volume.ID, Orphan: s.lost})
		},
	}, {
		name: "clone", fault: []drivertest.Fault{{Method: "Clone", When: drivertest.After}, {Method: "Discard", Err: down}},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Clone(ctx(w.t), engine.CloneRequest{Common: s.common(), Snapshot: s.one.ID, Name: "copy"})
			return err
		},
	}, {
		name: "revert", facts: driver.Facts{RevertChangesID: true}, fault: []drivertest.Fault{{Method: "Revert", When: drivertest.After}},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID})
			return err
		},
	}, {
		name: "revert, drops", facts: driver.Facts{RevertDropsYounger: true}, fault: []drivertest.Fault{{Method: "Revert", When: drivertest.After}},
		act: func(w *world, s *stage) error {
			_, err := w.eng.Revert(ctx(w.t), engine.RevertRequest{
				Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID, DropYounger: true,
			})
			return err
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{facts: tc.facts, opts: engine.Options{Poll: time.Hour}})
			s := stage{one: w.create("one"), two: w.create("two"), op: snapshot.NewID[inventory.OperationID]()}
			w.faults.Add(tc.fault...)
			require.Error(t, tc.act(w, &s))
			op, err := w.inv.Operation(ctx(t), s.op)
			require.NoError(t, err)
			require.Equal(t, inventory.Waiting, op.State)
			w.faults.Clear()

			report := w.heal(nil)
			require.Empty(t, report.Findings(), report.String())
			if tc.name == "clone" {
				_, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.Volumes()[1]})
				require.ErrorIs(t, err, driver.ErrBusy, "the clone would be discarded under it")
			}
			require.NoError(t, w.eng.Retry(ctx(t), s.op))
			require.NoError(t, w.eng.Idle(ctx(t)))
			w.clean()
			w.consistent()
		})
	}
}

// TestAuditRacesWithinALook: an operation that begins and ends while the audit looks at just that object.
func TestAuditRacesWithinALook(t *testing.T) {
	remove := func(w *world, s *stage) {
		require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: s.one.ID}))
	}
	removeVolume := func(w *world, _ *stage) {
		require.NoError(w.t, w.eng.DeleteVolume(ctx(w.t), engine.DeleteVolumeRequest{
			Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete,
		}))
	}
	for _, tc := range []struct {
		name, moment string
		facts        driver.Facts
		damage, act  func(w *world, s *stage)
		want         []engine.FindingKind
	}{{
		name: "delete", moment: "Lookup", act: remove,
		damage: func(w *world, s *stage) { w.editRow(s.one.ID, func(r *snapshot.Snapshot) { r.Size = 1 }) },
	}, {
		name: "delete the volume", moment: "Volume", act: removeVolume,
		damage: func(w *world, _ *stage) { w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Size = 1 }) },
	}, {
		name: "revert", moment: "Volume", facts: driver.Facts{RevertChangesID: true},
		damage: func(w *world, _ *stage) { w.editVolume(w.volume.ID, func(v *inventory.Volume) { v.Size = 1 }) },
		act:    func(w *world, s *stage) { w.revert(s.one) },
	}, {
		name: "adopt", moment: "Lookup", damage: func(w *world, s *stage) { s.lost = w.orphan(w.volume.Native, "lost") },
		act: func(w *world, s *stage) {
			_, err := w.eng.Adopt(ctx(w.t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: s.lost})
			require.NoError(w.t, err)
		},
		want: []engine.FindingKind{engine.FindingOrphan}, // it was one when it was looked at; adopting it again is refused
	}, {
		name: "drop", moment: "Lookup", damage: func(w *world, s *stage) { s.lost = w.orphan(w.volume.Native, "lost") },
		act: func(w *world, s *stage) {
			require.NoError(w.t, w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Orphan: s.lost}))
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{facts: tc.facts})
			s := stage{one: w.create("one"), two: w.create("two")}
			tc.damage(w, &s)
			acted := false
			w.onCall(func(method string) {
				if method == tc.moment && !acted {
					acted = true
					tc.act(w, &s)
				}
			})
			report := w.audit(engine.AuditRequest{})
			require.True(t, acted)
			require.Equal(t, tc.want, kindsOf(report), report.String())
			w.onCall(nil)
			w.clean()
		})
	}
}

// TestAuditSnapshotThatComesAndGoes: what was made before the listing and deleted after it was never an orphan.
func TestAuditSnapshotThatComesAndGoes(t *testing.T) {
	inv := &watched{Inventory: memory.New()}
	w := newWorld(t, settings{inv: func(testing.TB) inventory.Inventory { return inv }})
	var made snapshot.Snapshot
	w.onCall(func(method string) {
		if method == "Snapshots" && made.ID.IsZero() {
			made = w.create("new")
		}
	})
	inv.between = func() { require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: made.ID})) }
	w.clean()
	require.Nil(t, inv.between)
	require.Zero(t, w.tree().Len())
}

// told is an inventory that tells when an operation is read.
type told struct {
	inventory.Inventory

	of inventory.OperationID
	f  func()
}

func (i *told) Operation(ctx context.Context, id inventory.OperationID) (inventory.Operation, error) {
	if f := i.f; id == i.of && f != nil {
		i.f = nil
		f()
	}
	return i.Inventory.Operation(ctx, id)
}

// TestAuditPinThatGoes: a clone that ends while the audit looks whether it is open takes its pin with it.
func TestAuditPinThatGoes(t *testing.T) {
	inv := &told{Inventory: memory.New()}
	w := newWorld(t, settings{inv: func(testing.TB) inventory.Inventory { return inv }})
	one := w.create("one")
	release := w.array.HoldClones()
	op, err := w.eng.Submit(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "copy"})
	require.NoError(t, err)
	require.Len(t, w.row(one.ID).Pins, 1)
	require.Empty(t, w.audit(engine.AuditRequest{}).Findings(), "it is open")
	inv.of, inv.f = op.ID, func() {
		release()
		_, err := w.eng.Wait(ctx(t), op.ID)
		require.NoError(t, err)
	}
	// The new volume's own mark is looked at first; let that pass.
	mark := inv.f
	inv.f = func() { inv.f = mark }
	require.Empty(t, w.audit(engine.AuditRequest{}).Findings())
	require.Nil(t, inv.f)
	w.clean()
}

// TestAuditUnknownKinds: the tokens in the journal of an open operation are its, also if a newer program wrote it.
func TestAuditUnknownKinds(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	lost, clone := w.orphan(w.volume.Native, "lost"), w.orphanClone(one, "copy")
	op := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "teleport", Format: 7, State: inventory.Waiting, Epoch: 1,
		Detail: []byte(`{"beam":["` + string(lost.Token) + `"]}`),
		Steps:  []inventory.Step{{Name: "Beam", State: inventory.StepSent, Note: []byte(`"` + string(clone.Token) + `"`)}},
	}
	w.edit(inventory.Change{Operation: &inventory.OperationChange{Operation: op}})
	require.Empty(t, w.audit(engine.AuditRequest{}).Findings())
	op.State = inventory.Succeeded
	w.edit(inventory.Change{Operation: &inventory.OperationChange{Operation: op, IfEpoch: 1}})
	kinds := kindsOf(w.audit(engine.AuditRequest{}))
	require.True(t, slices.Equal(kinds, []engine.FindingKind{engine.FindingOrphan, engine.FindingOrphanVolume}), "%v", kinds)
}
