package drivertest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// accessRecord is the document that Revoke returns and Grant takes.
type accessRecord struct {
	Initiators []string `json:"initiators"`
}

// controlsAccess reports whether the array knows who may reach a volume; else everybody may.
func (b *Backend) controlsAccess() bool { return !slices.Contains(b.opts.Without, "Access") }

// Revoke implements [driver.AccessController]. The array forgets who had access, so only the note brings it back.
func (d *backendDriver) Revoke(ctx context.Context, req driver.RevokeRequest) (driver.AccessRecord, error) {
	via := route{method: "Revoke", ability: "Access", volume: req.Volume}
	record := req.Noted
	if !req.Resume || len(record) == 0 {
		found, err := trip(ctx, d, via, func() (driver.AccessRecord, error) { return d.b.accessRecord(req.Volume) })
		if err != nil {
			return nil, err
		}
		if record = found; len(record) > 0 {
			if err := req.Save(ctx, record); err != nil {
				return nil, &driver.Error{Class: driver.ErrUnavailable, Op: via.method, Err: err}
			}
		}
		via.again = true
	}
	return trip(ctx, d, via, func() (driver.AccessRecord, error) {
		v, err := d.b.live(req.Volume)
		if err != nil {
			return nil, err
		}
		if len(v.access) > 0 {
			v.access = nil
			d.b.effects++
		}
		return record, nil
	})
}

func (b *Backend) accessRecord(id driver.VolumeID) (driver.AccessRecord, error) {
	v, err := b.live(id)
	if err != nil || len(v.access) == 0 {
		return nil, err
	}
	return json.Marshal(accessRecord{v.access})
}

// Grant implements [driver.AccessController].
func (d *backendDriver) Grant(ctx context.Context, req driver.GrantRequest) (driver.Path, error) {
	var record accessRecord
	if len(req.Record) > 0 {
		if err := json.Unmarshal(req.Record, &record); err != nil {
			return driver.Path{}, &driver.Error{Class: driver.ErrInvalid, Op: "Grant", Err: err}
		}
	}
	for _, i := range req.Initiators {
		record.Initiators = append(record.Initiators, i.Name)
	}
	via := route{method: "Grant", ability: "Access", volume: req.Volume}
	return trip(ctx, d, via, func() (driver.Path, error) {
		v, err := d.b.live(req.Volume)
		if err != nil {
			return driver.Path{}, err
		}
		for _, name := range record.Initiators {
			if !slices.Contains(v.access, name) {
				v.access = append(v.access, name)
				d.b.effects++
			}
		}
		return d.b.path(v), nil
	})
}

// path is how hosts reach the volume. The target is the serial number, by which [Hypervisor] finds the volume.
func (b *Backend) path(v *volume) driver.Path {
	return driver.Path{
		Protocol: "iscsi", Portals: []string{"192.0.2.1:3260"}, Target: "iqn.2026-01.org.example:" + v.serial, LUN: v.lun,
	}
}

// Sessions implements [driver.AccessController].
func (d *backendDriver) Sessions(ctx context.Context, id driver.VolumeID) ([]driver.Session, error) {
	return trip(ctx, d, route{method: "Sessions", ability: "Access"}, func() ([]driver.Session, error) {
		v, err := d.b.live(id)
		if err != nil {
			return nil, err
		}
		out := make([]driver.Session, len(v.sessions))
		for i, s := range v.sessions {
			out[i] = driver.Session{Initiator: s.initiator, Address: "192.0.2.2", Since: s.since}
		}
		return out, nil
	})
}

func sessionBlockers(v *volume) []driver.Blocker {
	out := make([]driver.Blocker, len(v.sessions))
	for i, s := range v.sessions {
		out[i] = driver.Blocker{Kind: "session", ID: s.initiator, Since: s.since}
	}
	return out
}
