package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestCloneOfADeletedVolume: a snapshot that outlived its volume is cloned to a host, which is told what the volume was.
func TestCloneOfADeletedVolume(t *testing.T) {
	w := newWorld(t, settings{host: true})
	w.fill(1)
	one := w.create("one")
	require.NoError(t, w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: w.volume.ID, Snapshots: engine.SnapshotsKeep}))
	v, err := w.eng.Clone(ctx(t), engine.CloneRequest{Snapshot: one.ID, Name: "again", Host: "pool"})
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(v.Native))
	require.Positive(t, w.host.Attached(v.Disk))
}
