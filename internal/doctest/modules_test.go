package doctest_test

import (
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// notForEmbedders are packages and modules, with all below them, that a program gets only if it chooses to: telemetry's SDK,
// its exporters and its global state. The library knows the API alone.
var notForEmbedders = []string{
	"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/contrib",
	"github.com/prometheus",
}

// globalTelemetry is the package that holds the global providers, which are the embedder's to use, and what it drags in.
var globalTelemetry = []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/auto/sdk"}

func unwanted(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(notForEmbedders, func(not string) bool { return name == not || strings.HasPrefix(name, not+"/") })
	})
}

// TestEmbeddersGetNoSDK: neither among the modules that go.mod lists, which are all that a build or test of ours uses, nor
// among the packages that are built.
func TestEmbeddersGetNoSDK(t *testing.T) {
	var modules []string
	for _, match := range regexp.MustCompile(`(?m)^\s+([\w./-]+) v\S+`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		modules = append(modules, match[1])
	}
	require.Contains(t, modules, "go.opentelemetry.io/otel/trace")
	require.Empty(t, unwanted(modules))

	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./...")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "go.opentelemetry.io/otel/trace")
	require.Empty(t, unwanted(packages))
	for _, name := range globalTelemetry {
		require.NotContains(t, packages, name)
	}
}

func TestUnwantedFindsThem(t *testing.T) {
	require.Equal(t, []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/sdk/metric", "github.com/prometheus/client_golang"},
		unwanted([]string{
			"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/sdk/metric",
			"go.opentelemetry.io/otel/sdkless", "github.com/prometheus/client_golang",
		}))
}

// TestNestedModulesAreOfThisRepository: a program below examples that has a module of its own is built with the library beside
// it, for the same releases of Go.
func TestNestedModulesAreOfThisRepository(t *testing.T) {
	release := regexp.MustCompile(`(?m)^go \S+$`).FindString(read(t, "go.mod"))
	require.NotEmpty(t, release)
	dirs, err := modules()
	require.NoError(t, err)
	for _, dir := range dirs {
		if !strings.HasPrefix(dir, "examples/") {
			continue
		}
		text := read(t, path.Join(dir, "go.mod"))
		up := strings.TrimSuffix(strings.Repeat("../", strings.Count(dir, "/")+1), "/")
		require.Contains(t, text, "module "+module+"/"+dir+"\n")
		require.Contains(t, text, "replace "+module+" => "+up+"\n", dir)
		require.Equal(t, release, regexp.MustCompile(`(?m)^go \S+$`).FindString(text), dir)
	}
}
