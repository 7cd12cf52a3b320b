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

// choices returns the names of what is offered.
func (w *world) choices(id inventory.OperationID) (names []engine.ChoiceName) {
	w.t.Helper()
	offered, err := w.eng.Choices(ctx(w.t), id)
	require.NoError(w.t, err)
	for _, c := range offered {
		require.NotEmpty(w.t, c.Does)
		require.NotEmpty(w.t, c.Consequence)
		require.NotRegexp(w.t, `\{[a-z]+\}`, c.String(), "a name was not filled in")
		require.Equal(w.t, c.Name == engine.ChoiceRetry || c.Name == engine.ChoiceUndo, c.Safe)
		names = append(names, c.Name)
	}
	return names
}

func (w *world) resolve(id inventory.OperationID, choice engine.ChoiceName) {
	w.t.Helper()
	require.NoError(w.t, w.eng.Resolve(ctx(w.t), id, choice, "ops", "we looked"))
	require.NoError(w.t, w.eng.Idle(ctx(w.t)))
}

// restart is a new process that takes up nothing by itself.
func (w *world) restart() {
	w.t.Helper()
	w.opts.ManualRecovery = true
	w.open()
	require.NoError(w.t, w.eng.Idle(ctx(w.t)))
}

func down() drivertest.Fault {
	return drivertest.Fault{When: drivertest.Before, Err: driver.Errorf(driver.ErrUnavailable, "the array is down")}
}

// TestResolveIsRefused: who, why, what, and while somebody works on it.
func TestResolveIsRefused(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{})
	other := w.another(engine.Options{})
	retry := func(eng *engine.Engine, id inventory.OperationID, by, why string) error {
		return eng.Resolve(ctx(t), id, engine.ChoiceRetry, by, why)
	}
	require.ErrorIs(t, retry(w.eng, op.ID, "", "x"), driver.ErrInvalid)
	require.ErrorIs(t, retry(w.eng, op.ID, "ops", ""), driver.ErrInvalid)
	require.ErrorIs(t, retry(w.eng, op.ID, "ops", "\x00"), driver.ErrInvalid)
	require.ErrorIs(t, retry(w.eng, snapshot.NewID[inventory.OperationID](), "ops", "x"), driver.ErrNotFound)
	for _, eng := range []*engine.Engine{w.eng, other} {
		require.ErrorIs(t, retry(eng, op.ID, "ops", "x"), driver.ErrBusy, "a live process works on it")
		offered, err := eng.Choices(ctx(t), op.ID)
		require.NoError(t, err)
		require.Empty(t, offered)
	}
	release()
	_, err := w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	require.ErrorIs(t, retry(w.eng, op.ID, "ops", "x"), driver.ErrInvalid, "it has ended")
	w.tree()
}

// TestResolveWhatTheJournalForbids: the error names what it allows.
func TestResolveWhatTheJournalForbids(t *testing.T) {
	w, op, release := held(t, "Attach", engine.Options{})
	w.die2(release)
	w.restart()
	require.Equal(t, []engine.ChoiceName{engine.ChoiceRetry, engine.ChoiceAbandon}, w.choices(op.ID))
	for _, choice := range []engine.ChoiceName{engine.ChoiceUndo, engine.ChoiceAssumeDone, engine.ChoiceAssumeNotDone, "pray"} {
		err := w.eng.Resolve(ctx(t), op.ID, choice, "ops", "x")
		require.ErrorIs(t, err, driver.ErrInvalid)
		require.ErrorContains(t, err, "retry, abandon")
	}
	w.resolve(op.ID, engine.ChoiceRetry)
	require.Equal(t, inventory.Succeeded, w.operation(op.ID).State)
	require.Contains(t, w.explain(op.ID).String(), "retry was chosen by ops")
	w.tree()
}

// TestResolveWhatADeadProcessOwned: its lease is over, by the store's clock.
func TestResolveWhatADeadProcessOwned(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{LeaseTTL: 50 * time.Millisecond})
	w.die2(release)
	w.opts.Owner = "another name"
	w.restart()
	w.eventually("the lease ends", func() bool { return len(w.choices(op.ID)) > 0 })
	require.Contains(t, w.explain(op.ID).String(), "nobody works on it")
	w.resolve(op.ID, engine.ChoiceRetry)
	require.Equal(t, inventory.Succeeded, w.operation(op.ID).State)
	w.tree()
}

