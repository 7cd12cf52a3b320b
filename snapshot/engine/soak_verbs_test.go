package engine_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// verb is one thing that workers ask of an engine. To add one, add an entry to soakVerbs: nothing else knows of it.
type verb struct {
	name   string
	weight int
	// refusals are the classes with which it may be refused although nothing went wrong on the way: what other requests
	// have done, or what the request asks. With faults, ErrUnavailable, ErrIndeterminate and ErrBusy may come besides, and
	// whatever was planted.
	refusals []driver.Class
	// request chooses what to ask for; nil if nothing fits now.
	request func(w *worker, c engine.Common) engine.Request
	// call asks for it, and says what it made or changed: repeated, it must say the same.
	call func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error)
}

func soakVerbs() []verb {
	return slices.Concat(groupVerbs(), snapshotVerbs(), volumeVerbs(), noteVerbs())
}

// snapshotVerbs are those of one volume's snapshots.
func snapshotVerbs() []verb {
	return []verb{
		{
			name: "create", weight: 34, refusals: []driver.Class{driver.ErrNotFound, driver.ErrExhausted, driver.ErrUnsupported},
			request: func(w *worker, c engine.Common) engine.Request {
				vol, ok := w.volume()
				if !ok {
					return nil
				}
				w.write(vol)
				req := engine.CreateRequest{Common: c, Volume: vol.ID, Name: fmt.Sprintf("s%d", w.dice.IntN(1000))}
				if w.dice.once(5) {
					req.Quiesce = &engine.Quiesce{Max: 20 * time.Second, Required: w.dice.once(3)}
				}
				return req
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				s, err := e.Create(ctx, req.(engine.CreateRequest))
				return s.ID.String(), err
			},
		},
		{
			name: "delete", weight: 20, refusals: []driver.Class{driver.ErrNotFound, driver.ErrInUse},
			request: func(w *worker, c engine.Common) engine.Request {
				_, snap, ok := w.snapshot()
				if !ok {
					return nil
				}
				return engine.DeleteRequest{Common: c, Snapshot: snap.ID}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				return "", e.Delete(ctx, req.(engine.DeleteRequest))
			},
		},
		{
			name: "revert", weight: 18,
			refusals: []driver.Class{
				driver.ErrNotFound, driver.ErrInUse, driver.ErrConflict, driver.ErrUnsupported, driver.ErrExhausted, driver.ErrBusy,
				driver.ErrPartial,
			},
			request: revertRequest,
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				r, err := e.Revert(ctx, req.(engine.RevertRequest))
				return r.Kept.String(), err
			},
		},
		{
			name: "clone", weight: 8,
			refusals: []driver.Class{
				driver.ErrNotFound, driver.ErrBusy, driver.ErrUnsupported, driver.ErrExhausted, driver.ErrConflict,
			},
			request: cloneRequest,
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				v, err := e.Clone(ctx, req.(engine.CloneRequest))
				return v.ID.String(), err
			},
		},
	}
}

// volumeVerbs are those of whole volumes.
func volumeVerbs() []verb {
	return []verb{
		{
			name: "split", weight: 2, refusals: []driver.Class{driver.ErrNotFound, driver.ErrUnsupported, driver.ErrInvalid},
			request: func(w *worker, c engine.Common) engine.Request {
				vol, ok := w.volume()
				if !ok {
					return nil
				}
				return engine.SplitRequest{Common: c, Volume: vol.ID}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				v, err := e.Split(ctx, req.(engine.SplitRequest))
				return v.ID.String(), err
			},
		},
		{
			name: "import", weight: 6, refusals: []driver.Class{driver.ErrConflict, driver.ErrNotFound},
			request: func(w *worker, c engine.Common) engine.Request {
				req, ok := w.stray()
				if !ok {
					return nil
				}
				req.Common = c
				return req
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				v, err := e.Import(ctx, req.(engine.ImportRequest))
				return v.ID.String(), err
			},
		},
		{
			name: "forget", weight: 1, refusals: []driver.Class{driver.ErrNotFound, driver.ErrInUse},
			request: func(w *worker, c engine.Common) engine.Request {
				vol, ok := w.volume()
				if !ok {
					return nil
				}
				return engine.ForgetRequest{Common: c, Volume: vol.ID}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				return "", e.Forget(ctx, req.(engine.ForgetRequest))
			},
		},
		{
			name: "delete volume", weight: 4, refusals: []driver.Class{driver.ErrNotFound, driver.ErrInUse, driver.ErrUnsupported},
			request: func(w *worker, c engine.Common) engine.Request {
				vol, ok := w.volume()
				if !ok {
					return nil
				}
				policy, _ := oneOf(w.dice, []engine.SnapshotsPolicy{"", engine.SnapshotsKeep, engine.SnapshotsDelete, engine.SnapshotsDelete})
				return engine.DeleteVolumeRequest{Common: c, Volume: vol.ID, Snapshots: policy}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				return "", e.DeleteVolume(ctx, req.(engine.DeleteVolumeRequest))
			},
		},
	}
}

