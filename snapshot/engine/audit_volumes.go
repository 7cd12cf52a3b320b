package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// listVolumes streams the array's volumes past the headers, or asks for each where the array does not list them.
func (s *scan) listVolumes(ctx context.Context) error {
	there := make(map[snapshot.VolumeID]bool)
	listed := s.r.b.able.Volumes != nil
	if listed {
		_, err := askLong(ctx, s.r, "Volumes", func(ctx context.Context) (struct{}, error) {
			for v, err := range s.r.b.able.Volumes.Volumes(ctx) {
				if err != nil {
					return struct{}{}, err
				}
				s.seeVolume(v, there)
			}
			return struct{}{}, nil
		})
		if listed = driver.ClassOf(err) != driver.ErrUnsupported; listed && err != nil {
			return err
		}
	}
	for id, v := range s.volumes {
		if err := s.suspect(ctx, v, listed, there[id]); err != nil {
			return err
		}
	}
	slices.SortFunc(s.suspects, func(a, b snapshot.VolumeID) int { return slices.Compare(a[:], b[:]) })
	s.suspects = slices.Compact(s.suspects)
	return nil
}

// suspect adds a volume to the suspects if its record alone says so, or if the array does not have it as it says.
func (s *scan) suspect(ctx context.Context, v auditedVolume, listed, there bool) error {
	odd := v.HeadUnknown || v.locked || !v.Pending.IsZero() || v.Native == "" && v.DeletedAt.IsZero()
	if !odd && v.Native != "" && !there {
		odd = true
		if !listed {
			found, err := s.r.volumeAtArray(ctx, v.Native)
			if err != nil {
				return err
			}
			odd = found == nil || v.differs(*found)
		}
	}
	if odd {
		s.suspects = append(s.suspects, v.ID)
	}
	return nil
}

// differs reports whether the array says something else of the volume than our record.
func (v auditedVolume) differs(found driver.Volume) bool {
	return found.Size != v.Size || v.seen != "" && found.Name != v.seen
}

func (s *scan) seeVolume(v driver.Volume, there map[snapshot.VolumeID]bool) {
	s.out.ListedVolumes++
	if id, known := s.natives[v.ID]; known && s.volumes[id].Native == v.ID {
		there[id] = true
		if s.volumes[id].differs(v) {
			s.suspects = append(s.suspects, id)
		}
		return
	}
	delete(s.natives, v.ID) // a former id, which is another volume's now until the contrary is proven
	if v.Token.Of(s.installation) {
		s.clones = append(s.clones, v)
	}
	if v.SnapshotCount != 0 || v.Token != "" {
		s.unmanaged = append(s.unmanaged, v.ID)
	}
}

// judgeVolumes finds what is the matter with the volumes that are not as expected. Those that seem to be gone are looked
// for once more when the snapshots were listed.
func (s *scan) judgeVolumes(ctx context.Context) error {
	for _, id := range s.suspects {
		gone, err := s.judgeVolume(ctx, id, false)
		if err != nil {
			return err
		}
		if gone {
			s.gone = append(s.gone, id)
		}
	}
	return nil
}

func (s *scan) judgeGone(ctx context.Context) error {
	for _, found := range s.strangers {
		_, known := s.natives[found.Ref.Volume]
		if !known && found.Ref.Token.Of(s.installation) && !slices.Contains(s.unmanaged, found.Ref.Volume) {
			s.unmanaged = append(s.unmanaged, found.Ref.Volume)
			s.once = nil
		}
	}
	for _, id := range s.gone {
		if _, err := s.judgeVolume(ctx, id, true); err != nil {
			return err
		}
	}
	return nil
}

// judgeVolume finds what is the matter with one volume. One that is gone is a finding only if this is the last look.
func (s *scan) judgeVolume(ctx context.Context, id snapshot.VolumeID, last bool) (gone bool, err error) {
	var now *moved
	err = s.steady(ctx, id, func(vol inventory.Volume, stuck bool) error {
		seen, _, err := s.r.e.seenName(ctx, id)
		if err != nil {
			return stored(err)
		}
		candidates, err := s.candidates(ctx, vol)
		if err != nil {
			return err
		}
		var kinds []FindingKind
		kinds, now, err = s.r.examineVolume(ctx, vol, seen, candidates)
		if err != nil {
			return err
		}
		if gone = slices.Contains(kinds, FindingVolumeGone); gone && !last {
			return nil
		}
		locked, err := s.lockedFirst(ctx, vol)
		if err != nil {
			return stored(err)
		}
		if stuck || locked || vol.Pending.IsZero() && vol.Native == "" && vol.DeletedAt.IsZero() {
			kinds = append(kinds, FindingStuck)
		}
		for _, k := range kinds {
			s.foundVolume(k, vol, now, seen)
		}
		return nil
	})
	if err == nil && now != nil {
		s.natives[now.ID] = id
		for _, former := range now.former {
			s.natives[former] = id
		}
		v := s.volumes[id]
		v.Native = now.ID
		s.volumes[id] = v
	}
	return gone, err
}

