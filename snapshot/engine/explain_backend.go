package engine

import (
	"context"
	"fmt"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// ExplainBackend explains a backend: whether it could be reached last, since when, why not, which array it is, what is on it
// and what is open there. It does not ask the array: [Engine.Backend] does. Errors: ErrNotFound for a name that was neither
// added nor ever used, the inventory's.
func (e *Engine) ExplainBackend(ctx context.Context, name string) (Explanation, error) {
	x := Explanation{Subject: fmt.Sprintf("backend %q", name), State: string(BackendUnknown)}
	known, version, err := e.identityOf(ctx, recordBackend, name)
	if err != nil {
		return Explanation{}, err
	}
	if version > 0 {
		x.About = append(x.About, "it stands for the array with the id "+known.ID)
	}
	volumes, snapshots, err := e.onBackend(ctx, name)
	if err != nil {
		return Explanation{}, err
	}
	b, missing := e.backend(name)
	switch {
	case missing != nil && version == 0 && volumes == 0:
		return Explanation{}, missing
	case missing != nil:
		x.State = "not added"
		x.Now = append(x.Now, "this program was not given it; what is open on it waits for one that was")
		x.Next = append(x.Next, "add it to this program, or leave it to the one that has it")
	default:
		x.backendStatus(b.last.Load())
	}
	x.Now = append(x.Now, fmt.Sprintf("the inventory has %s with %s on it", count(volumes, "volume"), count(snapshots, "snapshot")))
	if x.Blockers, err = e.openOn(ctx, name); err != nil {
		return Explanation{}, err
	}
	x.Now = append(x.Now, count(len(x.Blockers), "operation")+" open on it")
	return x, nil
}

// backendStatus tells how the backend was when it was asked last.
func (x *Explanation) backendStatus(s *BackendStatus) {
	if s == nil {
		x.Now = append(x.Now, "nobody has asked it anything since this program started")
		x.Next = append(x.Next, "it is asked with the first operation on it")
		return
	}
	x.State = string(s.State)
	if s.State == BackendUp {
		x.Now = append(x.Now, fmt.Sprintf("it answered on %s: %s %s", stamp(s.Since), s.Description.Product, s.Description.Version))
		x.Next = append(x.Next, "it takes any operation")
		return
	}
	x.Now = append(x.Now, fmt.Sprintf("it could not be used on %s: %s", stamp(s.Since), s.Err))
	x.Safe = append(x.Safe, "waiting: what had begun on it goes on by itself once it answers, and other backends are not concerned",
		"explaining operations, volumes and snapshots: that needs no array")
	x.DoNot = append(x.DoNot, "put another array in its place under the same name: it is refused, since its volumes "+
		"would be other ones")
	x.Next = append(x.Next, "new operations on it are refused, with nothing done, until it answers")
}

func (e *Engine) onBackend(ctx context.Context, name string) (volumes, snapshots int, err error) {
	for v, err := range e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: name}) {
		if err != nil {
			return 0, 0, classified(err)
		}
		volumes++
		snapshots += v.SnapshotCount
	}
	return volumes, snapshots, nil
}

// openOn lists the operations that are open on the backend.
func (e *Engine) openOn(ctx context.Context, name string) ([]driver.Blocker, error) {
	var all []driver.Blocker
	for op, err := range e.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
		if err != nil {
			return nil, classified(err)
		}
		on, err := e.isOn(ctx, op, name)
		if err != nil {
			return nil, err
		}
		if on {
			all = append(all, driver.Blocker{
				Kind: "operation", ID: op.ID.String(), Name: fmt.Sprintf("%s, %s", op.Kind, op.State), Since: op.CreatedAt,
			})
		}
	}
	return all, nil
}

// isOn goes by the operation's volumes, since one that is queued has no detail yet.
func (e *Engine) isOn(ctx context.Context, op inventory.Operation, name string) (bool, error) {
	for _, id := range op.Volumes {
		vol, err := e.Volume(ctx, id)
		switch {
		case driver.ClassOf(err) == driver.ErrNotFound:
		case err != nil:
			return false, err
		case vol.Backend == name:
			return true, nil
		}
	}
	return false, nil
}
