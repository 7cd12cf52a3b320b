package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// act does what is to be done about the findings of one backend, in their order. Orphans on volumes that have no record
// come last: they are adopted with their volumes. The error is ctx's.
func (e *Engine) act(ctx context.Context, req AuditRequest, findings []Finding) error {
	homeless := func(f Finding) bool { return f.Kind == FindingOrphan && f.Volume.IsZero() }
	for _, late := range []bool{false, true} {
		for i := range findings {
			if homeless(findings[i]) != late {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			e.actOn(ctx, req, &findings[i])
		}
	}
	return nil
}

func (e *Engine) actOn(ctx context.Context, req AuditRequest, f *Finding) {
	action, asked := req.Actions[f.Kind]
	if action = f.Kind.meant(action); !asked || action == "" {
		action = f.Actions[0]
	}
	if action == ActionReport {
		return
	}
	if !slices.Contains(f.Actions, action) {
		f.Err = "not possible: " + string(action)
		return
	}
	id := snapshot.NewID[inventory.OperationID]()
	request, err := e.requestOf(ctx, req, *f, action, Common{OperationID: id, Actor: req.Actor})
	if err == nil && request != nil {
		f.Operation = id
		_, err = e.do(ctx, request)
	}
	f.Taken = action
	if err != nil {
		f.Err = err.Error()
		if e, ok := errors.AsType[*Error](err); ok && e.Operation.IsZero() {
			f.Operation = inventory.OperationID{}
		}
	}
}

// requestOf is the operation that takes the action; nil if it was taken with another finding's.
func (e *Engine) requestOf(ctx context.Context, req AuditRequest, f Finding, action AuditAction, common Common) (Request, error) {
	ref := driver.SnapshotRef{Volume: f.NativeVolume, ID: f.Native, Token: f.Token}
	switch {
	case action == ActionRepair:
		return RepairRequest{
			Common: common, Finding: f.Kind, Volume: f.Volume, Snapshot: f.Snapshot, Native: f.became, Head: req.Head,
		}, nil
	case action == ActionDrop && f.Kind == FindingOrphan:
		return DropRequest{Common: common, Volume: f.Volume, Orphan: ref}, nil
	case action == ActionDrop:
		return DropRequest{Common: common, Volume: f.Volume, Snapshot: f.Snapshot}, nil
	case f.Kind == FindingOrphanVolume:
		owner, err := e.ownerOfOrigin(ctx, f)
		return ImportRequest{Common: common, Backend: f.Backend, Native: f.NativeVolume, Owner: owner}, err
	case !f.Volume.IsZero():
		return AdoptRequest{Common: common, Volume: f.Volume, Snapshot: ref}, nil
	}
	return nil, e.cameAlong(ctx, f)
}

// ownerOfOrigin returns the owner of the volume that an orphan clone came from, as far as the array remembers that.
func (e *Engine) ownerOfOrigin(ctx context.Context, f Finding) (string, error) {
	if f.origin == "" {
		return "", nil
	}
	for v, err := range e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: f.Backend, Native: f.origin}) {
		return v.Owner, classified(err)
	}
	return "", nil
}

// cameAlong makes sure that an orphan was adopted with its volume.
func (e *Engine) cameAlong(ctx context.Context, f Finding) error {
	for row, err := range e.inv.Snapshots(ctx, inventory.SnapshotQuery{Token: string(f.Token)}) {
		if err != nil {
			return classified(err)
		}
		if row.NativeVolume == string(f.NativeVolume) {
			return nil
		}
	}
	return driver.Errorf(driver.ErrConflict, "its volume %s was not adopted", f.NativeVolume)
}
