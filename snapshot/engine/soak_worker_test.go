package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// worker makes requests, one after the other, of whichever engine.
type worker struct {
	s    *soak
	dice *dice
}

func (w *worker) work() {
	for w.s.left.Add(-1) >= 0 {
		w.once()
	}
}

// once makes one request: alone, twice at the same time, or without waiting for its end.
func (w *worker) once() {
	v := w.choose()
	c := engine.Common{Actor: "worker"}
	if w.dice.once(2) {
		c.OperationID = snapshot.NewID[inventory.OperationID]()
	}
	req := v.request(w, c)
	switch {
	case req == nil:
		w.s.results.add(v.name, "nothing fits")
	case !c.OperationID.IsZero() && w.dice.once(3):
		w.twice(v, req, c.OperationID)
	case w.dice.once(10):
		_, err := w.s.anyone(w.dice).Submit(context.Background(), req)
		if err == nil {
			w.s.results.add(v.name, "submitted")
		}
	default:
		_, _ = w.ask(v, req, c.OperationID)
	}
}

func (w *worker) choose() verb {
	sum := 0
	for _, v := range w.s.verbs {
		sum += v.weight
	}
	n := w.dice.IntN(sum)
	for _, v := range w.s.verbs {
		if n -= v.weight; n < 0 {
			return v
		}
	}
	return w.s.verbs[0]
}

// ask makes the request of one engine, sometimes without much patience, and judges the answer.
func (w *worker) ask(v verb, req engine.Request, id inventory.OperationID) (string, error) {
	made, err := w.call(v, req, w.s.anyone(w.dice), false)
	if e, ok := errors.AsType[*engine.Error](err); ok && e.Operation.IsZero() && !id.IsZero() && !unknown(err) {
		_, found := w.s.inv.Operation(context.Background(), id)
		if !errors.Is(found, inventory.ErrNotFound) {
			w.s.t.Errorf("%s was refused before there was an operation, but there is one: %v", v.name, err)
		}
	}
	return made, err
}

// unknown: the engine says that it cannot tell, or is dead.
func unknown(err error) bool {
	return errors.Is(err, driver.ErrIndeterminate) || errors.Is(err, errDead)
}

func (w *worker) call(v verb, req engine.Request, life *engineLife, repeated bool) (string, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	impatient := w.dice.once(8)
	if impatient {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.dice.IntN(4000))*time.Millisecond)
		defer cancel()
	}
	made, err := v.call(ctx, life.Engine, req)
	w.judge(v, life, conditions{impatient, repeated}, err)
	if err == nil && (v.name != "hold" || !repeated) { // a hold that was made before may be released by now
		w.s.oracle.acknowledge(v.name, made)
	}
	return made, err
}

// judge complains about an answer that nothing explains.
func (w *worker) judge(v verb, life *engineLife, c conditions, err error) {
	if err == nil {
		w.s.results.add(v.name, "ok")
		return
	}
	class := driver.ClassOf(err)
	w.s.results.add(v.name, class.Error())
	if life.k.isDead() {
		return // whatever it says, nobody hears it
	}
	e, ok := errors.AsType[*engine.Error](err)
	if !ok {
		w.s.t.Errorf("%s: the error is no *engine.Error: %v", v.name, err)
		return
	}
	if e.State == inventory.Waiting && e.Next == "" {
		w.s.t.Errorf("%s waits, but does not say for what: %v", v.name, err)
	}
	if !w.s.explained(v, c, err) {
		w.s.t.Errorf("%s: class %q is not explained by anything that was done: %v", v.name, class, err)
	}
}

// conditions are those under which a request was made.
type conditions struct{ impatient, repeated bool }

// explained: the table of refusals by what was injected.
func (s *soak) explained(v verb, c conditions, err error) bool {
	class := driver.ClassOf(err)
	wasPlanted := errors.Is(err, errPlanted) || strings.Contains(err.Error(), errPlanted.Error())
	canceled := c.impatient || driver.Canceled(err)
	switch {
	case slices.Contains(v.refusals, class), wasPlanted:
		return true
	case c.repeated && class == driver.ErrConflict: // what it made was removed since
		return true
	case canceled && (class == driver.ErrUnavailable || class == driver.ErrIndeterminate):
		return true
	case !s.calm.Load():
		return class == driver.ErrUnavailable || class == driver.ErrIndeterminate || class == driver.ErrBusy
	}
	return false
}

