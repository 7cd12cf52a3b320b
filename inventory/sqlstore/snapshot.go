package sqlstore

import (
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const snapshotRead = `id, version, volume, parent, name, labels, owner, state, token, native, native_volume, created_at, taken_at,
	size, lineage, consistency, frozen_ns, group_id, expires_at, holds, pins, quiesce`

// snapshotRow is the destination of the columns snapshotRead.
func snapshotRow(s *snapshot.Snapshot) *row {
	r := &row{}
	identity(r, &s.ID)
	number(r, &s.Version)
	identity(r, &s.Volume)
	identity(r, &s.Parent)
	text(r, &s.Name)
	labels(r, &s.Labels)
	text(r, &s.Owner)
	text(r, (*string)(&s.State))
	text(r, &s.Token)
	text(r, &s.Native)
	text(r, &s.NativeVolume)
	instant(r, &s.CreatedAt)
	instant(r, &s.TakenAt)
	number(r, &s.Size)
	text(r, (*string)(&s.Lineage))
	text(r, (*string)(&s.Consistency))
	number(r, &s.Frozen)
	identity(r, &s.Group)
	instant(r, &s.ExpiresAt)
	document(r, &s.Holds)
	document(r, &s.Pins)
	text(r, (*string)(&s.Quiesce))
	return r
}

// snapshotValues returns the parameters of the snapshot's statements: snapshotColumns and if_version.
func snapshotValues(id inventory.ChangeID, s *snapshot.Snapshot) ([]any, error) {
	labels, err := labelsValue(s.Labels)
	if err != nil {
		return nil, invalid("snapshot %s: labels: %v", s.ID, err)
	}
	holds, err := holdsValue(s.Holds)
	if err != nil {
		return nil, invalid("snapshot %s: holds: %v", s.ID, err)
	}
	pins, err := pinsValue(s.Pins)
	if err != nil {
		return nil, invalid("snapshot %s: pins: %v", s.ID, err)
	}
	return []any{
		idValue(s.ID), s.Version + 1, idValue(id), idValue(s.Volume), idValue(s.Parent), s.Name, labels, s.Owner,
		string(s.State), s.Token, s.Native, s.NativeVolume, timeValue(s.CreatedAt), timeValue(s.TakenAt), s.Size,
		string(s.Lineage), string(s.Consistency), int64(s.Frozen), idValue(s.Group), timeValue(s.ExpiresAt), holds, pins,
		string(s.Quiesce), s.Version,
	}, nil
}

func holdsValue(holds []snapshot.Hold) (string, error) {
	stored := make([]snapshot.Hold, len(holds))
	for i, h := range holds {
		h.Since, h.Until = storedTime(h.Since), storedTime(h.Until)
		stored[i] = h
	}
	return jsonValue(len(stored), stored)
}

func pinsValue(pins []snapshot.Pin) (string, error) {
	stored := make([]snapshot.Pin, len(pins))
	for i, p := range pins {
		p.Since = storedTime(p.Since)
		stored[i] = p
	}
	return jsonValue(len(stored), stored)
}
