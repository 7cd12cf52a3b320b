package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// soon is a grace that every object has outlived.
const soon = time.Nanosecond

// token is a fresh one of our installation.
func (w *world) token() driver.Token {
	w.t.Helper()
	id, err := w.inv.Installation(ctx(w.t))
	require.NoError(w.t, err)
	token, err := driver.NewToken(id)
	require.NoError(w.t, err)
	return token
}

// orphan makes a snapshot with a token of ours that no record knows.
func (w *world) orphan(native driver.VolumeID, name string) driver.SnapshotRef {
	w.t.Helper()
	s, err := w.array.Driver().CreateSnapshot(ctx(w.t), driver.CreateSnapshotRequest{
		Volume: native, Token: w.token(), Name: name, Labels: map[string]string{"by": "test"},
	})
	require.NoError(w.t, err)
	return s.Ref
}

// orphanClone makes a volume with a token of ours that no record knows.
func (w *world) orphanClone(of snapshot.Snapshot, name string) driver.Volume {
	w.t.Helper()
	v, err := w.array.Driver().Abilities().Cloner.Clone(ctx(w.t), driver.CloneRequest{
		Snapshot: driver.SnapshotRef{Volume: driver.VolumeID(of.NativeVolume), ID: of.Native, Token: driver.Token(of.Token)},
		Token:    w.token(), Name: name,
	})
	require.NoError(w.t, err)
	return v
}

// audit audits everything, without a grace.
func (w *world) audit(req engine.AuditRequest) engine.AuditReport {
	w.t.Helper()
	if req.Grace == 0 {
		req.Grace = soon
	}
	report, err := w.eng.Audit(ctx(w.t), req)
	require.NoError(w.t, err)
	for _, b := range report.Backends {
		require.Equal(w.t, engine.BackendUp, b.State)
		require.Empty(w.t, b.Err)
	}
	return report
}

// heal applies the defaults and requires that nothing went wrong.
func (w *world) heal(actions map[engine.FindingKind]engine.AuditAction) engine.AuditReport {
	w.t.Helper()
	report := w.audit(engine.AuditRequest{Apply: true, Actions: actions, Actor: "auditor"})
	for _, f := range report.Findings() {
		require.Empty(w.t, f.Err, f.String())
	}
	return report
}

// clean requires that an audit finds nothing.
func (w *world) clean() {
	w.t.Helper()
	report := w.audit(engine.AuditRequest{})
	require.True(w.t, report.Clean(), report.String())
}

// kindsOf are the kinds of a report's findings, in order.
func kindsOf(report engine.AuditReport) []engine.FindingKind {
	var kinds []engine.FindingKind
	for _, f := range report.Findings() {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// dump is everything that an inventory holds, as text.
func dump(t testing.TB, inv inventory.Inventory) string {
	t.Helper()
	var b strings.Builder
	dumpOf(t, &b, inv.Volumes(ctx(t), inventory.VolumeQuery{}))
	dumpOf(t, &b, inv.Snapshots(ctx(t), inventory.SnapshotQuery{}))
	dumpOf(t, &b, inv.Operations(ctx(t), inventory.OperationQuery{}))
	dumpOf(t, &b, inv.Records(ctx(t), inventory.RecordQuery{}))
	return b.String()
}

func dumpOf[T any](t testing.TB, b *strings.Builder, list iter.Seq2[T, error]) {
	t.Helper()
	for row, err := range list {
		require.NoError(t, err)
		doc, err := json.Marshal(row)
		require.NoError(t, err)
		fmt.Fprintf(b, "%s\n", doc)
	}
}

// edit changes the inventory behind the engine's back, as a person with a database client does.
func (w *world) edit(c inventory.Change) {
	w.t.Helper()
	c.ID = snapshot.NewID[inventory.ChangeID]()
	require.NoError(w.t, w.inv.Commit(ctx(w.t), c))
}

// editRow changes one snapshot's record.
func (w *world) editRow(id snapshot.ID, f func(*snapshot.Snapshot)) {
	w.t.Helper()
	row, err := w.inv.Snapshot(ctx(w.t), id)
	require.NoError(w.t, err)
	f(&row)
	w.edit(inventory.Change{Put: []snapshot.Snapshot{row}})
}

// editVolume changes one volume's record.
func (w *world) editVolume(id snapshot.VolumeID, f func(*inventory.Volume)) {
	w.t.Helper()
	vol, err := w.inv.Volume(ctx(w.t), id)
	require.NoError(w.t, err)
	f(&vol)
	w.edit(inventory.Change{Volumes: []inventory.VolumeChange{{Volume: vol, IfVersion: vol.Version}}})
}

func (w *world) row(id snapshot.ID) snapshot.Snapshot {
	w.t.Helper()
	row, err := w.eng.Snapshot(ctx(w.t), id)
	require.NoError(w.t, err)
	return row
}

// refOf is how the array knows a snapshot of ours.
func refOf(s snapshot.Snapshot) driver.SnapshotRef {
	return driver.SnapshotRef{Volume: driver.VolumeID(s.NativeVolume), ID: s.Native, Token: driver.Token(s.Token)}
}

// watched is an inventory that tells when journals are listed: the moment between an audit's listing of the array and
// its second look at the records.
type watched struct {
	inventory.Inventory

	between func()
}

func (i *watched) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	if f := i.between; f != nil && q.Open && !q.LeaseExpired && q.LeaseOwner == "" {
		i.between = nil
		f()
	}
	return i.Inventory.Operations(ctx, q)
}

// drivertestBackend is one more array.
func drivertestBackend(id driver.BackendID) *drivertest.Backend {
	return drivertest.NewBackend(drivertest.BackendOptions{ID: id})
}

// unready is a driver whose snapshots are never ready.
type unready struct{ driver.Driver }

func (d unready) Lookup(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	s, err := d.Driver.Lookup(ctx, req)
	s.Ready = false
	return s, err
}
