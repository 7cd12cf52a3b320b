package inventorytest

import (
	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func treeChecks() []check {
	return []check{
		{
			name: "ReparentMovesChildren", run: reparentMovesChildren,
			why: "when a snapshot is deleted its children move up: one that stays behind points at nothing",
		},
		{
			name: "ReparentCountsVersions", run: reparentCountsVersions,
			why: "a writer that read the old parent must be refused, else it puts the old parent back",
		},
		{
			name: "ReparentStaysInVolume", run: reparentStaysInVolume,
			why: "the change locks one volume: it must not touch the rows of another",
		},
		{
			name: "PartsInOrder", run: partsInOrder,
			why: "an engine puts, reparents and drops in one change, and relies on which comes first",
		},
		{
			name: "DeleteCascades", run: deleteCascades,
			why: "what belongs to a deleted volume can never be reached again: it would stay for ever",
		},
	}
}

// family stores a root with n children and returns the root.
func (s *scene) family(v inventory.Volume, n int) (root snapshot.Snapshot, children []snapshot.Snapshot) {
	s.Helper()
	root = s.newSnapshot(v)
	s.commit(put(root))
	for range n {
		r := s.newSnapshot(v)
		r.Parent = root.ID
		s.commit(put(r))
		children = append(children, s.snapshot(r.ID))
	}
	return s.snapshot(root.ID), children
}

func (s *scene) childrenOf(id snapshot.ID) []snapshot.ID {
	s.Helper()
	ids := []snapshot.ID{}
	for _, r := range collect(s, s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Parent: id})) {
		ids = append(ids, r.ID)
	}
	return ids
}

func reparentMovesChildren(s *scene) {
	v := s.volumes(1)[0]
	root, children := s.family(v, 3)
	grandchild := s.newSnapshot(v)
	grandchild.Parent = children[0].ID
	s.commit(put(grandchild))
	to, _ := s.family(v, 0)

	s.commit(reparent(v, root.ID, to.ID))
	require.Empty(s, s.childrenOf(root.ID))
	require.Equal(s, []snapshot.ID{children[0].ID, children[1].ID, children[2].ID}, s.childrenOf(to.ID))
	require.Equal(s, []snapshot.ID{grandchild.ID}, s.childrenOf(children[0].ID), "only children move, not what is below them")

	s.commit(reparent(v, to.ID, snapshot.ID{}))
	roots := collect(s, s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Volume: v.ID, Roots: true}))
	require.Len(s, roots, 5, "the two roots and the three children")
	s.commit(reparent(v, to.ID, root.ID)) // nothing to move is fine
}

func reparentCountsVersions(s *scene) {
	v := s.volumes(1)[0]
	root, children := s.family(v, 2)
	s.commit(reparent(v, root.ID, snapshot.ID{}))
	for _, r := range children {
		r.Parent = snapshot.ID{}
		r.Version++
		require.Equal(s, canon(r), canon(s.snapshot(r.ID)), "the parent and the version change, nothing else")
	}
	require.Equal(s, canon(root), canon(s.snapshot(root.ID)))
	s.refuse(inventory.ErrStale, put(children[0]))
}

func reparentStaysInVolume(s *scene) {
	all := s.volumes(2)
	root, children := s.family(all[0], 1)
	stranger := s.newSnapshot(all[1])
	stranger.Parent = root.ID
	s.commit(put(stranger))
	s.commit(reparent(all[0], root.ID, snapshot.ID{}))
	require.Equal(s, int64(2), s.snapshot(children[0].ID).Version)
	require.Equal(s, root.ID, s.snapshot(stranger.ID).Parent)
	require.Equal(s, int64(1), s.snapshot(stranger.ID).Version)
	s.refuse(inventory.ErrInvalid, reparent(s.newVolume(), root.ID, snapshot.ID{}))
}

func partsInOrder(s *scene) {
	v := s.volumes(1)[0]
	root, children := s.family(v, 1)
	middle, below := s.family(v, 1)
	to, _ := s.family(v, 0)
	late := s.newSnapshot(v)
	late.Parent = middle.ID
	// Put, then Reparent one after the other, then Drop: the late child moves too, and by both.
	s.commit(drop(middle.ID, root.ID), reparent(v, middle.ID, root.ID), reparent(v, root.ID, to.ID), put(late))
	require.Equal(s, []snapshot.ID{children[0].ID, below[0].ID, late.ID}, s.childrenOf(to.ID))
	require.Equal(s, int64(3), s.snapshot(late.ID).Version, "one for Put, one for each Reparent")
	require.Equal(s, 4, s.volume(v.ID).SnapshotCount)
}

func deleteCascades(s *scene) {
	all := s.volumes(2)
	for _, v := range all {
		s.snapshots(v, 3)
		r := s.newRecord()
		r.Volume = v.ID
		o := s.newOperation(v)
		s.commit(keep(r), keep(s.newRecord()), begin(o))
	}
	before := s.contents()
	s.commit(erase(s.volume(all[0].ID)))
	after := s.contents()
	require.Equal(s, before.Volumes[1:], after.Volumes)
	require.Equal(s, before.Operations, after.Operations, "the journal outlives what it tells about")
	require.Len(s, after.Snapshots, 3)
	require.Len(s, after.Records, 3)
	for _, r := range after.Snapshots {
		require.Equal(s, all[1].ID, r.Volume)
	}
	for _, r := range before.Snapshots[:3] {
		_, err := s.inv.Snapshot(s.Context(), r.ID)
		require.ErrorIs(s, err, inventory.ErrNotFound)
	}
	n, err := s.inv.Count(s.Context(), inventory.SnapshotQuery{Volume: all[0].ID})
	require.NoError(s, err)
	require.Zero(s, n)

	all[0].Version = 0
	s.commit(write(all[0]))
	require.Zero(s, s.volume(all[0].ID).SnapshotCount, "a volume made anew does not inherit")
}
