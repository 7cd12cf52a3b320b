package drivertest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func TestSnapshotKeepsTheContent(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	a.fill(a.vol, 'a')
	s := a.snap()
	a.fill(a.vol, 'b')
	a.holds(a.vol, 'b')

	kept, err := a.SnapshotContent(s.Ref)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", volSize), string(kept))
	require.EqualValues(t, volSize, s.Size)
	require.True(t, s.Ready)
}

func TestWritesAreCopiedOnWriteAcrossBlocks(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	a.fill(a.vol, 'a')
	s := a.snap()
	before, err := a.Hash(a.vol)
	require.NoError(t, err)
	require.NoError(t, a.WriteAt(a.vol, []byte("0123456789"), 4090)) // over the border of two blocks

	got := make([]byte, 14)
	require.NoError(t, a.ReadAt(a.vol, got, 4088))
	require.Equal(t, "aa0123456789aa", string(got))
	kept, err := a.SnapshotHash(s.Ref)
	require.NoError(t, err)
	require.Equal(t, before, kept)
	now, err := a.Hash(a.vol)
	require.NoError(t, err)
	require.NotEqual(t, before, now)
}

func TestHashIsOfTheContentOnly(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	empty, err := a.Hash(a.vol)
	require.NoError(t, err)
	require.NoError(t, a.WriteAt(a.vol, make([]byte, 10), 100))
	zeros, err := a.Hash(a.vol)
	require.NoError(t, err)
	require.Equal(t, empty, zeros, "written zeros are zeros")
	larger, err := a.Hash(a.AddVolume(2 * volSize))
	require.NoError(t, err)
	require.NotEqual(t, empty, larger)
}

func TestAccessBeyondTheEnd(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	for name, off := range map[string]int64{"before": -1, "over": volSize - 1, "far": 1 << 62} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, a.WriteAt(a.vol, []byte("xy"), off), driver.ErrInvalid)
			require.ErrorIs(t, a.ReadAt(a.vol, make([]byte, 2), off), driver.ErrInvalid)
		})
	}
	require.ErrorIs(t, a.WriteAt("vol-0", nil, 0), driver.ErrNotFound)
}

func TestTimesOfTheArrayIncrease(t *testing.T) {
	stopped := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newArray(t, drivertest.BackendOptions{Now: func() time.Time { return stopped }})
	first, second := a.snap(), a.snap()
	require.True(t, second.CreatedAt.After(first.CreatedAt))
}

func TestCreateRepeated(t *testing.T) {
	t.Run("resume finds what was made", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := a.createReq()
		first, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		before := a.Mutations()
		req.Attempt = resume(time.Now())
		again, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, before, a.Mutations())
		require.Empty(t, a.Violations())
	})
	t.Run("resume makes what is missing", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := a.createReq()
		req.Attempt = resume(time.Now())
		_, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		require.Len(t, a.AllSnapshots(), 1)
		require.Equal(t, 1, a.Counts()["CreateSnapshot"])
	})
	t.Run("a lie about resume makes two, and shows", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := a.createReq()
		for range 2 {
			_, err := a.d.CreateSnapshot(a.ctx(), req)
			require.NoError(t, err)
		}
		require.Len(t, a.AllSnapshots(), 2)
		require.Len(t, a.Violations(), 1)
	})
	t.Run("one token on two volumes is two snapshots", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := a.createReq()
		first, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		req.Volume, req.Attempt = a.AddVolume(volSize), resume(time.Now())
		second, err := a.d.CreateSnapshot(a.ctx(), req)
		require.NoError(t, err)
		require.NotEqual(t, first.Ref.ID, second.Ref.ID)
		require.Empty(t, a.Violations())
	})
}

func TestReferences(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	one, two := a.snap(), a.snap()
	foreign := a.AddForeignSnapshot(a.vol, "by hand")
	other := a.AddVolume(volSize)
	cases := map[string]struct {
		ref  driver.SnapshotRef
		want string
		err  error
	}{
		"both":                      {one.Ref, one.Ref.ID, nil},
		"by id":                     {driver.SnapshotRef{Volume: a.vol, ID: two.Ref.ID}, two.Ref.ID, nil},
		"by token":                  {driver.SnapshotRef{Volume: a.vol, Token: two.Ref.Token}, two.Ref.ID, nil},
		"foreign":                   {foreign, foreign.ID, nil},
		"two snapshots":             {driver.SnapshotRef{Volume: a.vol, ID: one.Ref.ID, Token: two.Ref.Token}, "", driver.ErrConflict},
		"id gone, token elsewhere":  {driver.SnapshotRef{Volume: a.vol, ID: "snap-0", Token: two.Ref.Token}, "", driver.ErrConflict},
		"id of another token":       {driver.SnapshotRef{Volume: a.vol, ID: one.Ref.ID, Token: a.token()}, "", driver.ErrConflict},
		"id of another volume":      {driver.SnapshotRef{Volume: other, ID: one.Ref.ID}, "", driver.ErrConflict},
		"token of another volume":   {driver.SnapshotRef{Volume: other, Token: one.Ref.Token}, "", driver.ErrNotFound},
		"unknown id":                {driver.SnapshotRef{Volume: a.vol, ID: "snap-0"}, "", driver.ErrNotFound},
		"unknown token":             {driver.SnapshotRef{Volume: a.vol, Token: a.token()}, "", driver.ErrNotFound},
		"neither id nor token":      {driver.SnapshotRef{Volume: a.vol}, "", driver.ErrInvalid},
		"token of an unknown value": {driver.SnapshotRef{Volume: "vol-0", Token: one.Ref.Token}, "", driver.ErrNotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := a.lookup(c.ref)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, s.Ref.ID)
		})
	}
	t.Run("delete touches neither of two", func(*testing.T) {
		before := a.Mutations()
		_, err := a.del(driver.SnapshotRef{Volume: a.vol, ID: one.Ref.ID, Token: two.Ref.Token})
		a.refused(err, driver.ErrConflict, before)
	})
}

