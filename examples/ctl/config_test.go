package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const rightFile = "\n  next: correct the file, then: ctl config check\n"

const rightDriver = "\n  next: correct the configuration; ctl drivers lists the drivers, and ctl drivers NAME the fields of one\n"

// TestBadConfigurations: each says what is wrong, where, and nothing of a secret.
func TestBadConfigurations(t *testing.T) {
	const good = "inventory: sqlite:/tmp/inventory.db\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"# nothing\n", "the file is empty; ctl config example prints one to start from" + rightFile},
		"no mapping":       {"[1]", "the configuration: want one JSON object" + rightFile},
		"no YAML":          {"inventory: [\n", "not YAML: line 1: did not find expected node content" + rightFile},
		"secret in syntax": {good + "backends: [{config: {password: *hunter2}}]", "not YAML: unknown anchor … referenced" + rightFile},
		"secret in a tag":  {good + "backends: [{config: {password: !!int hunter2}}]", "not YAML: cannot decode !!str … as a !!int" + rightFile},
		"twice":            {good + good, "not YAML: unmarshal errors:\n  line 2: mapping key \"inventory\" already defined at line 1" + rightFile},
		"keys":             {good + "1: 2", "the keys of all mappings must be texts, and numbers finite" + rightFile},
		"unknown field":    {good + "backend: []", `unknown field "backend"; known: inventory, backends, hosts, engine` + rightFile},
		"no inventory":     {"backends: []", `missing field "inventory" (where the inventory is, as sqlite:/absolute/path.db)` + rightFile},
		"other inventory": {
			"inventory: postgres://ctl:hunter2@db/inv",
			`field "inventory" is no address that this program knows; supported: sqlite:/absolute/path.db` + rightFile,
		},
		"relative":     {"inventory: sqlite:inv.db", `field "inventory" is "sqlite:inv.db"; want an absolute path, as sqlite:/absolute/path.db` + rightFile},
		"no name":      {good + "backends: [{driver: local}]", `missing field "backends[0].name" (the name that volumes refer to; it stays with the array for ever)` + rightFile},
		"names":        {good + "backends: [{name: a, driver: local}, {name: a, driver: local}]", `field "backends" names "a" twice` + rightFile},
		"engine field": {good + "engine: {leases: 1s}", `unknown field "engine.leases"; known: owner, lease, poll, call_timeout, long_timeout, attempts, manual_recovery, grace` + rightFile},
		"lease":        {good + "engine: {lease: 0s}", `field "engine.lease" is 0s; want more than 0` + rightFile},
		"duration":     {good + "engine: {lease: 30}", `field "engine.lease": want a duration, as a string like "1m30s"` + rightFile},
		"attempts":     {good + "engine: {attempts: 0}", `field "engine.attempts" is 0; want at least 1` + rightFile},
		"driver":       {good + "backends: [{name: a, driver: lokal}]", `backends[0] "a" (driver "lokal"): unknown driver "lokal" (forgotten import?); registered: local, memory` + rightDriver},
		"host":         {good + "hosts: [{name: h, driver: local}]", `hosts[0] "h" (driver "local"): unknown host "local" (forgotten import?); registered: none` + rightDriver},
		"driver's field": {
			good + "backends: [{name: a, driver: local, config: {dirs: /x}}]",
			`backends[0] "a" (driver "local"): missing field "dir" (folder of the image files, an absolute path)` + rightDriver,
		},
		"driver's secret": {
			good + "backends: [{name: a, driver: memory, config: {password: [hunter2]}}]",
			`backends[0] "a" (driver "memory"): field "password": want a secret: a string, {"file": …}, {"env": …} or {"ref": …}` + rightDriver,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.config = w.file("bad.yaml", c.text)
			r := w.run("config", "check")
			got := strings.TrimPrefix(strings.TrimPrefix(r.err, "ctl: "), w.config+": ")
			require.Equal(t, result{"", c.want, exitUsage}, result{r.out, got, r.code})
		})
	}
}

func TestConfigurationThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.config = ""
	require.Equal(t, result{"", "ctl: no configuration: give -c FILE or set STORAGESNAP_CONFIG\n" +
		"  next: ctl config example prints one to start from\n", exitUsage}, w.run("volume", "list"))
	r := w.run("volume", "list", "-c", filepath.Join(w.dir, "none.yaml"))
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "ctl: the configuration cannot be read: open ")
}

// TestConfigCheck prints the configuration as it will be used, so that it can be read again, without its secrets.
func TestConfigCheck(t *testing.T) {
	w := newWorld(t)
	golden(t, "config-check.txt", w.stable(w.ok("config", "check")))
	w.config = w.file("json.json", w.ok("config", "check", "-o", "json"))
	require.Equal(t, exitUsage, w.run("config", "check").code, "a redacted secret is none")
	w.config = w.file("ref.yaml", "inventory: sqlite:/tmp/inv.db\nbackends: [{name: a, driver: memory, config: {password: {env: PW}}}]")
	w.config = w.file("again.json", w.ok("config", "check", "-o", "json"))
	require.Contains(t, w.ok("config", "check"), "env: PW")
}

// TestConfigExample: what the example says is right once it is filled in.
func TestConfigExample(t *testing.T) {
	w := newWorld(t)
	text := w.ok("config", "example")
	golden(t, "config-example.txt", text)
	w.config = w.file("example.yaml", text)
	require.Equal(t, exitUsage, w.run("config", "check").code, "what is to be filled in is noticed")
	w.config = w.file("example.yaml", strings.ReplaceAll(text, "dir: "+fillIn, "dir: "+w.dir))
	w.ok("config", "check")
	uncommented := strings.NewReplacer("      # ", "      ", "    # ", "    ", "\n# ", "\n", "\n#   ", "\n  ", "dir: "+fillIn, "dir: "+w.dir, ": "+fillIn+"  #", ": 0  #").Replace(text)
	w.config = w.file("all.yaml", uncommented)
	w.ok("config", "check")
	r := w.run("config", "example", "nothing")
	require.Equal(t, result{"", `ctl: unknown driver "nothing" (forgotten import?); registered: local, memory` + "\n", exitUsage}, r)
}

// TestInventoryThatIsNotThere: a mistake in the path is not an empty inventory.
func TestInventoryThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(filepath.Join(w.dir, "inventory.db")))
	r := w.run("volume", "list")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "  next: ctl migrate makes the inventory, or brings it up to date\n")
	require.NoFileExists(t, filepath.Join(w.dir, "inventory.db"))
	require.Equal(t, "the inventory "+w.dir+"/inventory.db is there and up to date\n", w.ok("migrate"))
	require.Equal(t, migrated{"sqlite:" + w.dir + "/inventory.db"}, decoded[migrated](w, "migrate"))
}

// TestNoSecretIsPrinted: run looks for it in all that any command prints, with log records too.
func TestNoSecretIsPrinted(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{
		{"config", "check"},
		{"config", "check", "-o", "json"},
		{"check", "-v"},
		{"backend", "show", "array", "-v"},
		{"drivers"},
		{"config", "example"},
		{"backend", "list", "-o", "yaml"},
	} {
		require.Equal(t, exitOK, w.run(args...).code)
	}
}
