package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/drivers/local"
)

func TestConformance(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, dir string) {
		drivertest.Run(t, harness(local.Config{Dir: dir, MaxSnapshots: 12}))
	})
}

func TestConformanceFullCopies(t *testing.T) {
	drivertest.Run(t, harness(local.Config{Dir: t.TempDir(), Reflink: local.ReflinkNever}))
}

// harness connects the suite to a folder.
func harness(config local.Config) drivertest.Harness {
	at := func(volume driver.VolumeID) string { return filepath.Join(config.Dir, string(volume)) }
	made := 0
	return drivertest.Harness{
		Open: func(t testing.TB) driver.Driver {
			d, err := local.Open(config, driver.Env{})
			require.NoError(t, err)
			return d
		},
		NewVolume: func(t testing.TB, size int64) driver.VolumeID {
			made++
			id := driver.VolumeID(fmt.Sprintf("suite-%d.raw", made))
			require.NoError(t, os.WriteFile(at(id), nil, 0o600))
			require.NoError(t, os.Truncate(at(id), size))
			t.Cleanup(func() { _ = os.Remove(at(id)) })
			return id
		},
		IO: func(t testing.TB, volume driver.VolumeID) drivertest.IO {
			f, err := os.OpenFile(at(volume), os.O_RDWR, 0)
			require.NoError(t, err)
			return f
		},
		HoldOpen: func(t testing.TB, volume driver.VolumeID) (func(), error) {
			f, err := os.OpenFile(at(volume), os.O_RDWR, 0)
			return func() { require.NoError(t, f.Close()) }, err
		},
		MaxLimitProbe: 20,
	}
}
