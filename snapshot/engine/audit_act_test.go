package engine_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestAuditGrace: an unknown object is an orphan only after the grace, by the array's clock.
func TestAuditGrace(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{opts: engine.Options{Clock: func() time.Time { return time.Now().Add(-ahead) }}})
			defer w.close()
			one := w.create("one")
			w.orphan(w.volume.Native, "lost")
			w.orphanClone(one, "copy")
			report, err := w.eng.Audit(ctx(t), engine.AuditRequest{})
			require.NoError(t, err)
			require.Empty(t, report.Findings(), "the array's clock is ahead of ours by %s", ahead)
			require.Equal(t, 2, report.Backends[0].Young)
			<-time.After(engine.DefaultAuditGrace + time.Second)
			report, err = w.eng.Audit(ctx(t), engine.AuditRequest{})
			require.NoError(t, err)
			require.Equal(t, []engine.FindingKind{engine.FindingOrphan, engine.FindingOrphanVolume}, kindsOf(report))
		})
	}
}

// TestAuditEvidenceIsFresh: each action looks again. A finding that no longer holds changes nothing.
func TestAuditEvidenceIsFresh(t *testing.T) {
	type act func(w *world, s *stage) error
	repair := func(kind engine.FindingKind, of func(s *stage) snapshot.ID) act {
		return func(w *world, s *stage) error {
			return w.eng.Repair(ctx(w.t), engine.RepairRequest{Finding: kind, Volume: w.volume.ID, Snapshot: of(s)})
		}
	}
	one := func(s *stage) snapshot.ID { return s.one.ID }
	volume := func(*stage) snapshot.ID { return snapshot.ID{} }
	for name, f := range map[string]act{
		"missing":      repair(engine.FindingMissing, one),
		"expired":      repair(engine.FindingExpired, one),
		"there again":  repair(engine.FindingReappeared, one),
		"size":         repair(engine.FindingSizeChanged, one),
		"renamed":      repair(engine.FindingRenamed, one),
		"stuck":        repair(engine.FindingStuck, one),
		"volume gone":  repair(engine.FindingVolumeGone, volume),
		"volume size":  repair(engine.FindingSizeChanged, volume),
		"volume name":  repair(engine.FindingRenamed, volume),
		"volume stuck": repair(engine.FindingStuck, volume),
		"drop a record": func(w *world, s *stage) error {
			return w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Snapshot: s.one.ID})
		},
		"drop what has a record": func(w *world, s *stage) error {
			return w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Orphan: refOf(s.one)})
		},
		"adopt what has a record": func(w *world, s *stage) error {
			_, err := w.eng.Adopt(ctx(w.t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: refOf(s.one)})
			return err
		},
		"adopt on another volume": func(w *world, _ *stage) error {
			lost := w.orphan(w.array.AddVolume(size), "lost")
			_, err := w.eng.Adopt(ctx(w.t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: lost})
			require.NoError(w.t, w.array.RemoveSnapshot(lost))
			return err
		},
		"adopt another installation's": func(w *world, _ *stage) error {
			ref := driver.SnapshotRef{Volume: w.volume.Native, Token: "sother000123456789"}
			_, err := w.eng.Adopt(ctx(w.t), engine.AdoptRequest{Volume: w.volume.ID, Snapshot: ref})
			return err
		},
		"native id": func(w *world, _ *stage) error {
			return w.eng.Repair(ctx(w.t), engine.RepairRequest{
				Finding: engine.FindingNativeChanged, Volume: w.volume.ID, Native: w.array.AddVolume(size),
			})
		},
		"drop another installation's": func(w *world, _ *stage) error {
			token, err := driver.NewToken("sother00")
			require.NoError(w.t, err)
			ref := driver.SnapshotRef{Volume: w.volume.Native, Token: token}
			return w.eng.Drop(ctx(w.t), engine.DropRequest{Volume: w.volume.ID, Orphan: ref})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{})
			s := stage{one: w.create("one"), two: w.create("two")}
			before := dump(t, w.inv)
			require.ErrorIs(t, f(w, &s), driver.ErrConflict)
			require.Equal(t, before, dump(t, w.inv))
			w.tree()
		})
	}
}

// TestAuditActsOnOneAfterTheOther: the failure of one action is in its finding, and the others are taken.
func TestAuditActsOnOneAfterTheOther(t *testing.T) {
	w := newWorld(t, settings{})
	one, two := w.create("one"), w.create("two")
	w.editRow(one.ID, func(r *snapshot.Snapshot) { r.Holds = []snapshot.Hold{{Name: "legal"}} })
	for _, s := range []snapshot.Snapshot{one, two} {
		require.NoError(t, w.array.RemoveSnapshot(refOf(s)))
	}
	drop := map[engine.FindingKind]engine.AuditAction{engine.FindingMissing: engine.ActionDrop}
	report := w.audit(engine.AuditRequest{Apply: true, Actions: drop})
	require.Len(t, report.Findings(), 2)
	held, free := report.Findings()[0], report.Findings()[1]
	require.Equal(t, one.ID, held.Snapshot)
	require.NotContains(t, held.Actions, engine.ActionDrop)
	require.NotEmpty(t, held.Err)
	require.Empty(t, held.Taken)
	require.Empty(t, free.Err)
	require.ErrorIs(t, w.eng.Drop(ctx(t), engine.DropRequest{Volume: w.volume.ID, Snapshot: one.ID}), driver.ErrInUse)

	w.heal(nil) // marks what is held
	require.Equal(t, snapshot.Missing, w.row(one.ID).State)
	w.clean()
	require.Len(t, w.audit(engine.AuditRequest{Actions: drop}).Findings(), 1, "those that are marked are looked at to be dropped")
	w.editRow(one.ID, func(r *snapshot.Snapshot) { r.Holds = nil })
	report = w.heal(drop)
	require.Equal(t, engine.ActionDrop, report.Findings()[0].Taken)
	require.Zero(t, w.tree().Len())
}

