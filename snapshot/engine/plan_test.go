package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (w *world) plan(req engine.Request) engine.Plan {
	w.t.Helper()
	p, err := w.eng.Plan(ctx(w.t), req)
	require.NoError(w.t, err)
	return p
}

// addHold forbids the deletion of a snapshot.
func (w *world) addHold(id snapshot.ID) {
	w.t.Helper()
	c := chance{w: w}
	c.hold(id)
}

// TestOutdatedPlans: what has changed since the plan, and is part of it, is said; nothing runs. What is no part of it does
// not matter.
func TestOutdatedPlans(t *testing.T) {
	var one, two snapshot.Snapshot
	tests := []struct {
		name string
		settings
		change func(w *world)
		class  driver.Class // 0: it runs
		says   string
	}{
		{name: "nothing", change: func(*world) {}},
		{name: "a hold on a snapshot that stays", change: func(w *world) { w.addHold(one.ID) }},
		{name: "a new head", change: func(w *world) { w.create("three") }, class: driver.ErrConflict, says: "the volumes changed, now: "},
		{
			name: "there and back", class: driver.ErrConflict, says: "version ",
			change: func(w *world) {
				s := w.create("three")
				require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: s.ID}))
			},
		},
		{
			name: "a machine that uses the disk", settings: settings{host: true}, class: driver.ErrConflict,
			says: "the hosts changed, now: host pool, vm web-1 (running: false)",
			change: func(w *world) {
				_, err := w.host.Hold(w.now().Disk, "web-1", false)
				require.NoError(t, err)
			},
		},
		{
			name: "a machine that runs", settings: settings{host: true}, class: driver.ErrInUse, says: "web-1",
			change: func(w *world) {
				_, err := w.host.Hold(w.now().Disk, "web-1", true)
				require.NoError(t, err)
			},
		},
		{
			name: "a hold on what would vanish", settings: settings{facts: driver.Facts{RevertDropsYounger: true}},
			change: func(w *world) { w.addHold(two.ID) }, class: driver.ErrInUse, says: "must be kept",
		},
		{
			name: "one more that would vanish", settings: settings{facts: driver.Facts{RevertDropsYounger: true}},
			change: func(w *world) { w.create("three") }, class: driver.ErrConflict, says: "the losses changed, now: snapshot ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.settings)
			w.fill(1)
			one, two = w.create("one"), w.create("two")
			w.fill(2)
			req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, DropYounger: true}
			req.IfVersion = w.plan(req).Version
			tt.change(w)
			n := countOperations(w)
			_, err := w.eng.Revert(ctx(t), req)
			if tt.class == 0 {
				require.NoError(t, err)
				require.Equal(t, byte(1), w.content(w.now().Native))
				return
			}
			require.ErrorIs(t, err, tt.class)
			require.ErrorContains(t, err, tt.says)
			require.Equal(t, tt.class == driver.ErrConflict, errors.Is(err, inventory.ErrStale))
			require.Equal(t, byte(2), w.content(w.now().Native))
			require.Equal(t, n, countOperations(w), "no operation is left")
			if tt.class == driver.ErrConflict {
				require.ErrorContains(t, err, "plan again")
				req.IfVersion = w.plan(req).Version
				_, err = w.eng.Revert(ctx(t), req)
				require.NoError(t, err, "planned again, it runs")
			}
		})
	}
}

// TestVersionsOfOtherPlans: a version stands for one request, and for plans of this program.
func TestVersionsOfOtherPlans(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	req := engine.CreateRequest{Volume: w.volume.ID, Name: "two"}
	for name, version := range map[string]string{
		"no version":      "latest",
		"of another name": w.plan(engine.CreateRequest{Volume: w.volume.ID, Name: "three"}).Version,
		"of another kind": w.plan(engine.DeleteRequest{Snapshot: one.ID}).Version,
		"of another form": strings.Replace(w.plan(req).Version, "p1.", "p2.", 1),
		"cut":             w.plan(req).Version[:20],
		"of a refusal":    w.plan(engine.DeleteRequest{Snapshot: snapshot.NewID[snapshot.ID]()}).Version,
	} {
		t.Run(name, func(t *testing.T) {
			req := req
			req.IfVersion = version
			_, err := w.eng.Create(ctx(t), req)
			require.ErrorIs(t, err, inventory.ErrStale)
			require.ErrorIs(t, err, driver.ErrConflict)
		})
	}
	require.Equal(t, 1, w.tree().Len())
}

