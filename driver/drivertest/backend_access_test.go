package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

func guests(names ...string) []driver.Initiator {
	out := make([]driver.Initiator, len(names))
	for i, name := range names {
		out[i] = driver.Initiator{Protocol: "iscsi", Name: name}
	}
	return out
}

func TestRevokeAndGrant(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	access, book := a.d.Abilities().Access, new(notebook)
	path, err := access.Grant(a.ctx(), driver.GrantRequest{Volume: a.vol, Token: a.token(), Initiators: guests("one", "two")})
	require.NoError(t, err)
	req := driver.RevokeRequest{Volume: a.vol, Token: a.token(), Notes: book.notes()}
	record, err := access.Revoke(a.ctx(), req)
	require.NoError(t, err)
	require.Empty(t, a.Access(a.vol))

	t.Run("resume returns the same record", func(t *testing.T) {
		req.Attempt, req.Notes = resume(time.Now()), book.notes()
		again, err := access.Revoke(a.ctx(), req)
		require.NoError(t, err)
		require.JSONEq(t, string(record), string(again))
	})
	t.Run("what is noted is not forgotten", func(t *testing.T) {
		without := req
		without.Notes = driver.Notes{}
		lost, err := access.Revoke(a.ctx(), without)
		require.NoError(t, err)
		require.Empty(t, lost, "the array itself remembers nothing")
	})
	t.Run("grant brings it back, repeatably", func(t *testing.T) {
		for range 2 {
			again, err := access.Grant(a.ctx(), driver.GrantRequest{Volume: a.vol, Token: a.token(), Record: record})
			require.NoError(t, err)
			require.Equal(t, path, again)
			require.Equal(t, []string{"one", "two"}, a.Access(a.vol))
		}
	})
	t.Run("a record of something else", func(t *testing.T) {
		_, err := access.Grant(a.ctx(), driver.GrantRequest{Volume: a.vol, Token: a.token(), Record: json.RawMessage(`"x"`)})
		require.ErrorIs(t, err, driver.ErrInvalid)
	})
}

func TestRevokeWithoutANoteHasNoEffect(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	_, err := a.Allow(a.vol, guests("one")...)
	require.NoError(t, err)
	full := errors.New("the journal is full")
	_, err = a.d.Abilities().Access.Revoke(a.ctx(), driver.RevokeRequest{
		Volume: a.vol, Token: a.token(),
		Notes: driver.Notes{Note: func(context.Context, json.RawMessage) error { return full }},
	})
	require.ErrorIs(t, err, full)
	require.Equal(t, driver.EffectNone, driver.EffectOf(err))
	require.Equal(t, []string{"one"}, a.Access(a.vol))
}

func TestSessionsOutliveRevoke(t *testing.T) {
	a := newArray(t, drivertest.BackendOptions{})
	access := a.d.Abilities().Access
	_, err := a.Allow(a.vol, guests("one")...)
	require.NoError(t, err)
	closeSession := a.OpenSession(a.vol, "one")
	require.NoError(t, a.GuestWrite("one", a.vol, []byte("x"), 0))
	_, err = access.Revoke(a.ctx(), driver.RevokeRequest{Volume: a.vol, Token: a.token()})
	require.NoError(t, err)
	open, err := access.Sessions(a.ctx(), a.vol)
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Equal(t, "one", open[0].Initiator)
	closeSession()
	closeSession()
	open, err = access.Sessions(a.ctx(), a.vol)
	require.NoError(t, err)
	require.Empty(t, open)
}

func TestGuestWrite(t *testing.T) {
	cases := map[string]struct {
		without      []string
		access, open bool
		err          error
	}{
		"access and session":             {nil, true, true, nil},
		"no session":                     {nil, true, false, driver.ErrPermission},
		"no access":                      {nil, false, true, driver.ErrPermission},
		"nobody controls, with session":  {[]string{"Access"}, false, true, nil},
		"nobody controls, no session":    {[]string{"Access"}, false, false, driver.ErrPermission},
		"nobody controls, with access":   {[]string{"Access"}, true, true, nil},
		"nobody controls, only a record": {[]string{"Access"}, true, false, driver.ErrPermission},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newArray(t, drivertest.BackendOptions{Without: c.without})
			if c.access {
				_, err := a.Allow(a.vol, guests("one")...)
				require.NoError(t, err)
			}
			if c.open {
				defer a.OpenSession(a.vol, "one")()
			}
			require.ErrorIs(t, a.GuestWrite("one", a.vol, []byte("x"), 0), c.err)
			got := make([]byte, 1)
			require.NoError(t, a.ReadAt(a.vol, got, 0))
			require.Equal(t, c.err == nil, got[0] == 'x')
		})
	}
}
