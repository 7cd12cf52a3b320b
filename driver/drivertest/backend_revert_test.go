package drivertest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

// written returns an array whose volume holds 'b', and a snapshot of it that holds 'a'.
func written(t *testing.T, opts drivertest.BackendOptions) (*array, driver.Snapshot) {
	t.Helper()
	a := newArray(t, opts)
	a.fill(a.vol, 'a')
	s := a.snap()
	a.fill(a.vol, 'b')
	return a, s
}

func TestRevertBringsTheContentBack(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	younger := a.snap()
	res, err := a.d.Revert(a.ctx(), a.revertReq(s))
	require.NoError(t, err)
	require.Equal(t, a.vol, res.Volume)
	require.EqualValues(t, volSize, res.Size)
	require.Empty(t, res.Dropped)
	a.holds(a.vol, 'a')

	a.fill(a.vol, 'c')
	_, err = a.d.Revert(a.ctx(), a.revertReq(younger))
	require.NoError(t, err)
	a.holds(a.vol, 'b')
	_, err = a.d.Revert(a.ctx(), a.revertReq(s))
	require.NoError(t, err)
	a.holds(a.vol, 'a')
}

func TestRevertGoesBackToTheSize(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	_, err := a.d.Abilities().Volumes.ResizeVolume(a.ctx(), driver.ResizeVolumeRequest{Volume: a.vol, Size: 2 * volSize})
	require.NoError(t, err)
	res, err := a.d.Revert(a.ctx(), a.revertReq(s))
	require.NoError(t, err)
	require.EqualValues(t, volSize, res.Size)
	a.holds(a.vol, 'a')
}

func TestRevertRepeated(t *testing.T) {
	cases := map[string]struct {
		facts driver.Facts
		after byte // what the volume holds after a write between two reverts of one token
	}{
		"without a fence it rolls back again": {driver.Facts{}, 'a'},
		"the fence applies a token once":      {driver.Facts{RevertFenced: true}, 'c'},
		"a new id is made once":               {driver.Facts{RevertChangesID: true}, 'c'},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, s := written(t, withFacts(c.facts))
			req := a.revertReq(s)
			first, err := a.d.Revert(a.ctx(), req)
			require.NoError(t, err)
			a.fill(first.Volume, 'c')
			req.Resume = true
			again, err := a.d.Revert(a.ctx(), req)
			require.NoError(t, err)
			require.Equal(t, first, again)
			a.holds(first.Volume, c.after)
		})
	}
}

func TestRevertTokenIsForOneEffect(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	other := a.snap()
	req := a.revertReq(s)
	_, err := a.d.Revert(a.ctx(), req)
	require.NoError(t, err)
	before := a.Mutations()
	req.Snapshot = other.Ref
	_, err = a.d.Revert(a.ctx(), req)
	a.refused(err, driver.ErrConflict, before)
	v := a.AddVolume(volSize)
	req.Volume, req.Snapshot = v, a.snapOf(v).Ref
	_, err = a.d.Revert(a.ctx(), req)
	require.ErrorIs(t, err, driver.ErrConflict)
}

func TestRevertToAnotherVolumesSnapshot(t *testing.T) {
	a, _ := written(t, drivertest.BackendOptions{})
	s := a.snapOf(a.AddVolume(volSize))
	before := a.Mutations()
	_, err := a.d.Revert(a.ctx(), a.revertReq(s))
	a.refused(err, driver.ErrConflict, before)
}

func TestRevertWhatIsNotThere(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	req := a.revertReq(s)
	req.Volume = "vol-0"
	_, err := a.d.Revert(a.ctx(), req)
	require.ErrorIs(t, err, driver.ErrNotFound)
	req.Volume, req.Snapshot.ID, req.Snapshot.Token = a.vol, "snap-0", ""
	_, err = a.d.Revert(a.ctx(), req)
	require.ErrorIs(t, err, driver.ErrNotFound)
}

