package inventory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func volumeChange() inventory.VolumeChange {
	return inventory.VolumeChange{Volume: inventory.Volume{ID: snapshot.NewID[snapshot.VolumeID](), Backend: "array"}}
}

func snapshotRow() snapshot.Snapshot {
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: snapshot.NewID[snapshot.VolumeID](), State: snapshot.Ready,
		Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
	}
}

func operationChange(epoch, ifEpoch int64) *inventory.OperationChange {
	return &inventory.OperationChange{
		Operation: inventory.Operation{ID: snapshot.NewID[inventory.OperationID](), Kind: "create", Epoch: epoch},
		IfEpoch:   ifEpoch,
	}
}

// with returns the value after an edit.
func with[V any](v V, edit func(*V)) V {
	edit(&v)
	return v
}

func TestChangeValidate(t *testing.T) {
	volume, row, id := volumeChange(), snapshotRow(), snapshot.NewID[snapshot.ID]()
	type change = inventory.Change
	for name, test := range map[string]struct {
		change change
		// wrong is what the error says; empty if the change is all right.
		wrong string
	}{
		"empty":                    {change: change{}},
		"no id":                    {change: change{ID: inventory.ChangeID{0}}, wrong: "without an id"},
		"volume":                   {change: change{Volumes: []inventory.VolumeChange{volume}}},
		"volume without id":        {change: change{Volumes: []inventory.VolumeChange{{}}}, wrong: "volume without an id"},
		"volume without backend":   {change: change{Volumes: []inventory.VolumeChange{with(volume, noBackend)}}, wrong: "no backend"},
		"volume twice":             {change: change{Volumes: []inventory.VolumeChange{volume, volume}}, wrong: "stands twice"},
		"volume deleted":           {change: change{Volumes: []inventory.VolumeChange{with(volume, deleted(3))}}},
		"volume deleted blindly":   {change: change{Volumes: []inventory.VolumeChange{with(volume, deleted(0))}}, wrong: "needs the version"},
		"head known and unknown":   {change: change{Volumes: []inventory.VolumeChange{with(volume, twoHeads)}}, wrong: "known and unknown"},
		"snapshot":                 {change: change{Put: []snapshot.Snapshot{row}}},
		"snapshot without id":      {change: change{Put: []snapshot.Snapshot{{}}}, wrong: "snapshot without an id"},
		"snapshot without volume":  {change: change{Put: []snapshot.Snapshot{with(row, homeless)}}, wrong: "no volume"},
		"snapshot without state":   {change: change{Put: []snapshot.Snapshot{with(row, stateless)}}, wrong: "unknown state"},
		"snapshot without lineage": {change: change{Put: []snapshot.Snapshot{with(row, unrelated)}}, wrong: "unknown lineage"},
		"own parent":               {change: change{Put: []snapshot.Snapshot{with(row, ownParent)}}, wrong: "its own parent"},
		"negative version":         {change: change{Put: []snapshot.Snapshot{with(row, negative)}}, wrong: "version -1"},
		"put twice":                {change: change{Put: []snapshot.Snapshot{row, row}}, wrong: "stands twice"},
		"put and dropped":          {change: change{Put: []snapshot.Snapshot{row}, Drop: []snapshot.ID{row.ID}}, wrong: "stands twice"},
		"drop":                     {change: change{Drop: []snapshot.ID{id}}},
		"drop of none":             {change: change{Drop: []snapshot.ID{{}}}, wrong: "snapshot without an id"},
		"reparent to none":         {change: change{Reparent: []inventory.Reparent{{Volume: row.Volume, From: id}}}},
		"reparent to itself":       {change: change{Reparent: []inventory.Reparent{{Volume: row.Volume, From: id, To: id}}}, wrong: "reparenting"},
		"reparent from none":       {change: change{Reparent: []inventory.Reparent{{Volume: row.Volume, To: id}}}, wrong: "reparenting"},
		"reparent nowhere":         {change: change{Reparent: []inventory.Reparent{{From: id}}}, wrong: "reparenting"},
		"record":                   {change: change{Records: []inventory.RecordChange{{Record: inventory.Record{Kind: "k", ID: "i"}}}}},
		"record without kind":      {change: change{Records: []inventory.RecordChange{{Record: inventory.Record{ID: "i"}}}}, wrong: "without a kind"},
		"record deleted blindly": {
			change: change{Records: []inventory.RecordChange{{Record: inventory.Record{Kind: "k", ID: "i"}, Delete: true}}},
			wrong:  "needs the version",
		},
		"as many as allowed": {change: change{Put: rows(inventory.MaxChange - 1), Operation: operationChange(1, 0)}},
		"too many":           {change: change{Put: rows(inventory.MaxChange), Operation: operationChange(1, 0)}, wrong: "split it"},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "no id" {
				test.change.ID = snapshot.NewID[inventory.ChangeID]()
			}
			requireWrong(t, test.change.Validate(), test.wrong)
		})
	}
}

