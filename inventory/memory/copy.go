package memory

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// Every row is copied on its way in and on its way out, so that nobody can change a published state. Copies keep times
// as stores keep them: UTC, to the microsecond.

func copyVolume(v *inventory.Volume) inventory.Volume {
	c := *v
	c.Former, c.Labels = slices.Clone(v.Former), maps.Clone(v.Labels)
	c.CreatedAt, c.DeletedAt = stored(v.CreatedAt), stored(v.DeletedAt)
	return c
}

func copySnapshot(s *snapshot.Snapshot) snapshot.Snapshot {
	c := s.Clone()
	c.CreatedAt, c.TakenAt, c.ExpiresAt = stored(s.CreatedAt), stored(s.TakenAt), stored(s.ExpiresAt)
	for i, h := range c.Holds {
		c.Holds[i].Since, c.Holds[i].Until = stored(h.Since), stored(h.Until)
	}
	for i, p := range c.Pins {
		c.Pins[i].Since = stored(p.Since)
	}
	return c
}

func copyOperation(o *inventory.Operation) inventory.Operation {
	c := *o
	c.Volumes = slices.Clone(o.Volumes)
	c.Args, c.Detail, c.Result = bytes.Clone(o.Args), bytes.Clone(o.Detail), bytes.Clone(o.Result)
	c.Steps = slices.Clone(o.Steps)
	for i, s := range c.Steps {
		c.Steps[i].Note, c.Steps[i].Result = bytes.Clone(s.Note), bytes.Clone(s.Result)
		c.Steps[i].SentAt = stored(s.SentAt)
	}
	c.NextAt, c.CreatedAt, c.UpdatedAt = stored(o.NextAt), stored(o.CreatedAt), stored(o.UpdatedAt)
	return c
}

func copyRecord(r *inventory.Record) inventory.Record {
	c := *r
	c.Data, c.Due = bytes.Clone(r.Data), stored(r.Due)
	return c
}

func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
