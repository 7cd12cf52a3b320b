package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func TestCloneIsIsolated(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	clone := a.clone(s)
	a.holds(clone.ID, 'a')
	require.Equal(t, s.Ref, clone.Origin)
	a.fill(clone.ID, 'z')
	a.holds(a.vol, 'b')
	second := a.clone(s)
	a.holds(second.ID, 'a')
	a.fill(a.vol, 'y')
	a.holds(clone.ID, 'z')
	require.NotEqual(t, clone.Serial, second.Serial)
}

func TestCloneSize(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{Limits: driver.Limits{VolumeGranularity: 4096}})
	cloner := a.d.Abilities().Cloner
	req := a.cloneReq(s)
	req.Size = volSize - 1
	before := a.Mutations()
	_, err := cloner.Clone(a.ctx(), req)
	a.refused(err, driver.ErrInvalid, before)
	req.Size = volSize + 1
	v, err := cloner.Clone(a.ctx(), req)
	require.NoError(t, err)
	require.EqualValues(t, volSize+4096, v.Size)
	got := make([]byte, 4096)
	require.NoError(t, a.ReadAt(v.ID, got, volSize))
	require.Equal(t, make([]byte, 4096), got, "the rest is zero")
}

func TestCloneRepeated(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	cloner := a.d.Abilities().Cloner
	req := a.cloneReq(s)
	first, err := cloner.Clone(a.ctx(), req)
	require.NoError(t, err)
	again := req
	again.Attempt = resume(time.Now())
	second, err := cloner.Clone(a.ctx(), again)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Empty(t, a.Violations())
	_, err = cloner.Clone(a.ctx(), req)
	require.NoError(t, err)
	require.Len(t, a.Violations(), 1, "a lie about resume makes two")

	require.NoError(t, cloner.Discard(a.ctx(), driver.DiscardRequest{Snapshot: s.Ref, Token: req.Token}))
	require.Equal(t, []driver.VolumeID{a.vol}, a.Volumes(), "discard removes whatever the token made")
}

func TestCloneContinuesItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := written(t, drivertest.BackendOptions{CloneTime: time.Minute})
		cloner, book := a.d.Abilities().Cloner, new(notebook)
		req := a.cloneReq(s)
		req.Notes = book.notes()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := cloner.Clone(short, req)
		require.ErrorIs(t, err, driver.ErrIndeterminate)
		require.Equal(t, 1, a.Jobs())

		find := driver.FindCloneRequest{Snapshot: s.Ref, Token: req.Token}
		_, err = cloner.FindClone(a.ctx(), find)
		require.ErrorIs(t, err, driver.ErrBusy)
		req.Attempt, req.Notes = resume(time.Now()), book.notes()
		v, err := cloner.Clone(a.ctx(), req)
		require.NoError(t, err)
		require.Contains(t, string(book.last), string(v.ID), "the note has the id")
		found, err := cloner.FindClone(a.ctx(), find)
		require.NoError(t, err)
		require.Equal(t, v, found)
		require.Len(t, a.Volumes(), 2)
		require.Empty(t, a.Violations())
	})
}

func TestCloneWithoutANoteHasNoEffect(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	full := errors.New("the journal is full")
	req := a.cloneReq(s)
	req.Note = func(context.Context, json.RawMessage) error { return full }
	before := a.Mutations()
	_, err := a.d.Abilities().Cloner.Clone(a.ctx(), req)
	require.ErrorIs(t, err, full)
	require.Equal(t, driver.EffectNone, driver.EffectOf(err))
	require.Equal(t, before, a.Mutations())
	require.Equal(t, []driver.VolumeID{a.vol}, a.Volumes())
}

func TestCloneTakesTheNotedID(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	cloner, died := a.d.Abilities().Cloner, errors.New("died")
	req := a.cloneReq(s)
	var noted json.RawMessage
	req.Note = func(_ context.Context, doc json.RawMessage) error {
		noted = doc
		return died
	}
	_, err := cloner.Clone(a.ctx(), req)
	require.ErrorIs(t, err, died)
	req.Attempt, req.Noted, req.Note = resume(time.Now()), noted, nil
	v, err := cloner.Clone(a.ctx(), req)
	require.NoError(t, err)
	require.JSONEq(t, `{"volume":"`+string(v.ID)+`"}`, string(noted))
	a.holds(v.ID, 'a')
}