func TestOperationChangeValidate(t *testing.T) {
	type change = inventory.OperationChange
	for name, test := range map[string]struct {
		change *change
		wrong  string
	}{
		"begun":                    {change: operationChange(1, 0)},
		"begun with epoch 0":       {change: operationChange(0, 0), wrong: "epoch 0, want 1"},
		"begun with epoch 2":       {change: operationChange(2, 0), wrong: "epoch 2, want 1"},
		"advanced":                 {change: operationChange(4, 4)},
		"advanced to a new epoch":  {change: operationChange(5, 4), wrong: "epoch 5, want 4"},
		"taken over":               {change: edited(operationChange(5, 4), func(c *change) { c.TakeOver = true })},
		"taken over as read":       {change: edited(operationChange(5, 4), func(c *change) { c.TakeOver, c.IfSeq = true, 7 })},
		"as read":                  {change: edited(operationChange(4, 4), func(c *change) { c.IfSeq = 7 }), wrong: "seq"},
		"seq below zero":           {change: edited(operationChange(5, 4), func(c *change) { c.TakeOver, c.IfSeq = true, -1 }), wrong: "seq"},
		"taken over in its epoch":  {change: edited(operationChange(4, 4), func(c *change) { c.TakeOver = true }), wrong: "want 5"},
		"taken over from nothing":  {change: edited(operationChange(1, 0), func(c *change) { c.TakeOver = true }), wrong: "exists"},
		"restarted":                {change: edited(operationChange(5, 4), func(c *change) { c.Restart = true })},
		"restarted from nothing":   {change: edited(operationChange(1, 0), func(c *change) { c.Restart = true }), wrong: "exists"},
		"both":                     {change: edited(operationChange(5, 4), func(c *change) { c.Restart, c.TakeOver = true, true }), wrong: "exists"},
		"without kind":             {change: edited(operationChange(1, 0), func(c *change) { c.Operation.Kind = "" }), wrong: "a kind"},
		"lease for nobody":         {change: edited(operationChange(1, 0), func(c *change) { c.LeaseTTL = time.Second }), wrong: "an owner"},
		"lease of a negative time": {change: edited(operationChange(1, 0), func(c *change) { c.LeaseTTL = -1 }), wrong: "a time"},
	} {
		t.Run(name, func(t *testing.T) {
			c := inventory.Change{ID: snapshot.NewID[inventory.ChangeID](), Operation: test.change}
			requireWrong(t, c.Validate(), test.wrong)
		})
	}
}

func TestPageValidate(t *testing.T) {
	requireWrong(t, inventory.Page[int64]{After: -1}.Validate(), "")
	requireWrong(t, inventory.Page[int64]{Limit: 10, Offset: 20}.Validate(), "")
	requireWrong(t, inventory.Page[int64]{Limit: -1}.Validate(), "limit -1")
	requireWrong(t, inventory.Page[int64]{Offset: -1}.Validate(), "offset -1")
}

func TestOperationStateOpen(t *testing.T) {
	for state, open := range map[inventory.OperationState]bool{
		inventory.Queued: true, inventory.Running: true, inventory.Waiting: true,
		inventory.Succeeded: false, inventory.Failed: false, inventory.Abandoned: false, "": false, "other": false,
	} {
		require.Equal(t, open, state.Open(), state)
	}
}

// requireWrong expects an ErrInvalid that says what is wrong, or success.
func requireWrong(t *testing.T, err error, wrong string) {
	t.Helper()
	if wrong == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, inventory.ErrInvalid)
	require.ErrorContains(t, err, wrong)
}

func rows(n int) []snapshot.Snapshot {
	all := make([]snapshot.Snapshot, n)
	for i := range all {
		all[i] = snapshotRow()
	}
	return all
}

func edited[V any](v *V, edit func(*V)) *V {
	edit(v)
	return v
}

func noBackend(c *inventory.VolumeChange) { c.Volume.Backend = "" }

func twoHeads(c *inventory.VolumeChange) {
	c.Volume.Head, c.Volume.HeadUnknown = snapshot.NewID[snapshot.ID](), true
}

func deleted(version int64) func(*inventory.VolumeChange) {
	return func(c *inventory.VolumeChange) { c.Delete, c.IfVersion = true, version }
}

func ownParent(s *snapshot.Snapshot) { s.Parent = s.ID }

func homeless(s *snapshot.Snapshot) { s.Volume = snapshot.VolumeID{} }

func stateless(s *snapshot.Snapshot) { s.State = "" }

func unrelated(s *snapshot.Snapshot) { s.Lineage = "" }

func negative(s *snapshot.Snapshot) { s.Version = -1 }
