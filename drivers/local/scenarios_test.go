package local_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
)

// The tokens of the scenarios, the same in every process.
const (
	tokenBase   = driver.Token("stest001base")
	tokenCreate = driver.Token("stest001create")
	tokenRevert = driver.Token("stest001revert")
	tokenClone  = driver.Token("stest001clone")
)

const disk = driver.VolumeID("disk.raw")

var base = driver.SnapshotRef{Volume: disk, Token: tokenBase}

// scenario is one call that is interrupted. All start alike: disk.raw has content 2, its snapshot base content 1.
type scenario struct {
	act func(ctx context.Context, d driver.Driver) error
	// done reports whether the call's effect can be seen.
	done func(t *testing.T, d driver.Driver, dir string) bool
	// again repeats the call as an engine would after the interruption, and checks that it has one effect altogether.
	again func(t *testing.T, d driver.Driver, dir string)
}

var resume = driver.Attempt{Resume: true}

// scenarioNamed returns a scenario; one that repeats another is judged like it.
func scenarioNamed(name string) scenario {
	s := scenarios[name]
	if s.again == nil {
		like := scenarios[strings.TrimSuffix(name, " again")]
		s.done, s.again = like.done, like.again
	}
	return s
}

var scenarios = map[string]scenario{
	"describe": {
		act: func(ctx context.Context, d driver.Driver) error { _, err := d.Describe(ctx); return err },
		// Its only effect is the id that everybody has from then on.
		done:  func(*testing.T, driver.Driver, string) bool { return true },
		again: func(*testing.T, driver.Driver, string) {},
	},
	"create": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.CreateSnapshot(ctx, driver.CreateSnapshotRequest{Volume: disk, Token: tokenCreate})
			return err
		},
		done: func(t *testing.T, d driver.Driver, _ string) bool {
			return seen(t, func() error {
				_, err := lookup(t, d, driver.SnapshotRef{Volume: disk, Token: tokenCreate})
				return err
			})
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			s, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: tokenCreate, Attempt: resume})
			require.NoError(t, err)
			require.Equal(t, contentOf(2), sum(t, snapshotFile(dir, s.Ref)))
			require.ElementsMatch(t, []driver.Token{tokenBase, tokenCreate}, tokens(t, d, disk))
		},
	},
	"delete": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: base})
			return err
		},
		done: func(t *testing.T, d driver.Driver, _ string) bool {
			return !seen(t, func() error { _, err := lookup(t, d, base); return err })
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			_, err := d.DeleteSnapshot(within(t), driver.DeleteSnapshotRequest{Snapshot: base, Attempt: resume})
			require.NoError(t, err)
			require.Empty(t, tokens(t, d, disk))
			require.Empty(t, names(t, stateOf(dir, disk)))
		},
	},
	"revert": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Revert(ctx, driver.RevertRequest{Volume: disk, Snapshot: base, Token: tokenRevert})
			return err
		},
		done: func(t *testing.T, _ driver.Driver, dir string) bool {
			return sum(t, filepath.Join(dir, string(disk))) == contentOf(1)
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			path := filepath.Join(dir, string(disk))
			want := contentOf(1)
			if sum(t, path) == want {
				// It was applied. What is written since must survive the repetition.
				writeImage(t, path, 2*mib, 3)
				want = contentOf(3)
			}
			for range 2 {
				r, err := d.Revert(within(t), driver.RevertRequest{Volume: disk, Snapshot: base, Token: tokenRevert, Attempt: resume})
				require.NoError(t, err)
				require.Equal(t, driver.RevertResult{Volume: disk, Size: 2 * mib}, r)
				require.Equal(t, want, sum(t, path))
			}
		},
	},
	// The repetition of a revert that died just before it took effect can itself be interrupted.
	"revert again": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Revert(ctx, driver.RevertRequest{Volume: disk, Snapshot: base, Token: tokenRevert, Attempt: resume})
			return err
		},
	},
	"clone": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Abilities().Cloner.Clone(ctx, driver.CloneRequest{Snapshot: base, Token: tokenClone, Name: "copy.raw"})
			return err
		},
		done: func(t *testing.T, d driver.Driver, _ string) bool {
			return seen(t, func() error {
				_, err := d.Abilities().Cloner.FindClone(within(t), driver.FindCloneRequest{Snapshot: base, Token: tokenClone})
				return err
			})
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			c := d.Abilities().Cloner
			v, err := c.Clone(within(t), driver.CloneRequest{Snapshot: base, Token: tokenClone, Name: "copy.raw", Attempt: resume})
			require.NoError(t, err)
			require.Equal(t, driver.VolumeID("copy.raw"), v.ID)
			require.Equal(t, tokenClone, v.Token)
			require.Equal(t, tokenBase, v.Origin.Token)
			require.Equal(t, contentOf(1), sum(t, filepath.Join(dir, string(v.ID))))
			require.NoError(t, c.Discard(within(t), driver.DiscardRequest{Snapshot: base, Token: tokenClone}))
			require.Equal(t, []string{".storagesnap", "disk.raw"}, names(t, dir))
			require.Equal(t, []string{"disk.raw"}, names(t, filepath.Join(dir, ".storagesnap", "volumes")))
		},
	},
	// The same for a clone that died just after it had appeared.
	"clone again": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Abilities().Cloner.Clone(ctx, driver.CloneRequest{
				Snapshot: base, Token: tokenClone, Name: "copy.raw", Attempt: resume,
			})
			return err
		},
	},
	"volume": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Abilities().Volumes.CreateVolume(ctx, driver.CreateVolumeRequest{Token: tokenClone, Name: "copy.raw", Size: mib})
			return err
		},
		done: func(t *testing.T, d driver.Driver, _ string) bool {
			return seen(t, func() error { _, err := d.Volume(within(t), "copy.raw"); return err })
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			m := d.Abilities().Volumes
			v, err := m.CreateVolume(within(t), driver.CreateVolumeRequest{Token: tokenClone, Name: "copy.raw", Size: mib, Attempt: resume})
			require.NoError(t, err)
			require.Equal(t, driver.VolumeID("copy.raw"), v.ID)
			require.Equal(t, int64(mib), v.Size)
			require.Equal(t, []string{".storagesnap", "copy.raw", "disk.raw"}, names(t, dir))
		},
	},
	"delete volume": {
		act: func(ctx context.Context, d driver.Driver) error {
			_, err := d.Abilities().Volumes.DeleteVolume(ctx, driver.DeleteVolumeRequest{Volume: disk, Token: tokenClone})
			return err
		},
		done: func(t *testing.T, d driver.Driver, _ string) bool {
			return !seen(t, func() error { _, err := d.Volume(within(t), disk); return err })
		},
		again: func(t *testing.T, d driver.Driver, dir string) {
			m := d.Abilities().Volumes
			_, err := m.DeleteVolume(within(t), driver.DeleteVolumeRequest{Volume: disk, Token: tokenClone, Attempt: resume})
			require.NoError(t, err)
			require.Equal(t, []string{".storagesnap"}, names(t, dir))
			require.Equal(t, []driver.Token{tokenBase}, tokens(t, d, disk), "snapshots outlive their volume")
		},
	},
}

