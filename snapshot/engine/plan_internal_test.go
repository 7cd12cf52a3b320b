package engine

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// TestEveryStepTellsWhatItDoes: a step or a kind that says nothing for a plan cannot be forgotten.
func TestEveryStepTellsWhatItDoes(t *testing.T) {
	for name, k := range kinds() {
		require.NotNil(t, k.ends, "kind %s says nothing of its outcome", name)
		require.NotEmpty(t, k.ends(typicalRun(t, k)))
		for step, st := range k.steps {
			t.Run(name+"/"+step, func(t *testing.T) {
				require.NotNil(t, st.tell, "the step tells nothing")
				told := st.tell(typicalRun(t, k))
				require.NotEmpty(t, told.Does)
				require.Equal(t, st.undo != nil, told.Undo != "", "what goes back, and only that, has a sentence about it")
				if step != stepThaw { // the step before it has sent everything
					require.NotEmpty(t, told.Calls)
				}
				for _, c := range told.Calls {
					require.NotEmpty(t, c.Method)
					require.Equal(t, c.Target == TargetInventory, c.Name == "", "%s has a name", c.Target)
				}
			})
		}
	}
}

// typicalRun is a run as prepare leaves it, with everything that a step may speak of.
func typicalRun(t *testing.T, k *kind) *run {
	t.Helper()
	r := newRun(nil, k)
	r.fore = &forecast{}
	var err error
	r.req, err = k.decode(json.RawMessage("{}"))
	require.NoError(t, err)
	drv := drivertest.NewBackend(drivertest.BackendOptions{}).Driver()
	r.b = &backend{name: "array", drv: drv, able: drv.Abilities()}
	r.p.Net = &net{}
	r.p.Backend, r.p.Host, r.p.Attachment = "array", "pool", &driver.Attachment{}
	r.d.Shots = []shot{{Volumes: []snapshot.VolumeID{r.p.Volume}}}
	r.vol = inventory.Volume{Name: "disk", SnapshotCount: 3}
	return r
}