// groupVerbs are those of several volumes.
func groupVerbs() []verb {
	return []verb{
		{
			name: "create group", weight: 5,
			refusals: []driver.Class{driver.ErrNotFound, driver.ErrExhausted, driver.ErrUnsupported, driver.ErrBusy},
			request: func(w *worker, c engine.Common) engine.Request {
				req := engine.CreateGroupRequest{Common: c, Name: "group"}
				one := ""
				for range 40 { // mostly of one array, since few can be taken at once with another's
					vol, ok := w.volume()
					if ok && (one == "" || vol.Backend == one || w.dice.once(60)) && !slices.Contains(req.Volumes, vol.ID) {
						one, req.Volumes = vol.Backend, append(req.Volumes, vol.ID)
						w.write(vol)
					}
				}
				req.Volumes = req.Volumes[:min(len(req.Volumes), 2+w.dice.IntN(3))]
				if w.dice.once(2) {
					req.Quiesce = &engine.Quiesce{Max: 20 * time.Second}
				}
				return req
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				g, err := e.CreateGroup(ctx, req.(engine.CreateGroupRequest))
				return g.ID.String(), err
			},
		},
		{
			name: "revert group", weight: 3,
			refusals: []driver.Class{
				driver.ErrNotFound, driver.ErrInUse, driver.ErrConflict, driver.ErrUnsupported, driver.ErrExhausted, driver.ErrBusy,
				driver.ErrPartial,
			},
			request: func(w *worker, c engine.Common) engine.Request {
				id, ok := w.group()
				if !ok {
					return nil
				}
				req := engine.RevertGroupRequest{
					Common: c, Group: id, Partial: w.dice.once(2), DropYounger: w.dice.once(2), KeepCurrent: w.dice.once(4),
				}
				if req.KeepCurrent {
					req.KeepName = "kept"
				}
				w.promise(id)
				req.AssertDetached = &engine.Assertion{By: "the soak", Reason: "no guest writes from now on"}
				return req
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				_, err := e.RevertGroup(ctx, req.(engine.RevertGroupRequest))
				return "", err
			},
		},
		{
			name: "delete group", weight: 3,
			refusals: []driver.Class{driver.ErrNotFound, driver.ErrInUse, driver.ErrUnsupported, driver.ErrBusy},
			request: func(w *worker, c engine.Common) engine.Request {
				id, ok := w.group()
				if !ok {
					return nil
				}
				return engine.DeleteGroupRequest{Common: c, Group: id}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				return "", e.DeleteGroup(ctx, req.(engine.DeleteGroupRequest))
			},
		},
	}
}

func revertRequest(w *worker, c engine.Common) engine.Request {
	vol, snap, ok := w.snapshot()
	if !ok {
		return nil
	}
	w.write(vol)
	req := engine.RevertRequest{Common: c, Volume: vol.ID, Snapshot: snap.ID, DropYounger: w.dice.once(2)}
	if req.KeepCurrent = w.dice.once(3); req.KeepCurrent {
		req.KeepName = "kept"
	}
	if w.s.site(vol.Backend).unfenced(vol) {
		w.s.oracle.assert(vol.ID)
		req.AssertDetached = &engine.Assertion{By: "the soak", Reason: "no guest writes from now on"}
	}
	return req
}

func cloneRequest(w *worker, c engine.Common) engine.Request {
	vol, snap, ok := w.snapshot()
	if !ok {
		return nil
	}
	req := engine.CloneRequest{Common: c, Snapshot: snap.ID, Name: "copy"}
	if st := w.s.site(vol.Backend); st.host != nil && !w.dice.once(3) {
		req.Host = "host-" + st.name
	}
	if w.dice.once(4) {
		req.Size = 2 * soakSize
	}
	if w.dice.once(10) {
		req.ExternalID = fmt.Sprintf("copy-%d", w.dice.IntN(5))
	}
	return req
}
