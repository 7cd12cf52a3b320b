package inventorytest

import (
	"slices"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// move returns parts on one volume that the change has not touched yet.
func (p *player) move() []part {
	v, snapshots, found := p.claim()
	if !found || len(p.now.Volumes) < 4 {
		return p.makeVolume()
	}
	switch choice := p.rng.IntN(20); {
	case choice == 0:
		return []part{erase(v)}
	case choice < 4:
		return []part{write(p.edited(v))}
	case choice < 10 || len(snapshots) == 0:
		return p.addSnapshots(v, snapshots)
	case choice < 13:
		return []part{put(p.editedSnapshot(one(p, snapshots), snapshots))}
	case choice < 16:
		gone := one(p, snapshots)
		v.Head = gone.Parent
		return []part{write(v), reparent(v, gone.ID, gone.Parent), drop(gone.ID)}
	case choice < 18:
		return p.recordOf(v)
	}
	return []part{drop(one(p, snapshots).ID)}
}

func one[V any](p *player, all []V) V { return all[p.rng.IntN(len(all))] }

func (p *player) makeVolume() []part {
	v := p.newVolume()
	v.ID = uuid[snapshot.VolumeID](p)
	if p.rng.IntN(2) == 0 {
		v.ExternalID = "vm-" + string(v.Native)
	}
	r := p.newSnapshot(v)
	r.ID = uuid[snapshot.ID](p)
	return []part{write(v), put(r)}
}

func (p *player) edited(v inventory.Volume) inventory.Volume {
	v.Name, v.Owner, v.Host, v.Size = p.text(), p.text(), p.text(), p.rng.Int64()
	v.Labels = map[string]string{p.text(): p.text(), "k": "v"}
	if p.rng.IntN(3) == 0 {
		v.Former = append(slices.Clone(v.Former), v.Native)
		v.Native = "moved-" + p.newVolume().Native
	}
	return v
}

func (p *player) addSnapshots(v inventory.Volume, known []snapshot.Snapshot) []part {
	var parts []part
	for range 1 + p.rng.IntN(4) {
		r := p.newSnapshot(v)
		r.ID = uuid[snapshot.ID](p)
		if len(known) > 0 {
			r.Parent = one(p, known).ID
		}
		v.Head = r.ID
		parts = append(parts, put(r))
	}
	return append(parts, write(v))
}

func (p *player) editedSnapshot(r snapshot.Snapshot, known []snapshot.Snapshot) snapshot.Snapshot {
	r.Name, r.Owner, r.ExpiresAt = p.text(), p.text(), p.time()
	r.State = among(p.rng.IntN(4), snapshot.Ready, snapshot.Creating, snapshot.Deleting, snapshot.Missing)
	r.Holds = append(slices.Clone(r.Holds), snapshot.Hold{Name: p.text(), Since: p.time()})
	if parent := one(p, known); parent.ID != r.ID && p.rng.IntN(3) == 0 {
		r.Parent = parent.ID
	}
	return r
}

// recordOf makes, changes or deletes a record of the volume.
func (p *player) recordOf(v inventory.Volume) []part {
	for _, r := range p.now.Records {
		if r.Volume == v.ID && p.rng.IntN(2) == 0 {
			if p.rng.IntN(3) == 0 {
				return []part{forget(r)}
			}
			r.Due = p.time()
			return []part{keep(r)}
		}
	}
	r := p.newRecord()
	r.Kind, r.Volume = among(p.rng.IntN(2), "policy", "archive"), v.ID
	return []part{keep(r)}
}

// operationMove begins an operation or brings one on; the leases are long or none, so that no clock decides.
func (p *player) operationMove() part {
	o := p.newOperation()
	o.ID = uuid[inventory.OperationID](p)
	c := inventory.OperationChange{}
	if len(p.now.Operations) > 2 && p.rng.IntN(3) > 0 {
		o = one(p, p.now.Operations)
		c.IfEpoch = o.Epoch
		switch p.rng.IntN(4) {
		case 0:
			c.TakeOver = true
		case 1:
			c.Restart = o.State == inventory.Failed
		}
		if c.TakeOver || c.Restart {
			o.Epoch++
		}
	}
	o.State = among(p.rng.IntN(5), inventory.Queued, inventory.Running, inventory.Waiting, inventory.Succeeded, inventory.Failed)
	if !c.TakeOver { // by the same owner, if it is leased: always allowed
		o.LeaseOwner = among(p.rng.IntN(3), "", "p1", "p2")
	}
	if o.LeaseOwner != "" {
		c.LeaseTTL = long
	}
	o.Cursor++
	c.Operation = o
	return operate(c)
}

// fault returns one part that is wrong, or that may be wrong. It is the only one in its change, because stores may
// look at the parts in different orders.
func (p *player) fault() []part {
	v, _, found := p.claim()
	taken, snapshots, again := p.claim()
	if !found || !again || len(snapshots) == 0 {
		return nil
	}
	f := one(p, p.faults(v, taken, one(p, snapshots)))
	if f.name == "absent operation" {
		return nil // the change may have an operation already
	}
	return []part{f.part}
}
