package inventorytest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func atomicChecks() []check {
	return []check{
		{
			name: "AllOrNothing", run: allOrNothing,
			why: "half an intent is worse than none: a lock without a journal, or a token that nobody remembers",
		},
		{
			name: "MaxChange", run: maxChange,
			why: "the largest allowed change must work everywhere, and a larger one must fail before the array is asked",
		},
		{
			name: "InvalidChanges", run: invalidChanges,
			why: "a change that breaks a rule is a bug of the caller: it must not become a row",
		},
		{
			name: "EmptyChange", run: emptyChange,
			why: "a change that turned out to need nothing is no error",
		},
	}
}

// fault is something in a change that the store must refuse.
type fault struct {
	name  string
	class error
	part  part
}

// allOrNothing puts each fault at each place between parts that are all right.
func allOrNothing(s *scene) {
	v := s.volumes(1)[0]
	root, children := s.family(v, 2)
	taken := s.volumes(1)[0]
	taken.ExternalID = "taken"
	s.commit(write(taken))
	stranger := s.snapshots(taken, 1)[0]
	r, o := s.newRecord(), s.newOperation(v)
	s.commit(keep(r), begin(o))
	r.Version = 1

	edited := root
	edited.Name = "edited"
	o.Cursor = 5
	good := []part{
		write(v), write(s.newVolume()), put(edited), put(s.newSnapshot(v)), reparent(v, root.ID, snapshot.ID{}),
		drop(children[1].ID), keep(r), keep(s.newRecord()),
	}
	for _, f := range s.faults(v, taken, stranger) {
		for at := range len(good) + 1 {
			parts := slices.Insert(slices.Clone(good), at, f.part)
			if c := changeOf(parts...); c.Operation == nil {
				parts = append(parts, advance(o))
			}
			s.Logf("%s at %d", f.name, at)
			s.refuse(f.class, parts...)
		}
	}
	s.commit(append(good, advance(o))...)
}

func (s *scene) faults(v, taken inventory.Volume, stranger snapshot.Snapshot) []fault {
	native, external := s.newVolume(), s.newVolume()
	native.Native, external.ExternalID = taken.Native, taken.ExternalID
	moved, lost := stranger, s.newSnapshot(s.newVolume())
	moved.Volume = v.ID
	old, absent := stranger, s.newSnapshot(v)
	old.Version, absent.Version = 5, 1
	homeless := s.newRecord()
	homeless.Volume = s.newVolume().ID
	return []fault{
		{"stale volume", inventory.ErrStale, writeIf(taken, 7)},
		{"absent volume", inventory.ErrStale, writeIf(s.newVolume(), 1)},
		{"volume that exists", inventory.ErrStale, writeIf(taken, 0)},
		{"native id taken", inventory.ErrConflict, write(native)},
		{"external id taken", inventory.ErrConflict, write(external)},
		{"stale snapshot", inventory.ErrStale, put(old)},
		{"absent snapshot", inventory.ErrStale, put(absent)},
		{"snapshot that moves", inventory.ErrInvalid, put(moved)},
		{"snapshot without volume", inventory.ErrInvalid, put(lost)},
		{"reparent without volume", inventory.ErrInvalid, reparent(s.newVolume(), stranger.ID, snapshot.ID{})},
		{"drop of nothing", inventory.ErrStale, drop(snapshot.NewID[snapshot.ID]())},
		{"absent operation", inventory.ErrStale, advance(s.newOperation())},
		{"stale record", inventory.ErrStale, keep(withVersion(s.newRecord(), 1))},
		{"record without volume", inventory.ErrInvalid, keep(homeless)},
		{"deletion of an absent record", inventory.ErrStale, forget(withVersion(s.newRecord(), 1))},
	}
}

func maxChange(s *scene) {
	v := s.volumes(1)[0]
	many := func(n int) []snapshot.Snapshot {
		all := make([]snapshot.Snapshot, n)
		for i := range all {
			all[i] = s.newSnapshot(v)
		}
		return all
	}
	s.refuse(inventory.ErrInvalid, put(many(inventory.MaxChange+1)...))
	s.refuse(inventory.ErrInvalid, write(v), begin(s.newOperation(v)), put(many(inventory.MaxChange-1)...))

	first := many(inventory.MaxChange - 2)
	s.commit(write(v), begin(s.newOperation(v)), put(first...))
	require.Equal(s, inventory.MaxChange-2, s.volume(v.ID).SnapshotCount)
	ids := make([]snapshot.ID, len(first))
	for i, r := range first {
		ids[i] = r.ID
	}
	s.commit(drop(ids...))

	volumes := make([]part, inventory.MaxChange)
	for i := range volumes {
		volumes[i] = write(s.newVolume())
	}
	s.commit(volumes...)
	records := make([]part, inventory.MaxChange)
	for i := range records {
		records[i] = keep(s.newRecord())
	}
	s.commit(records...)
	require.Len(s, s.contents().Volumes, inventory.MaxChange+1)
	require.Len(s, s.contents().Records, inventory.MaxChange)
}

// invalidChanges samples the rules of Change.Validate: a store that calls it keeps them all.
func invalidChanges(s *scene) {
	v := s.volumes(1)[0]
	r := s.snapshots(v, 1)[0]
	ownParent, noState := r, r
	ownParent.Parent, noState.State = r.ID, ""
	o := s.newOperation(v)
	o.Epoch = 2
	s.refuseChange(inventory.ErrInvalid, inventory.Change{})
	for _, parts := range [][]part{
		{write(inventory.Volume{})},
		{write(v), write(v)},
		{put(ownParent)},
		{put(noState)},
		{put(r), drop(r.ID)},
		{drop(snapshot.ID{})},
		{reparent(v, r.ID, r.ID)},
		{begin(o)},
		{keep(inventory.Record{Kind: "k"})},
		{forget(s.newRecord())},
		{erase(s.newVolume())},
	} {
		s.refuse(inventory.ErrInvalid, parts...)
	}
}

func emptyChange(s *scene) {
	s.volumes(1)
	before := s.contents()
	s.commit()
	require.Equal(s, before, s.contents())
}
