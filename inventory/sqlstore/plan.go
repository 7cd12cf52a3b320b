package sqlstore

import (
	"bytes"
	"slices"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// plan is a change made ready outside of the transaction: everything encoded, the volumes in order.
type plan struct {
	inventory.Change

	// The parameters of each part's statements.
	volumes, puts, records [][]any
	operation              []any
}

// newPlan checks and encodes the change. It keeps a reference to it, as Commit does not return before the plan is done with.
func newPlan(c inventory.Change) (*plan, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &plan{Change: c}
	p.Volumes = slices.SortedFunc(slices.Values(c.Volumes), func(a, b inventory.VolumeChange) int {
		return bytes.Compare(a.Volume.ID[:], b.Volume.ID[:])
	})
	for i := range p.Volumes {
		values, err := volumeValues(c.ID, &p.Volumes[i])
		if err != nil {
			return nil, err
		}
		p.volumes = append(p.volumes, values)
	}
	for i := range c.Put {
		values, err := snapshotValues(c.ID, &c.Put[i])
		if err != nil {
			return nil, err
		}
		p.puts = append(p.puts, values)
	}
	for i := range c.Records {
		p.records = append(p.records, recordValues(c.ID, &c.Records[i]))
	}
	if c.Operation == nil {
		return p, nil
	}
	var err error
	p.operation, err = operationValues(c.ID, c.Operation)
	return p, err
}

// volume returns the change of the volume, if the plan has one.
func (p *plan) volume(id snapshot.VolumeID) *inventory.VolumeChange {
	i, found := slices.BinarySearchFunc(p.Volumes, id, func(c inventory.VolumeChange, id snapshot.VolumeID) int {
		return bytes.Compare(c.Volume.ID[:], id[:])
	})
	if !found {
		return nil
	}
	return &p.Volumes[i]
}
