package driver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

func TestErrorText(t *testing.T) {
	since := time.Date(2026, 3, 1, 4, 5, 6, 0, time.FixedZone("", 3600))
	tests := map[string]struct {
		err  *driver.Error
		want string
	}{
		"class only":      {&driver.Error{Class: driver.ErrBusy}, "busy"},
		"no class":        {&driver.Error{Err: io.EOF}, "EOF: unclassified"},
		"call":            {&driver.Error{Class: driver.ErrBusy, Op: "Revert"}, "Revert: busy"},
		"cause":           {driver.Errorf(driver.ErrNotFound, "volume %d", 7), "volume 7: not found"},
		"said once":       {driver.Errorf(driver.ErrNotFound, "volume 7: %w", driver.ErrNotFound), "volume 7: not found"},
		"vendor code":     {&driver.Error{Class: driver.ErrBusy, VendorCode: "xDBLocked"}, "busy (xDBLocked)"},
		"request":         {&driver.Error{Class: driver.ErrBusy, RequestID: "42"}, "busy (request 42)"},
		"blocker":         {driver.Blocked(driver.ErrInUse, []driver.Blocker{{Kind: "clone", ID: "9"}}, "s"), "s: in use (in the way: clone 9)"},
		"another outside": {driver.Errorf(driver.ErrInvalid, "%w", driver.ErrBusy), "busy: invalid"},
		"everything": {
			&driver.Error{
				Class: driver.ErrInUse, Op: "DeleteSnapshot", RequestID: "42", VendorCode: "xInUse", Err: errors.New("snapshot 3"),
				Blockers: []driver.Blocker{{Kind: "clone", ID: "9", Name: "web", Since: since}, {Kind: "vm", ID: "db", Name: "db"}},
			},
			"DeleteSnapshot: snapshot 3: in use (xInUse; request 42; in the way: " +
				"clone 9 (web) since 2026-03-01T03:05:06Z, vm db)",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.EqualError(t, test.err, test.want) })
	}
}

func TestErrorfWraps(t *testing.T) {
	err := driver.Errorf(driver.ErrUnavailable, "portal %s: %w", "a:3260", io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, driver.ErrUnavailable)
	require.Equal(t, driver.EffectByClass, err.Effect)
}

func TestVendorErrorIsReachable(t *testing.T) {
	vendor := &vendorError{code: "xNoSuchVolume"}
	err := driver.In("Volume", fmt.Errorf("volume 7: %w", &driver.Error{Class: driver.ErrNotFound, Err: vendor}))
	got, ok := errors.AsType[*vendorError](err)
	require.True(t, ok)
	require.Same(t, vendor, got)
}

type vendorError struct{ code string }

func (e *vendorError) Error() string { return e.code }

func TestIn(t *testing.T) {
	require.NoError(t, driver.In("Volume", nil))

	own := driver.Errorf(driver.ErrNotFound, "volume 7")
	err := driver.In("Volume", own)
	require.EqualError(t, err, "Volume: volume 7: not found")
	require.Empty(t, own.Op, "the error itself is not changed: another goroutine may hold it")

	require.Same(t, err, driver.In("Revert", err), "the innermost call is the one that failed")

	wrapped := fmt.Errorf("volume 7: %w", own)
	err = driver.In("Volume", wrapped)
	require.ErrorIs(t, err, own)
	require.EqualError(t, err, "Volume: volume 7: volume 7: not found")

	err = driver.In("Volume", io.EOF)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, driver.ErrIndeterminate, driver.ClassOf(err), "nobody knows what an unclassified error means")
}

func TestInKeepsWhatTheCallerDecidesBy(t *testing.T) {
	cause := &driver.Error{
		Class: driver.ErrBusy, Effect: driver.EffectDone, RetryAfter: time.Minute, VendorCode: "xBusy", RequestID: "9",
		Blockers: []driver.Blocker{{Kind: "lock", ID: "1"}},
	}
	for name, err := range map[string]error{"own": cause, "wrapped": fmt.Errorf("x: %w", cause), "joined": errors.Join(io.EOF, cause)} {
		t.Run(name, func(t *testing.T) {
			err := driver.In("Revert", err)
			e, ok := errors.AsType[*driver.Error](err)
			require.True(t, ok)
			require.Equal(t, "Revert", e.Op)
			require.Equal(t, driver.ErrBusy, e.Class)
			require.Equal(t, time.Minute, e.RetryAfter)
			require.Equal(t, driver.EffectDone, driver.EffectOf(err))
			require.Equal(t, cause.Blockers, driver.BlockersOf(err))
			require.Contains(t, err.Error(), "xBusy")
			require.Contains(t, err.Error(), "request 9")
		})
	}
}

func TestBlockersOf(t *testing.T) {
	clone := []driver.Blocker{{Kind: "clone", ID: "9"}}
	lock := []driver.Blocker{{Kind: "lock", ID: "1"}}
	blocked := driver.Blocked(driver.ErrInUse, clone, "snapshot 3")
	tests := map[string]struct {
		err  error
		want []driver.Blocker
	}{
		"nil":               {nil, nil},
		"none":              {io.EOF, nil},
		"own":               {blocked, clone},
		"wrapped":           {fmt.Errorf("x: %w", blocked), clone},
		"below one without": {driver.Errorf(driver.ErrConflict, "x: %w", blocked), clone},
		"beside one without": {
			errors.Join(driver.Errorf(driver.ErrBusy, "x"), fmt.Errorf("y: %w", blocked)), clone,
		},
		"the first that names any": {errors.Join(driver.Blocked(driver.ErrBusy, lock, "x"), blocked), lock},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, driver.BlockersOf(test.err)) })
	}
}

func TestBlockerJSONIsSmall(t *testing.T) {
	doc, err := json.Marshal(driver.Blocker{Kind: "vm", ID: "1"})
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"vm","id":"1"}`, string(doc))
}

func TestNotesSave(t *testing.T) {
	require.NoError(t, driver.Notes{}.Save(t.Context(), "x"), "nobody will resume")

	var saved string
	notes := driver.Notes{Note: func(_ context.Context, doc json.RawMessage) error { saved = string(doc); return io.ErrShortWrite }}
	require.ErrorIs(t, notes.Save(t.Context(), map[string]int{"job": 7}), io.ErrShortWrite)
	require.JSONEq(t, `{"job":7}`, saved)

	saved = ""
	require.Error(t, notes.Save(t.Context(), func() {}))
	require.Empty(t, saved, "what is no JSON is not stored")
}
