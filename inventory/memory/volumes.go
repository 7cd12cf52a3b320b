package memory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// volumes is the table of volumes with its indexes.
type volumes struct {
	rows       tree[snapshot.VolumeID, *inventory.Volume]
	byPlace    index[place, snapshot.VolumeID, inventory.Volume]
	byNative   index[driver.VolumeID, snapshot.VolumeID, inventory.Volume]
	byExternal index[string, snapshot.VolumeID, inventory.Volume]
	byOwner    index[string, snapshot.VolumeID, inventory.Volume]
	byHost     index[string, snapshot.VolumeID, inventory.Volume]
	byOrigin   index[snapshot.ID, snapshot.VolumeID, inventory.Volume]
	pending    index[struct{}, snapshot.VolumeID, inventory.Volume]
}

// place is where the array's volume is now: unique once it is known. A clone's volume has none before it is made.
type place struct {
	backend string
	native  driver.VolumeID
}

func newVolumes() volumes {
	id := compareID[snapshot.VolumeKind]
	text := compareText[string]
	return volumes{
		rows:       tree[snapshot.VolumeID, *inventory.Volume]{compare: id},
		byPlace:    newIndex(comparePlace, id, placeOf),
		byNative:   newIndex(compareText[driver.VolumeID], id, nativesOf),
		byExternal: newIndex(text, id, func(v *inventory.Volume) []string { return nonzero(v.ExternalID) }),
		byOwner:    newIndex(text, id, func(v *inventory.Volume) []string { return nonzero(v.Owner) }),
		byHost:     newIndex(text, id, func(v *inventory.Volume) []string { return nonzero(v.Host) }),
		byOrigin: newIndex(compareID[snapshot.SnapshotKind], id,
			func(v *inventory.Volume) []snapshot.ID { return nonzero(v.Origin) }),
		pending: newIndex(compareFlag, id, func(v *inventory.Volume) []struct{} { return flag(!v.Pending.IsZero()) }),
	}
}

func comparePlace(a, b place) int {
	return cmp.Or(compareText(a.backend, b.backend), compareText(a.native, b.native))
}

func placeOf(v *inventory.Volume) []place {
	if v.Native == "" {
		return nil
	}
	return []place{{v.Backend, v.Native}}
}

func nativesOf(v *inventory.Volume) []driver.VolumeID { return append(nonzero(v.Native), v.Former...) }

// replace puts after in the place of before; nil is "not there".
func (t *volumes) replace(e *edit, id snapshot.VolumeID, before, after *inventory.Volume) {
	if after == nil {
		t.rows.remove(e, id)
	} else {
		t.rows.set(e, id, after)
	}
	t.byPlace.replace(e, id, before, after)
	t.byNative.replace(e, id, before, after)
	t.byExternal.replace(e, id, before, after)
	t.byOwner.replace(e, id, before, after)
	t.byHost.replace(e, id, before, after)
	t.byOrigin.replace(e, id, before, after)
	t.pending.replace(e, id, before, after)
}

// find yields the volumes that the query selects behind q.After, by the narrowest index that serves.
func (t *volumes) find(q inventory.VolumeQuery) iter.Seq[*inventory.Volume] {
	match := func(v *inventory.Volume) bool { return matchVolume(q, v) }
	switch {
	case q.ExternalID != "":
		return rowsOf(&t.rows, t.byExternal.in(q.ExternalID, q.After), q.After, match)
	case q.Native != "":
		return rowsOf(&t.rows, t.byNative.in(q.Native, q.After), q.After, match)
	case !q.Origin.IsZero():
		return rowsOf(&t.rows, t.byOrigin.in(q.Origin, q.After), q.After, match)
	case q.Pending:
		return rowsOf(&t.rows, t.pending.in(struct{}{}, q.After), q.After, match)
	case q.Owner != "":
		return rowsOf(&t.rows, t.byOwner.in(q.Owner, q.After), q.After, match)
	case q.Host != "":
		return rowsOf(&t.rows, t.byHost.in(q.Host, q.After), q.After, match)
	}
	return scan(&t.rows, q.After, match)
}

func matchVolume(q inventory.VolumeQuery, v *inventory.Volume) bool {
	return (q.Owner == "" || q.Owner == v.Owner) &&
		(q.Backend == "" || q.Backend == v.Backend) &&
		(q.Host == "" || q.Host == v.Host) &&
		(q.Native == "" || q.Native == v.Native || slices.Contains(v.Former, q.Native)) &&
		(q.ExternalID == "" || q.ExternalID == v.ExternalID) &&
		(q.Origin.IsZero() || q.Origin == v.Origin) &&
		(!q.Pending || !v.Pending.IsZero())
}