// TestARefusedPlanDoesNotRunLater: what was refused when it was shown does not run once nothing forbids it any more.
func TestARefusedPlanDoesNotRunLater(t *testing.T) {
	w := newWorld(t, settings{limits: driver.Limits{SnapshotsPerVolume: 1}})
	one := w.create("one")
	req := engine.CreateRequest{Volume: w.volume.ID, Name: "two"}
	plan := w.plan(req)
	require.NotNil(t, plan.Refusal)
	require.Equal(t, driver.ErrExhausted, plan.Refusal.Class)
	require.Equal(t, "limit reached", plan.Refusal.Code)
	require.Equal(t, one.ID.String(), plan.Blockers[0].ID)
	require.Empty(t, plan.Steps)
	require.Contains(t, plan.String(), "refused: ")
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: one.ID}))
	req.IfVersion = plan.Version
	_, err := w.eng.Create(ctx(t), req)
	require.ErrorIs(t, err, inventory.ErrStale)
}

// TestOutdatedByAnotherProcess: it commits between our check and our intent.
func TestOutdatedByAnotherProcess(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	w.close()
	sound, once := w.inv, false
	w.inv = &rival{Inventory: sound, before: func(c inventory.Change) {
		if once || c.Operation == nil || len(c.Volumes) == 0 {
			return
		}
		once = true
		v, err := sound.Volume(ctx(t), w.volume.ID)
		require.NoError(t, err)
		v.Name = "renamed"
		require.NoError(t, sound.Commit(ctx(t), inventory.Change{
			ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
		}))
	}}
	w.open()
	req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID}
	req.IfVersion = w.plan(req).Version
	_, err := w.eng.Revert(ctx(t), req)
	require.True(t, once)
	require.ErrorIs(t, err, inventory.ErrStale, "it was checked again, since the intent was stale")
	require.NotContains(t, w.array.Counts(), "Revert")
}

// TestOutdatedInTheQueue: a queued request is compared when its turn comes, also by the process that finds it after a crash.
func TestOutdatedInTheQueue(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash %v", crash), func(t *testing.T) {
			w := newWorld(t, settings{})
			req := engine.CreateRequest{Volume: w.volume.ID, Name: "two"}
			req.IfVersion = w.plan(req).Version
			hanging, release := blocked(w)
			defer release()
			one, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
			require.NoError(t, err)
			<-hanging
			plan := w.plan(req)
			require.Nil(t, plan.Refusal)
			require.Equal(t, []driver.Blocker{{Kind: "operation", ID: one.ID.String(), Name: "create", Since: one.CreatedAt}}, plan.Queued)
			require.NotEqual(t, req.IfVersion, plan.Version)
			require.Contains(t, plan.String(), "before it:")
			two, err := w.eng.Submit(ctx(t), req)
			require.NoError(t, err)
			require.Equal(t, inventory.Queued, two.State)
			if crash {
				w.die2(release)
				w.open()
			}
			release()
			two, err = w.eng.Wait(ctx(t), two.ID)
			require.ErrorIs(t, err, inventory.ErrStale)
			require.ErrorIs(t, err, driver.ErrConflict)
			require.Equal(t, inventory.Failed, two.State)
			require.NoError(t, w.eng.Idle(ctx(t)))
			_, err = w.eng.Wait(ctx(t), two.ID)
			require.ErrorIs(t, err, inventory.ErrStale, "read back from the journal too")
			require.ErrorContains(t, err, "plan again")
			require.LessOrEqual(t, w.tree().Len(), 1)
		})
	}
}

