package drivertest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func TestCreateVolume(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{Limits: driver.Limits{MinVolumeSize: 100, MaxVolumeSize: 9000, VolumeGranularity: 1000}})
	volumes := a.d.Abilities().Volumes
	req := driver.CreateVolumeRequest{Token: a.token(), Name: "new", Size: 1500}
	v, err := volumes.CreateVolume(a.ctx(), req)
	require.NoError(t, err)
	require.EqualValues(t, 2000, v.Size)
	require.Equal(t, req.Token, v.Token)
	got, err := a.Content(v.ID)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 2000), got)

	req.Attempt = resume(time.Now())
	again, err := volumes.CreateVolume(a.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, v, again)
	require.Len(t, a.Volumes(), 2)

	for name, size := range map[string]int64{"nothing": 0, "negative": -1, "too large": 9001} {
		t.Run(name, func(t *testing.T) {
			_, err := volumes.CreateVolume(a.ctx(), driver.CreateVolumeRequest{Token: a.token(), Size: size})
			require.ErrorIs(t, err, driver.ErrInvalid)
		})
	}
}

func TestDeleteVolume(t *testing.T) {
	for name, die := range map[string]bool{"snapshots stay": false, "snapshots die": true} {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, withFacts(driver.Facts{SnapshotsDieWithVolume: die}))
			a.fill(a.vol, 'a')
			s := a.snap()
			volumes, req := a.d.Abilities().Volumes, driver.DeleteVolumeRequest{Volume: a.vol, Token: a.token()}
			closeSession := a.OpenSession(a.vol, "guest")
			before := a.Mutations()
			_, err := volumes.DeleteVolume(a.ctx(), req)
			a.refused(err, driver.ErrInUse, before, "guest")
			closeSession()

			res, err := volumes.DeleteVolume(a.ctx(), req)
			require.NoError(t, err)
			require.False(t, res.Absent)
			_, err = a.d.Volume(a.ctx(), a.vol)
			require.ErrorIs(t, err, driver.ErrNotFound)
			require.Equal(t, !die, a.exists(s.Ref))
			require.Len(t, a.list(""), map[bool]int{false: 1, true: 0}[die])
			res, err = volumes.DeleteVolume(a.ctx(), req)
			require.NoError(t, err)
			require.True(t, res.Absent)
			if !die {
				a.holds(a.clone(s).ID, 'a')
			}
		})
	}
}

func TestDeleteVolumeWhoseSnapshotsClonesNeed(t *testing.T) {
	a := newArray(t, withFacts(driver.Facts{SnapshotsDieWithVolume: true, CloneDependence: driver.CloneDependent}))
	clone := a.clone(a.snap())
	before := a.Mutations()
	_, err := a.d.Abilities().Volumes.DeleteVolume(a.ctx(), driver.DeleteVolumeRequest{Volume: a.vol, Token: a.token()})
	a.refused(err, driver.ErrInUse, before, string(clone.ID))
}

func TestResizeVolume(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	a.fill(a.vol, 'a')
	resize := func(size int64) (driver.Volume, error) {
		return a.d.Abilities().Volumes.ResizeVolume(a.ctx(), driver.ResizeVolumeRequest{Volume: a.vol, Size: size})
	}
	before := a.Mutations()
	_, err := resize(volSize - 1)
	a.refused(err, driver.ErrInvalid, before)
	_, err = resize(volSize)
	require.NoError(t, err)
	require.Equal(t, before, a.Mutations(), "the same size is done already")
	v, err := resize(volSize + 10)
	require.NoError(t, err)
	require.EqualValues(t, volSize+10, v.Size)
	got := make([]byte, 12)
	require.NoError(t, a.ReadAt(a.vol, got, volSize-2))
	require.Equal(t, "aa\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", string(got))
}

func TestVolumesAreListedOverPages(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	for range 205 {
		a.AddVolume(volSize)
	}
	var ids []driver.VolumeID
	for _, v := range drain(t, a.d.Abilities().Volumes.Volumes(a.ctx())) {
		ids = append(ids, v.ID)
	}
	require.Equal(t, a.Volumes(), ids)
}

func TestSerialNumbersTellArraysApart(t *testing.T) {
	one := newArray(t, drivertest.BackendOptions{ID: "one"})
	two := newArray(t, drivertest.BackendOptions{ID: "two"})
	first, err := one.LUN(one.vol)
	require.NoError(t, err)
	second, err := two.LUN(two.vol)
	require.NoError(t, err)
	require.NotEqual(t, first.Serial, second.Serial)
	require.Len(t, first.Serial, len("naa.")+32)
}