// begin prepares the folder that every scenario starts from.
func begin(t *testing.T, name string, config local.Config) {
	t.Helper()
	path := filepath.Join(config.Dir, string(disk))
	writeImage(t, path, 2*mib, 1)
	d := open(t, config)
	_, err := d.CreateSnapshot(within(t), driver.CreateSnapshotRequest{Volume: disk, Token: tokenBase})
	require.NoError(t, err)
	writeImage(t, path, 2*mib, 2)
	if name == "describe" {
		// The first Describe of a folder is the one that can go wrong.
		require.NoError(t, os.Remove(filepath.Join(config.Dir, ".storagesnap", "backend.json")))
	}
	switch name {
	case "revert again":
		interrupt(t, "revert", config, "rename", string(disk))
	case "clone again":
		interrupt(t, "clone", config, "rename", ".storagesnap/volumes/copy.raw/volume.json")
	}
}

// interrupt acts the scenario until that change; it and all later ones fail.
func interrupt(t *testing.T, name string, config local.Config, op, path string) {
	t.Helper()
	dead := false
	d, err := local.OpenStepped(config, driver.Env{}, func(o, p string) error {
		if dead = dead || (o == op && p == path); dead {
			return errors.New("dead")
		}
		return nil
	})
	require.NoError(t, err)
	require.Error(t, scenarios[name].act(within(t), d))
	require.True(t, dead)
}

