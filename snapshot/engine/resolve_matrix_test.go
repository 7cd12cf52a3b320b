package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// decisionScenes are the scenes of the crash matrix, and one for which only a person's word keeps writers away.
func decisionScenes() []scene {
	all := scenes()
	for _, sc := range all {
		if sc.name != "revert, fenced by the array" {
			continue
		}
		word := sc
		word.name, word.facts = "revert, on a person's word", driver.Facts{}
		word.act = func(w *world, s *stage) error {
			_, err := w.eng.Revert(w.context(), engine.RevertRequest{
				Common: s.common(), Volume: w.volume.ID, Snapshot: s.one.ID,
				AssertDetached: &engine.Assertion{By: "ops", Reason: "the machine is off"},
			})
			return err
		}
		all = append(all, word)
	}
	return all
}

// plight is an operation that is stuck in some way, and the choice that a person makes.
type plight struct {
	scene  scene
	dies   int                // the point at which its process dies; 0: it does not
	faults []drivertest.Fault // what goes wrong, until after the decision
	again  int                // the point of the decision at which the deciding process dies; 0: it does not
	choice engine.ChoiceName  // empty: only look

	heads map[snapshot.VolumeID]snapshot.ID // before the operation
	made  engine.Choice
	died  bool // the process of the operation came to its point, or the deciding one to its own
	where string
}

// stuck plays the scene until the operation is stuck, and returns its world with nobody working on the operation.
func (p *plight) stuck(t testing.TB) (*world, *stage) {
	t.Helper()
	w := newWorld(t, p.scene.settings)
	st := &stage{op: snapshot.NewID[inventory.OperationID]()}
	p.scene.before(w, st)
	w.close()
	p.heads = make(map[snapshot.VolumeID]snapshot.ID)
	for v, err := range w.inv.Volumes(ctx(t), inventory.VolumeQuery{}) {
		require.NoError(t, err)
		p.heads[v.ID] = v.Head
	}
	w.killer = newKiller(p.dies)
	w.open()
	w.faults.Add(p.faults...)
	_ = p.scene.act(w, st)
	idle(w)
	if p.dies == 0 {
		w.close()
	} else {
		p.died, p.where = w.killer.isDead(), w.killer.where
		w.die()
	}
	w.opts.ManualRecovery = true
	w.killer = newKiller(p.again)
	w.open()
	w.killer.reset()
	return w, st
}

// look lists what is offered.
func (p *plight) look(t testing.TB) []engine.Choice {
	t.Helper()
	w, st := p.stuck(t)
	choices, err := w.eng.Choices(ctx(t), st.op)
	if err != nil {
		require.ErrorIs(t, err, driver.ErrNotFound)
	}
	return choices
}

// play lets the person decide, and judges.
func (p *plight) play(t testing.TB) {
	t.Helper()
	w, st := p.stuck(t)
	p.died = false
	before, err := w.inv.Operation(ctx(t), st.op)
	require.NoError(t, err)
	choices, err := w.eng.Choices(ctx(t), st.op)
	require.NoError(t, err)
	for _, c := range choices {
		if c.Name == p.choice {
			p.made = c
		}
	}
	if done, not := p.truth(w, before); p.choice == engine.ChoiceAssumeDone && !done ||
		p.choice == engine.ChoiceAssumeNotDone && !not {
		return // that would be a lie
	}
	err = w.eng.Resolve(ctx(t), st.op, p.choice, "ops", "we looked")
	if !w.killer.isDead() {
		require.NoError(t, err, "what is offered is not refused")
	}
	idle(w)
	if p.again > 0 {
		p.died = w.killer.isDead()
		w.die()
		w.open()
	}
	w.faults.Clear()
	for range 3 {
		op, err := w.inv.Operation(ctx(t), st.op)
		require.NoError(t, err)
		if !op.State.Open() {
			break
		}
		require.NoError(t, w.eng.Resolve(ctx(t), st.op, p.choice, "ops", "we looked"), "the same again is not refused")
		idle(w)
	}
	require.NoError(t, w.eng.Resolve(ctx(t), st.op, p.choice, "ops", "we looked"), "nor after it is over")
	p.judge(t, w, st)
}

// journal is what a test reads of an operation's own document.
type journal struct {
	Volume   snapshot.VolumeID  `json:"volume"`
	Native   driver.VolumeID    `json:"native"`
	Token    driver.Token       `json:"token"`
	Ref      driver.SnapshotRef `json:"ref"`
	Snapshot snapshot.ID        `json:"snapshot"`
	Others   []journal          `json:"others"`
}

// parts are those of all volumes of the operation.
func parts(t testing.TB, op inventory.Operation) []journal {
	t.Helper()
	var j journal
	require.NoError(t, json.Unmarshal(op.Detail, &j))
	return append([]journal{j}, j.Others...)
}

