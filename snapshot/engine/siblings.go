package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// openLive opens the member in focus on a volume that exists at its array.
func (r *run) openLive(ctx context.Context, id snapshot.VolumeID) error {
	if err := r.openVolume(ctx, id); err != nil {
		return err
	}
	return r.live()
}

// enlistSiblings makes every volume that the revert of the main one rolls back too a member, and refuses the revert unless the
// request names them all. A sibling's head becomes its own snapshot of the same token, if it has one; else it is unknown.
func (r *run) enlistSiblings(ctx context.Context, agreed []snapshot.VolumeID, target snapshot.Snapshot) error {
	siblings, err := r.siblings(ctx)
	if err != nil {
		return err
	}
	return r.follow(ctx, siblings, agreed, target)
}

// follow makes volumes members that are rolled back by another member's call, if the request names exactly those. The head of
// each becomes its snapshot that was taken together with a target, if it has one.
func (r *run) follow(
	ctx context.Context, siblings []inventory.Volume, agreed []snapshot.VolumeID, targets ...snapshot.Snapshot,
) error {
	for _, id := range agreed {
		if !slices.ContainsFunc(siblings, func(v inventory.Volume) bool { return v.ID == id }) {
			return driver.Errorf(driver.ErrInvalid, "volume %s is not rolled back with the others: do not name it", id)
		}
	}
	var missed []driver.Blocker
	for _, v := range siblings {
		if !slices.Contains(agreed, v.ID) {
			missed = append(missed, driver.Blocker{Kind: "volume", ID: v.ID.String(), Name: v.Name, Since: v.CreatedAt})
		}
	}
	if len(missed) > 0 {
		return driver.Blocked(driver.ErrConflict, missed, "backend %q rolls back all volumes of a container together; "+
			"name the others in the request to agree, or clone the snapshots instead", r.b.name)
	}
	main := r.member
	for _, v := range siblings {
		r.enlist()
		if err := r.openLive(ctx, v.ID); err != nil {
			return err
		}
		r.p.Follows = true
		for _, target := range targets {
			var err error
			if r.p.Snapshot, err = r.sameInstant(ctx, v.ID, target); err != nil {
				return err
			}
		}
	}
	r.member = main
	return nil
}

// siblings returns the volumes that the array rolls back with the one in focus. One that is not under management refuses it:
// nobody could take its users away.
func (r *run) siblings(ctx context.Context) ([]inventory.Volume, error) {
	if r.desc.Facts.RevertUnit != driver.UnitContainer {
		return nil, nil
	}
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, r.p.Native) })
	if err != nil {
		return nil, err
	}
	var managed []inventory.Volume
	var unknown []driver.Blocker
	for _, native := range v.Siblings {
		vol, found, err := r.e.managed(ctx, r.b.name, native)
		switch {
		case err != nil:
			return nil, err
		case found:
			managed = append(managed, vol)
		default:
			unknown = append(unknown, driver.Blocker{Kind: "volume", ID: string(native)})
		}
	}
	if len(unknown) > 0 {
		return nil, driver.Blocked(driver.ErrUnsupported, unknown, "backend %q rolls back all volumes of container %s together, and "+
			"some are not under management; import them, or clone the snapshot instead", r.b.name, v.Container)
	}
	return managed, nil
}

// managed finds our record of a volume that exists at the array.
func (e *Engine) managed(ctx context.Context, backend string, native driver.VolumeID) (inventory.Volume, bool, error) {
	for v, err := range e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: backend, Native: native}) {
		if err != nil {
			return v, false, classified(err)
		}
		if v.DeletedAt.IsZero() && v.Native == native {
			return v, true, nil
		}
	}
	return inventory.Volume{}, false, nil
}

// sameInstant returns the volume's snapshot that was taken together with another volume's, if there is one.
func (r *run) sameInstant(ctx context.Context, id snapshot.VolumeID, s snapshot.Snapshot) (snapshot.ID, error) {
	if s.Token == "" {
		return snapshot.ID{}, nil
	}
	for o, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: id, Token: s.Token, State: snapshot.Ready}) {
		if err != nil {
			return snapshot.ID{}, classified(err)
		}
		return o.ID, nil
	}
	return snapshot.ID{}, nil
}

func sortedIDs(ids []snapshot.VolumeID) []snapshot.VolumeID {
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}
