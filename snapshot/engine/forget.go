package engine

import (
	"context"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// forgetKind drops a volume from the inventory in one commit; there is nothing to do at the array.
func forgetKind() *kind {
	return &kind{
		name: kindForget, format: 1, decode: decodeAs[ForgetRequest],
		locate:  locateVolume(func(r ForgetRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareForget,
		outcome: func(_ context.Context, r *run) (inventory.Change, any, error) {
			return inventory.Change{}, Result{Volume: r.vol.ID}, nil
		},
		ends: says("the volume and its snapshots are not in the inventory any more; the array keeps them"),
	}
}

func prepareForget(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(ForgetRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	vol, err := r.e.inv.Volume(ctx, req.Volume)
	if err != nil {
		return inventory.Change{}, classified(err)
	}
	if err := r.free(ctx, vol); err != nil {
		return inventory.Change{}, err
	}
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: vol.ID}) {
		if err != nil {
			return inventory.Change{}, classified(err)
		}
		if len(s.Pins) > 0 {
			return inventory.Change{}, driver.Blocked(driver.ErrInUse, kept(snapshot.Snapshot{Pins: s.Pins}, r.e.now()),
				"volume %s cannot be forgotten while an operation uses its snapshot %s", vol.ID, s.ID)
		}
	}
	r.vol, r.p.Volume = vol, vol.ID
	r.op.Volumes, r.op.Owner = []snapshot.VolumeID{vol.ID}, vol.Owner
	r.fore.loseOf(lossRecord, vol, "names, labels, holds and the tree are in the inventory only")
	gone := r.volumeChange(vol)
	gone[0].Delete = true
	return inventory.Change{Volumes: gone}, nil
}
