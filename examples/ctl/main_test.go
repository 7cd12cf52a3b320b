package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// world is an inventory with two backends: "images", files in a folder, and "array", in memory, which can be made to fail.
type world struct {
	t        *testing.T
	dir      string
	config   string
	array    *drivertest.Backend
	faults   *drivertest.Faults
	registry *driver.Registry
	// input is what the next command reads; terminal says that a person types it.
	input    string
	terminal bool
	now      time.Time
}

// memoryConfig is the configuration of the backend in memory.
type memoryConfig struct {
	Password driver.Secret `json:"password" help:"never to be printed"`
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, dir: t.TempDir(), registry: new(driver.Registry), faults: drivertest.NewFaults(),
		array: drivertest.NewBackend(drivertest.BackendOptions{Facts: driver.Facts{RevertFenced: true}}),
		now:   time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC),
	}
	local, err := driver.Default.Driver("local")
	require.NoError(t, err)
	w.registry.Register("local", local)
	w.registry.Register("memory", driver.Typed(func(memoryConfig, driver.Env) (driver.Driver, error) {
		return driver.Wrap(w.array.Driver(), w.faults.Hook()), nil
	}))
	require.NoError(t, os.Mkdir(filepath.Join(w.dir, "images"), 0o700))
	w.image("disk.raw")
	w.config = w.file("ctl.yaml", fmt.Sprintf(`
inventory: sqlite:%[1]s/inventory.db
backends:
  - {name: images, driver: local, config: {dir: %[1]s/images}}
  - {name: array, driver: memory, config: {password: hunter2}}
`, w.dir))
	w.ok("migrate")
	return w
}

func (w *world) image(name string) {
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "images", name), make([]byte, 1<<20), 0o600))
}

func (w *world) file(name, text string) string {
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// result is what a command left.
type result struct {
	out, err string
	code     int
}

// run runs a command in this process. Each one is a minute later than the one before.
func (w *world) run(args ...string) result {
	return w.runIn(w.t.Context(), args...)
}

func (w *world) runIn(ctx context.Context, args ...string) result {
	w.t.Helper()
	var out, errs bytes.Buffer
	w.now = w.now.Add(time.Minute)
	code := execute(ctx, streams{
		in: strings.NewReader(w.input), out: &out, err: &errs, inTerminal: w.terminal, registry: w.registry, busy: new(atomic.Bool),
		getenv: func(name string) string { return map[string]string{configVariable: w.config}[name] },
		now:    func() time.Time { return w.now },
	}, append([]string{"--actor", "ada@desk"}, args...))
	for _, text := range []string{out.String(), errs.String()} {
		require.NotContains(w.t, text, "hunter2", "a secret was printed by %q", args)
	}
	return result{out.String(), errs.String(), code}
}

// ok runs a command that succeeds without a word on stderr, and returns its output.
func (w *world) ok(args ...string) string {
	w.t.Helper()
	r := w.run(args...)
	require.Equal(w.t, result{r.out, "", exitOK}, r, args)
	return r.out
}

// decoded runs a command with -o json and returns what it printed.
func decoded[T any](w *world, args ...string) T {
	w.t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(w.ok(append(args, "-o", "json")...)))
	dec.DisallowUnknownFields()
	require.NoError(w.t, dec.Decode(&v), args)
	return v
}

// imported is a world with the volume web01 and two snapshots, first and second.
func imported(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ok("volume", "import", "images", "disk.raw", "--name", "web01")
	w.ok("snapshot", "create", "web01", "first", "--label", "ticket=4711")
	w.ok("snapshot", "create", "web01", "second")
	return w
}

var (
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	shorts = regexp.MustCompile(`\b[0-9a-f]{8}\b`)
	tokens = regexp.MustCompile(`\b[a-z0-9]{27}\b`)
	spaces = regexp.MustCompile(`[0-9]+ bytes free`)
	plans  = regexp.MustCompile(`\bp1(\.[0-9a-f]{8})+\b`)
	clocks = regexp.MustCompile(`since 20[0-9]{2}-(0[1-9]|1[0-2])-[0-9]{2} [0-9:]{8} UTC`)
	takens = regexp.MustCompile(`taken: +.*`)
)

// stable replaces what differs from run to run by what is as long: ids are numbered as they appear.
func (w *world) stable(text string) string {
	text = strings.ReplaceAll(text, w.dir, "$DIR")
	known := map[string]string{}
	number := func(id string) string {
		short := id[max(0, len(id)-8):]
		if known[short] == "" {
			known[short] = fmt.Sprintf("%08x", len(known)+1)
		}
		return id[:0] + strings.Repeat("0", len(id)-len(short)) + known[short]
	}
	text = clocks.ReplaceAllStringFunc(text, func(since string) string {
		if strings.Contains(since, w.now.Format(time.DateOnly)) {
			return since // by our clock
		}
		return "since then, by the array's clock"
	})
	text = plans.ReplaceAllString(text, "p1.version")
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		n := number(id)
		return n[:8] + "-" + n[9:13] + "-" + n[14:18] + "-" + n[19:23] + "-" + n[24:]
	})
	text = shorts.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Trim(id, "0") == "" || known[id] == "" && strings.HasPrefix(id, "0000") {
			return id
		}
		return number(id)
	})
	text = tokens.ReplaceAllString(text, "token")
	text = spaces.ReplaceAllString(text, "N bytes free")
	return takens.ReplaceAllString(text, "taken: by the array's clock")
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is meant: go test ./examples/ctl -update")
}
