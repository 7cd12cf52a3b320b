package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// judgeDoubtful looks at the records of which the array's listing said something else.
func (s *scan) judgeDoubtful(ctx context.Context) error {
	for _, id := range s.doubtful {
		if err := s.judgeRecord(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// judgeUnseen looks at the records whose snapshots the array did not list. Those that are marked Missing are known to be,
// and only looked at if they are to be dropped.
func (s *scan) judgeUnseen(ctx context.Context) error {
	dropping := s.req.Actions[FindingMissing] == ActionDrop || s.req.Actions[FindingExpired] == ActionDrop
	for _, row := range s.rows {
		if row.seen || row.missing && !dropping {
			continue
		}
		if err := s.judgeRecord(ctx, row.id); err != nil {
			return err
		}
	}
	return nil
}

// judgeOdd looks at the records that say that an operation works on them.
func (s *scan) judgeOdd(ctx context.Context) error {
	for _, id := range s.odd {
		if err := s.judgeRecord(ctx, id); err != nil {
			return err
		}
		row, err := s.r.e.inv.Snapshot(ctx, id)
		if errors.Is(err, inventory.ErrNotFound) {
			continue
		}
		if err != nil {
			return stored(err)
		}
		pins, err := s.deadPins(ctx, row)
		if err != nil {
			return stored(err)
		}
		for _, p := range pins {
			f := s.ofRecord(FindingStuck, row, nil)
			f.Detail = fmt.Sprintf("snapshot %s (%q) is pinned by operation %s, which is not open", row.ID, row.Name, p.Operation)
			s.found(f)
		}
	}
	return nil
}

// deadPins returns the pins that no open operation has, and that are still there after that was read.
func (s *scan) deadPins(ctx context.Context, row snapshot.Snapshot) ([]snapshot.Pin, error) {
	pins, err := s.r.e.deadPins(ctx, row)
	if err != nil || len(pins) == 0 {
		return nil, err
	}
	again, err := s.r.e.inv.Snapshot(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pins, func(p snapshot.Pin) bool { return !slices.Contains(again.Pins, p) }), nil
}

// judgeRecord compares one record with the array.
func (s *scan) judgeRecord(ctx context.Context, id snapshot.ID) error {
	row, err := s.r.e.inv.Snapshot(ctx, id)
	if errors.Is(err, inventory.ErrNotFound) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return stored(err)
	}
	return s.steady(ctx, row.Volume, func(inventory.Volume, bool) error {
		row, err := s.r.e.inv.Snapshot(ctx, id)
		if errors.Is(err, inventory.ErrNotFound) {
			return nil
		}
		if err != nil {
			return stored(err)
		}
		kinds, found, err := s.r.examine(ctx, row)
		for _, k := range kinds {
			f := s.ofRecord(k, row, found)
			f.Detail = detailOf(k, row, found)
			s.found(f, s.forbidden(k, row)...)
		}
		return err
	})
}

// forbidden returns what cannot be done about a finding of that record.
func (s *scan) forbidden(kind FindingKind, row snapshot.Snapshot) []AuditAction {
	if kind != FindingMissing && kind != FindingExpired {
		return nil
	}
	var without []AuditAction
	if len(kept(row, s.r.e.now())) > 0 {
		without = append(without, ActionDrop)
	}
	if row.State == snapshot.Missing {
		without = append(without, ActionRepair)
	}
	return without
}

// ofRecord is a finding about a snapshot that we have a record of.
func (s *scan) ofRecord(kind FindingKind, row snapshot.Snapshot, found *driver.Snapshot) Finding {
	f := Finding{
		Kind: kind, Volume: row.Volume, NativeVolume: driver.VolumeID(row.NativeVolume), Snapshot: row.ID, Native: row.Native,
		Token: driver.Token(row.Token), Name: row.Name, Size: row.Size, TakenAt: row.TakenAt, ExpiresAt: row.ExpiresAt,
	}
	if found != nil {
		f.Native, f.Size = found.Ref.ID, found.Size
	}
	return f
}

func detailOf(kind FindingKind, row snapshot.Snapshot, found *driver.Snapshot) string {
	what := fmt.Sprintf("snapshot %s (%q, %s) of volume %s", row.ID, row.Name, row.Native, row.Volume)
	switch kind {
	case FindingStuck:
		text := fmt.Sprintf("%s is %s, and no operation is open that works on it; the array ", what, row.State)
		if found == nil {
			return text + "does not have it"
		}
		return text + "has it"
	case FindingMissing:
		return what + " is not at the array any more"
	case FindingExpired:
		return fmt.Sprintf("%s is not at the array any more; it expired on %s", what, stamp(row.ExpiresAt))
	case FindingReappeared:
		return what + " was missing and is at the array again"
	case FindingNativeChanged:
		return fmt.Sprintf("%s is %s at the array now, with the same token", what, found.Ref.ID)
	case FindingSizeChanged:
		return fmt.Sprintf("%s has %d bytes in the inventory and %d at the array", what, row.Size, found.Size)
	case FindingRenamed:
		if found.Ref.Token == "" {
			return fmt.Sprintf("%s has lost its token: it is called %q at the array", what, found.Name)
		}
		return fmt.Sprintf("%s carries token %s at the array: it is called %q", what, found.Ref.Token, found.Name)
	default: // what only a volume can be, or has no record
	}
	return what
}

// judgeStrangers looks at the snapshots of the listing that are not among the records.
func (s *scan) judgeStrangers(ctx context.Context) error {
	for _, found := range s.strangers {
		if found.Ref.Token.Of(s.installation) {
			if err := s.judgeOurs(ctx, found); err != nil {
				return err
			}
			continue
		}
		volume, ours := s.natives[found.Ref.Volume]
		if !ours {
			continue
		}
		f := ofStranger(FindingForeign, found)
		f.Volume = volume
		by := "without a token"
		if found.Ref.Token != "" {
			by = "with another installation's token"
		}
		f.Detail = fmt.Sprintf("snapshot %s (%q) of volume %s was made %s on %s; it is not touched",
			found.Ref.ID, found.Name, volume, by, stamp(found.CreatedAt))
		s.found(f)
	}
	return nil
}

// judgeOurs decides whether a snapshot with our token is an orphan. The journals of open operations were read after the
// listing, the records are read now, and the array is asked again last: an operation that ended between has left a
// record, or nothing at the array.
func (s *scan) judgeOurs(ctx context.Context, found driver.Snapshot) error {
	volume := s.natives[found.Ref.Volume]
	if s.isClaimed(found.Ref.Token) {
		return nil
	}
	_, known, err := s.r.recorded(ctx, volume, found.Ref)
	if err != nil || known {
		return stored(err)
	}
	if s.young(found.CreatedAt) {
		s.out.Young++
		return nil
	}
	now, err := s.r.atArray(ctx, found.Ref, driver.Attempt{})
	if err != nil || now == nil {
		return err
	}
	f := ofStranger(FindingOrphan, found)
	f.Volume = volume
	f.Detail = fmt.Sprintf("snapshot %s (%q) of %s was made by this installation on %s, and no record or open operation knows it",
		found.Ref.ID, f.Name, found.Ref.Volume, stamp(found.CreatedAt))
	var without []AuditAction
	if volume.IsZero() {
		without = append(without, ActionDrop)
		if slices.Contains(s.orphanVolumes, found.Ref.Volume) {
			f.Detail += "; it is adopted with its volume"
		} else {
			without = append(without, ActionAdopt)
			f.Detail += "; its volume is not in the inventory: import that"
		}
	}
	s.found(f, without...)
	return nil
}

func ofStranger(kind FindingKind, found driver.Snapshot) Finding {
	return Finding{
		Kind: kind, NativeVolume: found.Ref.Volume, Native: found.Ref.ID, Token: found.Ref.Token,
		Name: plainName(found.Name, found.Ref.Token), Size: found.Size,
		TakenAt: micro(found.CreatedAt), ExpiresAt: micro(found.Expires),
	}
}
