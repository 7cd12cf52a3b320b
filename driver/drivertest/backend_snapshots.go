package drivertest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Volume implements [driver.Driver].
func (d *backendDriver) Volume(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
	return trip(ctx, d, route{method: "Volume"}, func() (driver.Volume, error) {
		if j := d.b.jobOf(id); j != nil {
			return driver.Volume{}, driver.Errorf(driver.ErrBusy, "volume %q is still being cloned", string(id))
		}
		v, err := d.b.live(id)
		if err != nil {
			return driver.Volume{}, err
		}
		return d.b.describe(v), nil
	})
}

// CreateSnapshot implements [driver.Driver].
func (d *backendDriver) CreateSnapshot(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	const method = "CreateSnapshot"
	if req.Resume {
		ref := driver.SnapshotRef{Volume: req.Volume, Token: req.Token}
		s, err := settled(ctx, d, req.Attempt, func(again bool) (driver.Snapshot, error) {
			return trip(ctx, d, route{method: method, again: again}, func() (driver.Snapshot, error) { return d.b.lookup(ref) })
		})
		if driver.ClassOf(err) != driver.ErrNotFound {
			return s, err
		}
	}
	return trip(ctx, d, route{method: method, volume: req.Volume, again: req.Resume}, func() (driver.Snapshot, error) {
		v, err := d.b.live(req.Volume)
		if err != nil {
			return driver.Snapshot{}, err
		}
		if err := d.b.room(v, 1); err != nil {
			return driver.Snapshot{}, err
		}
		if err := d.b.checkName(req.Name, req.Token); err != nil {
			return driver.Snapshot{}, err
		}
		s := d.b.snapshot(v, req.Token, req.Name, d.b.tick())
		s.Labels = maps.Clone(req.Labels)
		d.b.expire(s, req.Expires)
		return s.view(), nil
	})
}

// Lookup implements [driver.Driver].
func (d *backendDriver) Lookup(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	return settled(ctx, d, req.Attempt, func(again bool) (driver.Snapshot, error) {
		via := route{method: "Lookup", again: again}
		return trip(ctx, d, via, func() (driver.Snapshot, error) { return d.b.lookup(req.Snapshot) })
	})
}

// snapshot makes one, with the content of everything that it covers.
func (b *Backend) snapshot(v *volume, token driver.Token, name string, at time.Time) *snap {
	s := &snap{seq: b.next(), vol: v, images: map[*volume]*image{}}
	s.Snapshot = driver.Snapshot{
		Ref:  driver.SnapshotRef{Volume: v.id, ID: fmt.Sprintf("snap-%d", s.seq), Token: token},
		Name: name, CreatedAt: at, Size: v.content.size, UsedBytes: -1, Ready: true,
	}
	if b.facts.TokenInName && token != "" {
		s.Name = b.fit(string(token) + "." + name)
		s.Ref.Token = parseToken(s.Name)
	}
	if token != "" && b.byToken(v.id, token) != nil {
		b.violate("token %s made a second snapshot of volume %s", token, v.id)
	}
	for _, o := range b.scope(v, b.covers()) {
		s.images[o] = o.content.freeze()
	}
	b.snaps[s.Ref.ID] = s
	b.order = append(b.order, s)
	v.snaps = append(v.snaps, s)
	b.effects++
	return s
}

// view is what the driver returns: nothing in it is shared with the array.
func (s *snap) view() driver.Snapshot {
	out := s.Snapshot
	out.Labels = maps.Clone(s.Labels)
	return out
}

func (b *Backend) fit(name string) string {
	if n := b.opts.Limits.NameLength; n > 0 && len(name) > n {
		return name[:n]
	}
	return name
}

func (b *Backend) checkName(name string, token driver.Token) error {
	most := b.opts.Limits.NameLength
	if b.facts.TokenInName {
		most -= len(token)
	}
	if b.opts.Limits.NameLength > 0 && len(name) > most {
		return driver.Errorf(driver.ErrInvalid, "name of %d characters: at most %d fit", len(name), most)
	}
	return nil
}

// lookup finds the snapshot that the reference names, which must be one.
func (b *Backend) lookup(ref driver.SnapshotRef) (driver.Snapshot, error) {
	s, err := b.find(ref)
	if err != nil {
		return driver.Snapshot{}, err
	}
	return s.view(), nil
}

func (b *Backend) find(ref driver.SnapshotRef) (*snap, error) {
	if ref.ID == "" && ref.Token == "" {
		return nil, driver.Errorf(driver.ErrInvalid, "the reference has neither id nor token")
	}
	byID, byToken := b.snaps[ref.ID], b.byToken(ref.Volume, ref.Token)
	if byID != nil && !byID.trashed.IsZero() {
		byID = nil
	}
	switch {
	case byID != nil && byToken != nil && byID != byToken,
		byID == nil && byToken != nil && ref.ID != "",
		byID != nil && byToken == nil && ref.Token != "" && byID.Ref.Token != "":
		return nil, driver.Errorf(driver.ErrConflict, "id %q and token %q are not one snapshot", ref.ID, string(ref.Token))
	case byID != nil && byID.Ref.Volume != ref.Volume:
		return nil, driver.Errorf(driver.ErrConflict, "snapshot %q is of volume %q, not %q",
			ref.ID, string(byID.Ref.Volume), string(ref.Volume))
	case byID != nil:
		return byID, nil
	case byToken != nil:
		return byToken, nil
	}
	return nil, driver.Errorf(driver.ErrNotFound,
		"snapshot %q, token %q of volume %q", ref.ID, string(ref.Token), string(ref.Volume))
}

// byToken finds a snapshot by its identity, the volume's id at creation and the token.
func (b *Backend) byToken(id driver.VolumeID, token driver.Token) *snap {
	v := b.ever[id]
	if v == nil || token == "" {
		return nil
	}
	for _, s := range v.snaps {
		if s.Ref.Volume == id && s.Ref.Token == token && s.trashed.IsZero() {
			return s
		}
	}
	return nil
}

// room says which limit forbids n more snapshots of the volume.
func (b *Backend) room(v *volume, n int) error {
	l := b.opts.Limits
	if most := l.SnapshotsPerVolume; most > 0 && b.counted(v)+n > most {
		return driver.Errorf(driver.ErrExhausted, "SnapshotsPerVolume: %d of %d are used (per %s)",
			b.counted(v), most, b.facts.LimitUnit)
	}
	if most := l.SnapshotsPerBackend; most > 0 && b.countAll(b.order)+n > most {
		return driver.Errorf(driver.ErrExhausted, "SnapshotsPerBackend: %d of %d are used", b.countAll(b.order), most)
	}
	return nil
}

// counted is how many snapshots count against the limit per volume.
func (b *Backend) counted(v *volume) int {
	n := 0
	for _, o := range b.scope(v, b.facts.LimitUnit) {
		n += b.countAll(o.snaps)
	}
	return n
}

func (b *Backend) countAll(snaps []*snap) int {
	n := 0
	for _, s := range snaps {
		if s.trashed.IsZero() || b.opts.TrashCounts {
			n++
		}
	}
	return n
}

// parseToken reads the token from a name, where names carry it.
func parseToken(name string) driver.Token {
	head, _, _ := strings.Cut(name, ".")
	if t := driver.Token(head); t.Validate() == nil {
		return t
	}
	return ""
}
