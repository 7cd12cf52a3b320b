package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// mayDrop lists what the array would drop with the revert of the member in focus, foreign snapshots and its siblings' too, by
// the array's own times; and refuses it unless the request agrees.
func (r *run) mayDrop(ctx context.Context, keep, agreed bool) error {
	if !r.desc.Facts.RevertDropsYounger {
		return nil
	}
	if keep {
		return driver.Errorf(driver.ErrUnsupported, "backend %q drops younger snapshots with a revert, so the one of the content now "+
			"would be lost at once; clone what is to be kept, then revert without it", r.b.name)
	}
	found, err := r.youngerAtArray(ctx)
	if err != nil {
		return err
	}
	var younger, held []driver.Blocker
	for _, s := range found {
		row, known, err := r.rowOf(ctx, s.Ref)
		if err != nil {
			return classified(err)
		}
		if known && r.returnsTo(row.ID) {
			continue // a sibling's, of the same instant as the target
		}
		const why = "the array drops what is younger than the snapshot that it reverts to"
		b := driver.Blocker{Kind: "foreign snapshot", ID: s.Ref.ID, Name: s.Name, Since: s.CreatedAt}
		if known {
			held = append(held, kept(row, r.e.now())...)
			b = driver.Blocker{Kind: "snapshot", ID: row.ID.String(), Name: row.Name, Since: row.TakenAt}
			r.fore.lose(row, why)
		} else {
			r.fore.loseForeign(s, why)
		}
		younger = append(younger, b)
		r.p.MayDrop = append(r.p.MayDrop, s.Ref)
	}
	switch {
	case len(held) > 0:
		return driver.Blocked(driver.ErrInUse, held, "the revert would drop younger snapshots that must be kept")
	case len(younger) > 0 && !agreed:
		return driver.Blocked(driver.ErrConflict, younger,
			"backend %q drops younger snapshots with a revert; agree to that, or clone the snapshot instead", r.b.name)
	}
	return nil
}

// returnsTo reports whether one of the members goes back to the snapshot.
func (r *run) returnsTo(id snapshot.ID) bool {
	return slices.ContainsFunc(r.rolledBack(), func(m *member) bool { return m.p.Snapshot == id })
}

// youngerAtArray returns the snapshots that the array has taken after the target, or in the same moment.
func (r *run) youngerAtArray(ctx context.Context) ([]driver.Snapshot, error) {
	var all []driver.Snapshot
	for _, m := range r.rolledBack() {
		list, err := r.snapshotsOf(ctx, m.p.Native)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	at := slices.IndexFunc(all, func(s driver.Snapshot) bool { return s.Ref.ID == r.p.Ref.ID })
	if at < 0 {
		return nil, driver.Errorf(driver.ErrNotFound, "snapshot %s (%s) is missing at the array", r.p.Snapshot, r.p.Ref.ID)
	}
	target := all[at]
	return slices.DeleteFunc(all, func(s driver.Snapshot) bool {
		return s.Ref.ID == target.Ref.ID || s.CreatedAt.Before(target.CreatedAt)
	}), nil
}

// snapshotsOf lists what the array has of a volume.
func (r *run) snapshotsOf(ctx context.Context, native driver.VolumeID) ([]driver.Snapshot, error) {
	return ask(ctx, r, "Snapshots", func(ctx context.Context) ([]driver.Snapshot, error) {
		var all []driver.Snapshot
		for s, err := range r.b.drv.Snapshots(ctx, driver.ListRequest{Volume: native}) {
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		return all, nil
	})
}

// rowOf finds our record of what the array calls ref, among the snapshots of the run's members.
func (r *run) rowOf(ctx context.Context, ref driver.SnapshotRef) (snapshot.Snapshot, bool, error) {
	for _, m := range r.rolledBack() {
		q := inventory.SnapshotQuery{Volume: m.p.Volume, Token: string(ref.Token)}
		for s, err := range r.e.inv.Snapshots(ctx, q) {
			switch {
			case err != nil:
				return s, false, err
			case s.Native == ref.ID && s.NativeVolume == string(ref.Volume):
				return s, true, nil
			}
		}
	}
	return snapshot.Snapshot{}, false, nil
}

// dropRows removes from the trees what the array has dropped, and returns which those were. An outcome has room for some; of
// many, the first go in commits of their own, in which the headers say already what the content descends from.
func (r *run) dropRows(ctx context.Context, refs []driver.SnapshotRef, outcome *inventory.Change) ([]snapshot.ID, error) {
	var rows []snapshot.Snapshot
	for _, m := range r.members {
		for _, ref := range refs {
			var row snapshot.Snapshot
			var found bool
			err := r.with(m, func() (err error) { row, found, err = r.rowOf(ctx, ref); return err })
			if err != nil {
				return nil, err
			}
			if found && !slices.ContainsFunc(rows, func(s snapshot.Snapshot) bool { return s.ID == row.ID }) {
				rows = append(rows, row)
			}
		}
	}
	r.d.Gone = union(r.d.Gone, rows)
	parents := make(map[snapshot.ID]snapshot.ID, len(rows))
	for _, s := range rows {
		parents[s.ID] = s.Parent
	}
	// Each takes two of the rows that a change may touch; the operation and its containers take theirs.
	atOnce := max((inventory.MaxChange-1-len(outcome.Volumes)-len(outcome.Put)-len(r.d.Containers))/2, 1)
	for len(rows) > atOnce {
		change := inventory.Change{Volumes: r.headers(func(m *member) inventory.Volume {
			v := r.afterRollback(m)
			v.Pending = r.id
			return v
		})}
		dropInto(&change, rows[:atOnce], parents)
		if err := r.commit(ctx, change); err != nil {
			return nil, err
		}
		r.wrote()
		for i, m := range r.members {
			outcome.Volumes[i].IfVersion = m.vol.Version
		}
		rows = rows[atOnce:]
	}
	dropInto(outcome, rows, parents)
	return r.d.Gone, nil
}

// dropInto adds the removal of the rows to a change; their children move up to the next snapshot that stays.
func dropInto(change *inventory.Change, rows []snapshot.Snapshot, parents map[snapshot.ID]snapshot.ID) {
	for _, s := range rows {
		to := s.Parent
		for next, dropped := parents[to]; dropped; next, dropped = parents[to] {
			to = next
		}
		change.Reparent = append(change.Reparent, inventory.Reparent{Volume: s.Volume, From: s.ID, To: to})
		change.Drop = append(change.Drop, s.ID)
	}
}

func union(ids []snapshot.ID, rows []snapshot.Snapshot) []snapshot.ID {
	for _, s := range rows {
		if !slices.Contains(ids, s.ID) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
