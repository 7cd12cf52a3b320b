package drivers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	_ "github.com/storagesnap/storagesnap/drivers"
)

func TestEveryDriverIsRegistered(t *testing.T) {
	require.Equal(t, []string{"local"}, driver.Default.Drivers())
	for _, name := range driver.Default.Drivers() {
		opener, err := driver.Default.Driver(name)
		require.NoError(t, err)
		for _, f := range opener.Fields() {
			require.NotEmpty(t, f.Help, "field %s of driver %s has no help", f.Name, name)
		}
	}
}

// A new folder beside local is a driver that somebody forgot to import here.
func TestEveryFolderIsImported(t *testing.T) {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	source, err := os.ReadFile("drivers.go")
	require.NoError(t, err)
	for _, e := range entries {
		if sources, _ := filepath.Glob(filepath.Join(e.Name(), "*.go")); e.IsDir() && len(sources) > 0 {
			require.Contains(t, string(source), "/drivers/"+e.Name()+`"`)
		}
	}
}