// truth reports whether the effect of the step under way took place, as a person finds out who looks at the array; neither,
// if only a part of it did.
func (p *plight) truth(w *world, op inventory.Operation) (done, not bool) {
	if op.Cursor >= len(op.Steps) || len(op.Detail) == 0 {
		return false, false
	}
	step, all := op.Steps[op.Cursor], parts(w.t, op)
	j := all[max(slices.IndexFunc(all, func(j journal) bool { return j.Volume == step.Volume }), 0)]
	there := func(is func(driver.Snapshot) bool) bool { return slices.ContainsFunc(w.array.AllSnapshots(), is) }
	switch step.Name {
	case "CreateSnapshot", "CreateQuiesced":
		done = there(func(s driver.Snapshot) bool { return s.Ref.Token == j.Token })
	case "DeleteSnapshot":
		done = !there(func(s driver.Snapshot) bool { return s.Ref.ID == j.Ref.ID })
	case "DeleteVolume":
		done = !slices.Contains(w.array.Volumes(), j.Native)
	case "Revert":
		if done = w.rolledBack(j); w.array.Partial(j.Native) {
			return false, false
		}
	default:
		return false, false
	}
	return done, !done
}

// rolledBack: the volume has the content of the snapshot, or another id.
func (w *world) rolledBack(j journal) bool {
	w.t.Helper()
	now, gone := w.array.Content(j.Native)
	then, err := w.array.SnapshotContent(j.Ref)
	require.NoError(w.t, err)
	return gone != nil || bytes.Equal(now, then)
}

func (p *plight) judge(t testing.TB, w *world, st *stage) {
	t.Helper()
	op, err := w.inv.Operation(ctx(t), st.op)
	require.NoError(t, err)
	if p.choice == engine.ChoiceAbandon && op.State == inventory.Abandoned {
		p.judgeAbandoned(t, w, op)
		return
	}
	want := map[engine.ChoiceName][]inventory.OperationState{
		engine.ChoiceRetry: {inventory.Succeeded, inventory.Failed}, engine.ChoiceUndo: {inventory.Failed},
		engine.ChoiceAssumeDone: {inventory.Succeeded}, engine.ChoiceAssumeNotDone: {inventory.Failed},
	}[p.choice]
	require.Contains(t, want, op.State, op.Error)
	perf := &performance{scene: p.scene}
	perf.judge(w, st)
}

// judgeAbandoned: the volume is free, the tree is valid and does not lie, and what it does not tell the consequence did.
func (p *plight) judgeAbandoned(t testing.TB, w *world, op inventory.Operation) {
	t.Helper()
	require.Contains(t, op.Reason, "we looked")
	require.Empty(t, w.array.Violations())
	known := make(map[string]bool)
	there := make(map[string]bool)
	for _, s := range w.array.AllSnapshots() {
		there[s.Ref.ID] = true
	}
	for s, err := range w.inv.Snapshots(ctx(t), inventory.SnapshotQuery{}) {
		require.NoError(t, err)
		require.Empty(t, s.Pins)
		known[s.Native] = true
		if s.State == snapshot.Missing {
			require.Contains(t, p.made.Consequence, "missing", "%s is marked missing", s.Name)
			continue
		}
		require.Equal(t, snapshot.Ready, s.State)
		require.True(t, there[s.Native], "%s is said to be ready, and the array does not have it", s.Name)
	}
	for _, s := range w.array.AllSnapshots() {
		if !known[s.Ref.ID] {
			require.Contains(t, p.made.Consequence, s.Ref.Token, "the array has a snapshot of which nobody was told")
		}
	}
	volumes := make(map[driver.VolumeID]bool)
	for v, err := range w.inv.Volumes(ctx(t), inventory.VolumeQuery{}) {
		require.NoError(t, err)
		require.True(t, v.Pending.IsZero())
		volumes[v.Native] = true
	}
	for _, native := range w.array.Volumes() {
		require.True(t, volumes[native] || strings.Contains(p.made.Consequence, "if the array has the new volume") ||
			strings.Contains(p.made.Consequence, "another id"), "the array has a volume of which nobody was told")
	}
	for rec, err := range w.inv.Records(ctx(t), inventory.RecordQuery{Kind: "container"}) {
		require.NoError(t, err)
		require.Fail(t, "a container is locked", rec.ID)
	}
	p.judgeHead(t, w, op)
}

