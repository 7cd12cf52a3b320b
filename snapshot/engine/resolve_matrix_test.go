package engine_test

import (
	"fmt"
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
	if happened := p.truth(w, st, before); p.choice == engine.ChoiceAssumeDone && !happened ||
		p.choice == engine.ChoiceAssumeNotDone && happened {
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

// truth reports whether the effect of the pivot took place, as a person finds out who looks at the array.
func (p *plight) truth(w *world, st *stage, op inventory.Operation) bool {
	there := func(id string) bool {
		for _, s := range w.array.AllSnapshots() {
			if s.Ref.ID == id {
				return true
			}
		}
		return false
	}
	switch op.Kind {
	case "create":
		return len(w.array.AllSnapshots()) > 2
	case "delete":
		return !there(st.one.Native)
	case "delete-volume":
		return len(w.array.Volumes()) == 0
	case "revert":
		c, err := w.array.Content(w.volume.Native)
		return err != nil || c[0] == 1
	}
	return false
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
	p.judgeHead(t, w)
}

// judgeHead: the head is what the content descends from, or is said to be unknown; and the volume takes other operations.
func (p *plight) judgeHead(t testing.TB, w *world) {
	t.Helper()
	vol, err := w.inv.Volume(ctx(t), w.volume.ID)
	require.NoError(t, err, "the volume's record stays")
	content, gone := w.array.Content(vol.Native)
	tree, err := w.eng.Tree(ctx(t), vol.ID)
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	if vol.HeadUnknown {
		require.Contains(t, p.made.Consequence, "head unknown")
	}
	if gone != nil {
		return
	}
	if head, ok := tree.Get(vol.Head); ok && p.scene.act != nil && strings.HasPrefix(p.scene.name, "revert") {
		require.Equal(t, map[byte]string{1: "one", 3: "two"}[content[0]], head.Name, "the tree lies about the content")
	}
	_, err = w.eng.Create(ctx(t), engine.CreateRequest{Volume: vol.ID, Name: "after"})
	require.NoError(t, err, "the volume takes other operations")
	if w.host != nil {
		require.Empty(t, w.host.Violations())
	}
}

// TestEveryChoice: the process of an operation dies at every point, nobody takes it up, and a person makes each of the choices
// that are offered. None is refused, and each leads to what it promised; also when the deciding process dies at any
// point and the same is decided again.
func TestEveryChoice(t *testing.T) {
	for _, sc := range decisionScenes() {
		if sc.name == "import" || sc.name == "forget" {
			continue // what they do needs no decision: retry and undo are played by the crash matrix
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
					playChoice(t, plight{scene: sc, dies: n, choice: c.Name}, !testing.Short() || n%7 == 0)
				}
			}
			t.Log(counts)
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
