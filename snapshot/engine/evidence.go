package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// The evidence of an audit: what a record and the array say about one thing, now. The audit's listing only says where to
// look; the findings, and the operations that act on them, are decided here.

// atArray returns what the array has under the reference, or nil if it conclusively has nothing.
func (r *run) atArray(ctx context.Context, ref driver.SnapshotRef, at driver.Attempt) (*driver.Snapshot, error) {
	s, err := ask(ctx, r, "Lookup", func(ctx context.Context) (driver.Snapshot, error) {
		return r.b.drv.Lookup(ctx, driver.LookupRequest{Snapshot: ref, Attempt: at})
	})
	switch {
	case driver.ClassOf(err) == driver.ErrNotFound:
		return nil, nil //nolint:nilnil // absence is the answer
	case err != nil:
		return nil, err
	}
	return &s, nil
}

// examine compares a snapshot's record with the array: how they differ, and what the array has, if anything. A record
// that an operation is about to change is for the caller to leave alone.
func (r *run) examine(ctx context.Context, row snapshot.Snapshot) ([]FindingKind, *driver.Snapshot, error) {
	found, err := r.sameObject(ctx, row)
	switch {
	case err != nil:
		return nil, nil, err
	case row.State == snapshot.Creating || row.State == snapshot.Deleting:
		return []FindingKind{FindingStuck}, found, nil
	case found == nil && r.expired(row):
		return []FindingKind{FindingExpired}, nil, nil
	case found == nil:
		return []FindingKind{FindingMissing}, nil, nil
	}
	var kinds []FindingKind
	add := func(is bool, k FindingKind) {
		if is {
			kinds = append(kinds, k)
		}
	}
	add(found.Ref.ID != row.Native, FindingNativeChanged)
	add(found.Size > 0 && found.Size != row.Size, FindingSizeChanged)
	add(string(found.Ref.Token) != row.Token, FindingRenamed)
	add(row.State == snapshot.Missing, FindingReappeared)
	return kinds, found, nil
}

// sameObject finds the record's snapshot by id and token together. Where the array has them on two objects the token decides,
// since it is the snapshot's identity; but where names carry tokens the id does, since anybody can copy a name. Whichever
// was taken at the record's instant comes first.
func (r *run) sameObject(ctx context.Context, row snapshot.Snapshot) (*driver.Snapshot, error) {
	ref := refOf(row)
	var at driver.Attempt
	if row.State == snapshot.Creating { // a create that nobody remembers may have been sent as late as that
		at = sentAt(row.CreatedAt)
	}
	found, err := r.atArray(ctx, ref, at)
	if driver.ClassOf(err) != driver.ErrConflict || ref.Token == "" || ref.ID == "" {
		return found, err
	}
	byToken, err := r.atArray(ctx, driver.SnapshotRef{Volume: ref.Volume, Token: ref.Token}, at)
	if err != nil {
		return nil, err
	}
	byID, err := r.atArray(ctx, driver.SnapshotRef{Volume: ref.Volume, ID: ref.ID}, at)
	if err != nil && driver.ClassOf(err) != driver.ErrConflict { // the id is another volume's
		return nil, err
	}
	candidates := []*driver.Snapshot{byToken}
	if r.desc.Facts.TokenInName {
		candidates = []*driver.Snapshot{byID, byToken}
	}
	candidates = slices.DeleteFunc(candidates, func(s *driver.Snapshot) bool { return s == nil })
	for _, s := range candidates {
		if micro(s.CreatedAt).Equal(row.TakenAt) {
			return s, nil
		}
	}
	if len(candidates) == 0 {
		return nil, nil //nolint:nilnil // absence is the answer
	}
	return candidates[0], nil
}

// sentAt: something of which nothing is known but when it was asked for may have been sent then.
func sentAt(t time.Time) driver.Attempt { return driver.Attempt{Resume: !t.IsZero(), SentAt: t} }

// expired reports whether the array had been told to delete the snapshot by now.
func (r *run) expired(row snapshot.Snapshot) bool {
	return !row.ExpiresAt.IsZero() && !row.ExpiresAt.After(r.e.now())
}

// examineVolume compares a volume's record with the array. now is where to look if the id that we know is gone; candidates
// are tried in order, and none may be given.
func (r *run) examineVolume(ctx context.Context, vol inventory.Volume, seen string, candidates []driver.VolumeID) (
	[]FindingKind, *moved, error,
) {
	var kinds []FindingKind
	if vol.HeadUnknown {
		kinds = append(kinds, FindingHeadUnknown)
	}
	if !vol.DeletedAt.IsZero() || vol.Native == "" {
		return kinds, nil, nil
	}
	found, err := r.volumeAtArray(ctx, vol.Native)
	if err != nil {
		return nil, nil, err
	}
	if found == nil {
		m, err := r.movedTo(ctx, vol, candidates)
		switch {
		case err != nil:
			return nil, nil, err
		case m == nil:
			return append(kinds, FindingVolumeGone), nil, nil
		}
		return append(kinds, FindingNativeChanged), m, nil
	}
	if found.Size != vol.Size {
		kinds = append(kinds, FindingSizeChanged)
	}
	if seen != "" && found.Name != seen {
		kinds = append(kinds, FindingRenamed)
	}
	return kinds, &moved{Volume: *found}, nil
}

