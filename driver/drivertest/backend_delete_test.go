package drivertest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func TestDeleteIsRepeatable(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	s, stays := a.snap(), a.snap()
	first, err := a.del(driver.SnapshotRef{Volume: a.vol, Token: s.Ref.Token})
	require.NoError(t, err)
	require.False(t, first.Absent)
	second, err := a.del(s.Ref)
	require.NoError(t, err)
	require.True(t, second.Absent)
	require.Equal(t, []driver.SnapshotRef{stays.Ref}, a.list(a.vol))
}

func TestSnapshotsDependent(t *testing.T) {
	a := newArray(t, withFacts(driver.Facts{SnapshotsDependent: true}))
	old, young := a.snap(), a.snap()
	before := a.Mutations()
	_, err := a.del(old.Ref)
	a.refused(err, driver.ErrInUse, before, young.Ref.ID)
	_, err = a.del(young.Ref)
	require.NoError(t, err)
	_, err = a.del(old.Ref)
	require.NoError(t, err)
}

func TestDeleteToTrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := withFacts(driver.Facts{DeleteToTrash: true})
		opts.TrashTime, opts.TrashCounts, opts.Limits.SnapshotsPerVolume = time.Hour, true, 2
		a := newArray(t, opts)
		s, lost := a.snap(), a.snap()
		res, err := a.del(s.Ref)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(time.Hour), res.RecoverableUntil, time.Second)
		require.False(t, a.exists(s.Ref))
		require.Equal(t, []driver.SnapshotRef{lost.Ref}, a.list(a.vol))

		require.NoError(t, a.Recover(s.Ref.ID))
		require.True(t, a.exists(s.Ref))

		_, err = a.del(lost.Ref)
		require.NoError(t, err)
		_, err = a.d.CreateSnapshot(a.ctx(), a.createReq())
		require.ErrorIs(t, err, driver.ErrExhausted, "the trash counts")
		elapse(2 * time.Hour)
		require.ErrorIs(t, a.Recover(lost.Ref.ID), driver.ErrNotFound)
		a.snap()
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := a.createReq()
		req.Expires = time.Now().Add(time.Hour)
		kept, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		goes := a.snap()
		expiry := a.d.Abilities().Expiry
		require.NoError(t, expiry.SetExpiry(a.ctx(), goes.Ref, time.Now().Add(time.Minute)))
		require.NoError(t, expiry.SetExpiry(a.ctx(), kept.Ref, time.Time{}))
		elapse(2 * time.Hour)
		require.Equal(t, []driver.SnapshotRef{kept.Ref}, a.list(a.vol))
		require.ErrorIs(t, expiry.SetExpiry(a.ctx(), goes.Ref, time.Time{}), driver.ErrNotFound)
	})
}

func TestExpirySparesWhatOthersNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArray(t, withFacts(driver.Facts{CloneDependence: driver.CloneUntilSplit}))
		s := a.snap()
		clone := a.clone(s)
		require.NoError(t, a.d.Abilities().Expiry.SetExpiry(a.ctx(), s.Ref, time.Now().Add(time.Minute)))
		elapse(time.Hour)
		require.True(t, a.exists(s.Ref))
		require.NoError(t, a.d.Abilities().Splitter.Split(a.ctx(), driver.SplitRequest{Volume: clone.ID, Token: a.token()}))
		require.False(t, a.exists(s.Ref))
	})
}

func TestConsoleRemovesWhateverDepends(t *testing.T) {
	a := newArray(t, withFacts(driver.Facts{SnapshotsDependent: true}))
	old := a.snap()
	a.snap()
	before := a.Mutations()
	require.NoError(t, a.RemoveSnapshot(old.Ref))
	require.False(t, a.exists(old.Ref))
	require.Equal(t, before, a.Mutations(), "the console's work is no driver's")
	require.NoError(t, a.RemoveVolume(a.vol))
	require.Empty(t, a.Volumes())
	require.ErrorIs(t, a.RemoveVolume(a.vol), driver.ErrNotFound)
}

func TestLimits(t *testing.T) {
	cases := map[string]struct {
		limits driver.Limits
		facts  driver.Facts
		limit  string
		act    func(a *array) error
	}{
		"per volume": {driver.Limits{SnapshotsPerVolume: 1}, driver.Facts{}, "SnapshotsPerVolume", func(a *array) error {
			_, err := a.d.CreateSnapshot(a.ctx(), a.createReq())
			return err
		}},
		"per container": {
			driver.Limits{SnapshotsPerVolume: 1},
			driver.Facts{LimitUnit: driver.UnitContainer},
			"SnapshotsPerVolume",
			func(a *array) error {
				v, err := a.d.Volume(a.ctx(), a.vol)
				require.NoError(a.t, err)
				sibling := a.AddVolumeIn(v.Container, volSize)
				_, err = a.d.CreateSnapshot(a.ctx(), driver.CreateSnapshotRequest{Volume: sibling, Token: a.token()})
				return err
			},
		},
		"per backend": {driver.Limits{SnapshotsPerBackend: 1}, driver.Facts{}, "SnapshotsPerBackend", func(a *array) error {
			_, err := a.d.CreateSnapshot(a.ctx(), driver.CreateSnapshotRequest{Volume: a.AddVolume(volSize), Token: a.token()})
			return err
		}},
		"volumes": {driver.Limits{VolumesPerBackend: 1}, driver.Facts{}, "VolumesPerBackend", func(a *array) error {
			req := driver.CreateVolumeRequest{Token: a.token(), Size: volSize}
			_, err := a.d.Abilities().Volumes.CreateVolume(a.ctx(), req)
			return err
		}},
		"volumes, by clone": {driver.Limits{VolumesPerBackend: 1}, driver.Facts{}, "VolumesPerBackend", func(a *array) error {
			_, err := a.d.Abilities().Cloner.Clone(a.ctx(), a.cloneReq(a.AllSnapshots()[0]))
			return err
		}},
		"group size": {driver.Limits{GroupSize: 1}, driver.Facts{}, "GroupSize", func(a *array) error {
			return a.d.Abilities().Groups.CheckGroup(a.ctx(), []driver.VolumeID{a.vol, a.AddVolume(volSize)})
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, drivertest.BackendOptions{Limits: c.limits, Facts: c.facts})
			a.snap()
			before := a.Mutations()
			err := c.act(a)
			require.ErrorIs(t, err, driver.ErrExhausted)
			require.ErrorContains(t, err, c.limit)
			require.Equal(t, before, a.Mutations())
		})
	}
}

func TestSnapshotsLeft(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{Limits: driver.Limits{SnapshotsPerVolume: 5, SnapshotsPerBackend: 3}})
	a.snap()
	v, err := a.d.Volume(a.ctx(), a.vol)
	require.NoError(t, err)
	require.Equal(t, 1, v.SnapshotCount)
	require.Equal(t, 2, v.SnapshotsLeft)
	unlimited := newArray(t, drivertest.BackendOptions{})
	v, err = unlimited.d.Volume(a.ctx(), unlimited.vol)
	require.NoError(t, err)
	require.Equal(t, -1, v.SnapshotsLeft)
}