func (s *scan) foundVolume(kind FindingKind, vol inventory.Volume, now *moved, seen string) {
	f := Finding{
		Kind: kind, Volume: vol.ID, NativeVolume: vol.Native, Token: vol.Token, Name: vol.Name, Size: vol.Size, TakenAt: vol.CreatedAt,
	}
	if now != nil {
		f.Size = now.Size
	}
	what := fmt.Sprintf("volume %s (%q, %s)", vol.ID, vol.Name, vol.Native)
	var without []AuditAction
	switch kind {
	case FindingStuck:
		f.Detail = what + " is marked busy by an operation that is not open"
	case FindingNativeChanged:
		f.became = now.ID
		f.Detail = fmt.Sprintf("%s is %s at the array now; what its content descends from is not known", what, now.ID)
	case FindingVolumeGone:
		f.Detail = what + " is not at the array any more"
	case FindingSizeChanged:
		f.Detail = fmt.Sprintf("%s had %d bytes and has %d at the array", what, vol.Size, now.Size)
	case FindingRenamed:
		f.Detail = fmt.Sprintf("%s was called %q at the array and is called %q", what, seen, now.Name)
	case FindingHeadUnknown:
		f.Detail = what + ": nobody can tell what its content descends from"
		if s.req.Head.IsZero() {
			f.Detail += "; name the snapshot to repair it"
			without = append(without, ActionRepair)
		}
	default: // what only a snapshot can be
	}
	s.found(f, without...)
}

// lockedFirst reports whether the volume's container is locked by an operation that is not open, for the first of the
// container's volumes that is looked at: one repair frees it for all.
func (s *scan) lockedFirst(ctx context.Context, vol inventory.Volume) (bool, error) {
	if !s.volumes[vol.ID].locked {
		return false, nil
	}
	version, err := s.r.deadLock(ctx, vol.Container)
	if err != nil || version == 0 {
		return false, err
	}
	for id, v := range s.volumes {
		if v.Container == vol.Container && id != vol.ID {
			v.locked = false
			s.volumes[id] = v
		}
	}
	return true, nil
}

// candidates returns the volumes at the array that may be the one under another id: those whose snapshots say that it was
// theirs, and one with its token. The snapshots of volumes that are not ours are listed only if one of ours is not there.
func (s *scan) candidates(ctx context.Context, vol inventory.Volume) ([]driver.VolumeID, error) {
	if vol.Native == "" {
		return nil, nil
	}
	if found, err := s.r.volumeAtArray(ctx, vol.Native); err != nil || found != nil {
		return nil, err
	}
	if s.once == nil {
		if err := s.readUnmanaged(ctx); err != nil {
			return nil, err
		}
	}
	var ids []driver.VolumeID
	for _, c := range s.clones {
		if vol.Token != "" && c.Token == vol.Token {
			ids = append(ids, c.ID)
		}
	}
	for _, id := range append([]driver.VolumeID{vol.Native}, vol.Former...) {
		ids = append(ids, s.once[id]...)
	}
	return ids, nil
}

// readUnmanaged finds out under which ids the volumes that are not ours had snapshots taken.
func (s *scan) readUnmanaged(ctx context.Context) error {
	s.once = make(map[driver.VolumeID][]driver.VolumeID)
	for _, id := range s.unmanaged {
		_, err := askLong(ctx, s.r, "Snapshots", func(ctx context.Context) (struct{}, error) {
			for found, err := range s.r.b.drv.Snapshots(ctx, driver.ListRequest{Volume: id}) {
				if err != nil {
					return struct{}{}, err
				}
				if was := found.Ref.Volume; was != id && !slices.Contains(s.once[was], id) {
					s.once[was] = append(s.once[was], id)
				}
			}
			return struct{}{}, nil
		})
		if absentIsDone(err) != nil {
			return err
		}
	}
	return nil
}

// judgeUnknownVolumes finds volumes of ours that no record knows. The records are read anew, after the array was listed.
func (s *scan) judgeUnknownVolumes(ctx context.Context) error {
	if len(s.clones) == 0 || !s.req.Volume.IsZero() {
		return nil
	}
	ids, tokens := make(map[driver.VolumeID]bool), make(map[driver.Token]bool)
	for v, err := range s.r.e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: s.r.b.name}) {
		if err != nil {
			return stored(err)
		}
		if v.DeletedAt.IsZero() {
			ids[v.Native], tokens[v.Token] = true, true
		}
	}
	for _, v := range s.clones {
		if ids[v.ID] || tokens[v.Token] || s.isClaimed(v.Token) {
			continue
		}
		if _, known := s.natives[v.ID]; known {
			continue // one of ours under another id, which is a finding by itself
		}
		if s.young(v.CreatedAt) {
			s.out.Young++
			continue
		}
		now, err := s.r.volumeAtArray(ctx, v.ID)
		switch {
		case driver.ClassOf(err) == driver.ErrBusy:
			s.out.Busy++
		case err != nil:
			return err
		case now != nil && now.Token == v.Token:
			s.orphanVolumes = append(s.orphanVolumes, v.ID)
			s.found(Finding{
				Kind: FindingOrphanVolume, NativeVolume: v.ID, Token: v.Token, Name: plainName(v.Name, v.Token), Size: now.Size,
				TakenAt: micro(v.CreatedAt), origin: now.Origin.Volume,
				Detail: fmt.Sprintf("volume %s (%q) was made by this installation on %s, and no record knows it",
					v.ID, plainName(v.Name, v.Token), stamp(v.CreatedAt)),
			})
		}
	}
	return nil
}

// nameIn reads a record of kind name-at-array; a damaged one says nothing.
func nameIn(r inventory.Record) string {
	var content identity
	if err := json.Unmarshal(r.Data, &content); err != nil {
		return ""
	}
	return content.Name
}
