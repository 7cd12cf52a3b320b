package drivertest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

// faulty returns an array whose driver meets the faults.
func faulty(t *testing.T, facts driver.Facts, faults ...drivertest.Fault) (*array, *drivertest.Faults) {
	t.Helper()
	a, f := newArray(t, withFacts(facts)), drivertest.NewFaults(faults...)
	a.d = driver.Wrap(a.d, f.Hook())
	return a, f
}

func TestFaultBeforeAndAfter(t *testing.T) {
	own := errors.New("cable")
	cases := map[string]struct {
		fault  drivertest.Fault
		want   error
		effect int
	}{
		"before":          {drivertest.Fault{When: drivertest.Before}, driver.ErrUnavailable, 0},
		"before, own":     {drivertest.Fault{When: drivertest.Before, Err: own}, own, 0},
		"after":           {drivertest.Fault{When: drivertest.After}, driver.ErrIndeterminate, 1},
		"after, own":      {drivertest.Fault{When: drivertest.After, Err: own}, own, 1},
		"by method":       {drivertest.Fault{Method: "CreateSnapshot", When: drivertest.After}, driver.ErrIndeterminate, 1},
		"only a mutation": {drivertest.Fault{Mutation: true}, driver.ErrUnavailable, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, f := faulty(t, driver.Facts{}, c.fault)
			_, err := a.d.CreateSnapshot(a.ctx(), a.createReq())
			require.ErrorIs(t, err, c.want)
			require.Len(t, a.AllSnapshots(), c.effect)
			require.Equal(t, 1, f.Fired())
		})
	}
}

func TestFaultsThatDoNotMatch(t *testing.T) {
	a, f := faulty(t, driver.Facts{}, drivertest.Fault{Method: "Revert"}, drivertest.Fault{Mutation: true})
	_, err := a.d.Volume(a.ctx(), a.vol)
	require.NoError(t, err)
	for _, err := range a.d.Snapshots(a.ctx(), driver.ListRequest{}) {
		require.NoError(t, err)
	}
	require.Zero(t, f.Fired())
	require.NoError(t, a.d.Close(), "an unnamed method is any but Close")
}

func TestFaultsAreCounted(t *testing.T) {
	a, f := faulty(t, driver.Facts{}, drivertest.Fault{Method: "CreateSnapshot", Call: 2})
	var failed []int
	for i := range 4 {
		if _, err := a.d.CreateSnapshot(a.ctx(), a.createReq()); err != nil {
			failed = append(failed, i+1)
		}
	}
	require.Equal(t, []int{2}, failed)
	f.Add(drivertest.Fault{Method: "CreateSnapshot", Call: 1})
	_, err := a.d.CreateSnapshot(a.ctx(), a.createReq())
	require.ErrorIs(t, err, driver.ErrUnavailable, "counted from when it was added")
	f.Add(drivertest.Fault{})
	f.Clear()
	a.snap()
	require.Equal(t, 2, f.Fired())
}

func TestFaultInAListing(t *testing.T) {
	a, _ := faulty(t, driver.Facts{}, drivertest.Fault{Method: "Snapshots", When: drivertest.After, Err: driver.ErrUnavailable})
	a.snap()
	got := 0
	var last error
	for _, err := range a.d.Snapshots(a.ctx(), driver.ListRequest{}) {
		if err == nil {
			got++
		}
		last = err
	}
	require.Equal(t, 1, got)
	require.ErrorIs(t, last, driver.ErrUnavailable)
}

func TestFaultLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const settle = time.Minute
		late := drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Late, Delay: settle / 2}
		a, f := faulty(t, driver.Facts{Settle: settle}, late)
		req, sent := a.createReq(), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := a.d.CreateSnapshot(ctx, req)
		require.ErrorIs(t, err, driver.ErrIndeterminate)
		require.Zero(t, time.Since(sent))
		require.Empty(t, a.AllSnapshots())

		// The process that sent it dies; another one looks before the effect has come.
		cancel()
		require.NoError(t, a.d.Close())
		other := a.Driver()
		found, err := other.Lookup(a.ctx(), driver.LookupRequest{
			Snapshot: driver.SnapshotRef{Volume: a.vol, Token: req.Token}, Attempt: resume(sent),
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(sent), settle/2)
		require.Less(t, time.Since(sent), settle)
		req.Attempt = resume(sent)
		again, err := other.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		require.Equal(t, found, again)
		f.Wait()
		require.Len(t, a.AllSnapshots(), 1)
	})
}

func TestFaultLateCatchesWhoDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Late, Delay: time.Second}
		a, f := faulty(t, driver.Facts{Settle: time.Minute}, late)
		req := a.createReq()
		_, err := a.d.CreateSnapshot(a.ctx(), req)
		require.Error(t, err)
		_, err = a.d.CreateSnapshot(a.ctx(), req) // a lie: it was sent
		require.NoError(t, err)
		f.Wait()
		require.Len(t, a.AllSnapshots(), 2)
		require.NotEmpty(t, a.Violations())
	})
}

func TestFaultLateInARead(t *testing.T) {
	a, f := faulty(t, driver.Facts{}, drivertest.Fault{When: drivertest.Late})
	_, err := a.d.Volume(a.ctx(), a.vol)
	require.ErrorIs(t, err, driver.ErrIndeterminate)
	f.Wait()
	require.Zero(t, a.Counts()["Volume"])
}

func TestFaultSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := faulty(t, driver.Facts{}, drivertest.Fault{When: drivertest.Slow, Delay: time.Minute})
		began := time.Now()
		a.snap()
		require.Equal(t, time.Minute, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := a.d.CreateSnapshot(ctx, a.createReq())
		require.ErrorIs(t, err, driver.ErrUnavailable)
		require.Len(t, a.AllSnapshots(), 1)
	})
}

func TestFaultHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := faulty(t, driver.Facts{}, drivertest.Fault{When: drivertest.Hang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := a.d.CreateSnapshot(ctx, a.createReq())
		require.ErrorIs(t, err, driver.ErrIndeterminate)
		require.Equal(t, time.Minute, time.Since(began))
		require.Len(t, a.AllSnapshots(), 1)
	})
}

func TestRandomFaultsAreRepeatable(t *testing.T) {
	run := func(seed uint64) (failed []bool) {
		a, f := faulty(t, driver.Facts{})
		f.Random(seed, 0.3, drivertest.Fault{Method: "CreateSnapshot"}, drivertest.Fault{Method: "CreateSnapshot", When: drivertest.After})
		for range 200 {
			_, err := a.d.CreateSnapshot(a.ctx(), a.createReq())
			failed = append(failed, err != nil)
			_, err = a.d.Volume(a.ctx(), a.vol)
			require.NoError(t, err)
		}
		require.InDelta(t, 60, f.Fired(), 50)
		return failed
	}
	first := run(1)
	require.Contains(t, first, true)
	require.Contains(t, first, false)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
}

func TestFaultsInAHost(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	h := driver.WrapHost(p.h, drivertest.NewFaults(drivertest.Fault{Method: "Detach", When: drivertest.After}).Hook())
	require.ErrorIs(t, h.Detach(p.ctx(), p.attachment()), driver.ErrIndeterminate)
	require.Zero(t, p.hv.Attached(p.disk))
}