func TestListing(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	other := a.AddVolume(volSize)
	var want []driver.SnapshotRef
	for range 250 {
		want = append(want, a.snap().Ref)
	}
	foreign := a.AddForeignSnapshot(other, "by hand")
	t.Run("one volume, over pages", func(t *testing.T) { require.Equal(t, want, a.list(a.vol)) })
	t.Run("the whole backend", func(t *testing.T) { require.Equal(t, append(want, foreign), a.list("")) })
	t.Run("counts once", func(t *testing.T) { require.Equal(t, 2, a.Counts()["Snapshots"]) })
	t.Run("calls inside the loop", func(t *testing.T) {
		seen := map[string]int{}
		for s, err := range a.d.Snapshots(a.ctx(), driver.ListRequest{Volume: a.vol}) {
			require.NoError(t, err)
			seen[s.Ref.ID]++
			if len(seen) == 100 {
				_, err := a.del(want[99])
				require.NoError(t, err)
				_, err = a.del(want[200])
				require.NoError(t, err)
			}
		}
		require.Len(t, seen, 249)
	})
	t.Run("stops when the caller does", func(t *testing.T) {
		before := a.Counts()["Snapshots"]
		for s, err := range a.d.Snapshots(a.ctx(), driver.ListRequest{}) {
			require.NoError(t, err)
			require.Equal(t, want[0], s.Ref)
			break
		}
		require.Equal(t, before+1, a.Counts()["Snapshots"])
	})
	t.Run("unknown volume", func(t *testing.T) {
		for _, err := range a.d.Snapshots(a.ctx(), driver.ListRequest{Volume: "vol-0"}) {
			require.ErrorIs(t, err, driver.ErrNotFound)
		}
	})
}

func TestTokenInName(t *testing.T) {
	for name, inName := range map[string]bool{"in the name": true, "beside the name": false} {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, withFacts(driver.Facts{TokenInName: inName}))
			s := a.snap()
			require.Equal(t, inName, strings.Contains(s.Name, string(s.Ref.Token)))
			require.NoError(t, a.Rename(s.Ref, "renamed"))
			require.Equal(t, !inName, a.exists(driver.SnapshotRef{Volume: a.vol, Token: s.Ref.Token}))
			found, err := a.lookup(s.Ref)
			require.NoError(t, err, "the id still leads to it")
			require.Equal(t, inName, found.Ref.Token == "")
		})
	}
}

func TestTokenInTheNameOfAClone(t *testing.T) {
	for name, inName := range map[string]bool{"in the name": true, "beside the name": false} {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, withFacts(driver.Facts{TokenInName: inName}))
			clone := a.clone(a.snap())
			require.NoError(t, a.RenameVolume(clone.ID, "renamed"))
			_, err := a.d.Abilities().Cloner.FindClone(a.ctx(), driver.FindCloneRequest{Token: clone.Token})
			require.Equal(t, inName, err != nil)
		})
	}
}

func TestNamesThatDoNotFit(t *testing.T) {
	opts := withFacts(driver.Facts{TokenInName: true})
	opts.Limits.NameLength = 40
	a := newArray(t, opts)
	req := a.createReq()
	req.Name = strings.Repeat("n", 40-len(req.Token))
	s, err := a.d.CreateSnapshot(a.ctx(), req)
	require.NoError(t, err)
	require.LessOrEqual(t, len(s.Name), 40)
	require.True(t, a.exists(driver.SnapshotRef{Volume: a.vol, Token: req.Token}))
	req.Name, req.Token = req.Name+"n", a.token()
	_, err = a.d.CreateSnapshot(a.ctx(), req)
	require.ErrorIs(t, err, driver.ErrInvalid)
}

func TestResultsAreCopies(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	req := a.createReq()
	req.Labels = map[string]string{"who": "me"}
	s, err := a.d.CreateSnapshot(a.ctx(), req)
	require.NoError(t, err)
	req.Labels["who"], s.Labels["who"] = "you", "they"
	found, err := a.lookup(s.Ref)
	require.NoError(t, err)
	require.Equal(t, "me", found.Labels["who"])
}
