package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// TestJSONIsTheLibrarysRecords: what -o json prints can be read into the library's own types, strictly.
func TestJSONIsTheLibrarysRecords(t *testing.T) {
	w := imported(t)
	volume := decoded[inventory.Volume](w, "volume", "show", "web01")
	require.Equal(t, "web01", volume.Name)
	require.Equal(t, []inventory.Volume{volume}, decoded[[]inventory.Volume](w, "volume", "list"))
	first := decoded[snapshot.Snapshot](w, "snapshot", "show", "first")
	require.Equal(t, map[string]string{"ticket": "4711"}, first.Labels)
	require.Equal(t, first, decoded[[]snapshot.Snapshot](w, "snapshot", "list", "web01", "--name", "first")[0])
	made := decoded[snapshot.Snapshot](w, "snapshot", "create", "web01", "third")
	require.Equal(t, volume.Head, made.Parent)
	back := decoded[reverted](w, "snapshot", "revert", "first", "--yes", "--keep", "kept")
	require.Equal(t, first.ID, back.Volume.Head)
	require.Equal(t, back.Kept, decoded[snapshot.Snapshot](w, "snapshot", "show", "kept").ID)
	tree := decoded[snapshot.Tree](w, "tree", "web01")
	require.Equal(t, 4, tree.Len())
	ops := decoded[[]inventory.Operation](w, "op", "list", "--kind", "revert")
	require.Len(t, ops, 1)
	require.Equal(t, "ada@desk", ops[0].Actor)
	require.Equal(t, ops[0].ID, decoded[inventory.Operation](w, "op", "show", ops[0].ID.Short()).ID)
	require.Equal(t, ops[0].ID, decoded[inventory.Operation](w, "op", "wait", ops[0].ID.String()).ID)
	require.Equal(t, "succeeded", decoded[engine.Explanation](w, "op", "explain", ops[0].ID.Short()).State)
	require.Equal(t, "ready", decoded[engine.Explanation](w, "explain", "web01@first").State)
	clone := decoded[inventory.Volume](w, "snapshot", "clone", "first", "copy", "--size", "2MiB")
	require.Equal(t, int64(2<<20), clone.Size)
	require.Equal(t, removed{"volume", clone.ID.String(), "copy"}, decoded[removed](w, "volume", "delete", "copy", "--yes"))
	require.Len(t, decoded[[]backendView](w, "backend", "list"), 2)
	require.NotEmpty(t, decoded[findings](w, "check"))
	require.Len(t, decoded[[]driverView](w, "drivers"), 2)
}

// TestYAMLSaysTheSame as JSON.
func TestYAMLSaysTheSame(t *testing.T) {
	w := imported(t)
	for _, args := range [][]string{{"volume", "list"}, {"op", "list"}, {"tree", "web01"}, {"drivers"}, {"config", "check"}} {
		var fromJSON, fromYAML any
		require.NoError(t, json.Unmarshal([]byte(w.ok(append(args, "-o", "json")...)), &fromJSON))
		require.NoError(t, yaml.Unmarshal([]byte(w.ok(append(args, "-o", "yaml")...)), &fromYAML))
		again, err := json.Marshal(fromYAML)
		require.NoError(t, err)
		want, err := json.Marshal(fromJSON)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(again), args)
	}
}

func TestYAMLQuotesWhatAReaderCouldTakeForSomethingElse(t *testing.T) {
	var b strings.Builder
	texts := []string{"web01", "on", "No", "null", "12", "1e3", "0x1", "2026-01-02", "a: b", "- a", "", "*a", "ä", "a\nb", "~", "a#b c"}
	require.NoError(t, encode(&b, outputYAML, texts))
	var again []string
	require.NoError(t, yaml.Unmarshal([]byte(b.String()), &again))
	require.Equal(t, texts, again)
	require.Contains(t, b.String(), "- web01\n")
	require.Contains(t, b.String(), "- \"on\"\n- \"No\"\n", "for readers of YAML 1.1")
}