// TestManualRecovery: nothing is taken up by itself, what is new works, also when it has to be retried.
func TestManualRecovery(t *testing.T) {
	w, op, release := held(t, "Attach", engine.Options{Poll: 5 * time.Millisecond})
	w.die2(release)
	w.restart()
	before := w.operation(op.ID)
	text := w.explain(op.ID).String()
	require.Contains(t, text, "manual recovery")
	native := w.array.AddVolume(size)
	vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: native})
	require.NoError(t, err)
	w.faults.Add(drivertest.Fault{Method: "Lookup", When: drivertest.Before})
	w.loseReply("CreateSnapshot")
	own, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "own"})
	require.NoError(t, err)
	_, err = w.eng.Wait(ctx(t), own.ID)
	require.Error(t, err)
	w.faults.Clear()
	w.eventually("its own is retried", func() bool { return w.operation(own.ID).State == inventory.Succeeded })
	require.Equal(t, before, w.operation(op.ID), "what was left is left alone")
	require.NoError(t, w.eng.Retry(ctx(t), op.ID))
	_, err = w.eng.Wait(ctx(t), op.ID)
	require.NoError(t, err)
	w.tree()
}

// TestDecideWithTheArrayDown: what needs no array ends at once, the rest when it is back.
func TestDecideWithTheArrayDown(t *testing.T) {
	revert := func(w *world, s *stage) engine.Request {
		return engine.RevertRequest{Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID}
	}
	for _, tt := range []struct {
		name, at string
		request  func(w *world, s *stage) engine.Request
		choice   engine.ChoiceName
		atOnce   inventory.OperationState // Waiting: it needs the array
		then     inventory.OperationState
	}{
		{"abandoned revert", "Sessions", revert, engine.ChoiceAbandon, inventory.Abandoned, ""},
		{"revert that was not applied", "Sessions", revert, engine.ChoiceAssumeNotDone, inventory.Waiting, inventory.Failed},
		{"create that was not applied", "CreateSnapshot", func(w *world, s *stage) engine.Request {
			return engine.CreateRequest{Common: s.common(), Volume: w.volume.ID, Name: "new"}
		}, engine.ChoiceAssumeNotDone, inventory.Failed, ""},
		{"delete that was not applied", "DeleteSnapshot", func(_ *world, s *stage) engine.Request {
			return engine.DeleteRequest{Common: s.common(), Snapshot: s.one.ID}
		}, engine.ChoiceAssumeNotDone, inventory.Failed, ""},
		{"clone", "Clone", func(_ *world, s *stage) engine.Request {
			return engine.CloneRequest{Common: s.common(), Snapshot: s.one.ID, Name: "copy"}
		}, engine.ChoiceUndo, inventory.Waiting, inventory.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, settings{})
			s := &stage{op: snapshot.NewID[inventory.OperationID]()}
			w.fill(1)
			s.one = w.create("one")
			w.dieAt(tt.at)
			op, err := w.eng.Submit(ctx(t), tt.request(w, s))
			if err == nil {
				idle(w)
			}
			require.True(t, w.killer.isDead(), "%v", op)
			w.die()
			w.faults.Add(down())
			w.restart()
			require.Contains(t, w.choices(s.op), tt.choice)
			w.resolve(s.op, tt.choice)
			require.Equal(t, tt.atOnce, w.operation(s.op).State, w.operation(s.op).Error)
			w.faults.Clear()
			if tt.then != "" {
				require.NoError(t, w.eng.Retry(ctx(t), s.op))
				require.NoError(t, w.eng.Idle(ctx(t)))
				require.Equal(t, tt.then, w.operation(s.op).State)
			}
			w.tree()
		})
	}
}

// TestAbandonWithoutTheBackend: the array is gone for ever, and the program is not given it any more.
func TestAbandonWithoutTheBackend(t *testing.T) {
	w, op, release := held(t, "Revert", engine.Options{})
	w.die2(release)
	eng, err := engine.New(w.inv, engine.Options{Owner: "test", ManualRecovery: true})
	require.NoError(t, err)
	require.NoError(t, eng.Start(ctx(t)))
	defer func() { require.NoError(t, eng.Close(ctx(t))) }()
	require.ErrorIs(t, eng.Resolve(ctx(t), op.ID, engine.ChoiceRetry, "ops", "x"), driver.ErrNotFound, "it needs the array")
	require.Equal(t, inventory.Running, w.operation(op.ID).State)
	require.NoError(t, eng.Suspend(ctx(t), op.ID, "alice", "the pool is being moved"))
	require.NoError(t, eng.Idle(ctx(t)))
	require.Equal(t, inventory.Waiting, w.operation(op.ID).State)
	x, err := eng.ExplainBackend(ctx(t), "array")
	require.NoError(t, err)
	require.Equal(t, "not added", x.State)
	require.NoError(t, eng.Resolve(ctx(t), op.ID, engine.ChoiceAbandon, "ops", "the array is scrap"))
	stored, err := eng.Wait(ctx(t), op.ID)
	require.Error(t, err)
	require.Equal(t, inventory.Abandoned, stored.State)
	vol, err := eng.Volume(ctx(t), w.volume.ID)
	require.NoError(t, err)
	require.True(t, vol.HeadUnknown)
	require.True(t, vol.Pending.IsZero())
	again, err := eng.Submit(ctx(t), engine.RevertRequest{Common: engine.Common{OperationID: op.ID}, Volume: w.volume.ID})
	require.Error(t, err, "other arguments")
	require.Zero(t, again.ID)
}

