package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
	"github.com/stretchr/testify/require"
)

// stuck is a world with a deletion that took place, and whose reply was lost by an array that cannot be asked any more.
func stuck(t *testing.T) (w *world, op string) {
	t.Helper()
	w = newWorld(t)
	w.lun("lun")
	w.lun("other")
	w.ok("snapshot", "create", "lun", "one")
	w.faults.Add(
		drivertest.Fault{Method: "DeleteSnapshot", When: drivertest.After},
		drivertest.Fault{Method: "Lookup", Err: driver.Errorf(driver.ErrUnavailable, "array down")},
	)
	r := w.run("snapshot", "delete", "one", "--yes", "-o", "json")
	require.Equal(t, exitWaiting, r.code, r.err)
	var f failure
	require.NoError(t, json.Unmarshal([]byte(r.err), &f))
	return w, f.Operation.String()
}

func (w *world) operation(id string) inventory.Operation {
	return decoded[inventory.Operation](w, "op", "show", id)
}

// TestResolve: a person's decision is journaled, and asked for again unless it is safe.
func TestResolve(t *testing.T) {
	w, op := stuck(t)
	var names []engine.ChoiceName
	for _, c := range decoded[[]engine.Choice](w, "op", "choices", op) {
		names = append(names, c.Name)
	}
	require.Contains(t, names, engine.ChoiceAssumeDone)
	require.Contains(t, w.ok("op", "choices", op), "assume-done")
	require.Equal(t, exitUsage, w.run("op", "resolve", op, "assume-done").code, "without a reason")
	r := w.run("op", "resolve", op, "nonsense", "--reason", "x")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "  next: choose one of: "+string(names[0])+", ")
	r = w.run("op", "resolve", op, "assume-done", "--reason", "it is gone")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "nobody could be asked, so nothing was done")
	require.Equal(t, inventory.Waiting, w.operation(op).State)

	w.ok("op", "resolve", op, "assume-done", "--reason", "it is gone", "--yes")
	require.Equal(t, inventory.Succeeded, w.operation(op).State)
	require.Empty(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"))
	require.Contains(t, w.ok("op", "explain", op), "it is gone")
	require.Contains(t, w.ok("op", "choices", op), "There is nothing to decide")
}

func TestSuspendAndResume(t *testing.T) {
	w, op := stuck(t)
	require.Equal(t, exitUsage, w.run("op", "suspend", op).code, "without a reason")
	require.Contains(t, w.ok("op", "suspend", op, "--reason", "the array is moved"), "the array is moved")
	require.Contains(t, w.ok("op", "list", "--open"), "waiting: person")
	w.faults.Clear()
	w.ok("snapshot", "create", "other", "two")
	require.Equal(t, inventory.Waiting, w.operation(op).State, "nobody takes it up by itself")
	require.Equal(t, exitRefused, w.run("op", "retry", op).code)
	w.ok("op", "resume", op)
	require.Equal(t, inventory.Succeeded, w.operation(op).State)
}

// TestCancel: an operation that cannot be undone any more says so.
func TestCancel(t *testing.T) {
	w, op := stuck(t)
	w.faults.Clear()
	r := w.run("op", "cancel", op)
	require.Equal(t, exitFailed, r.code, r.err)
	require.Contains(t, r.err, "was past its pivot: it could only be completed, and has succeeded")
	require.Equal(t, exitRefused, w.run("op", "cancel", op).code, "it has ended")
}

// TestRecover: commands take up what was left, or leave that to ctl op recover.
func TestRecover(t *testing.T) {
	w, op := stuck(t)
	config, err := os.ReadFile(w.config)
	require.NoError(t, err)
	manual := w.file("manual.yaml", string(config)+"engine: {manual_recovery: true}\n")
	automatic := w.config

	attempts := w.operation(op).Attempts
	for _, reads := range [][]string{
		{"audit"},
		{"check"},
		{"op", "list"},
		{"op", "explain", op},
		{"op", "choices", op},
		{"op", "wait", op},
		{"explain", "lun"},
		{"tree", "lun"},
		{"snapshot", "create", "other", "x", "-n"},
		{"snapshot", "expire", "-n"},
		{"op", "recover", "-n"},
	} {
		w.run(reads...)
		require.Equal(t, attempts, w.operation(op).Attempts, "%q takes nothing up", reads)
	}
	w.config = manual
	w.ok("snapshot", "create", "other", "two")
	require.Equal(t, attempts, w.operation(op).Attempts)
	r := w.run("op", "recover")
	require.Equal(t, exitWaiting, r.code)
	require.True(t, strings.HasPrefix(r.err, "ctl: 1 operations are still open\n"), r.err)
	require.Contains(t, r.out, "delete  waiting: retry  lun")
	require.Greater(t, w.operation(op).Attempts, attempts)

	w.faults.Clear()
	require.Contains(t, w.ok("op", "recover", "-n"), "delete  waiting: retry  lun")
	require.Equal(t, inventory.Waiting, w.operation(op).State)
	w.config = automatic
	w.ok("snapshot", "create", "other", "three")
	require.Equal(t, inventory.Succeeded, w.operation(op).State)
	require.Equal(t, "There are no such operations.\n", w.ok("op", "recover"))
}

// TestExplain: anything can be explained by its name.
func TestExplain(t *testing.T) {
	w, op := stuck(t)
	for ref, subject := range map[string]string{
		op: "operation " + op, "lun": "volume ", "array": `backend "array"`, "lun@one": "snapshot ", "images": `backend "images"`,
	} {
		require.True(t, strings.HasPrefix(decoded[engine.Explanation](w, "explain", ref).Subject, subject), ref)
	}
	require.Equal(t, exitRefused, w.run("explain", "nothing").code)
}