func TestRevertOfAnOpenVolume(t *testing.T) {
	cases := map[string]struct {
		facts   driver.Facts
		refused bool
	}{
		"a careless array does it":   {driver.Facts{}, false},
		"needs detach":               {driver.Facts{RevertNeedsDetach: true}, true},
		"fenced":                     {driver.Facts{RevertFenced: true}, true},
		"a sibling of the container": {driver.Facts{RevertFenced: true, RevertUnit: driver.UnitContainer}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, s := written(t, withFacts(c.facts))
			open := a.vol
			if c.facts.RevertUnit == driver.UnitContainer {
				v, err := a.d.Volume(a.ctx(), a.vol)
				require.NoError(t, err)
				open = a.AddVolumeIn(v.Container, volSize)
			}
			closeSession := a.OpenSession(open, "guest")
			before := a.Mutations()
			_, err := a.d.Revert(a.ctx(), a.revertReq(s))
			if !c.refused {
				require.NoError(t, err)
				require.Len(t, a.Violations(), 1, "the array does not care, the engine should")
				return
			}
			a.refused(err, driver.ErrInUse, before, "guest")
			a.holds(a.vol, 'b')
			closeSession()
			_, err = a.d.Revert(a.ctx(), a.revertReq(s))
			require.NoError(t, err)
			require.Empty(t, a.Violations())
		})
	}
}

func TestRevertNeedsDetachMeansAccessToo(t *testing.T) {
	cases := map[string]struct {
		without []string
		facts   driver.Facts
		refused bool
	}{
		"granted":                    {nil, driver.Facts{RevertNeedsDetach: true}, true},
		"granted, fenced":            {nil, driver.Facts{RevertFenced: true}, false},
		"an array that cannot grant": {[]string{"Access"}, driver.Facts{RevertNeedsDetach: true}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, s := written(t, drivertest.BackendOptions{Facts: c.facts, Without: c.without})
			_, err := a.Allow(a.vol, driver.Initiator{Name: "guest"})
			require.NoError(t, err)
			before := a.Mutations()
			_, err = a.d.Revert(a.ctx(), a.revertReq(s))
			if !c.refused {
				require.NoError(t, err)
				return
			}
			a.refused(err, driver.ErrInUse, before, "guest")
		})
	}
}

