package drivertest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func groupReq(a *array) driver.CreateGroupRequest {
	return driver.CreateGroupRequest{Volumes: []driver.VolumeID{a.vol, a.AddVolume(volSize)}, Token: a.token(), Name: "g"}
}

func TestGroupIsOfOneInstant(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	req := groupReq(a)
	g, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
	require.NoError(t, err)
	require.Len(t, g.Members, 2)
	for i, m := range g.Members {
		require.Equal(t, req.Volumes[i], m.Ref.Volume)
		require.Equal(t, req.Token, m.Ref.Token)
		require.Equal(t, g.ID, m.Group)
		require.True(t, m.CreatedAt.Equal(g.Members[0].CreatedAt))
	}
	require.True(t, a.exists(driver.SnapshotRef{Volume: req.Volumes[1], Token: req.Token}))
}

func TestGroupNonAtomicLetsGuestsWriteBetween(t *testing.T) {
	for name, torn := range map[string]bool{"atomic": false, "non-atomic": true} {
		t.Run(name, func(t *testing.T) {
			var a *array
			opts := withFacts(driver.Facts{GroupNonAtomic: torn})
			var write func()
			opts.BetweenMembers = func() { write() }
			a = newArray(t, opts)
			req := groupReq(a)
			write = func() { a.fill(req.Volumes[1], 'w') }
			g, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
			require.NoError(t, err)
			kept, err := a.SnapshotContent(g.Members[1].Ref)
			require.NoError(t, err)
			require.Equal(t, torn, kept[0] == 'w')
			require.Equal(t, torn, g.Members[1].CreatedAt.After(g.Members[0].CreatedAt))
		})
	}
}

func TestGroupIsAllOrNone(t *testing.T) {
	t.Run("a volume that does not exist", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{})
		req := groupReq(a)
		req.Volumes = append(req.Volumes, "vol-0")
		_, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
		require.ErrorIs(t, err, driver.ErrNotFound)
		require.Empty(t, a.AllSnapshots())
	})
	t.Run("a volume that goes meanwhile", func(t *testing.T) {
		opts := withFacts(driver.Facts{GroupNonAtomic: true})
		var remove func()
		opts.BetweenMembers = func() { remove() }
		a := newArray(t, opts)
		req := groupReq(a)
		remove = func() { require.NoError(t, a.RemoveVolume(req.Volumes[1])) }
		_, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
		require.ErrorIs(t, err, driver.ErrNotFound)
		require.Empty(t, a.AllSnapshots())
	})
	t.Run("a volume that is full", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{Limits: driver.Limits{SnapshotsPerVolume: 1}})
		req := groupReq(a)
		a.snapOf(req.Volumes[1])
		before := a.Mutations()
		_, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
		a.refused(err, driver.ErrExhausted, before, string(req.Volumes[1]))
		err = a.d.Abilities().Groups.CheckGroup(a.ctx(), req.Volumes)
		a.refused(err, driver.ErrExhausted, before, string(req.Volumes[1]))
	})
	t.Run("members share a limit", func(t *testing.T) {
		a := newArray(t, drivertest.BackendOptions{Limits: driver.Limits{SnapshotsPerBackend: 1}})
		_, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), groupReq(a))
		require.ErrorIs(t, err, driver.ErrExhausted)
		require.Empty(t, a.AllSnapshots())
	})
}

func TestGroupRepeated(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	groups, req := a.d.Abilities().Groups, groupReq(a)
	first, err := groups.CreateGroup(a.ctx(), req)
	require.NoError(t, err)
	req.Attempt = resume(time.Now())
	again, err := groups.CreateGroup(a.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, first, again)
	slices.Reverse(req.Volumes)
	found, err := groups.LookupGroup(a.ctx(), driver.LookupGroupRequest{ID: first.ID, Token: req.Token, Volumes: req.Volumes})
	require.NoError(t, err, "the order does not matter")
	require.Equal(t, first, found)
	req.Volumes = req.Volumes[:1]
	_, err = groups.CreateGroup(a.ctx(), req)
	require.ErrorIs(t, err, driver.ErrConflict, "the token is another group's")
	require.Len(t, a.AllSnapshots(), 2)

	del := driver.DeleteGroupRequest{ID: first.ID, Token: req.Token}
	require.NoError(t, groups.DeleteGroup(a.ctx(), del))
	require.Empty(t, a.AllSnapshots())
	require.NoError(t, groups.DeleteGroup(a.ctx(), del), "absent is success")
	_, err = groups.LookupGroup(a.ctx(), driver.LookupGroupRequest{Token: req.Token})
	require.ErrorIs(t, err, driver.ErrNotFound)
}

func TestGroupMemberDelete(t *testing.T) {
	cases := map[string]struct {
		fact driver.GroupMemberDelete
		err  error
		id   bool // the other member is still of the group
	}{
		"ok":      {driver.MemberDeleteOK, nil, true},
		"breaks":  {driver.MemberDeleteBreaksGroup, nil, false},
		"refused": {driver.MemberDeleteRefused, driver.ErrUnsupported, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, withFacts(driver.Facts{GroupMemberDelete: c.fact}))
			groups := a.d.Abilities().Groups
			g, err := groups.CreateGroup(a.ctx(), groupReq(a))
			require.NoError(t, err)
			before := a.Mutations()
			_, err = a.del(g.Members[0].Ref)
			require.ErrorIs(t, err, c.err)
			if err != nil {
				require.Equal(t, before, a.Mutations())
			}
			other, err := a.lookup(g.Members[1].Ref)
			require.NoError(t, err)
			require.Equal(t, c.id, other.Group == g.ID)
			left, err := groups.LookupGroup(a.ctx(), driver.LookupGroupRequest{Token: other.Ref.Token})
			require.NoError(t, err)
			require.Len(t, left.Members, len(a.AllSnapshots()))
			require.NoError(t, groups.DeleteGroup(a.ctx(), driver.DeleteGroupRequest{Token: other.Ref.Token}))
			require.Empty(t, a.AllSnapshots())
		})
	}
}

func TestDeleteGroupChecksAllMembersFirst(t *testing.T) {
	a := newArray(t, withFacts(driver.Facts{SnapshotsDependent: true}))
	req := groupReq(a)
	_, err := a.d.Abilities().Groups.CreateGroup(a.ctx(), req)
	require.NoError(t, err)
	young := a.snapOf(req.Volumes[1])
	before := a.Mutations()
	err = a.d.Abilities().Groups.DeleteGroup(a.ctx(), driver.DeleteGroupRequest{Token: req.Token})
	a.refused(err, driver.ErrInUse, before, young.Ref.ID)
	require.Len(t, a.AllSnapshots(), 3)
}

func TestGroupsThatMakeNoSense(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	for name, volumes := range map[string][]driver.VolumeID{"none": nil, "twice": {a.vol, a.vol}} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, a.d.Abilities().Groups.CheckGroup(a.ctx(), volumes), driver.ErrInvalid)
		})
	}
}