// TestPartialRevertHasNoWord: content that is neither the old nor the new is only completed.
func TestPartialRevertHasNoWord(t *testing.T) {
	w := newWorld(t, settings{})
	w.fill(1)
	one := w.create("one")
	w.faults.Add(drivertest.Fault{Method: "Revert", When: drivertest.Before, Err: driver.Errorf(driver.ErrPartial, "half of it")})
	req := engine.RevertRequest{Common: newID(), Volume: w.volume.ID, Snapshot: one.ID}
	_, err := w.eng.Revert(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrPartial)
	require.Equal(t, []engine.ChoiceName{engine.ChoiceRetry, engine.ChoiceAbandon}, w.choices(req.OperationID))
	require.Contains(t, w.explain(req.OperationID).String(), "only completing the revert helps")
	w.faults.Clear()
	w.faults.Add(down())
	require.NoError(t, w.eng.Retry(ctx(t), req.OperationID))
	require.NoError(t, w.eng.Idle(ctx(t)))
	require.Equal(t, []engine.ChoiceName{engine.ChoiceRetry, engine.ChoiceAbandon}, w.choices(req.OperationID), "it stays so")
	w.faults.Clear()
	w.resolve(req.OperationID, engine.ChoiceRetry)
	w.tree()
}

// TestChoicesOfAQueuedOperation whose process has died.
func TestChoicesOfAQueuedOperation(t *testing.T) {
	w, running, release := held(t, "Attach", engine.Options{})
	queued, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "later"})
	require.NoError(t, err)
	w.die2(release)
	w.restart()
	require.Equal(t, []engine.ChoiceName{engine.ChoiceRetry, engine.ChoiceUndo}, w.choices(queued.ID))
	w.resolve(queued.ID, engine.ChoiceUndo)
	require.Equal(t, inventory.Failed, w.operation(queued.ID).State)
	w.resolve(running.ID, engine.ChoiceRetry)
	require.Equal(t, 2, w.tree().Len())
}

// TestOtherProgramsOperation: what this one cannot read it explains as far as it can, and does not touch.
func TestOtherProgramsOperation(t *testing.T) {
	w := newWorld(t, settings{})
	future := inventory.Operation{
		ID: snapshot.NewID[inventory.OperationID](), Kind: "teleport", Format: 1, State: inventory.Waiting, Epoch: 1,
		Steps: []inventory.Step{{Name: "Beam", State: inventory.StepSent}},
	}
	commit(w, inventory.Change{Operation: &inventory.OperationChange{Operation: future}})
	require.Empty(t, w.choices(future.ID))
	require.Contains(t, w.explain(future.ID).String(), "step Beam: sent")
	require.ErrorIs(t, w.eng.Resolve(ctx(t), future.ID, engine.ChoiceAbandon, "ops", "x"), driver.ErrUnsupported)
	require.NoError(t, w.eng.Suspend(ctx(t), future.ID, "ops", "x"), "the wish is durable for a program that knows it")
	require.Equal(t, 1, w.wishes())
}

func TestExplainVolume(t *testing.T) {
	w := newWorld(t, settings{})
	x, err := w.eng.ExplainVolume(ctx(t), w.volume.ID)
	require.NoError(t, err)
	require.Equal(t, "free", x.State)
	require.Contains(t, x.String(), "descends from no snapshot")
	_, err = w.eng.ExplainVolume(ctx(t), snapshot.NewID[snapshot.VolumeID]())
	require.ErrorIs(t, err, driver.ErrNotFound)
	_, err = w.eng.ExplainBackend(ctx(t), "brass")
	require.ErrorIs(t, err, driver.ErrNotFound)
	x, err = w.eng.ExplainBackend(ctx(t), "array")
	require.NoError(t, err)
	require.Equal(t, "up", x.State)
	w.create("one")
	require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsKeep}))
	x, err = w.eng.ExplainVolume(ctx(t), w.volume.ID)
	require.NoError(t, err)
	require.Equal(t, "deleted", x.State)
}
