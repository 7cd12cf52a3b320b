package engine

import (
	"context"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// repairVolume makes the header what the array says of the volume.
func (r *run) repairVolume(ctx context.Context, req RepairRequest) (inventory.Change, error) {
	var none inventory.Change
	seen, version, err := r.e.seenName(ctx, r.vol.ID)
	if err != nil {
		return none, err
	}
	var candidates []driver.VolumeID
	if req.Native != "" {
		candidates = []driver.VolumeID{req.Native}
	}
	kinds, now, err := r.examineVolume(ctx, r.vol, seen, candidates)
	switch {
	case err != nil:
		return none, err
	case !slices.Contains(kinds, req.Finding):
		return none, r.overtaken(req)
	}
	vol := r.unpend()
	switch req.Finding {
	case FindingHeadUnknown:
		if _, err := r.rowOfVolume(ctx, req.Head); err != nil {
			return none, err
		}
		vol.Head, vol.HeadUnknown = req.Head, false
		return inventory.Change{Volumes: r.volumeChange(vol)}, nil
	case FindingVolumeGone:
		return inventory.Change{Volumes: r.volumeChange(r.historyOf(vol))}, nil
	case FindingNativeChanged:
		vol = r.renumbered(vol, now)
	default: // the rest is the same for all
	}
	vol.Serial, vol.Size, vol.Container = now.Serial, now.Size, now.Container
	if vol.Name == plainName(seen, vol.Token) { // nobody chose another
		vol.Name = plainName(now.Name, now.Token)
	}
	return inventory.Change{
		Volumes: r.volumeChange(vol), Records: []inventory.RecordChange{nameSeen(vol.ID, now.Name, version)},
	}, nil
}

// historyOf is the header of a volume that is gone at the array.
func (r *run) historyOf(vol inventory.Volume) inventory.Volume {
	vol.DeletedAt, vol.Host, vol.Disk = r.e.now(), "", ""
	vol.Former, vol.Native = append(slices.Clone(vol.Former), vol.Native), "" // the array may give the id to another
	return vol
}

// renumbered is the header of a volume that the array has under another id. A revert that nobody remembers gave it that, so
// nobody knows what the content descends from; adopting the youngest snapshot that was taken since will tell.
func (r *run) renumbered(vol inventory.Volume, now *moved) inventory.Volume {
	vol.Former = append(slices.Clone(vol.Former), vol.Native)
	for _, id := range now.former {
		if id != now.ID && !slices.Contains(vol.Former, id) {
			vol.Former = append(vol.Former, id)
		}
	}
	vol.Former = slices.DeleteFunc(vol.Former, func(id driver.VolumeID) bool { return id == now.ID })
	vol.Native = now.ID
	vol.Head, vol.HeadUnknown = snapshot.ID{}, true
	return vol
}

// releaseVolume takes away the mark of an operation that is not open. A volume that was being made by it becomes what the
// array has under its token, or no record stays.
func (r *run) releaseVolume(ctx context.Context) (inventory.Change, error) {
	vol := r.unpend()
	if vol.Native != "" || !vol.DeletedAt.IsZero() {
		change := inventory.Change{Volumes: r.volumeChange(vol)}
		if version, err := r.deadLock(ctx, vol.Container); err != nil || version > 0 {
			key := containerKey(r.b.name, vol.Container)
			change.Records = []inventory.RecordChange{{
				Record: inventory.Record{Kind: recordContainer, ID: key}, IfVersion: version, Delete: true,
			}}
			return change, err
		}
		return change, nil
	}
	if r.b.able.Cloner == nil || vol.Token == "" {
		return inventory.Change{}, driver.Errorf(driver.ErrUnsupported,
			"nothing tells whether backend %q has made volume %s: look there, then forget it or import what is there", r.b.name, vol.ID)
	}
	find := driver.FindCloneRequest{Token: vol.Token, Attempt: sentAt(vol.CreatedAt)}
	if source, err := r.e.inv.Snapshot(ctx, vol.Origin); err == nil {
		find.Snapshot = refOf(source)
	}
	made, err := ask(ctx, r, "FindClone", func(ctx context.Context) (driver.Volume, error) {
		return r.b.able.Cloner.FindClone(ctx, find)
	})
	switch {
	case driver.ClassOf(err) == driver.ErrNotFound:
		gone := r.volumeChange(vol)
		gone[0].Delete = true
		return inventory.Change{Volumes: gone}, nil
	case err != nil:
		return inventory.Change{}, err
	}
	vol.Native, vol.Serial, vol.Size, vol.Container = made.ID, made.Serial, made.Size, made.Container
	return inventory.Change{
		Volumes: r.volumeChange(vol), Records: []inventory.RecordChange{nameSeen(vol.ID, made.Name, 0)},
	}, nil
}

// deadLock returns the version of the record by which an operation has the container that is not open, or 0. The record is
// read again at last, since an operation takes it away with its end.
func (r *run) deadLock(ctx context.Context, container driver.ContainerID) (int64, error) {
	key := containerKey(r.b.name, container)
	lock, version, err := r.containerLock(ctx, key)
	if err != nil || version == 0 {
		return 0, err
	}
	if open, err := r.e.operationOpen(ctx, lock.Operation); err != nil || open {
		return 0, err
	}
	_, again, err := r.containerLock(ctx, key)
	if again != version {
		again = 0
	}
	return again, err
}
