package inventorytest

import (
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// part adds something to a change.
type part func(*inventory.Change)

// changeOf makes a change with a fresh id.
func changeOf(parts ...part) inventory.Change {
	c := inventory.Change{ID: snapshot.NewID[inventory.ChangeID]()}
	for _, p := range parts {
		p(&c)
	}
	return c
}

// write stores the volume, computed from the version that it carries; 0 makes it.
func write(v inventory.Volume) part { return writeIf(v, v.Version) }

func writeIf(v inventory.Volume, version int64) part {
	return func(c *inventory.Change) {
		c.Volumes = append(c.Volumes, inventory.VolumeChange{Volume: v, IfVersion: version})
	}
}

// erase deletes the volume of the version that it carries.
func erase(v inventory.Volume) part {
	return func(c *inventory.Change) {
		c.Volumes = append(c.Volumes, inventory.VolumeChange{Volume: v, IfVersion: v.Version, Delete: true})
	}
}

func put(snapshots ...snapshot.Snapshot) part {
	return func(c *inventory.Change) { c.Put = append(c.Put, snapshots...) }
}

func drop(ids ...snapshot.ID) part {
	return func(c *inventory.Change) { c.Drop = append(c.Drop, ids...) }
}

func reparent(v inventory.Volume, from, to snapshot.ID) part {
	return func(c *inventory.Change) {
		c.Reparent = append(c.Reparent, inventory.Reparent{Volume: v.ID, From: from, To: to})
	}
}

func operate(o inventory.OperationChange) part {
	return func(c *inventory.Change) { c.Operation = &o }
}

// begin makes the operation, without a lease.
func begin(o inventory.Operation) part { return operate(inventory.OperationChange{Operation: o}) }

// advance writes the operation under the epoch that it carries, without a lease.
func advance(o inventory.Operation) part {
	return operate(inventory.OperationChange{Operation: o, IfEpoch: o.Epoch})
}

// keep stores the record, computed from the version that it carries; 0 makes it.
func keep(r inventory.Record) part {
	return func(c *inventory.Change) {
		c.Records = append(c.Records, inventory.RecordChange{Record: r, IfVersion: r.Version})
	}
}

// forget deletes the record of the version that it carries.
func forget(r inventory.Record) part {
	return func(c *inventory.Change) {
		c.Records = append(c.Records, inventory.RecordChange{Record: r, IfVersion: r.Version, Delete: true})
	}
}
