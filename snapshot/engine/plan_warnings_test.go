package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// warningCase is a world, a request, and a part of each warning that its plan has, in order.
type warningCase struct {
	name string
	settings
	change func(w *world, one *snapshot.Snapshot)
	req    func(w *world, one snapshot.Snapshot) engine.Request
	want   []string
}

// The requests of the cases.

func revertTo(w *world, one snapshot.Snapshot) engine.Request {
	return engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID}
}

func revertKeeping(w *world, one snapshot.Snapshot) engine.Request {
	return engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept"}
}

func createTwo(w *world, _ snapshot.Snapshot) engine.Request {
	return engine.CreateRequest{Volume: w.volume.ID, Name: "two"}
}

func deleteOne(_ *world, one snapshot.Snapshot) engine.Request {
	return engine.DeleteRequest{Snapshot: one.ID}
}

func warningCases() []warningCase {
	return []warningCase{
		{name: "keep current", req: revertKeeping},
		{name: "create", req: createTwo},
		{name: "delete", req: deleteOne},
		{name: "content lost", req: revertTo, want: []string{"has now is lost, unless"}},
		{
			name: "content cannot be kept", req: revertTo, settings: settings{facts: driver.Facts{RevertDropsYounger: true}},
			want: []string{"cannot keep it"},
		},
		{
			name: "only a person's word", settings: settings{without: []string{"Access"}}, want: []string{"a person's word"},
			req: func(w *world, one snapshot.Snapshot) engine.Request {
				return engine.RevertRequest{
					Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept",
					AssertDetached: &engine.Assertion{By: "me", Reason: "looked"},
				}
			},
		},
		{
			name: "size", req: revertKeeping, want: []string{"has 64 KiB, the volume has 128 KiB now,"},
			change: func(w *world, _ *snapshot.Snapshot) { w.amend(func(v *inventory.Volume) { v.Size *= 2 }) },
		},
		{
			name: "head unknown", req: createTwo, want: []string{"nobody knows which snapshot"},
			change: func(w *world, _ *snapshot.Snapshot) {
				w.amend(func(v *inventory.Volume) { v.Head, v.HeadUnknown = snapshot.ID{}, true })
			},
		},
		{
			name: "assumed lineage", req: revertKeeping, want: []string{"assumed from its time"},
			change: func(w *world, one *snapshot.Snapshot) {
				native := w.array.AddVolume(size)
				w.array.AddForeignSnapshot(native, "foreign")
				v, err := w.eng.Import(ctx(w.t), engine.ImportRequest{Backend: "array", Native: native})
				require.NoError(w.t, err)
				all, err := w.eng.Snapshots(ctx(w.t), v.ID)
				require.NoError(w.t, err)
				w.volume, *one = v, all[0]
			},
		},
		{name: "near the limit", req: createTwo, settings: settings{limits: driver.Limits{SnapshotsPerVolume: 3}}, want: []string{"2 of the 3"}},
		{name: "keeping near the limit", req: revertKeeping, settings: settings{limits: driver.Limits{SnapshotsPerVolume: 2}}, want: []string{"2 of the 2"}},
		{name: "far from the limit", req: createTwo, settings: settings{limits: driver.Limits{SnapshotsPerVolume: 4}}},
		{name: "trash", req: deleteOne, settings: settings{facts: driver.Facts{DeleteToTrash: true}}, want: []string{"may still count"}},
		{name: "another id", req: revertKeeping, settings: settings{facts: driver.Facts{RevertChangesID: true}}, want: []string{"another id"}},
		{
			name: "unknown snapshots go too", settings: settings{facts: driver.Facts{SnapshotsDieWithVolume: true}},
			req: func(w *world, _ snapshot.Snapshot) engine.Request {
				return engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete}
			},
			want: []string{"that the inventory does not know"},
		},
		{
			name: "the host cannot say", req: revertKeeping, settings: settings{host: true}, want: []string{`host "pool" could not say`},
			change: func(w *world, _ *snapshot.Snapshot) {
				w.faults.Add(drivertest.Fault{Method: "Impact", Err: driver.ErrUnavailable})
			},
		},
	}
}

