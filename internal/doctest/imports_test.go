package doctest_test

import (
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/imports.txt anew")

// importsOf returns, for each package of the main module that is no program, what its files import outside the standard
// library, on every platform: our own packages as ./path, others as they are.
func importsOf(all []source) map[string][]string {
	packages := map[string]map[string]bool{}
	for _, s := range all {
		if s.test() || s.main() || s.nested() {
			continue
		}
		dir := "./" + s.dir()
		if packages[dir] == nil {
			packages[dir] = map[string]bool{}
		}
		for _, spec := range s.ast.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(name, "/")
			switch {
			case name == module || strings.HasPrefix(name, module+"/"):
				packages[dir]["."+strings.TrimPrefix(name, module)] = true
			case strings.Contains(first, "."):
				packages[dir][name] = true
			}
		}
	}
	imports := make(map[string][]string, len(packages))
	for dir, set := range packages {
		imports[dir] = slices.Sorted(maps.Keys(set))
	}
	return imports
}

// TestImportsAreListed compares with the committed list.
func TestImportsAreListed(t *testing.T) {
	var got strings.Builder
	got.WriteString("# What each package imports outside the standard library, tests left out; see doc.go.\n")
	imports := importsOf(loaded(t))
	for _, dir := range slices.Sorted(maps.Keys(imports)) {
		got.WriteString(dir + "\n")
		for _, name := range imports[dir] {
			got.WriteString("\t" + name + "\n")
		}
	}
	golden := filepath.Join("testdata", "imports.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "if this is meant: go test ./internal/doctest -update")
}

// layers say which of our packages a package may reach, directly or through others; the first row that matches counts. An
// asterisk stands for one element of a path. The linter has the same rules for direct imports, with the reasons.
var layers = []struct {
	packages, mayReach []string
}{
	{[]string{"./."}, nil},
	{[]string{"./driver", "./snapshot"}, nil},
	{[]string{"./internal/*"}, nil},
	{[]string{"./driver/driverhttp", "./driver/drivertest"}, []string{"./driver"}},
	{[]string{"./xen", "./drivers/solidfire/element"}, []string{"./driver", "./driver/driverhttp", "./internal/*"}},
	{[]string{"./xen/xensim", "./drivers/solidfire/elementsim"}, []string{"./internal/*"}},
	{[]string{"./inventory"}, []string{"./driver", "./snapshot"}},
	{[]string{"./inventory/inventorytest"}, []string{"./inventory", "./inventory/memory", "./driver", "./snapshot"}},
	{[]string{"./inventory/*"}, []string{"./inventory", "./inventory/sqlstore", "./driver", "./snapshot", "./internal/*"}},
	{
		[]string{"./drivers", "./drivers/*"},
		[]string{"./driver", "./driver/driverhttp", "./drivers/*", "./drivers/solidfire/element", "./xen", "./internal/*"},
	},
	{[]string{"./snapshot/engine"}, []string{"./driver", "./inventory", "./snapshot", "./internal/*"}},
	{
		[]string{"./snapshot/*"},
		[]string{"./driver", "./driver/driverhttp", "./inventory", "./snapshot", "./snapshot/*", "./internal/*"},
	},
	{[]string{"./examples/*", "./examples/*/*"}, []string{"./*", "./*/*", "./*/*/*"}},
}

func TestLayers(t *testing.T) {
	for _, problem := range violations(importsOf(loaded(t))) {
		t.Error(problem)
	}
}

// violations returns what packages reach that they may not.
func violations(imports map[string][]string) []string {
	var problems []string
	for _, dir := range slices.Sorted(maps.Keys(imports)) {
		i := slices.IndexFunc(layers, func(l struct{ packages, mayReach []string }) bool { return matches(l.packages, dir) })
		if i < 0 {
			problems = append(problems, dir+" belongs to no layer")
			continue
		}
		for _, reached := range slices.Sorted(maps.Keys(reach(imports, dir, map[string]bool{}))) {
			if !matches(layers[i].mayReach, reached) {
				problems = append(problems, dir+" reaches "+reached)
			}
		}
	}
	return problems
}

func reach(imports map[string][]string, dir string, seen map[string]bool) map[string]bool {
	for _, name := range imports[dir] {
		if strings.HasPrefix(name, ".") && !seen[name] {
			seen[name] = true
			reach(imports, name, seen)
		}
	}
	return seen
}

func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, dir)
		return ok
	})
}

func TestViolationsAreFound(t *testing.T) {
	require.Empty(t, violations(map[string][]string{
		"./driver": {}, "./inventory": {"./driver", "./snapshot", "example.org/x"}, "./snapshot": {"github.com/google/uuid"},
		"./snapshot/engine": {"./inventory"},
	}))
	require.Equal(t, []string{
		"./driver reaches ./internal/keylock",
		"./drivers/acme reaches ./inventory",
		"./drivers/acme reaches ./snapshot",
		"./misc belongs to no layer",
		"./snapshot/engine reaches ./inventory/sqlite",
		"./xen/xensim reaches ./xen",
	}, violations(map[string][]string{
		"./driver": {"./internal/keylock"}, "./drivers/acme": {"./inventory"}, "./inventory": {"./snapshot"}, "./misc": {},
		"./snapshot/engine": {"./inventory/sqlite"}, "./xen/xensim": {"./xen"},
	}))
}

// TestContractNeedsTheStandardLibraryOnly: a vendor takes package driver and nothing with it.
func TestContractNeedsTheStandardLibraryOnly(t *testing.T) {
	imports := importsOf(loaded(t))
	require.Empty(t, imports["./driver"])
	require.Equal(t, []string{"github.com/google/uuid"}, imports["./snapshot"])
}
