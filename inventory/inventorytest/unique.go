package inventorytest

import (
	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func uniqueChecks() []check {
	return []check{
		{
			name: "NativeUnique", run: nativeUnique,
			why: "two records of one LUN would revert it under each other's feet",
		},
		{
			name: "NativeFreed", run: nativeFreed,
			why: "a LUN that was forgotten or has another id now can be registered again",
		},
		{
			name: "NativeUnknown", run: nativeUnknown,
			why: "volumes that clones are about to make have no native id yet: any number of them may be open at once",
		},
		{
			name: "NativeFormerFound", run: nativeFormerFound,
			why: "after a revert that changes the native id, the array's old events still have to find the volume",
		},
		{
			name: "ExternalUnique", run: externalUnique,
			why: "the embedder's id must lead to one volume; volumes without one do not stand in each other's way",
		},
		{
			name: "CaseAndSpaceMatter", run: caseAndSpaceMatter,
			why: "ids are compared byte by byte: an array with LUNs 'A' and 'a' has two volumes",
		},
	}
}

func nativeUnique(s *scene) {
	all := s.volumes(2)
	double := s.newVolume()
	double.Native = all[0].Native
	s.refuse(inventory.ErrConflict, write(double))
	moved := all[1]
	moved.Native = all[0].Native
	s.refuse(inventory.ErrConflict, write(moved))
	double.Backend = "array-2"
	s.commit(write(double))
	moved = double
	moved.Backend, moved.Version = all[0].Backend, 1
	s.refuse(inventory.ErrConflict, write(moved))

	twice := []inventory.Volume{s.newVolume(), s.newVolume()}
	twice[1].Native = twice[0].Native
	s.refuse(inventory.ErrConflict, write(twice[0]), write(twice[1]))
}

func nativeFreed(s *scene) {
	all := s.volumes(2)
	s.commit(erase(all[0]))
	next := s.newVolume()
	next.Native = all[0].Native
	s.commit(write(next))

	moved := all[1]
	moved.Native, moved.Former = "lun-moved", []driver.VolumeID{all[1].Native}
	s.commit(write(moved))
	next = s.newVolume()
	next.Native = all[1].Native
	s.commit(write(next))
}

func nativeUnknown(s *scene) {
	for range 3 {
		v := s.newVolume()
		v.Native = ""
		s.commit(write(v))
	}
	require.Len(s, s.contents().Volumes, 3)
}

func nativeFormerFound(s *scene) {
	all := s.volumes(3)
	v := all[1]
	v.Native, v.Former = "new", []driver.VolumeID{"first", v.Native}
	s.commit(write(v))
	find := func(backend string, native driver.VolumeID) []snapshot.VolumeID {
		var ids []snapshot.VolumeID
		for _, v := range collect(s, s.inv.Volumes(s.Context(), inventory.VolumeQuery{Backend: backend, Native: native})) {
			ids = append(ids, v.ID)
		}
		return ids
	}
	for _, native := range append(v.Former, v.Native) {
		require.Equal(s, []snapshot.VolumeID{v.ID}, find("array", native), "native id %s", native)
		require.Empty(s, find("array-2", native))
	}
	require.Empty(s, find("array", "fir"))

	again := s.newVolume()
	again.Native = "first"
	s.commit(write(again))
	require.Equal(s, []snapshot.VolumeID{v.ID, again.ID}, find("array", "first"), "an array may use an id again")

	v.Version, v.Former = 2, []driver.VolumeID{all[1].Native}
	s.commit(write(v))
	require.Equal(s, []snapshot.VolumeID{again.ID}, find("array", "first"), "a former id that was taken off the record")
}

func externalUnique(s *scene) {
	all := s.volumes(3)
	all[0].ExternalID = "vm-1"
	s.commit(write(all[0]))
	double := s.newVolume()
	double.ExternalID = "vm-1"
	double.Backend = "array-2"
	s.refuse(inventory.ErrConflict, write(double))
	late := all[1]
	late.ExternalID = "vm-1"
	s.refuse(inventory.ErrConflict, write(late))

	all[0].Version, all[0].ExternalID = 2, ""
	s.commit(write(all[0]))
	s.commit(write(late))
}

func caseAndSpaceMatter(s *scene) {
	for _, text := range []string{"a", "A", "a ", " a", "á", "a\u0301", "ａ"} {
		v := s.newVolume()
		v.Native, v.ExternalID, v.Owner, v.Host = driver.VolumeID(text), text, text, text
		r := inventory.Record{Kind: text, ID: text}
		snap := s.newSnapshot(v)
		snap.Name, snap.Owner, snap.Token = text, text, text
		o := s.newOperation(v)
		o.Kind, o.LeaseOwner = text, text
		s.commit(write(v), put(snap), keep(r), begin(o))
	}
	for _, text := range []string{"a", "A", "a ", " a", "á", "a\u0301", "ａ"} {
		for _, q := range []inventory.VolumeQuery{
			{Native: driver.VolumeID(text)}, {ExternalID: text}, {Owner: text}, {Host: text},
		} {
			require.Len(s, collect(s, s.inv.Volumes(s.Context(), q)), 1, "%q", text)
		}
		for _, q := range []inventory.SnapshotQuery{{Name: text}, {Owner: text}, {Token: text}} {
			require.Len(s, collect(s, s.inv.Snapshots(s.Context(), q)), 1, "%q", text)
		}
		for _, q := range []inventory.RecordQuery{{Kind: text}, {ID: text}} {
			require.Len(s, collect(s, s.inv.Records(s.Context(), q)), 1, "%q", text)
		}
		for _, q := range []inventory.OperationQuery{{Kind: text}, {LeaseOwner: text}} {
			require.Len(s, collect(s, s.inv.Operations(s.Context(), q)), 1, "%q", text)
		}
	}
}