// TestPlanWarnings: what is allowed and yet should be known is said, and only then.
func TestPlanWarnings(t *testing.T) {
	for _, tt := range warningCases() {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.settings)
			one := w.create("one")
			if tt.change != nil {
				tt.change(w, &one)
			}
			plan := w.plan(tt.req(w, one))
			require.Nil(t, plan.Refusal)
			require.Len(t, plan.Warnings, len(tt.want), "%q", plan.Warnings)
			for i, part := range tt.want {
				require.Contains(t, plan.Warnings[i], part)
				require.Contains(t, plan.String(), part)
			}
			w.faults.Clear()
		})
	}
}

// amend changes the header of the world's volume, as if something had happened to it.
func (w *world) amend(change func(v *inventory.Volume)) {
	w.t.Helper()
	v := w.now()
	change(&v)
	require.NoError(w.t, w.inv.Commit(ctx(w.t), inventory.Change{
		ID: snapshot.NewID[inventory.ChangeID](), Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
	}))
}

// teller is a host that can say what it would lose.
type teller struct {
	driver.Host

	lost []driver.Blocker
}

func (h teller) Abilities() driver.HostAbilities { return driver.HostAbilities{Impact: h} }

func (h teller) Impact(context.Context, driver.LUN) ([]driver.Blocker, error) { return h.lost, nil }

// TestPlanAsksTheHost: what a revert costs on the host's side is in the plan, and asked for in no other place.
func TestPlanAsksTheHost(t *testing.T) {
	w := newWorld(t, settings{host: true})
	one := w.create("one")
	eng, err := engine.New(w.inv, engine.Options{})
	require.NoError(t, err)
	asked := 0
	host := driver.WrapHost(teller{w.host.Driver(), []driver.Blocker{{Kind: "vm snapshot", ID: "7", Name: "before\x1b[2J"}}},
		func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
			if call.Method == "Impact" {
				asked++
			}
			return next(ctx)
		})
	require.NoError(t, eng.AddBackend("array", w.array.Driver()))
	require.NoError(t, eng.AddHost("pool", host))
	require.NoError(t, eng.Start(ctx(t)))
	defer func() { require.NoError(t, eng.Close(ctx(t))) }()
	req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID, KeepCurrent: true, KeepName: "kept"}
	plan, err := eng.Plan(ctx(t), req)
	require.NoError(t, err)
	require.Len(t, plan.Warnings, 1)
	require.Contains(t, plan.Warnings[0], "vm snapshot 7")
	require.NotContains(t, plan.String(), "\x1b", "what a host says must not reach a terminal as it is")
	require.Equal(t, 1, asked)
	req.IfVersion = plan.Version
	_, err = eng.Revert(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, 1, asked)
}

// TestPlanText: long lists are cut in the text, and whole in the plan.
func TestPlanText(t *testing.T) {
	w := newWorld(t, settings{host: true})
	for range 30 {
		w.create("daily")
	}
	_, err := w.host.Hold(w.now().Disk, "web-1", false)
	require.NoError(t, err)
	plan := w.plan(engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsDelete})
	require.Len(t, plan.Vanish, 31)
	text := plan.String()
	require.Contains(t, text, "… and 11 more")
	require.Contains(t, text, "30 × DeleteSnapshot")
	require.Contains(t, text, "in use by:\n  vm web-1")
	require.Less(t, strings.Count(text, "\n"), 60)
	doc, err := json.Marshal(plan)
	require.NoError(t, err)
	var back engine.Plan
	require.NoError(t, json.Unmarshal(doc, &back))
	require.Equal(t, plan.String(), back.String(), "a client that has the JSON has the plan")
}