// twice makes the request of two engines at once, and once more afterwards: it must have been done once.
func (w *worker) twice(v verb, req engine.Request, id inventory.OperationID) {
	var made [2]string
	var errs [2]error
	var both sync.WaitGroup
	for i := range made {
		other := &worker{s: w.s, dice: newDice(w.dice.Uint64(), uint64(i))}
		both.Go(func() { made[i], errs[i] = other.call(v, req, w.s.anyone(other.dice), true) })
	}
	both.Wait()
	again, err := w.call(v, req, w.s.anyone(w.dice), true)
	answers := make([]string, 0, 3)
	for i, text := range []string{made[0], made[1], again} {
		if []error{errs[0], errs[1], err}[i] == nil {
			answers = append(answers, text)
		}
	}
	if len(slices.Compact(answers)) > 1 {
		w.s.t.Errorf("%s with one operation id %s made several things: %q\n%s", v.name, id, answers, w.s.diary.about(id.String()))
	}
}

// volume chooses one that is under management, some much more often than others.
func (w *worker) volume() (inventory.Volume, bool) {
	ids := w.s.oracle.managed()
	if len(ids) > 20 && w.dice.once(3) {
		ids = ids[:12]
	}
	for range 5 {
		id, ok := oneOf(w.dice, ids)
		if !ok {
			break
		}
		vol, err := w.s.inv.Volume(context.Background(), id)
		if err == nil && (vol.DeletedAt.IsZero() || w.dice.once(5)) {
			return vol, true
		}
	}
	return inventory.Volume{}, false
}

// snapshot chooses one of a volume that has some.
func (w *worker) snapshot() (inventory.Volume, snapshot.Snapshot, bool) {
	for range 5 {
		vol, ok := w.volume()
		if !ok {
			break
		}
		var all []snapshot.Snapshot
		for s, err := range w.s.inv.Snapshots(context.Background(), inventory.SnapshotQuery{Volume: vol.ID}) {
			if err != nil {
				break
			}
			all = append(all, s)
		}
		if s, ok := oneOf(w.dice, all); ok {
			return vol, s, true
		}
	}
	return inventory.Volume{}, snapshot.Snapshot{}, false
}

// group chooses one that was made.
func (w *worker) group() (snapshot.GroupID, bool) {
	w.s.oracle.mu.Lock()
	defer w.s.oracle.mu.Unlock()
	all := w.s.oracle.groups
	return oneOf(w.dice, all[max(0, len(all)-20):])
}

// promise gives the word that no guest writes to the group's volumes any more, where nothing else keeps them away.
func (w *worker) promise(id snapshot.GroupID) {
	for s, err := range w.s.inv.Snapshots(context.Background(), inventory.SnapshotQuery{Group: id}) {
		if err != nil {
			return
		}
		w.s.oracle.assert(s.Volume)
	}
}

// stray is a volume that nobody has under management, mostly.
func (w *worker) stray() (engine.ImportRequest, bool) {
	if len(w.s.oracle.managed()) < soakVolumes && !w.dice.once(4) {
		st, _ := oneOf(w.dice, w.s.sites)
		return w.s.newImport(st, w.dice), true
	}
	return w.s.oracle.stray(w.dice)
}

// write is what the volume's guest does: it changes the content, if it can reach it.
func (w *worker) write(vol inventory.Volume) {
	st := w.s.site(vol.Backend)
	require.NotNil(w.s.t, st)
	if !vol.DeletedAt.IsZero() || vol.Native == "" || w.dice.once(4) {
		return
	}
	st.turn <- struct{}{}
	defer func() { <-st.turn }()
	switch {
	case st.host != nil && vol.Disk != "":
		w.s.oracle.writeBy(func(p []byte) error { return st.host.ReadAt(vol.Disk, p, 0) },
			func(p []byte) error { return st.host.WriteAt(vol.Disk, p, 0) })
	case !st.lacks("Access") && slices.Contains(st.array.Access(vol.Native), guestName):
		closeSession := st.array.OpenSession(vol.Native, guestName)
		defer closeSession()
		w.s.oracle.writeBy(func(p []byte) error { return st.array.ReadAt(vol.Native, p, 0) },
			func(p []byte) error { return st.array.GuestWrite(guestName, vol.Native, p, 0) })
	case st.lacks("Access") && st.host == nil && !w.s.oracle.isAsserted(vol.ID):
		w.s.oracle.writeBy(func(p []byte) error { return st.array.ReadAt(vol.Native, p, 0) },
			func(p []byte) error { return st.array.WriteAt(vol.Native, p, 0) })
	}
}