// verify opens the folder as the next process would and checks what an interrupted scenario has left.
func verify(t *testing.T, name string, config local.Config, interrupted bool) {
	t.Helper()
	d := open(t, config)
	tidy(t, config.Dir)
	judge(t, name, config, d, interrupted)
	tidy(t, config.Dir)
}

// judge is verify with a driver that need not have described, and so tidied, the folder.
func judge(t *testing.T, name string, config local.Config, d driver.Driver, interrupted bool) {
	t.Helper()
	s := scenarioNamed(name)
	if name != "delete" {
		got, err := lookup(t, d, base)
		require.NoError(t, err)
		require.Equal(t, contentOf(1), sum(t, snapshotFile(config.Dir, got.Ref)))
	}
	if name != "delete volume" && (!strings.HasPrefix(name, "revert") || !s.done(t, d, config.Dir)) {
		require.Equal(t, contentOf(2), sum(t, filepath.Join(config.Dir, string(disk))))
	}
	if !interrupted {
		require.True(t, s.done(t, d, config.Dir), "a call that has returned is seen by everybody")
	}
	s.again(t, d, config.Dir)
}

// tidy checks that only finished things are in the state folders.
func tidy(t *testing.T, dir string) {
	t.Helper()
	for _, volume := range names(t, filepath.Join(dir, ".storagesnap", "volumes")) {
		files := names(t, stateOf(dir, driver.VolumeID(volume)))
		require.NotEmpty(t, files, "an empty folder of %s", volume)
		for _, f := range files {
			switch stem, ext := strings.TrimSuffix(f, filepath.Ext(f)), filepath.Ext(f); {
			case f == "volume.json", f == "reverts.json":
			case ext == ".img":
				require.Contains(t, files, stem+".json")
			case ext == ".json":
				require.Contains(t, files, stem+".img")
			default:
				t.Errorf("left in the folder of %s: %s", volume, f)
			}
		}
	}
	for _, f := range names(t, filepath.Join(dir, ".storagesnap")) {
		require.Contains(t, []string{"backend.json", "locks", "volumes"}, f)
	}
}

// contentOf returns the sum of writeImage's content of 2 MiB.
func contentOf(seed uint64) [sha256.Size]byte {
	block := noise(mib/2, seed)
	return sha256.Sum256(slices.Concat(block, make([]byte, mib), block))
}

// tokens lists the snapshots of a volume.
func tokens(t *testing.T, d driver.Driver, volume driver.VolumeID) []driver.Token {
	t.Helper()
	list := []driver.Token{}
	for s, err := range d.Snapshots(within(t), driver.ListRequest{Volume: volume}) {
		require.NoError(t, err)
		list = append(list, s.Ref.Token)
	}
	return list
}

// seen reports whether look finds its object; any failure but ErrNotFound fails the test.
func seen(t *testing.T, look func() error) bool {
	t.Helper()
	err := look()
	if errors.Is(err, driver.ErrNotFound) {
		return false
	}
	require.NoError(t, err)
	return true
}
