package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestRevertOfAContainerToAGroup: the array drops younger snapshots, but the members of one instant are where its volumes go
// back to: nobody has to agree to lose them.
func TestRevertOfAContainerToAGroup(t *testing.T) {
	w := newWorld(t, settings{container: "box", facts: driver.Facts{
		SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer, RevertDropsYounger: true,
	}})
	two, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolumeIn("box", size)})
	require.NoError(t, err)
	w.fill(1)
	g, err := w.eng.CreateGroup(ctx(t), engine.CreateGroupRequest{Volumes: []snapshot.VolumeID{w.volume.ID, two.ID}, Name: "both"})
	require.NoError(t, err)
	w.fill(2)
	req := engine.RevertRequest{Volume: w.volume.ID, Snapshot: g.Members[0].ID, Siblings: []snapshot.VolumeID{two.ID}}
	plan := w.plan(req)
	require.Nil(t, plan.Refusal)
	require.Len(t, plan.Vanish, 2, "the contents now")
	require.Len(t, plan.Volumes, 2)
	require.Equal(t, g.Members[1].ID, plan.Volumes[1].HeadAfter.Snapshot)
	req.IfVersion = plan.Version
	_, err = w.eng.Revert(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(w.now().Native))
	v, err := w.eng.Volume(ctx(t), two.ID)
	require.NoError(t, err)
	require.Equal(t, g.Members[1].ID, v.Head)
}
