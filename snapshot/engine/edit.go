package engine

import (
	"context"
	"errors"
	"maps"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	kindEdit       = "edit"
	kindEditVolume = "edit-volume"
)

// EditRequest asks to change what a snapshot is called in the inventory; nil leaves a field as it is. The array keeps the name
// and labels that the snapshot was made with.
type EditRequest struct {
	_ [0]func()

	Common
	Snapshot snapshot.ID `json:"snapshot"`
	Name     *string     `json:"name,omitempty"`
	// Labels replace all that there are; an empty map takes them away.
	Labels map[string]string `json:"labels,omitzero"`
	Owner  *string           `json:"owner,omitempty"`
}

// EditVolumeRequest asks to change what a volume is called in the inventory; nil leaves a field as it is. Its snapshots keep
// their owner.
type EditVolumeRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
	Name   *string           `json:"name,omitempty"`
	// Labels replace all that there are; an empty map takes them away.
	Labels map[string]string `json:"labels,omitzero"`
	Owner  *string           `json:"owner,omitempty"`
	// ExternalID is unique among volumes; empty takes it away.
	ExternalID *string `json:"external_id,omitempty"`
}

func (EditRequest) kind() string       { return kindEdit }
func (EditVolumeRequest) kind() string { return kindEditVolume }

func (r EditRequest) validate() error {
	switch {
	case r.Snapshot.IsZero():
		return needs("snapshot")
	case r.Name == nil && r.Labels == nil && r.Owner == nil:
		return needs("change: neither name nor labels nor owner")
	}
	return validEdit(r.Name, r.Labels, r.Owner)
}

func (r EditVolumeRequest) validate() error {
	switch {
	case r.Volume.IsZero():
		return needs("volume")
	case r.Name == nil && r.Labels == nil && r.Owner == nil && r.ExternalID == nil:
		return needs("change: neither name nor labels nor owner nor external id")
	case r.ExternalID != nil:
		return errors.Join(validEdit(r.Name, r.Labels, r.Owner), validText("external id", *r.ExternalID))
	}
	return validEdit(r.Name, r.Labels, r.Owner)
}

func validEdit(name *string, labels map[string]string, owner *string) error {
	err := validLabels(labels)
	if name != nil {
		err = errors.Join(err, validName("name", *name))
	}
	if owner != nil {
		err = errors.Join(err, validText("owner", *owner))
	}
	return err
}

// Edit changes a snapshot's name, labels or owner in the inventory, at once, and returns it. It works while an operation
// runs on the volume. Error: ErrNotFound.
func (e *Engine) Edit(ctx context.Context, req EditRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

// EditVolume changes a volume's name, labels, owner or external id in the inventory, at once, and returns it. It works while
// an operation runs on the volume. Errors: ErrNotFound; ErrConflict when the external id is another volume's.
func (e *Engine) EditVolume(ctx context.Context, req EditVolumeRequest) (inventory.Volume, error) {
	return e.volumeVerb(ctx, req)
}

func editKind() *kind {
	return &kind{
		name: kindEdit, format: 1, decode: decodeAs[EditRequest], locate: locateNothing, prepare: prepareEdit, outcome: namedOutcome,
		ends: says("the inventory calls the snapshot so"),
	}
}

func editVolumeKind() *kind {
	return &kind{
		name: kindEditVolume, format: 1, decode: decodeAs[EditVolumeRequest], locate: locateNothing,
		prepare: prepareEditVolume, outcome: namedOutcome,
		ends: says("the inventory calls the volume so"),
	}
}

func prepareEdit(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(EditRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	row, err := r.e.inv.Snapshot(ctx, req.Snapshot)
	if err != nil {
		return inventory.Change{}, classified(err)
	}
	replace(&row.Name, req.Name)
	replace(&row.Owner, req.Owner)
	if req.Labels != nil {
		row.Labels = maps.Clone(req.Labels)
	}
	r.p.Snapshot, r.p.Volume = row.ID, row.Volume
	r.op.Volumes, r.op.Owner = []snapshot.VolumeID{row.Volume}, row.Owner
	return inventory.Change{Put: []snapshot.Snapshot{row}}, nil
}

func prepareEditVolume(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(EditVolumeRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	vol, err := r.e.inv.Volume(ctx, req.Volume)
	if err != nil {
		return inventory.Change{}, classified(err)
	}
	r.vol, r.p.Volume = vol, vol.ID
	replace(&vol.Name, req.Name)
	replace(&vol.Owner, req.Owner)
	replace(&vol.ExternalID, req.ExternalID)
	if req.Labels != nil {
		vol.Labels = maps.Clone(req.Labels)
	}
	r.op.Volumes, r.op.Owner = []snapshot.VolumeID{vol.ID}, vol.Owner
	return inventory.Change{Volumes: r.volumeChange(vol)}, nil
}

func replace[T any](field, with *T) {
	if with != nil {
		*field = *with
	}
}

// namedOutcome: there is nothing left to do, and the result names what was edited.
func namedOutcome(_ context.Context, r *run) (inventory.Change, any, error) {
	return inventory.Change{}, Result{Volume: r.p.Volume, Snapshot: r.p.Snapshot}, nil
}
