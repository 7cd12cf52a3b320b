package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func TestEditLeavesWhatIsNil(t *testing.T) {
	w := newWorld(t, settings{})
	one, err := w.eng.Create(ctx(t), engine.CreateRequest{
		Volume: w.volume.ID, Name: "one", Labels: map[string]string{"a": "b"}, Owner: "ann",
	})
	require.NoError(t, err)
	name, none := "other", ""
	got, err := w.eng.Edit(ctx(t), engine.EditRequest{Snapshot: one.ID, Name: &name})
	require.NoError(t, err)
	one.Name, one.Version = name, one.Version+1
	require.Equal(t, one, got)
	got, err = w.eng.Edit(ctx(t), engine.EditRequest{Snapshot: one.ID, Labels: map[string]string{}, Owner: &none})
	require.NoError(t, err)
	require.Empty(t, got.Labels)
	require.Empty(t, got.Owner)
	require.Equal(t, name, got.Name)

	for what, req := range map[string]engine.Request{
		"nothing to change":           engine.EditRequest{Snapshot: one.ID},
		"an empty name":               engine.EditRequest{Snapshot: one.ID, Name: &none},
		"no snapshot":                 engine.EditRequest{Name: &name},
		"nothing to change, a volume": engine.EditVolumeRequest{Volume: w.volume.ID},
		"no volume":                   engine.EditVolumeRequest{Name: &name},
		"a label without a name":      engine.EditVolumeRequest{Volume: w.volume.ID, Labels: map[string]string{"": "x"}},
	} {
		_, err := w.eng.Submit(ctx(t), req)
		require.ErrorIs(t, err, driver.ErrInvalid, what)
	}
}

// TestEditIsJournaledAsAsked: an empty map of labels and none are two requests, also when they are read back.
func TestEditIsJournaledAsAsked(t *testing.T) {
	w := newWorld(t, settings{})
	one := w.create("one")
	name := "x"
	args := make(map[string]bool)
	for _, labels := range []map[string]string{nil, {}} {
		op, err := w.eng.Submit(ctx(t), engine.EditRequest{Snapshot: one.ID, Name: &name, Labels: labels})
		require.NoError(t, err)
		args[op.ArgsHash] = true
	}
	require.Len(t, args, 2)
}

func TestEditVolumeExternalID(t *testing.T) {
	w := newWorld(t, settings{})
	vol, err := w.eng.Import(ctx(t), engine.ImportRequest{Backend: "array", Native: w.array.AddVolume(size), ExternalID: "vm-1"})
	require.NoError(t, err)
	id, none := "vm-1", ""
	_, err = w.eng.EditVolume(ctx(t), engine.EditVolumeRequest{Volume: w.volume.ID, ExternalID: &id})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.Equal(t, w.volume, w.now())
	_, err = w.eng.EditVolume(ctx(t), engine.EditVolumeRequest{Volume: vol.ID, ExternalID: &none})
	require.NoError(t, err)
	got, err := w.eng.EditVolume(ctx(t), engine.EditVolumeRequest{Volume: w.volume.ID, ExternalID: &id})
	require.NoError(t, err)
	require.Equal(t, id, got.ExternalID)
	require.Equal(t, "disk", got.Name)
	require.Equal(t, "tenant", got.Owner)
}

// TestEditVolumeMeetsItsOperations: the header changes under every commit of every scene; the operation copes, in its own
// process, and the edit is not lost.
func TestEditVolumeMeetsItsOperations(t *testing.T) {
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			n := 1
			for playEdited(t, sc, n) {
				n++
			}
			require.Greater(t, n, 1)
		})
	}
}

// playEdited plays the scene, and edits the header of each volume directly before the n-th commit.
func playEdited(t *testing.T, sc scene, n int) (reached bool) {
	t.Helper()
	w := newWorld(t, sc.settings)
	st := stage{op: snapshot.NewID[inventory.OperationID]()}
	sc.before(w, &st)
	w.close()
	sound := w.inv
	count := 0
	var edited []inventory.Volume
	w.inv = &rival{Inventory: sound, before: func(inventory.Change) {
		if count++; count != n {
			return
		}
		reached = true
		for v, err := range sound.Volumes(ctx(t), inventory.VolumeQuery{}) {
			require.NoError(t, err)
			v.Labels = map[string]string{"edited": "meanwhile"}
			require.NoError(t, sound.Commit(ctx(t), inventory.Change{
				ID:      snapshot.NewID[inventory.ChangeID](),
				Volumes: []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
			}))
			edited = append(edited, v)
		}
	}}
	w.open()
	require.NoError(t, sc.act(w, &st))
	op, err := sound.Operation(ctx(t), st.op)
	require.NoError(t, err)
	require.EqualValues(t, 1, op.Epoch, "its own process has ended it, before commit %d", n)
	for _, v := range edited {
		if now, err := sound.Volume(ctx(t), v.ID); err == nil && sc.name != "edit volume" {
			require.Equal(t, v.Labels, now.Labels)
		}
	}
	p := performance{scene: sc}
	p.judge(w, &st)
	return reached
}