// TestARepeatedRequestIsNotCompared: the operation that it began is the answer, however outdated the plan is by now; its plan
// says so.
func TestARepeatedRequestIsNotCompared(t *testing.T) {
	w := newWorld(t, settings{})
	req := engine.CreateRequest{Volume: w.volume.ID, Name: "one"}
	req.OperationID = snapshot.NewID[inventory.OperationID]()
	req.IfVersion = w.plan(req).Version
	one, err := w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	plan := w.plan(req)
	require.Equal(t, req.OperationID, plan.Repeats)
	require.Empty(t, plan.Steps)
	require.Contains(t, plan.String(), "nothing is done again")
	again, err := w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, one.ID, again.ID)
	req.Name = "two"
	require.Equal(t, driver.ErrConflict, w.plan(req).Refusal.Class, "the id is another request's")
	require.Equal(t, "choose a fresh operation id", w.plan(req).Refusal.Next)
}

// TestAPlanThatFailedBeginsAnew: the operation id of an outdated request that was queued serves for the next plan.
func TestAPlanThatFailedBeginsAnew(t *testing.T) {
	w := newWorld(t, settings{})
	hanging, release := blocked(w)
	defer release()
	_, err := w.eng.Submit(ctx(t), engine.CreateRequest{Volume: w.volume.ID, Name: "one"})
	require.NoError(t, err)
	<-hanging
	req := engine.CreateRequest{Volume: w.volume.ID, Name: "two"}
	req.OperationID = snapshot.NewID[inventory.OperationID]()
	req.IfVersion = w.plan(req).Version
	_, err = w.eng.Submit(ctx(t), req)
	require.NoError(t, err)
	release()
	_, err = w.eng.Wait(ctx(t), req.OperationID)
	require.ErrorIs(t, err, inventory.ErrStale)
	req.IfVersion = w.plan(req).Version
	_, err = w.eng.Create(ctx(t), req)
	require.NoError(t, err)
	op, err := w.inv.Operation(ctx(t), req.OperationID)
	require.NoError(t, err)
	require.NotContains(t, string(op.Detail), "outdated")
}

// TestWhatAPlanCannotKnow: trouble on the way is an error, not a plan; a wrong request is one too.
func TestWhatAPlanCannotKnow(t *testing.T) {
	w := newWorld(t, settings{host: true})
	one := w.create("one")
	req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID}
	for _, class := range []driver.Class{driver.ErrUnavailable, driver.ErrIndeterminate} {
		w.faults.Add(drivertest.Fault{Method: "Attachments", Call: 1, Err: class})
		_, err := w.eng.Plan(ctx(t), req)
		require.ErrorIs(t, err, class)
		w.faults.Clear()
	}
	w.faults.Add(drivertest.Fault{Method: "Attachments", Call: 1, Err: driver.ErrPermission})
	require.Equal(t, driver.ErrPermission, w.plan(req).Refusal.Class, "the run would be refused for it")
	w.faults.Clear()

	done, cancel := context.WithCancel(ctx(t))
	cancel()
	_, err := w.eng.Plan(done, req)
	require.Error(t, err)
	_, err = w.eng.Plan(ctx(t), engine.RevertRequest{})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = w.eng.Plan(ctx(t), nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	w.close()
	_, err = w.eng.Plan(ctx(t), req)
	require.ErrorIs(t, err, driver.ErrUnavailable)
	w.eng = nil
}

// TestPlanBehindAWaitingOperation: that one has the volume until a person decides, so the request would be refused.
func TestPlanBehindAWaitingOperation(t *testing.T) {
	w := newWorld(t, settings{opts: engine.Options{Attempts: 1, Poll: time.Hour}})
	one := w.create("one")
	w.faults.Add(drivertest.Fault{Method: "Grant", Err: driver.ErrConflict})
	_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
	known, ok := errors.AsType[*engine.Error](err)
	require.True(t, ok)
	require.Equal(t, inventory.Waiting, known.State)
	plan := w.plan(engine.CreateRequest{Volume: w.volume.ID, Name: "two"})
	require.Equal(t, driver.ErrBusy, plan.Refusal.Class)
	require.Equal(t, known.Operation.String(), plan.Blockers[0].ID)
	require.Empty(t, plan.Queued)
	w.faults.Clear()
}
