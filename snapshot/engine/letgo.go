package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// The steps that make everybody let go of a volume, and give it back.

func doDetach(ctx context.Context, r *run, _ driver.Attempt) error {
	return act(ctx, r, "Detach", func(ctx context.Context) error { return r.h.host.Detach(ctx, *r.p.Attachment) })
}

func tellDetach(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("host %q lets go of %s", r.p.Host, r.theVolume()), Undo: "the host attaches it again as it was",
		Calls: r.sends("Detach"),
	}
}

// undoDetach gives the volume back as it was. The array's access was given back before.
func undoDetach(ctx context.Context, r *run, at driver.Attempt) error { return doAttach(ctx, r, at) }

func doAttach(ctx context.Context, r *run, _ driver.Attempt) error {
	a := *r.p.Attachment
	if now := r.p.Now; now != nil {
		a.LUN.Volume, a.LUN.Serial, a.LUN.Size = now.Native, now.Serial, now.Size
	}
	var path driver.Path
	if r.p.Path != nil {
		path = *r.p.Path
	}
	disk, err := ask(ctx, r, "Attach", func(ctx context.Context) (driver.Disk, error) { return r.h.host.Attach(ctx, a, path) })
	if err == nil {
		r.p.Disk = disk
	}
	return err
}

func tellAttach(r *run) PlannedStep {
	return PlannedStep{
		Does:  fmt.Sprintf("host %q attaches %s again, reads it anew and verifies that it is the same disk", r.p.Host, r.theVolume()),
		Calls: r.sends("Attach"),
	}
}

func doRevoke(ctx context.Context, r *run, at driver.Attempt) error {
	record, err := ask(ctx, r, "Revoke", func(ctx context.Context) (driver.AccessRecord, error) {
		return r.b.able.Access.Revoke(ctx, driver.RevokeRequest{
			Volume: r.p.Native, Token: r.p.AccessToken, Attempt: at, Notes: r.notesOf(stepRevoke),
		})
	})
	if err != nil {
		return err
	}
	switch {
	case r.p.Access != nil: // repeated by the fence: the first answer is how it was before us
	case len(record) == 0:
		r.p.Access = json.RawMessage("null") // "nobody had access" is an answer too
	default:
		r.p.Access = record
	}
	return nil
}

func tellRevoke(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("backend %q takes all access to %s away", r.p.Backend, r.theVolume()),
		Undo: "access is given back as it was", Calls: r.sends("Revoke"),
	}
}

// undoRevoke gives back what was taken. If the revoke's reply was lost, it is repeated for its record first.
func undoRevoke(ctx context.Context, r *run, at driver.Attempt) error {
	if r.p.Access == nil {
		if err := doRevoke(ctx, r, at); err != nil {
			return err
		}
	}
	return doGrant(ctx, r, at)
}

func doGrant(ctx context.Context, r *run, at driver.Attempt) error {
	volume := r.p.Native
	if r.p.Now != nil {
		volume = r.p.Now.Native
	}
	path, err := ask(ctx, r, "Grant", func(ctx context.Context) (driver.Path, error) {
		return r.b.able.Access.Grant(ctx, driver.GrantRequest{Volume: volume, Token: r.p.AccessToken, Record: r.p.Access, Attempt: at})
	})
	if err == nil {
		r.p.Path = &path
	}
	return err
}

func tellGrant(r *run) PlannedStep {
	return PlannedStep{
		Does: fmt.Sprintf("backend %q gives access to %s back as it was", r.p.Backend, r.theVolume()), Calls: r.sends("Grant"),
	}
}

// fence makes sure, directly before the content is replaced, that nobody can write: it is what makes repeating an
// effect of unknown outcome harmless. A repeated one takes access away again first, should somebody have given it.
func (r *run) fence(ctx context.Context, at driver.Attempt) error {
	if access := r.b.able.Access; access != nil {
		if at.Resume {
			if err := doRevoke(ctx, r, at); err != nil {
				return r.unsafe(at, err)
			}
		}
		sessions, err := ask(ctx, r, "Sessions", func(ctx context.Context) ([]driver.Session, error) {
			return access.Sessions(ctx, r.p.Native)
		})
		if err != nil {
			return r.unsafe(at, err)
		}
		blockers := make([]driver.Blocker, 0, len(sessions))
		for _, s := range sessions {
			blockers = append(blockers, driver.Blocker{Kind: "session", ID: s.Initiator, Name: s.Address, Since: s.Since})
		}
		if len(blockers) > 0 {
			return r.unsafe(at, driver.Blocked(driver.ErrInUse, blockers, "volume %s is open although access was taken away", r.p.Native))
		}
		return nil
	}
	if r.p.Attachment != nil {
		a, err := ask(ctx, r, "Attachments", func(ctx context.Context) (driver.Attachment, error) {
			return r.h.host.Attachments(ctx, r.p.Attachment.LUN)
		})
		switch {
		case err != nil:
			return r.unsafe(at, err)
		case a.Attached:
			return r.unsafe(at, driver.Errorf(driver.ErrInUse, "host %q has attached the volume again", r.p.Host))
		}
		return nil
	}
	return nil
}

// unsafe is an error of the fence: this time nothing was sent, but an earlier attempt may have had its effect. It returns
// nil if the error itself proves that.
func (r *run) unsafe(at driver.Attempt, err error) error {
	if !at.Resume || errors.Is(err, errLost) {
		return err
	}
	if r.desc.Facts.RevertChangesID && driver.ClassOf(err) == driver.ErrNotFound {
		return nil // the id that we knew is gone: the earlier attempt had its effect, and nobody can reach the old content
	}
	return &driver.Error{
		Class: driver.ClassOf(err), Op: "fence", Effect: driver.EffectUnknown, Blockers: driver.BlockersOf(err), Err: err,
	}
}

// notes lets a driver keep a handle of the job of the step at the cursor in the journal.
func (r *run) notes() driver.Notes { return r.notesOf(r.op.Steps[r.op.Cursor].Name) }

// notesOf is notes for the step of that name about the member in focus.
func (r *run) notesOf(name string) driver.Notes {
	i := slices.IndexFunc(r.op.Steps, func(s inventory.Step) bool {
		return s.Name == name && (s.Volume.IsZero() || s.Volume == r.p.Volume)
	})
	return driver.Notes{
		Noted: r.op.Steps[i].Note,
		Note: func(ctx context.Context, doc json.RawMessage) error {
			r.op.Steps[i].Note = doc
			return r.progress(ctx)
		},
	}
}
