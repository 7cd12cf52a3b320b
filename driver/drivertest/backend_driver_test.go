package drivertest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func TestDescribeTellsTheOptions(t *testing.T) {
	facts, limits := driver.Facts{RevertFenced: true}, driver.Limits{GroupSize: 7}
	a := newArray(t, drivertest.BackendOptions{ID: "serial-1", Facts: facts, Limits: limits})
	desc, err := a.d.Describe(a.ctx())
	require.NoError(t, err)
	require.EqualValues(t, "serial-1", desc.Backend)
	require.Equal(t, facts, desc.Facts)
	require.Equal(t, limits, desc.Limits)
	findings, err := a.d.Abilities().Checker.Check(a.ctx())
	require.NoError(t, err)
	require.NotEmpty(t, findings)
}

func TestAbilitiesCanBeHidden(t *testing.T) {
	all := []string{"Cloner", "Groups", "Volumes", "Access", "Expiry", "Splitter", "Checker"}
	facts := driver.Facts{CloneDependence: driver.CloneUntilSplit}
	for _, hidden := range all {
		t.Run(hidden, func(t *testing.T) {
			a := newArray(t, drivertest.BackendOptions{Facts: facts, Without: []string{hidden}})
			can := a.d.Abilities()
			has := map[string]bool{
				"Cloner": can.Cloner != nil, "Groups": can.Groups != nil, "Volumes": can.Volumes != nil,
				"Access": can.Access != nil, "Expiry": can.Expiry != nil, "Splitter": can.Splitter != nil,
				"Checker": can.Checker != nil,
			}
			for _, name := range all {
				require.Equal(t, name != hidden, has[name], name)
			}
		})
	}
	require.Panics(t, func() { drivertest.NewBackend(drivertest.BackendOptions{Without: []string{"cloner"}}) })
}

func TestUnlicensed(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{Unlicensed: []string{"Cloner"}})
	s := a.snap()
	before := a.Mutations()
	_, err := a.d.Abilities().Cloner.Clone(a.ctx(), a.cloneReq(s))
	a.refused(err, driver.ErrUnsupported, before)
}

func TestCallsThatAreNeverSent(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		require.NoError(t, a.d.Close())
		require.NoError(t, a.d.Close())
		_, err := a.d.CreateSnapshot(a.ctx(), a.createReq())
		require.ErrorIs(t, err, driver.ErrUnavailable)
		_, err = a.Driver().CreateSnapshot(a.ctx(), a.createReq())
		require.NoError(t, err, "the array lives on")
	})
	t.Run("canceled", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.d.CreateSnapshot(ctx, a.createReq())
		require.ErrorIs(t, err, driver.ErrUnavailable)
		require.True(t, driver.Canceled(err))
		require.Zero(t, a.Mutations())
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{Latency: time.Second})
		began := time.Now()
		a.snap()
		require.Equal(t, time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := a.d.CreateSnapshot(ctx, a.createReq())
		require.ErrorIs(t, err, driver.ErrIndeterminate)
	})
}

func TestRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{Latency: time.Second, Limits: driver.Limits{Requests: 1}})
		other := a.AddVolume(volSize)
		var wg sync.WaitGroup
		wg.Go(func() { a.snap() })
		synctest.Wait()
		_, err := a.d.Volume(a.ctx(), other)
		require.ErrorIs(t, err, driver.ErrBusy)
		wg.Wait()
		_, err = a.d.Volume(a.ctx(), other)
		require.NoError(t, err)
	})
}

func TestTwoMutationsAtOnce(t *testing.T) {
	cases := map[string]struct {
		facts      driver.Facts
		same       bool
		violations int
	}{
		"of one volume":           {driver.Facts{}, true, 1},
		"of two":                  {driver.Facts{}, false, 0},
		"of two in one container": {driver.Facts{SnapshotUnit: driver.UnitContainer}, false, 1},
		"of two in one that only limits together": {driver.Facts{LimitUnit: driver.UnitContainer}, false, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArray(t, drivertest.BackendOptions{Latency: time.Second, Facts: c.facts})
				first := a.AddVolumeIn("shared", volSize)
				second := first
				if !c.same {
					second = a.AddVolumeIn("shared", volSize)
				}
				var wg sync.WaitGroup
				wg.Go(func() { a.snapOf(first) })
				wg.Go(func() { a.snapOf(second) })
				wg.Wait()
				require.Len(t, a.Violations(), c.violations)
			})
		})
	}
}

func TestLookupsWaitUntilTheyAreConclusive(t *testing.T) {
	const settle = time.Minute
	calls := map[string]func(a *array, at driver.Attempt) error{
		"Lookup": func(a *array, at driver.Attempt) error {
			ref := driver.SnapshotRef{Volume: a.vol, Token: a.token()}
			_, err := a.d.Lookup(a.ctx(), driver.LookupRequest{Snapshot: ref, Attempt: at})
			return err
		},
		"FindClone": func(a *array, at driver.Attempt) error {
			_, err := a.d.Abilities().Cloner.FindClone(a.ctx(), driver.FindCloneRequest{Token: a.token(), Attempt: at})
			return err
		},
		"LookupGroup": func(a *array, at driver.Attempt) error {
			_, err := a.d.Abilities().Groups.LookupGroup(a.ctx(), driver.LookupGroupRequest{Token: a.token(), Attempt: at})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArray(t, withFacts(driver.Facts{Settle: settle}))
				sent := time.Now()
				require.ErrorIs(t, call(a, driver.Attempt{}), driver.ErrNotFound)
				require.Zero(t, time.Since(sent), "what was never sent is not waited for")
				elapse(settle / 3)
				require.ErrorIs(t, call(a, resume(sent)), driver.ErrNotFound)
				require.Equal(t, settle, time.Since(sent))
				require.Equal(t, 2, a.Counts()[name])
			})
		})
	}
}

func TestLookupThatMayNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArray(t, withFacts(driver.Facts{Settle: time.Minute}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ref := driver.SnapshotRef{Volume: a.vol, Token: a.token()}
		_, err := a.d.Lookup(ctx, driver.LookupRequest{Snapshot: ref, Attempt: resume(time.Now())})
		require.ErrorIs(t, err, driver.ErrUnavailable)
		require.NotErrorIs(t, err, driver.ErrNotFound)
	})
}

func TestManyDriversAtOnce(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	var wg sync.WaitGroup
	for range 8 {
		d, vol := a.Driver(), a.AddVolume(volSize)
		wg.Go(func() {
			for range 20 {
				assert.NoError(t, comeAndGo(a, d, vol))
			}
		})
	}
	wg.Wait()
	require.Empty(t, a.AllSnapshots())
	require.Empty(t, a.Violations())
}

// comeAndGo makes a snapshot, writes, and deletes the snapshot.
func comeAndGo(a *array, d driver.Driver, vol driver.VolumeID) error {
	token, err := driver.NewToken(a.installation)
	if err != nil {
		return err
	}
	s, err := d.CreateSnapshot(a.ctx(), driver.CreateSnapshotRequest{Volume: vol, Token: token})
	if err != nil {
		return err
	}
	if err := a.WriteAt(vol, []byte("x"), 0); err != nil {
		return err
	}
	_, err = d.DeleteSnapshot(a.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref})
	return err
}
