package inventorytest

import (
	"context"
	"iter"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func storeChecks() []check {
	return []check{
		{
			name: "InstallationWellFormed", run: installationWellFormed,
			why: "every token at the array begins with the installation id: it has to fit there and never to change",
		},
		{
			name: "InstallationsDiffer", run: installationsDiffer,
			why: "two installations on one array tell their objects apart by it; with one id they delete each other's",
		},
		{
			name: "CloseTwice", run: closeTwice,
			why: "deferred and explicit Close meet in every program",
		},
		{
			name: "ClosedIsUnavailable", run: closedIsUnavailable,
			why: "a late goroutine must learn that nothing was written, not panic or wait for ever",
		},
		{
			name: "CancelledContext", run: cancelledContext,
			why: "a caller who gave up must not find later that the change took place after all",
		},
	}
}

func installationWellFormed(s *scene) {
	id, err := s.inv.Installation(s.Context())
	require.NoError(s, err)
	require.NoError(s, id.Validate())
	again, err := s.inv.Installation(s.Context())
	require.NoError(s, err)
	require.Equal(s, id, again)
}

func installationsDiffer(s *scene) {
	other := s.h.Open(s.tb)
	defer other.Close() //nolint:errcheck // CloseTwice looks at that
	a, err := s.inv.Installation(s.Context())
	require.NoError(s, err)
	b, err := other.Installation(s.Context())
	require.NoError(s, err)
	require.NotEqual(s, a, b)
}

func closeTwice(s *scene) {
	require.NoError(s, s.inv.Close())
	require.NoError(s, s.inv.Close())
}

func closedIsUnavailable(s *scene) {
	v := s.volumes(1)[0]
	require.NoError(s, s.inv.Close())
	for name, err := range s.callAll(s.Context(), v) {
		require.ErrorIs(s, err, inventory.ErrUnavailable, name)
	}
}

func cancelledContext(s *scene) {
	v := s.volumes(1)[0]
	before := s.contents()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for name, err := range s.callAll(ctx, v) {
		require.ErrorIs(s, err, context.Canceled, name)
	}
	require.Equal(s, before, s.contents())
}

// callAll calls every method but Close once, with arguments that are all right.
func (s *scene) callAll(ctx context.Context, v inventory.Volume) map[string]error {
	_, installation := s.inv.Installation(ctx)
	_, volume := s.inv.Volume(ctx, v.ID)
	_, snap := s.inv.Snapshot(ctx, snapshot.NewID[snapshot.ID]())
	_, count := s.inv.Count(ctx, inventory.SnapshotQuery{})
	_, operation := s.inv.Operation(ctx, snapshot.NewID[inventory.OperationID]())
	return map[string]error{
		"Installation": installation, "Volume": volume, "Snapshot": snap, "Count": count, "Operation": operation,
		"Volumes":    onlyError(s, s.inv.Volumes(ctx, inventory.VolumeQuery{})),
		"Snapshots":  onlyError(s, s.inv.Snapshots(ctx, inventory.SnapshotQuery{})),
		"Operations": onlyError(s, s.inv.Operations(ctx, inventory.OperationQuery{})),
		"Records":    onlyError(s, s.inv.Records(ctx, inventory.RecordQuery{})),
		"Commit":     s.inv.Commit(ctx, changeOf(write(v), put(s.newSnapshot(v)))),
	}
}

// onlyError ranges over a listing that must yield one error and nothing else.
func onlyError[R any](s *scene, rows iter.Seq2[R, error]) error {
	s.Helper()
	var got []error
	for _, err := range rows {
		got = append(got, err)
	}
	require.Len(s, got, 1, "a listing that fails yields one error, last")
	return got[0]
}