// TestAuditBackends: one of three that is down, or fails half-way, does not stop the others.
func TestAuditBackends(t *testing.T) {
	w := newWorld(t, settings{})
	faults := map[string]*drivertest.Faults{}
	for _, name := range []string{"a-first", "z-last"} {
		array := drivertest.NewBackend(drivertest.BackendOptions{ID: driver.BackendID(name)})
		faults[name] = drivertest.NewFaults()
		require.NoError(t, w.eng.AddBackend(name, driver.Wrap(array.Driver(), faults[name].Hook())))
		native := array.AddVolume(size)
		vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: name, Native: native})
		require.NoError(t, err)
		_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "there"})
		require.NoError(t, err)
		array.AddForeignSnapshot(native, "theirs")
	}
	one := w.create("one")
	require.NoError(t, w.array.RemoveSnapshot(refOf(one)))
	unreachable := errors.New("no route to host")
	for _, method := range []string{"Describe", "Volumes", "Snapshots"} {
		faults["a-first"].Add(drivertest.Fault{Method: method, Err: driver.Errorf(driver.ErrUnavailable, "%w", unreachable)})
		report, err := w.eng.Audit(ctx(t), engine.AuditRequest{})
		require.NoError(t, err)
		faults["a-first"].Clear()
		require.Len(t, report.Backends, 3)
		require.False(t, report.Clean())
		first, second, third := report.Backends[0], report.Backends[1], report.Backends[2]
		require.Contains(t, first.Err, "no route to host")
		require.Empty(t, first.Findings, "what was not asked for is not missing")
		require.Equal(t, map[bool]engine.BackendState{true: engine.BackendDown, false: engine.BackendUp}[method == "Describe"], first.State)
		require.Len(t, second.Findings, 1)
		require.Equal(t, engine.FindingMissing, second.Findings[0].Kind)
		require.Len(t, third.Findings, 1)
		require.Equal(t, engine.FindingForeign, third.Findings[0].Kind)
		require.Equal(t, 1, third.Volumes)
		require.Equal(t, 1, third.Snapshots)
		require.Equal(t, 2, third.ListedSnapshots)
		require.Contains(t, report.String(), "not audited to the end")
	}
	w.faults.Add(drivertest.Fault{Method: "Lookup", Err: driver.Errorf(driver.ErrUnavailable, "gone")})
	report, err := w.eng.Audit(ctx(t), engine.AuditRequest{Apply: true})
	require.NoError(t, err)
	require.NotEmpty(t, report.Backends[1].Err)
	require.Empty(t, report.Backends[1].Findings, "what could not be looked up is not missing")
	w.faults.Clear()
	require.Equal(t, snapshot.Ready, w.row(one.ID).State)

	report, err = w.eng.Audit(ctx(t), engine.AuditRequest{Backends: []string{"z-last", "z-last"}})
	require.NoError(t, err)
	require.Len(t, report.Backends, 1)
	report, err = w.eng.Audit(ctx(t), engine.AuditRequest{Volume: w.volume.ID})
	require.NoError(t, err)
	require.Equal(t, "array", report.Backends[0].Name)
	require.Len(t, report.Findings(), 1)
}

// TestAuditRefuses: requests that ask for what cannot be are refused before anything is looked at.
func TestAuditRefuses(t *testing.T) {
	w := newWorld(t, settings{})
	id := snapshot.NewID[snapshot.ID]()
	actions := func(k engine.FindingKind, a engine.AuditAction) engine.AuditRequest {
		return engine.AuditRequest{Actions: map[engine.FindingKind]engine.AuditAction{k: a}}
	}
	for name, tc := range map[string]struct {
		req  engine.AuditRequest
		want error
	}{
		"drop foreign":    {actions(engine.FindingForeign, engine.ActionDrop), driver.ErrInvalid},
		"adopt foreign":   {actions(engine.FindingForeign, engine.ActionAdopt), driver.ErrInvalid},
		"drop a volume":   {actions(engine.FindingOrphanVolume, engine.ActionDrop), driver.ErrInvalid},
		"unknown kind":    {actions("ghost", engine.ActionReport), driver.ErrInvalid},
		"unknown action":  {actions(engine.FindingMissing, "explode"), driver.ErrInvalid},
		"negative grace":  {engine.AuditRequest{Grace: -1}, driver.ErrInvalid},
		"head, no volume": {engine.AuditRequest{Head: id}, driver.ErrInvalid},
		"unknown backend": {engine.AuditRequest{Backends: []string{"ghost"}}, driver.ErrNotFound},
		"unknown volume":  {engine.AuditRequest{Volume: snapshot.NewID[snapshot.VolumeID]()}, driver.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.eng.Audit(ctx(t), tc.req)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

// TestAuditCopiedName: where names carry tokens, a person gives one snapshot the name of another. Ids and times tell them
// apart, and nothing is made of it.
func TestAuditCopiedName(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{TokenInName: true}})
	one, two := w.create("one"), w.create("two")
	require.NoError(t, w.array.Rename(refOf(one), two.Token+".copied"))
	report := w.audit(engine.AuditRequest{Apply: true})
	require.Equal(t, []engine.FindingKind{engine.FindingRenamed}, kindsOf(report), report.String())
	require.Equal(t, one.ID, report.Findings()[0].Snapshot)
	require.Contains(t, report.Findings()[0].Err, "rename it there")
	require.Equal(t, one, w.row(one.ID))
	require.Equal(t, two, w.row(two.ID))
}