func TestHelp(t *testing.T) {
	var b strings.Builder
	var all func(c *cobra.Command)
	w := newWorld(t)
	all = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		text := w.ok(append(path, "--help")...)
		require.True(t, c.HasSubCommands() || c.Example != "", "%s has no example", c.CommandPath())
		before, _, _ := strings.Cut(text, "Global Flags:")
		b.WriteString("=== " + c.CommandPath() + "\n" + strings.TrimSpace(before) + "\n\n")
		for _, below := range c.Commands() {
			all(below)
		}
	}
	a := &app{streams: streams{registry: w.registry}}
	all(a.root())
	golden(t, "help.txt", b.String())
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, len(line), 130, line)
	}
	require.Equal(t, w.ok("--help"), w.ok(), "without arguments it helps")
}

func TestUsage(t *testing.T) {
	w := imported(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command": {[]string{"volumes"}, `ctl: there is no command "volumes" below ctl` + "\n  next: see: ctl --help\n"},
		"unknown below":   {[]string{"op", "stop", "x"}, `ctl: there is no command "stop" below ctl op` + "\n  next: see: ctl op --help\n"},
		"unknown flag":    {[]string{"op", "list", "--all"}, "ctl: unknown flag: --all\n  next: see: ctl op list --help\n"},
		"flag's value":    {[]string{"op", "list", "--last", "x"}, `ctl: invalid argument "x" for "--last" flag: strconv.ParseInt: parsing "x": invalid syntax` + "\n  next: see: ctl op list --help\n"},
		"missing":         {[]string{"snapshot", "create", "web01"}, "ctl: NAME is missing; usage: ctl snapshot create VOLUME NAME\n  next: see: ctl snapshot create --help\n"},
		"too many":        {[]string{"tree", "web01", "web02"}, `ctl: there is one argument too many: "web02"; usage: ctl tree VOLUME` + "\n  next: see: ctl tree --help\n"},
		"output":          {[]string{"volume", "list", "-o", "xml"}, `ctl: -o "xml": want text, json or yaml` + "\n"},
		"label":           {[]string{"snapshot", "create", "web01", "x", "--label", "y"}, `ctl: --label "y": want key=value` + "\n"},
		"operation id":    {[]string{"snapshot", "create", "web01", "x", "--operation-id", "y"}, `ctl: --operation-id: id "y": want the form 01234567-89ab-cdef-0123-456789abcdef in lower case` + "\n"},
		"state":           {[]string{"snapshot", "list", "--state", "gone"}, `ctl: --state "gone": want creating, ready, deleting or missing` + "\n"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, result{"", c.want, exitUsage}, w.run(c.args...)) })
	}
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 2, "nothing was done")
}

// TestAmbiguous: a name that several things have is refused with all of them.
func TestAmbiguous(t *testing.T) {
	w := imported(t)
	w.image("other.raw")
	w.ok("volume", "import", "images", "other.raw", "--name", "web01")
	w.ok("snapshot", "create", "images/other.raw", "first")
	r := w.run("snapshot", "delete", "first", "--yes")
	require.Equal(t, exitRefused, r.code)
	require.Equal(t, `ctl: snapshot "first" is ambiguous: 2 of them match
  it may be: snapshot 00000000-0000-0000-0000-000000000001 (web01@first) since 2026-03-07T12:03:00Z
  it may be: snapshot 00000000-0000-0000-0000-000000000002 (web01@first) since 2026-03-07T12:06:00Z
  next: give the id of the one that is meant
`, w.stable(r.err))
	var f failure
	require.NoError(t, json.Unmarshal([]byte(w.run("tree", "web01", "-o", "json").err), &f))
	require.Equal(t, `volume "web01" is ambiguous: 2 of them match`, f.Error)
	require.Len(t, f.Candidates, 2)
	for _, c := range f.Candidates {
		require.Equal(t, c.ID, decoded[inventory.Volume](w, "volume", "show", c.ID).ID.String())
		require.Equal(t, c.ID, decoded[inventory.Volume](w, "volume", "show", c.ID[len(c.ID)-8:]).ID.String())
	}
	all := decoded[[]snapshot.Snapshot](w, "snapshot", "list", "images/other.raw")
	require.Equal(t, all[0], decoded[snapshot.Snapshot](w, "snapshot", "show", "images/other.raw@first"))
	require.Equal(t, all[0], decoded[snapshot.Snapshot](w, "snapshot", "show", all[0].ID.Short()))
	require.Equal(t, all[0], decoded[snapshot.Snapshot](w, "snapshot", "show", "images/other.raw@"+all[0].ID.Short()))
}

