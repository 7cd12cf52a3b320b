package engine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

var update = flag.Bool("update", false, "write testdata/*.golden")

var night = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// stop is a world whose clock stands still.
func stop(t *testing.T, s settings) *world {
	t.Helper()
	s.opts.Clock = func() time.Time { return night }
	w := newWorld(t, s)
	w.fill(1)
	return w
}

// dieAt makes the process die directly before its next call of the method.
func (w *world) dieAt(method string) {
	k := w.killer
	w.onCall(func(m string) {
		if m == method {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.at = k.points + 1
		}
	})
}

// golden compares an explanation with its file, with ids, tokens and the store's times made equal for all runs.
func (w *world) golden(name string, x engine.Explanation, names map[string]string) {
	w.t.Helper()
	text := x.String()
	for id, name := range names {
		text = strings.ReplaceAll(text, id, name)
	}
	for _, kind := range []struct{ name, form string }{
		{"ID", `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`},
		{"token", `\b[a-z][a-z0-9]{26}\b`},
	} {
		seen := make(map[string]string)
		text = regexp.MustCompile(kind.form).ReplaceAllStringFunc(text, func(id string) string {
			if seen[id] == "" {
				seen[id] = fmt.Sprintf("%s-%d", kind.name, len(seen)+1)
			}
			return seen[id]
		})
	}
	text = regexp.MustCompile(`2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC`).ReplaceAllStringFunc(text, func(at string) string {
		if strings.HasPrefix(at, "2026-03-01 03:00") {
			return at
		}
		return "2026-03-01 03:00:30 UTC" // the store's clock
	})
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(w.t, err)
	require.Equal(w.t, string(want), text)
}

func (w *world) explain(id inventory.OperationID) engine.Explanation {
	w.t.Helper()
	x, err := w.eng.ExplainOperation(ctx(w.t), id)
	require.NoError(w.t, err)
	return x
}

func newID() engine.Common {
	return engine.Common{OperationID: snapshot.NewID[inventory.OperationID](), Actor: "alice"}
}

// stuckRevert is a revert whose process died between the roll-back and giving the volume back to a host that is down.
func stuckRevert(t *testing.T) (w *world, id inventory.OperationID, names map[string]string) {
	t.Helper()
	w = stop(t, settings{host: true})
	one := w.create("before upgrade")
	req := engine.RevertRequest{Common: newID(), Volume: w.volume.ID, Snapshot: one.ID}
	names = map[string]string{
		w.volume.ID.String(): "VOLUME", one.ID.String(): "SNAPSHOT", req.OperationID.String(): "OPERATION",
	}
	w.dieAt("Attach")
	_, err := w.eng.Revert(ctx(t), req)
	require.Error(t, err)
	w.die()
	w.away.Store(true)
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	return w, req.OperationID, names
}

func TestExplainRevertWithTheHostDown(t *testing.T) {
	w, id, names := stuckRevert(t)
	w.golden("explain-revert-host-down", w.explain(id), names)
	x, err := w.eng.ExplainVolume(ctx(t), w.volume.ID)
	require.NoError(t, err)
	w.golden("explain-volume", x, names)
	require.NoError(t, w.eng.Suspend(ctx(t), id, "alice", "the pool is being moved"))
	require.NoError(t, w.eng.Idle(ctx(t)))
	w.golden("explain-suspended", w.explain(id), names)
	require.NoError(t, w.eng.Resolve(ctx(t), id, engine.ChoiceAbandon, "alice", "the pool will not come back"))
	require.NoError(t, w.eng.Idle(ctx(t)))
	w.golden("explain-abandoned", w.explain(id), names)
}

func TestExplainCloneWithTheArrayDown(t *testing.T) {
	w := stop(t, settings{})
	one := w.create("before upgrade")
	req := engine.CloneRequest{Common: newID(), Snapshot: one.ID, Name: "copy"}
	names := map[string]string{
		w.volume.ID.String(): "VOLUME", one.ID.String(): "SNAPSHOT", req.OperationID.String(): "OPERATION",
	}
	w.dieAt("Clone")
	_, err := w.eng.Clone(ctx(t), req)
	require.Error(t, err)
	w.die()
	w.faults.Add(drivertest.Fault{
		When: drivertest.Before, Err: driver.Errorf(driver.ErrUnavailable, "dial tcp 192.0.2.5:443: connection refused"),
	})
	w.open()
	require.NoError(t, w.eng.Idle(ctx(t)))
	w.golden("explain-clone-array-down", w.explain(req.OperationID), names)
	x, err := w.eng.ExplainBackend(ctx(t), "array")
	require.NoError(t, err)
	w.golden("explain-backend-down", x, map[string]string{req.OperationID.String(): "OPERATION"})
	x, err = w.eng.ExplainSnapshot(ctx(t), one.ID)
	require.NoError(t, err)
	w.golden("explain-delete-in-use", x, names)
}

func TestExplainCreateOfUnknownOutcome(t *testing.T) {
	w := stop(t, settings{})
	w.loseReply("CreateSnapshot")
	w.faults.Add(drivertest.Fault{Method: "Lookup", When: drivertest.Before, Err: driver.Errorf(driver.ErrUnavailable, "no answer")})
	req := engine.CreateRequest{Common: newID(), Volume: w.volume.ID, Name: "before upgrade"}
	_, err := w.eng.Create(ctx(t), req)
	require.Error(t, err)
	w.golden("explain-create-unknown", w.explain(req.OperationID), map[string]string{
		w.volume.ID.String(): "VOLUME", req.OperationID.String(): "OPERATION",
	})
}

func TestExplainRevertOnAWord(t *testing.T) {
	w := stop(t, settings{without: []string{"Access"}})
	one := w.create("before upgrade")
	w.loseReply("Revert")
	req := engine.RevertRequest{
		Common: newID(), Volume: w.volume.ID, Snapshot: one.ID,
		AssertDetached: &engine.Assertion{By: "alice", Reason: "the machine is off"},
	}
	_, err := w.eng.Revert(ctx(t), req)
	require.Error(t, err)
	w.golden("explain-revert-on-a-word", w.explain(req.OperationID), map[string]string{
		w.volume.ID.String(): "VOLUME", one.ID.String(): "SNAPSHOT", req.OperationID.String(): "OPERATION",
	})
}
