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

// Where an array snapshots or rolls back whole containers, an operation on one volume touches its siblings, so the container
// is locked: in this process by a key, between processes by a record that exists while an operation has it.

const recordContainer = "container"

// containerLock is the content of a container's record.
type containerLock struct {
	Operation inventory.OperationID `json:"operation"`
}

// shares reports whether volumes in one container are touched by each other's operations.
func shares(f driver.Facts) bool {
	return f.SnapshotUnit == driver.UnitContainer || f.RevertUnit == driver.UnitContainer
}

func containerKey(backend string, c driver.ContainerID) string { return backend + "/" + string(c) }

// containers returns the keys of the containers that the operation must have for itself.
func (r *run) containers() []string {
	if r.kind.touches != nil && !r.kind.touches(r) {
		return nil
	}
	var keys []string
	for _, m := range r.members {
		if m.vol.Container != "" && shares(m.desc.Facts) {
			keys = append(keys, containerKey(m.p.Backend, m.vol.Container))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// lockContainers adds to an intent that the operation has its containers, or refuses it as [run.free] does.
func (r *run) lockContainers(ctx context.Context, change *inventory.Change) error {
	r.d.Containers = r.containers()
	for _, key := range r.d.Containers {
		lock, version, err := r.containerLock(ctx, key)
		if err != nil {
			return err
		}
		if err := r.freeOf(ctx, lock.Operation, "container "+key); err != nil {
			return err
		}
		change.Records = append(change.Records, inventory.RecordChange{Record: r.lockRecord(key), IfVersion: version})
	}
	return nil
}

func (r *run) lockRecord(key string) inventory.Record {
	doc, _ := json.Marshal(containerLock{r.id}) //nolint:errchkjson // an id
	return inventory.Record{Kind: recordContainer, ID: key, Data: doc}
}

// unlockContainers adds to an outcome that the containers are free again.
func (r *run) unlockContainers(ctx context.Context, change *inventory.Change) error {
	for _, key := range r.d.Containers {
		lock, version, err := r.containerLock(ctx, key)
		if err != nil {
			return err
		}
		if version > 0 && lock.Operation == r.id {
			change.Records = append(change.Records, inventory.RecordChange{
				Record: inventory.Record{Kind: recordContainer, ID: key}, IfVersion: version, Delete: true,
			})
		}
	}
	return nil
}

// containerLock returns version 0 for a container that nobody has.
func (r *run) containerLock(ctx context.Context, key string) (containerLock, int64, error) {
	for rec, err := range r.e.inv.Records(ctx, inventory.RecordQuery{Kind: recordContainer, ID: key}) {
		if err != nil {
			return containerLock{}, 0, classified(err)
		}
		var lock containerLock
		if err := json.Unmarshal(rec.Data, &lock); err != nil {
			return lock, 0, driver.Errorf(driver.ErrInvalid, "record %s %q cannot be read: %w", recordContainer, key, err)
		}
		return lock, rec.Version, nil
	}
	return containerLock{}, 0, nil
}

// lockKeys returns what to lock in this process for operations on the volumes: themselves and, where their arrays share, their
// containers. What cannot be known yet is left to the records, which are looked at again by polling.
func (e *Engine) lockKeys(ctx context.Context, volumes []snapshot.VolumeID) []string {
	keys := make([]string, 0, len(volumes))
	for _, id := range volumes {
		keys = append(keys, id.String())
		if !e.sharing.Load() {
			continue
		}
		if vol, err := e.inv.Volume(ctx, id); err == nil && vol.Container != "" && e.sharingBackend(vol.Backend) {
			keys = append(keys, fmt.Sprintf("container %s", containerKey(vol.Backend, vol.Container)))
		}
	}
	slices.Sort(keys) // everybody locks in one order
	return slices.Compact(keys)
}

func (e *Engine) sharingBackend(name string) bool {
	b, err := e.backend(name)
	return err == nil && b.sharing.Load()
}
