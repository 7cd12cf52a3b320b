package drivertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

const volSize = 64 << 10

// array is a backend with one volume and one opened driver, and what tests do with them all the time.
type array struct {
	*drivertest.Backend

	t            *testing.T
	d            driver.Driver
	vol          driver.VolumeID
	installation driver.InstallationID
}

func newArray(t *testing.T, opts drivertest.BackendOptions) *array {
	t.Helper()
	b := drivertest.NewBackend(opts)
	return &array{Backend: b, t: t, d: b.Driver(), vol: b.AddVolume(volSize), installation: driver.NewInstallationID()}
}

func withFacts(f driver.Facts) drivertest.BackendOptions { return drivertest.BackendOptions{Facts: f} }

func (a *array) ctx() context.Context {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Hour)
	a.t.Cleanup(cancel)
	return ctx
}

func (a *array) token() driver.Token {
	a.t.Helper()
	token, err := driver.NewToken(a.installation)
	require.NoError(a.t, err)
	return token
}

func (a *array) createReq() driver.CreateSnapshotRequest {
	return driver.CreateSnapshotRequest{Volume: a.vol, Token: a.token()}
}

func (a *array) snapOf(v driver.VolumeID) driver.Snapshot {
	a.t.Helper()
	s, err := a.d.CreateSnapshot(a.ctx(), driver.CreateSnapshotRequest{Volume: v, Token: a.token()})
	require.NoError(a.t, err)
	return s
}

func (a *array) snap() driver.Snapshot {
	a.t.Helper()
	return a.snapOf(a.vol)
}

func (a *array) revertReq(s driver.Snapshot, mayDrop ...driver.SnapshotRef) driver.RevertRequest {
	return driver.RevertRequest{Volume: a.vol, Snapshot: s.Ref, Token: a.token(), MayDrop: mayDrop}
}

func (a *array) cloneReq(s driver.Snapshot) driver.CloneRequest {
	return driver.CloneRequest{Snapshot: s.Ref, Token: a.token(), Name: "clone"}
}

func (a *array) clone(s driver.Snapshot) driver.Volume {
	a.t.Helper()
	req := a.cloneReq(s)
	req.Notes = new(notebook).notes()
	v, err := a.d.Abilities().Cloner.Clone(a.ctx(), req)
	require.NoError(a.t, err)
	return v
}

func (a *array) del(ref driver.SnapshotRef) (driver.DeleteResult, error) {
	return a.d.DeleteSnapshot(a.ctx(), driver.DeleteSnapshotRequest{Snapshot: ref})
}

func (a *array) lookup(ref driver.SnapshotRef) (driver.Snapshot, error) {
	return a.d.Lookup(a.ctx(), driver.LookupRequest{Snapshot: ref})
}

func (a *array) list(v driver.VolumeID) []driver.SnapshotRef {
	a.t.Helper()
	var refs []driver.SnapshotRef
	for _, s := range drain(a.t, a.d.Snapshots(a.ctx(), driver.ListRequest{Volume: v})) {
		refs = append(refs, s.Ref)
	}
	return refs
}

// fill writes the letter over the whole volume.
func (a *array) fill(v driver.VolumeID, letter byte) {
	a.t.Helper()
	require.NoError(a.t, a.WriteAt(v, bytes.Repeat([]byte{letter}, volSize), 0))
}

// holds requires that the volume holds nothing but the letter.
func (a *array) holds(v driver.VolumeID, letter byte) {
	a.t.Helper()
	got, err := a.Content(v)
	require.NoError(a.t, err)
	require.Equal(a.t, string(bytes.Repeat([]byte{letter}, volSize)), string(got))
}

func (a *array) exists(ref driver.SnapshotRef) bool {
	a.t.Helper()
	_, err := a.lookup(ref)
	if err != nil {
		require.ErrorIs(a.t, err, driver.ErrNotFound)
	}
	return err == nil
}

// refused requires the class, that the blockers are named, and that nothing was changed since before.
func (a *array) refused(err error, class driver.Class, before int, blockers ...string) {
	a.t.Helper()
	require.ErrorIs(a.t, err, class)
	var ids []string
	for _, b := range driver.BlockersOf(err) {
		ids = append(ids, b.ID)
	}
	require.Equal(a.t, blockers, ids)
	require.Equal(a.t, before, a.Mutations(), "a refused call has no effect")
}

func drain[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

func resume(since time.Time) driver.Attempt { return driver.Attempt{Resume: true, SentAt: since} }

// notebook keeps the last note, as an engine does.
type notebook struct{ last json.RawMessage }

func (n *notebook) notes() driver.Notes {
	return driver.Notes{Noted: n.last, Note: func(_ context.Context, doc json.RawMessage) error {
		n.last = doc
		return nil
	}}
}

// elapse lets fake time pass.
func elapse(d time.Duration) { <-time.After(d) }