// TestAsked: on a terminal a person is asked, and nothing happens without a yes.
func TestAsked(t *testing.T) {
	w := imported(t)
	w.terminal = true
	for _, answer := range []string{"", "n\n", "\n", "yep\n"} {
		w.input = answer
		r := w.run("snapshot", "delete", "first")
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, r.err, "plan: delete\n")
		require.Contains(t, r.err, "This deletes snapshot web01@first. Do it? [y/N] ")
		require.Contains(t, r.err, "ctl: not agreed to, so nothing was done\n")
	}
	require.Empty(t, decoded[[]inventory.Operation](w, "op", "list", "--kind", "delete"))
	w.input = "y\n"
	require.Equal(t, exitOK, w.run("snapshot", "delete", "first").code)
	require.Equal(t, exitRefused, w.run("snapshot", "show", "first").code)
}

// TestDryRun: -n prints the plan of every command that has one, and changes nothing.
func TestDryRun(t *testing.T) {
	w := imported(t)
	w.image("other.raw")
	w.array = drivertest.NewBackend(drivertest.BackendOptions{
		Facts: driver.Facts{RevertFenced: true, CloneDependence: driver.CloneUntilSplit},
	})
	w.lun("lun")
	w.ok("group", "create", "pair", "lun")
	w.ok("group", "create", "twin", "lun")
	w.ok("snapshot", "create", "lun", "held")
	w.ok("snapshot", "hold", "held", "audit")
	w.ok("snapshot", "clone", "lun@pair", "dependent")
	before := w.contents()
	commands := [][]string{
		{"volume", "import", "images", "other.raw"},
		{"volume", "forget", "web01"},
		{"volume", "delete", "web01", "--snapshots", "delete"},
		{"snapshot", "create", "web01", "third"},
		{"snapshot", "delete", "first"},
		{"snapshot", "revert", "first", "--keep", "x"},
		{"snapshot", "clone", "first", "copy"},
		{"group", "create", "all", "lun"},
		{"group", "revert", "pair"},
		{"volume", "split", "dependent"},
		{"volume", "edit", "web01", "--owner", "shop"},
		{"snapshot", "hold", "first", "audit"},
		{"snapshot", "release", "held", "audit"},
		{"snapshot", "edit", "first", "--name", "x"},
		{"snapshot", "set-expiry", "first", "7d"},
		{"group", "delete", "twin"},
	}
	for _, args := range commands {
		w.ok(append(args, "-n")...)
		require.NotEmpty(t, decoded[engine.Plan](w, append(args, "-n", "--yes")...).Steps, args)
	}
	require.Equal(t, before, w.contents())
	planned := 0
	var count func(c *cobra.Command)
	count = func(c *cobra.Command) {
		if c.Flags().Lookup("if-plan") != nil {
			planned++
		}
		for _, below := range c.Commands() {
			count(below)
		}
	}
	a := &app{streams: streams{registry: w.registry}}
	count(a.root())
	require.Len(t, commands, planned, "a command with a plan that this test does not know")
}

// contents is all that the inventory and the folder of images hold.
func (w *world) contents() []string {
	all := []string{w.ok("volume", "list", "-o", "json"), w.ok("snapshot", "list", "-o", "json"), w.ok("op", "list", "-o", "json")}
	err := filepath.WalkDir(filepath.Join(w.dir, "images"), func(path string, e fs.DirEntry, err error) error {
		info, infoErr := e.Info()
		if err = errors.Join(err, infoErr); err == nil && !e.IsDir() {
			all = append(all, fmt.Sprintf("%s %d %s", path, info.Size(), info.ModTime()))
		}
		return err
	})
	require.NoError(w.t, err)
	return all
}

// TestRefusedPlan: a plan that says no is printed, and is a refusal.
func TestRefusedPlan(t *testing.T) {
	w := imported(t)
	r := w.run("volume", "delete", "web01", "-n", "-o", "json")
	require.Equal(t, exitRefused, r.code)
	var plan engine.Plan
	require.NoError(t, json.Unmarshal([]byte(r.out), &plan))
	require.Equal(t, "in use", plan.Refusal.Code)
	var f failure
	require.NoError(t, json.Unmarshal([]byte(r.err), &f))
	require.Len(t, f.Blockers, 2)
	w.terminal, w.input = true, "y\n"
	r = w.run("volume", "delete", "web01")
	require.Equal(t, exitRefused, r.code)
	require.NotContains(t, r.err, "Do it?", "nobody is asked for what will be refused")
}

