package sqlstore

import (
	"github.com/storagesnap/storagesnap/inventory"
)

const volumeRead = `id, version, backend, native, former, name, external_id, owner, labels, host, disk, serial, size, container,
	head, head_unknown, snapshot_count, origin, origin_volume, token, pending, created_at, deleted_at, independent`

// volumeRow is the destination of the columns volumeRead.
func volumeRow(v *inventory.Volume) *row {
	r := &row{}
	identity(r, &v.ID)
	number(r, &v.Version)
	text(r, &v.Backend)
	text(r, (*string)(&v.Native))
	document(r, &v.Former)
	text(r, &v.Name)
	text(r, &v.ExternalID)
	text(r, &v.Owner)
	labels(r, &v.Labels)
	text(r, &v.Host)
	text(r, (*string)(&v.Disk))
	text(r, &v.Serial)
	number(r, &v.Size)
	text(r, (*string)(&v.Container))
	identity(r, &v.Head)
	truth(r, &v.HeadUnknown)
	number(r, &v.SnapshotCount)
	identity(r, &v.Origin)
	identity(r, &v.OriginVolume)
	text(r, (*string)(&v.Token))
	identity(r, &v.Pending)
	instant(r, &v.CreatedAt)
	instant(r, &v.DeletedAt)
	truth(r, &v.Independent)
	return r
}

// volumeValues returns the parameters of the volume's statements: volumeColumns, if_version and delta, which is filled in
// when the statement runs.
func volumeValues(id inventory.ChangeID, c *inventory.VolumeChange) ([]any, error) {
	v := &c.Volume
	former, err := jsonValue(len(v.Former), v.Former)
	if err != nil {
		return nil, invalid("volume %s: former: %v", v.ID, err)
	}
	labels, err := labelsValue(v.Labels)
	if err != nil {
		return nil, invalid("volume %s: labels: %v", v.ID, err)
	}
	return []any{
		idValue(v.ID), c.IfVersion + 1, idValue(id), v.Backend, string(v.Native), former, v.Name, v.ExternalID, v.Owner,
		labels, v.Host, string(v.Disk), v.Serial, v.Size, string(v.Container), idValue(v.Head), boolValue(v.HeadUnknown),
		nil, idValue(v.Origin), idValue(v.OriginVolume), string(v.Token), idValue(v.Pending), timeValue(v.CreatedAt),
		timeValue(v.DeletedAt), boolValue(v.Independent), c.IfVersion, nil,
	}, nil
}
