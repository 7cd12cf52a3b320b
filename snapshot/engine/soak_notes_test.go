package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// noteVerbs change what the inventory says of a snapshot, mostly without a call of the array.
func noteVerbs() []verb {
	about := func(ask func(w *worker, c engine.Common, id snapshot.ID) engine.Request) func(*worker, engine.Common) engine.Request {
		return func(w *worker, c engine.Common) engine.Request {
			_, snap, ok := w.snapshot()
			if !ok {
				return nil
			}
			return ask(w, c, snap.ID)
		}
	}
	refusals := []driver.Class{driver.ErrNotFound, driver.ErrBusy, driver.ErrConflict, driver.ErrExhausted, driver.ErrUnsupported}
	return []verb{
		{
			name: "hold", weight: 5, refusals: refusals,
			request: about(func(w *worker, c engine.Common, id snapshot.ID) engine.Request {
				return engine.HoldRequest{Common: c, Snapshot: id, Name: fmt.Sprint(w.dice.IntN(3)), By: "the soak"}
			}),
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				r := req.(engine.HoldRequest)
				_, err := e.Hold(ctx, r)
				return r.Snapshot.String() + " " + r.Name, err
			},
		},
		{
			name: "release", weight: 5, refusals: refusals,
			request: func(w *worker, c engine.Common) engine.Request {
				id, name, ok := w.s.oracle.held(w.dice)
				if !ok {
					return nil
				}
				return engine.ReleaseRequest{Common: c, Snapshot: id, Name: name}
			},
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				_, err := e.Release(ctx, req.(engine.ReleaseRequest))
				return "", err
			},
		},
		{
			name: "edit", weight: 3, refusals: refusals,
			request: about(func(w *worker, c engine.Common, id snapshot.ID) engine.Request {
				name := fmt.Sprintf("renamed %d", w.dice.IntN(100))
				return engine.EditRequest{Common: c, Snapshot: id, Name: &name}
			}),
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				_, err := e.Edit(ctx, req.(engine.EditRequest))
				return "", err
			},
		},
		{
			name: "set expiry", weight: 3, refusals: append(refusals, driver.ErrInvalid),
			request: about(func(w *worker, c engine.Common, id snapshot.ID) engine.Request {
				return engine.SetExpiryRequest{Common: c, Snapshot: id, At: time.Now().Add(time.Duration(w.dice.IntN(60)) * time.Second)}
			}),
			call: func(ctx context.Context, e *engine.Engine, req engine.Request) (string, error) {
				_, err := e.SetExpiry(ctx, req.(engine.SetExpiryRequest))
				return "", err
			},
		},
	}
}

// person ends what only a person can end, with the knowledge that only the oracle has: whether an unfenced revert took place.
func (s *soak) person(op inventory.Operation) {
	if op.Cursor >= len(op.Steps) || op.Steps[op.Cursor].Name != "Revert" {
		return
	}
	choice := engine.ChoiceAssumeNotDone
	if s.oracle.reverted(op) {
		choice = engine.ChoiceAssumeDone
	}
	err := s.procs[0].life().Resolve(context.Background(), op.ID, choice, "the soak", "it has looked at the array")
	if err != nil && !errors.Is(err, driver.ErrInvalid) && !errors.Is(err, driver.ErrBusy) {
		s.t.Errorf("%s of %s: %v", choice, op.ID, err)
	}
}

// reverted reports whether the array has rolled back the volume of the step at the cursor.
func (o *oracle) reverted(op inventory.Operation) bool {
	type part struct {
		Volume snapshot.VolumeID `json:"volume"`
		Token  driver.Token      `json:"token"`
	}
	var detail struct {
		part
		Others []part `json:"others"`
	}
	if err := json.Unmarshal(op.Detail, &detail); err != nil {
		o.s.t.Errorf("detail of %s: %v", op.ID, err)
		return false
	}
	token := detail.Token
	for _, p := range detail.Others {
		if p.Volume == op.Steps[op.Cursor].Volume {
			token = p.Token
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reverts[token] != nil
}

// keep remembers a hold that an engine has promised, let that it may have been taken away.
func (o *oracle) keep(id, name string) {
	if o.holds[id] == nil {
		o.holds[id] = make(map[string]bool)
	}
	o.holds[id][name] = true
}

// held chooses a hold, which counts as released from now on.
func (o *oracle) held(d *dice) (snapshot.ID, string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(o.holds)) {
		id, err := snapshot.ParseID[snapshot.ID](text)
		for _, name := range slices.Sorted(maps.Keys(o.holds[text])) {
			if err == nil && d.once(3) {
				delete(o.holds[text], name)
				return id, name, true
			}
		}
	}
	return snapshot.ID{}, "", false
}

// dropped is told that a change takes a snapshot away: only what nobody holds may go, unless all is forgotten.
func (o *oracle) dropped(id snapshot.ID, by string) {
	if len(o.holds[id.String()]) > 0 && by != "forget" {
		o.s.t.Errorf("snapshot %s was removed by %s although it is held: %v", id, by, o.holds[id.String()])
	}
	delete(o.holds, id.String())
}