// TestIfPlan: what was planned is what is done, or nothing.
func TestIfPlan(t *testing.T) {
	w := imported(t)
	version := decoded[engine.Plan](w, "snapshot", "create", "web01", "third", "-n").Version
	w.ok("snapshot", "create", "web01", "third", "--if-plan", version)
	r := w.run("snapshot", "create", "web01", "third", "--if-plan", version)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "the plan is outdated")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 3)
}

// TestAgreedToThePlan: what changes between the question and the answer is not done.
func TestAgreedToThePlan(t *testing.T) {
	w := imported(t)
	question := &waiter{text: "[y/N] ", then: func() { w.ok("snapshot", "create", "web01", "third") }}
	code := execute(t.Context(), streams{
		in: strings.NewReader("y\n"), out: io.Discard, err: question, inTerminal: true, registry: w.registry, busy: new(atomic.Bool),
		getenv: func(string) string { return w.config }, now: time.Now,
	}, []string{"snapshot", "revert", "first"})
	require.Equal(t, exitRefused, code, question.seen.String())
	require.Contains(t, question.seen.String(), "plan: revert\n")
	require.Contains(t, question.seen.String(), "the plan is outdated")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 3)
	require.Empty(t, decoded[[]inventory.Operation](w, "op", "list", "--kind", "revert"))
}

// TestAskedAndInterrupted: whoever interrupts the question has not agreed.
func TestAskedAndInterrupted(t *testing.T) {
	w := imported(t)
	ctx, cancel := context.WithCancel(t.Context())
	question := &waiter{text: "[y/N] ", then: cancel}
	nobody, typed := io.Pipe()
	defer func() { _ = typed.Close() }()
	code := execute(ctx, streams{
		in: nobody, out: io.Discard, err: question, inTerminal: true, registry: w.registry, busy: new(atomic.Bool),
		getenv: func(string) string { return w.config }, now: time.Now,
	}, []string{"snapshot", "delete", "first"})
	require.Equal(t, exitRefused, code)
	require.Contains(t, question.seen.String(), "This deletes snapshot web01@first. Do it? [y/N] \n"+
		"ctl: not agreed to, so nothing was done\n  next: give --yes to do it\n")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 2)
}

// waiter calls then when it is told a text.
type waiter struct {
	seen strings.Builder
	text string
	then func()
}

func (w *waiter) Write(p []byte) (int, error) {
	if n, _ := w.seen.Write(p); n > 0 && strings.HasSuffix(w.seen.String(), w.text) {
		w.then()
	}
	return len(p), nil
}

// TestOperationID: the same command again is done once; with other arguments it is refused.
func TestOperationID(t *testing.T) {
	w := imported(t)
	id := []string{"--operation-id", "01a20747-e771-7403-beb4-9c9ce403c0a4"}
	made := decoded[snapshot.Snapshot](w, append([]string{"snapshot", "create", "web01", "third"}, id...)...)
	require.Equal(t, made, decoded[snapshot.Snapshot](w, append([]string{"snapshot", "create", "web01", "third"}, id...)...))
	r := w.run(append([]string{"snapshot", "create", "web01", "fourth"}, id...)...)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "  next: choose a fresh operation id\n")
	require.Len(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"), 3)
}

// TestWaiting: an operation that cannot be ended is printed with its id, can be explained, and goes on when asked to.
func TestWaiting(t *testing.T) {
	w := newWorld(t)
	native := w.array.AddVolume(1 << 20)
	w.ok("volume", "import", "array", string(native), "--name", "lun")
	w.ok("snapshot", "create", "lun", "one")
	w.faults.Add(drivertest.Fault{Method: "DeleteSnapshot", Err: driver.Errorf(driver.ErrIndeterminate, "no reply"), When: drivertest.After},
		drivertest.Fault{Method: "Lookup", Err: driver.Errorf(driver.ErrUnavailable, "array down")})
	r := w.run("snapshot", "delete", "one", "--yes", "-o", "json")
	require.Equal(t, exitWaiting, r.code, r.err)
	require.Empty(t, r.out)
	var f failure
	require.NoError(t, json.Unmarshal([]byte(r.err), &f))
	require.Equal(t, inventory.Waiting, f.State)
	require.Equal(t, exitWaiting, f.Exit)
	require.Contains(t, w.ok("op", "list", "--open"), f.Operation.Short()+"  delete  waiting: retry  lun")
	require.Contains(t, w.ok("op", "explain", f.Operation.String()), "operation "+f.Operation.String()+" (delete): waiting\n")
	require.Contains(t, w.ok("check"), "1 open, 0 of them wait for a person")

	r = w.run("op", "retry", f.Operation.Short())
	require.Equal(t, exitWaiting, r.code)
	require.Contains(t, r.err, "ctl: delete waits (operation "+f.Operation.String()+"): ")
	require.Contains(t, r.err, "  next: ctl op explain "+f.Operation.String()+"\n")

	w.faults.Clear()
	require.Contains(t, w.ok("op", "retry", f.Operation.Short()), "state:     succeeded\n")
	require.Equal(t, "There are no such operations.\n", w.ok("op", "list", "--open"))
	r = w.run("op", "cancel", f.Operation.Short())
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, " has ended: it is succeeded\n")
}