func TestRevertDropsYounger(t *testing.T) {
	a, older := written(t, withFacts(driver.Facts{RevertDropsYounger: true}))
	s := a.snap()
	a.fill(a.vol, 'c')
	young, foreign := a.snap(), a.AddForeignSnapshot(a.vol, "by hand")
	before := a.Mutations()
	_, err := a.d.Revert(a.ctx(), a.revertReq(s, young.Ref))
	a.refused(err, driver.ErrConflict, before, foreign.ID)
	a.holds(a.vol, 'c')

	req := a.revertReq(s, driver.SnapshotRef{Volume: a.vol, Token: young.Ref.Token}, foreign)
	first, err := a.d.Revert(a.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, []driver.SnapshotRef{young.Ref, foreign}, first.Dropped)
	require.Equal(t, []driver.SnapshotRef{older.Ref, s.Ref}, a.list(a.vol), "older ones stay")
	a.holds(a.vol, 'b')
	req.Resume = true
	again, err := a.d.Revert(a.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestRevertSparesWhatClonesNeed(t *testing.T) {
	a, s := written(t, withFacts(driver.Facts{RevertDropsYounger: true, CloneDependence: driver.CloneDependent}))
	young := a.snap()
	clone := a.clone(young)
	before := a.Mutations()
	_, err := a.d.Revert(a.ctx(), a.revertReq(s, young.Ref))
	a.refused(err, driver.ErrInUse, before, string(clone.ID))
}

func TestRevertNonAtomic(t *testing.T) {
	a, s := written(t, withFacts(driver.Facts{RevertNonAtomic: true}))
	require.NoError(t, a.InterruptReverts(a.vol, 2))
	req := a.revertReq(s)
	for range 2 {
		_, err := a.d.Revert(a.ctx(), req)
		require.ErrorIs(t, err, driver.ErrPartial)
		require.True(t, a.Partial(a.vol))
		got, err := a.Content(a.vol)
		require.NoError(t, err)
		require.Equal(t, volSize/2, strings.Count(string(got), "a"), "half of it is rolled back")
		require.Equal(t, volSize/2, strings.Count(string(got), "b"))
		req.Resume = true
	}
	closeSession := a.OpenSession(a.vol, "guest")
	closeSession()
	require.Len(t, a.Violations(), 1, "nobody may open a mixture")

	res, err := a.d.Revert(a.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, a.vol, res.Volume)
	require.False(t, a.Partial(a.vol))
	a.holds(a.vol, 'a')
}

func TestAtomicRevertIsNotInterrupted(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	require.NoError(t, a.InterruptReverts(a.vol, 1))
	_, err := a.d.Revert(a.ctx(), a.revertReq(s))
	require.NoError(t, err)
}

func TestRevertChangesID(t *testing.T) {
	a, s := written(t, withFacts(driver.Facts{RevertChangesID: true}))
	old, err := a.d.Volume(a.ctx(), a.vol)
	require.NoError(t, err)
	req := a.revertReq(s)
	res, err := a.d.Revert(a.ctx(), req)
	require.NoError(t, err)
	require.NotEqual(t, a.vol, res.Volume)
	_, err = a.d.Volume(a.ctx(), a.vol)
	require.ErrorIs(t, err, driver.ErrNotFound)
	now, err := a.d.Volume(a.ctx(), res.Volume)
	require.NoError(t, err)
	require.NotEqual(t, old.Serial, now.Serial)
	a.holds(res.Volume, 'a')

	t.Run("old snapshots keep their names", func(t *testing.T) {
		require.Equal(t, a.vol, s.Ref.Volume)
		require.Equal(t, []driver.SnapshotRef{s.Ref}, a.list(res.Volume))
		require.Equal(t, []driver.SnapshotRef{s.Ref}, a.list(a.vol))
		require.True(t, a.exists(s.Ref))
	})
	t.Run("and can be reverted to from the new id", func(t *testing.T) {
		fresh := a.snapOf(res.Volume)
		require.Equal(t, res.Volume, fresh.Ref.Volume)
		a.fill(res.Volume, 'c')
		next := a.revertReq(s)
		next.Volume = res.Volume
		second, err := a.d.Revert(a.ctx(), next)
		require.NoError(t, err)
		a.holds(second.Volume, 'a')
		require.Equal(t, []driver.SnapshotRef{s.Ref, fresh.Ref}, a.list(second.Volume))
		again, err := a.d.Revert(a.ctx(), req)
		require.NoError(t, err)
		require.Equal(t, res, again, "each token keeps its answer")
	})
}

func TestContainerUnits(t *testing.T) {
	cases := map[string]struct {
		facts       driver.Facts
		siblingBack bool
	}{
		"volume":                       {driver.Facts{}, false},
		"snapshots cover, one reverts": {driver.Facts{SnapshotUnit: driver.UnitContainer}, false},
		"all revert":                   {driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, withFacts(c.facts))
			v, err := a.d.Volume(a.ctx(), a.vol)
			require.NoError(t, err)
			container := v.Container
			if container == "" {
				container = "pool"
			}
			sibling, stranger := a.AddVolumeIn(container, volSize), a.AddVolume(volSize)
			for _, id := range []driver.VolumeID{a.vol, sibling, stranger} {
				a.fill(id, 'a')
			}
			s := a.snap()
			for _, id := range []driver.VolumeID{a.vol, sibling, stranger} {
				a.fill(id, 'b')
			}
			_, err = a.d.Revert(a.ctx(), a.revertReq(s))
			require.NoError(t, err)
			a.holds(a.vol, 'a')
			a.holds(stranger, 'b')
			if c.siblingBack {
				a.holds(sibling, 'a')
			} else {
				a.holds(sibling, 'b')
			}
		})
	}
}

func TestSiblings(t *testing.T) {
	a := newArray(t, withFacts(driver.Facts{LimitUnit: driver.UnitContainer}))
	v, err := a.d.Volume(a.ctx(), a.vol)
	require.NoError(t, err)
	require.NotEmpty(t, v.Container)
	require.Empty(t, v.Siblings)
	sibling := a.AddVolumeIn(v.Container, volSize)
	a.AddVolume(volSize)
	v, err = a.d.Volume(a.ctx(), a.vol)
	require.NoError(t, err)
	require.Equal(t, []driver.VolumeID{sibling}, v.Siblings)
}