// judgeHead: the head is what the content descends from, or is said to be unknown; and the volumes take other operations.
func (p *plight) judgeHead(t testing.TB, w *world, op inventory.Operation) {
	t.Helper()
	for _, j := range parts(t, op) {
		vol, err := w.inv.Volume(ctx(t), j.Volume)
		if errors.Is(err, inventory.ErrNotFound) {
			require.Equal(t, "clone", op.Kind, "the volume's record stays")
			continue
		}
		require.NoError(t, err)
		tree, err := w.eng.Tree(ctx(t), vol.ID)
		require.NoError(t, err)
		require.NoError(t, tree.Validate())
		switch {
		case vol.HeadUnknown:
			require.Contains(t, p.made.Consequence, "head unknown")
		case strings.HasPrefix(op.Kind, "revert") && j.Ref.ID != "":
			want := p.heads[vol.ID]
			if w.rolledBack(j) {
				want = j.Snapshot
			}
			require.Equal(t, want, vol.Head, "the tree lies about the content")
		}
		if slices.Contains(w.array.Volumes(), vol.Native) && !w.array.Partial(vol.Native) {
			_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "after"})
			require.NoError(t, err, "the volume takes other operations")
		}
	}
	if w.host != nil {
		require.Empty(t, w.host.Violations())
	}
}

// TestEveryChoice: the process of an operation dies at every point, nobody takes it up, and a person makes each of the choices
// that are offered. None is refused, and each leads to what it promised; also when the deciding process dies at any
// point and the same is decided again.
func TestEveryChoice(t *testing.T) {
	// These touch the inventory alone, most in one commit; retry and undo are played by the crash matrix.
	needless := []string{"import", "forget", "adopt", "repair", "repair, changed id", "drop, record", "edit", "edit volume"}
	for _, sc := range decisionScenes() {
		if slices.Contains(needless, sc.name) {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			counts := make(map[engine.ChoiceName]int)
			for n := 1; ; n++ {
				p := plight{scene: sc, dies: n}
				offered := p.look(t)
				if !p.died {
					break
				}
				for _, c := range offered {
					counts[c.Name]++
					playChoice(t, plight{scene: sc, dies: n, choice: c.Name}, !testing.Short() || n%11 == 0)
				}
			}
			t.Log(counts)
			if _, alone := counts[engine.ChoiceRetry]; !alone && strings.Contains("hold release set expiry", strings.Split(sc.name, ",")[0]) {
				return // the array was not told, so it was one commit
			}
			require.Equal(t, sc.name != "revert, on a person's word", counts[engine.ChoiceRetry] > 0, "a word is not repeated")
			require.Positive(t, counts[engine.ChoiceAbandon])
		})
	}
}

// playChoice plays it, and again with the deciding process dying at each point.
func playChoice(t *testing.T, p plight, deaths bool) {
	t.Helper()
	for m := 0; ; m++ {
		cell := p
		cell.again = m
		ok := t.Run(fmt.Sprintf("%d/%s/%d", p.dies, p.choice, m), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("died %s, chose %+v", cell.where, cell.made)
				}
			}()
			cell.play(t)
		})
		if !ok {
			t.FailNow()
		}
		if !deaths || m > 0 && !cell.died {
			return
		}
	}
}

// TestEveryChoiceWhileItIsDown: an operation waits because a call fails for ever, in four ways; a person makes each of the
// choices while it still fails, and the same again once it works.
func TestEveryChoiceWhileItIsDown(t *testing.T) {
	calls := []string{
		"CreateSnapshot", "Lookup", "Revert", "DeleteSnapshot", "Volume", "Clone", "Discard", "DeleteVolume",
		"Revoke", "Grant", "Sessions", "Attachments", "Detach", "Attach", "Introduce", "Withdraw",
	}
	ways := []struct {
		name string
		when drivertest.When
		err  error
	}{
		{"reply lost", drivertest.After, driver.Errorf(driver.ErrIndeterminate, "the reply was lost")},
		{"request lost", drivertest.Before, driver.Errorf(driver.ErrIndeterminate, "nobody knows")},
		{"unavailable", drivertest.Before, driver.Errorf(driver.ErrUnavailable, "no route")},
		{"refused", drivertest.Before, driver.Errorf(driver.ErrPermission, "no")},
	}
	if testing.Short() {
		ways = ways[2:]
	}
	for _, sc := range decisionScenes() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			if sc.before == nil {
				sc.before = func(*world, *stage) {}
			}
			for _, call := range calls {
				for _, way := range ways {
					p := plight{scene: sc, faults: []drivertest.Fault{{Method: call, When: way.when, Err: way.err}}}
					for _, c := range p.look(t) {
						cell := p
						cell.choice = c.Name
						t.Run(call+"/"+way.name+"/"+string(c.Name), func(t *testing.T) {
							defer func() {
								if t.Failed() {
									t.Logf("chose %+v", cell.made)
								}
							}()
							cell.play(t)
						})
					}
				}
			}
		})
	}
}