// TestFailed: what was undone is a failure that left nothing.
func TestFailed(t *testing.T) {
	w := newWorld(t)
	w.ok("volume", "import", "array", string(w.array.AddVolume(1<<20)), "--name", "lun")
	w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Err: driver.Errorf(driver.ErrExhausted, "no room")})
	r := w.run("snapshot", "create", "lun", "one")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "ctl: create failed, and left nothing behind (operation ")
	require.Contains(t, r.err, "no room: limit reached")
	require.Empty(t, decoded[[]snapshot.Snapshot](w, "snapshot", "list"))
}

// TestCheckFails when something is down, and shows the rest all the same.
func TestCheckFails(t *testing.T) {
	w := imported(t)
	w.faults.Add(drivertest.Fault{Method: "Describe", Err: driver.Errorf(driver.ErrUnavailable, "no route to host")})
	r := w.run("check")
	require.Equal(t, exitFailed, r.code)
	require.Regexp(t, `(?m)^fail  backend array +reach +no route to host: unavailable$`, r.out)
	require.Regexp(t, `(?m)^ok +backend images +folder`, r.out)
	require.Regexp(t, `^ctl: 1 of [0-9]+ checks failed\n$`, r.err)
	require.Regexp(t, `(?m)^array +memory +down`, w.ok("backend", "list"))
	require.Contains(t, r.out, "ok    config          permissions  mode -rw-------\n")
	require.NoError(t, os.Chmod(w.config, 0o640))
	require.Contains(t, w.run("check").out, "warn  config          permissions  it has secrets in it, and mode -rw-r-----\n")
	require.Equal(t, exitOK, w.run("backend", "check", "images").code)
	require.Equal(t, exitFailed, w.run("backend", "check", "array").code)
}

func TestBackendRemove(t *testing.T) {
	w := imported(t)
	r := w.run("backend", "remove", "images", "--yes")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, `backend "images" still has 1 volumes with 2 snapshots in the inventory`)
	w.ok("volume", "forget", "web01", "--yes")
	require.Equal(t, "removed backend images; take it out of the configuration too\n", w.ok("backend", "remove", "images", "--yes"))
}

func TestCompletion(t *testing.T) {
	w := imported(t)
	id := decoded[snapshot.Snapshot](w, "snapshot", "show", "first").ID.Short()
	for name, c := range map[string]struct{ line, want string }{
		"commands":        {"snapshot de", "delete\tDelete a snapshot at the array\n:4\n"},
		"volumes":         {"tree w", "web01\timages/disk.raw\n:4\n"},
		"no more":         {"tree web01 ", ":4\n"},
		"snapshots":       {"snapshot revert web01@f", "web01@first\t2026-03-07 12:03\n:4\n"},
		"ids":             {"explain " + id, id + "\tweb01@first\n:4\n"},
		"backends":        {"volume import i", "images\tlocal\n:4\n"},
		"drivers":         {"config example l", "local\nmemory\n:4\n"},
		"values of flags": {"volume list -o ", "text\njson\nyaml\n:4\n"},
		"policies":        {"volume delete web01 --snapshots ", "refuse\nkeep\ndelete\n:4\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, w.run(append([]string{"__complete"}, strings.Split(c.line, " ")...)...).out)
		})
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, w.ok("completion", shell), "__complete")
	}
	w.config = ""
	require.Equal(t, ":4\n", w.run("__complete", "tree", "").out, "without a configuration there is nothing to say")
}