func TestDiscardOfARunningJob(t *testing.T) {
	for name, stubborn := range map[string]bool{"cancels": false, "is busy": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, s := written(t, drivertest.BackendOptions{JobsCannotBeCanceled: stubborn})
				cloner := a.d.Abilities().Cloner
				release := a.HoldClones()
				req := a.cloneReq(s)
				done := make(chan error, 1)
				go func() {
					_, err := cloner.Clone(a.ctx(), req)
					done <- err
				}()
				synctest.Wait()
				discard := driver.DiscardRequest{Snapshot: s.Ref, Token: req.Token}
				err := cloner.Discard(a.ctx(), discard)
				if stubborn {
					require.ErrorIs(t, err, driver.ErrBusy)
					release()
					require.NoError(t, <-done)
					require.NoError(t, cloner.Discard(a.ctx(), discard))
				} else {
					require.NoError(t, err)
					release()
					require.ErrorIs(t, <-done, driver.ErrNotFound)
				}
				require.Zero(t, a.Jobs())
				require.Equal(t, []driver.VolumeID{a.vol}, a.Volumes())
				require.NoError(t, cloner.Discard(a.ctx(), discard), "absent is success")
			})
		})
	}
}

func TestDiscardOfAnOpenVolume(t *testing.T) {
	a, s := written(t, drivertest.BackendOptions{})
	clone := a.clone(s)
	defer a.OpenSession(clone.ID, "guest")()
	before := a.Mutations()
	err := a.d.Abilities().Cloner.Discard(a.ctx(), driver.DiscardRequest{Snapshot: s.Ref, Token: clone.Token})
	a.refused(err, driver.ErrInUse, before, "guest")
}

func TestJobsAtOnce(t *testing.T) {
	for name, limits := range map[string]driver.Limits{"all": {Jobs: 1}, "per volume": {JobsPerVolume: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, s := written(t, drivertest.BackendOptions{Limits: limits})
				cloner := a.d.Abilities().Cloner
				release := a.HoldClones()
				done := make(chan error, 1)
				first := a.cloneReq(s)
				go func() {
					_, err := cloner.Clone(a.ctx(), first)
					done <- err
				}()
				synctest.Wait()
				_, err := cloner.Clone(a.ctx(), a.cloneReq(s))
				require.ErrorIs(t, err, driver.ErrBusy)
				require.Equal(t, 1, a.Jobs())
				release()
				require.NoError(t, <-done)
				a.clone(s)
			})
		})
	}
}

func TestVolumeOfARunningJobIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := written(t, drivertest.BackendOptions{CloneTime: time.Minute})
		book := new(notebook)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req := a.cloneReq(s)
		req.Notes = book.notes()
		_, err := a.d.Abilities().Cloner.Clone(short, req)
		require.Error(t, err)
		var note struct{ Volume driver.VolumeID }
		require.NoError(t, json.Unmarshal(book.last, &note))
		_, err = a.d.Volume(a.ctx(), note.Volume)
		require.ErrorIs(t, err, driver.ErrBusy)
		require.Len(t, drain(t, a.d.Abilities().Volumes.Volumes(a.ctx())), 1)
		elapse(time.Minute)
		require.Len(t, drain(t, a.d.Abilities().Volumes.Volumes(a.ctx())), 2, "nobody needs to wait for the job")
	})
}

func TestCloneDependence(t *testing.T) {
	cases := map[string]struct {
		dependence driver.CloneDependence
		blocked    bool
		splits     bool
	}{
		"independent": {driver.CloneIndependent, false, false},
		"until split": {driver.CloneUntilSplit, true, true},
		"always":      {driver.CloneDependent, true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, s := written(t, withFacts(driver.Facts{CloneDependence: c.dependence}))
			clone := a.clone(s)
			splitter := a.d.Abilities().Splitter
			require.Equal(t, c.splits, splitter != nil)
			before := a.Mutations()
			_, err := a.del(s.Ref)
			if !c.blocked {
				require.NoError(t, err)
				a.holds(clone.ID, 'a')
				return
			}
			a.refused(err, driver.ErrInUse, before, string(clone.ID))
			require.Equal(t, "clone", driver.BlockersOf(err)[0].Kind)
			if c.splits {
				for range 2 {
					require.NoError(t, splitter.Split(a.ctx(), driver.SplitRequest{Volume: clone.ID, Token: a.token()}))
				}
			} else {
				_, err := a.d.Abilities().Volumes.DeleteVolume(a.ctx(), driver.DeleteVolumeRequest{Volume: clone.ID, Token: a.token()})
				require.NoError(t, err)
			}
			_, err = a.del(s.Ref)
			require.NoError(t, err)
		})
	}
}