// volumeAtArray returns what the array says about a volume, or nil if it conclusively has none.
func (r *run) volumeAtArray(ctx context.Context, id driver.VolumeID) (*driver.Volume, error) {
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, id) })
	switch {
	case driver.ClassOf(err) == driver.ErrNotFound:
		return nil, nil //nolint:nilnil // absence is the answer
	case err != nil:
		return nil, err
	}
	return &v, nil
}

// moved is a volume that the array has under another id than our record says.
type moved struct {
	driver.Volume

	// former are the ids that it had before, as far as its snapshots tell, oldest first.
	former []driver.VolumeID
}

// movedTo returns the first candidate that is the volume under another id, or nil if none is.
func (r *run) movedTo(ctx context.Context, vol inventory.Volume, candidates []driver.VolumeID) (*moved, error) {
	for _, id := range candidates {
		v, err := r.volumeAtArray(ctx, id)
		switch {
		case driver.ClassOf(err) == driver.ErrBusy:
			continue // a clone that is being made is no volume that was there before
		case err != nil:
			return nil, err
		case v == nil:
			continue
		}
		m := &moved{Volume: *v}
		if same, err := r.sameVolume(ctx, vol, m); err != nil || same {
			return m, err
		}
	}
	return nil, nil //nolint:nilnil // absence is the answer
}

// sameVolume: the array says that the volume was made by the record's token, or that one of the record's snapshots is its.
// A listing by the id now has the snapshots from before the change too, each under the volume's id of its time.
func (r *run) sameVolume(ctx context.Context, vol inventory.Volume, m *moved) (bool, error) {
	same := vol.Token != "" && m.Token == vol.Token
	first := make(map[driver.VolumeID]time.Time) // the oldest snapshot that was taken under each id
	_, err := askLong(ctx, r, "Snapshots", func(ctx context.Context) (struct{}, error) {
		for s, err := range r.b.drv.Snapshots(ctx, driver.ListRequest{Volume: m.ID}) {
			if err != nil {
				return struct{}{}, err
			}
			if t, known := first[s.Ref.Volume]; !known || s.CreatedAt.Before(t) {
				first[s.Ref.Volume] = s.CreatedAt
			}
			if same || s.Ref.Volume != vol.Native && !slices.Contains(vol.Former, s.Ref.Volume) {
				continue
			}
			if _, same, err = r.recordOf(ctx, vol.ID, s.Ref); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	m.former = slices.SortedFunc(maps.Keys(first), func(a, b driver.VolumeID) int { return first[a].Compare(first[b]) })
	return same, absentIsDone(err)
}

// recordOf finds the record, in the volume, of what the array calls ref. Without a token it reads the volume's records.
func (r *run) recordOf(ctx context.Context, volume snapshot.VolumeID, ref driver.SnapshotRef) (snapshot.Snapshot, bool, error) {
	q := inventory.SnapshotQuery{Volume: volume, Token: string(ref.Token)}
	for s, err := range r.e.inv.Snapshots(ctx, q) {
		if err != nil {
			return s, false, classified(err)
		}
		if ref.Token != "" || s.Native == ref.ID && s.NativeVolume == string(ref.Volume) {
			return s, true, nil
		}
	}
	return snapshot.Snapshot{}, false, nil
}

// recorded finds the record of a snapshot with a token of ours, whatever its native id. Members of a group share a token, so
// it has to be a record of that volume; or, where the array's snapshots are of whole containers, of that snapshot, which may
// stand in the trees of several volumes.
func (r *run) recorded(ctx context.Context, volume snapshot.VolumeID, ref driver.SnapshotRef) (snapshot.Snapshot, bool, error) {
	for row, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Token: string(ref.Token)}) {
		switch {
		case err != nil:
			return row, false, classified(err)
		case row.NativeVolume == string(ref.Volume), row.Volume == volume,
			r.desc.Facts.SnapshotUnit == driver.UnitContainer && row.Native == ref.ID:
			return row, true, nil
		}
	}
	return snapshot.Snapshot{}, false, nil
}

// operationOpen reports whether an operation may still do something. One that is not in the inventory does nothing.
func (e *Engine) operationOpen(ctx context.Context, id inventory.OperationID) (bool, error) {
	op, err := e.inv.Operation(ctx, id)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return false, nil
	case err != nil:
		return false, classified(err)
	}
	return op.State.Open(), nil
}

// deadPins returns the pins of operations that are not open any more.
func (e *Engine) deadPins(ctx context.Context, row snapshot.Snapshot) ([]snapshot.Pin, error) {
	var dead []snapshot.Pin
	for _, p := range row.Pins {
		id, err := snapshot.ParseID[inventory.OperationID](p.Operation)
		if err != nil {
			dead = append(dead, p) // no operation of ours has such an id
			continue
		}
		open, err := e.operationOpen(ctx, id)
		if err != nil {
			return nil, err
		}
		if !open {
			dead = append(dead, p)
		}
	}
	return dead, nil
}

// installationID returns the inventory's installation, which starts every token of ours.
func (e *Engine) installationID(ctx context.Context) (driver.InstallationID, error) {
	e.mu.Lock()
	id := e.installation
	e.mu.Unlock()
	if id != "" {
		return id, nil
	}
	id, err := e.inv.Installation(ctx)
	if err != nil {
		return "", classified(err)
	}
	e.mu.Lock()
	e.installation = id
	e.mu.Unlock()
	return id, nil
}

// contentTime is the instant of a snapshot's content by the array's clock, as far as it is known.
func contentTime(s snapshot.Snapshot) time.Time {
	if s.TakenAt.IsZero() {
		return s.CreatedAt
	}
	return s.TakenAt
}
