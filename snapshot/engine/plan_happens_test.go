package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// tally counts how the cases ended, so that none of the ends is missing.
type tally map[string]int

// TestPlansEqualWhatHappens: in random worlds, for random requests of every kind, what runs is what the plan says: call
// by call, loss by loss, refusal by refusal. In half of the cases something else happens between the two.
// PLAN_SEED repeats one case.
func TestPlansEqualWhatHappens(t *testing.T) {
	cases := 4000
	if testing.Short() {
		cases = 800
	}
	ends := tally{}
	first := uint64(1)
	if text := os.Getenv("PLAN_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		first, cases = seed, 1
	}
	for i := range cases {
		seed := first + uint64(i)
		if !t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { playPlan(t, seed, ends) }) {
			t.Fatalf("seed %d; repeat it with PLAN_SEED=%d", seed, seed)
		}
	}
	t.Log(ends)
	if cases == 1 {
		return
	}
	for kind := range (&chance{}).requests() {
		require.Positive(t, ends[kind+" succeeded"], "requests of kind %s that succeed", kind)
	}
	require.Positive(t, ends["several volumes"])
	for _, end := range []string{"refused", "succeeded", "outdated"} {
		require.Greater(t, ends[end], cases/50, "cases that end as %q", end)
	}
	require.Less(t, ends["turned down by the array"], cases/10, "what only the array can know")
}

func playPlan(t *testing.T, seed uint64, ends tally) {
	t.Helper()
	c := &chance{Rand: rand.New(rand.NewPCG(seed, seed))}
	s := randomSettings(c)
	c.w = newWorld(t, s)
	if box := c.w.volume.Container; box != "" && c.IntN(3) > 0 {
		_, err := c.try(engine.ImportRequest{Backend: "array", Native: c.w.array.AddVolumeIn(box, size)})
		require.NoError(t, err)
	}
	for range c.IntN(3) {
		_, _ = c.try(engine.CreateRequest{Volume: c.w.volume.ID, Name: c.name("snapshot")}) // a limit may forbid it
	}
	for range c.IntN(8) {
		c.happen()
	}
	tr := &transcript{}
	c.w.record = tr.record
	req := c.request()
	if s.facts.RevertUnit == driver.UnitContainer && c.coin() {
		req = c.revertOfAll()
	}
	tr.take() // what was made for the request's sake
	before, foreign, was := c.picture(), c.foreign(), c.there()
	plan := planned(t, c.w, tr, req)
	require.Equal(t, before, c.picture(), "a plan changes nothing")
	between := c.coin()
	if between {
		c.happen()
		tr.take()
		before, foreign, was = c.picture(), c.foreign(), c.there()
	}
	req = withVersion(req, plan.Version)
	op, err := c.try(req)
	defer func() {
		if t.Failed() {
			t.Logf("%+v ended with %v\n%s", req, err, plan)
		}
	}()
	p := performed{t: t, c: c, plan: plan, between: between, before: before, foreign: foreign, was: was, calls: tr.take()}
	end := p.judge(op, err)
	ends[end]++
	ends[plan.Kind+" "+end]++
	if end == "succeeded" && len(plan.Volumes) > 1 {
		ends["several volumes"]++
	}
}

// planned makes the plan and checks what must hold of any.
func planned(t *testing.T, w *world, tr *transcript, req engine.Request) engine.Plan {
	t.Helper()
	mutations := w.array.Mutations()
	plan, err := w.eng.Plan(ctx(t), req)
	require.NoError(t, err)
	calls := tr.take()
	require.Empty(t, mutating(calls), "a plan mutates nothing")
	require.Equal(t, mutations, w.array.Mutations())
	require.Equal(t, sendsOf(t, plan.Checks), slices.DeleteFunc(calls, func(c sent) bool { return c.method == "Impact" }))
	_, err = json.Marshal(plan)
	require.NoError(t, err)
	again, err := w.eng.Plan(ctx(t), req)
	require.NoError(t, err)
	require.Equal(t, plan.Version, again.Version, "nothing has happened")
	require.Equal(t, plan.String(), again.String())
	tr.take()
	return plan
}

// picture is all that the inventory holds, as JSON, by id.
func (c *chance) picture() map[string]string {
	all := make(map[string]string)
	put := func(kind, id string, v any) {
		doc, err := json.Marshal(v)
		require.NoError(c.w.t, err)
		all[kind+" "+id] = string(doc)
	}
	for _, v := range c.volumes() {
		put("volume", v.ID.String(), v)
	}
	for _, s := range c.snapshots() {
		put("snapshot", s.ID.String(), s)
	}
	for op, err := range c.w.inv.Operations(ctx(c.w.t), inventory.OperationQuery{}) {
		require.NoError(c.w.t, err)
		put("operation", op.ID.String(), op)
	}
	for r, err := range c.w.inv.Records(ctx(c.w.t), inventory.RecordQuery{}) {
		require.NoError(c.w.t, err)
		put("record", r.Kind+"/"+r.ID, r)
	}
	return all
}

// there is what the array has, by its ids.
func (c *chance) there() map[string]bool {
	there := make(map[string]bool)
	for _, s := range c.w.array.AllSnapshots() {
		there["snapshot "+s.Ref.ID] = true
	}
	for _, id := range c.w.array.Volumes() {
		there["volume "+string(id)] = true
	}
	return there
}

// foreign are the array's ids of snapshots that the inventory does not know.
func (c *chance) foreign() (ids []string) {
	known := c.snapshots()
	for _, s := range c.w.array.AllSnapshots() {
		if !slices.ContainsFunc(known, func(o snapshot.Snapshot) bool { return o.Native == s.Ref.ID }) {
			ids = append(ids, s.Ref.ID)
		}
	}
	return ids
}

// performed is one case: what was planned, and what happened then.
type performed struct {
	t    *testing.T
	c    *chance
	plan engine.Plan
	// between: something else happened between plan and request.
	between bool
	before  map[string]string
	foreign []string
	was     map[string]bool
	calls   []sent
}

func (p *performed) judge(op inventory.Operation, err error) string {
	p.t.Helper()
	known, _ := errors.AsType[*engine.Error](err)
	switch {
	case err == nil:
		p.asPlanned(op)
		return "succeeded"
	case errors.Is(err, inventory.ErrStale):
		require.True(p.t, p.between, "nothing has changed: %v", err)
		require.ErrorIs(p.t, err, driver.ErrConflict)
		require.NotEmpty(p.t, known.Next)
		p.untouched()
		return "outdated"
	case known.Operation.IsZero():
		p.untouched()
		if p.between {
			return "refused by now"
		}
		require.NotNil(p.t, p.plan.Refusal, "%v", err)
		require.ErrorIs(p.t, err, p.plan.Refusal.Class)
		require.Equal(p.t, driver.BlockersOf(err), p.plan.Blockers)
		return "refused"
	}
	p.turnedDown(err)
	return "turned down by the array"
}

// untouched: no call but reads, and nothing in the inventory, not even an operation.
func (p *performed) untouched() {
	p.t.Helper()
	require.Empty(p.t, mutating(p.calls))
	require.Equal(p.t, p.before, p.c.picture())
}

// turnedDown: the array knew what nobody could foresee. Until then everything was as planned.
func (p *performed) turnedDown(err error) {
	p.t.Helper()
	require.Nil(p.t, p.plan.Refusal, "%v", err)
	want, got := mutating(stepSends(p.t, p.plan)), mutating(p.calls)
	n := 0
	for n < min(len(want), len(got)) && want[n] == got[n] {
		n++
	}
	require.Positive(p.t, n, "it began as planned: %v", err)
}

// asPlanned compares everything that happened with the plan.
func (p *performed) asPlanned(op inventory.Operation) {
	p.t.Helper()
	require.Nil(p.t, p.plan.Refusal, "it was refused in the plan")
	require.Equal(p.t, append(sendsOf(p.t, p.plan.Checks), stepSends(p.t, p.plan)...), p.calls, "the calls, in their order")
	hosts := []string(nil)
	for _, call := range mutating(p.calls) {
		if slices.Contains([]string{"Detach", "Attach", "Introduce", "Withdraw", "Quiesce", "Thaw"}, call.method) {
			hosts = []string{"pool"}
		}
	}
	require.Equal(p.t, hosts, p.plan.Hosts)
	names := make([]string, 0, len(op.Steps))
	for _, s := range op.Steps {
		names = append(names, s.Name)
	}
	for i, s := range p.plan.Steps[:len(p.plan.Steps)-1] {
		require.Equal(p.t, names[i], s.Name)
	}
	p.losses()
	p.heads(op)
}

// losses: the snapshots and volumes that vanished from the array are those of the plan.
func (p *performed) losses() {
	p.t.Helper()
	there := p.c.there()
	var want, got []string
	unseen := make(map[string]bool) // gone before, and nobody has audited that
	for _, doc := range p.before {
		var row struct {
			ID      string `json:"id"`
			Native  string `json:"native"`
			Backend string `json:"backend"`
		}
		require.NoError(p.t, json.Unmarshal([]byte(doc), &row))
		kind := "snapshot"
		if row.Backend != "" {
			kind = "volume"
		}
		if !p.was[kind+" "+row.Native] {
			unseen[kind+" "+row.ID] = true
		}
		renamed := kind == "volume" && p.renamed(row.ID)
		if p.was[kind+" "+row.Native] && !there[kind+" "+row.Native] && !renamed {
			got = append(got, kind+" "+row.ID)
		}
	}
	for _, id := range p.foreign {
		if !there["snapshot "+id] && p.plan.Kind != "delete-volume" { // of which the plan warns
			got = append(got, "foreign snapshot "+id)
		}
	}
	for _, l := range p.plan.Vanish {
		if l.Kind != "content" && l.Kind != "record" && !unseen[l.Kind+" "+l.ID] {
			want = append(want, l.Kind+" "+l.ID)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(p.t, want, got, "what vanished")
}

// renamed: the volume lives under another native id.
func (p *performed) renamed(id string) bool {
	parsed, err := snapshot.ParseID[snapshot.VolumeID](id)
	require.NoError(p.t, err)
	v, err := p.c.w.inv.Volume(ctx(p.t), parsed)
	return err == nil && slices.Contains(p.c.w.array.Volumes(), v.Native)
}

// heads: the headers are what the plan said.
func (p *performed) heads(op inventory.Operation) {
	p.t.Helper()
	if len(op.Steps) > 0 || len(p.plan.Volumes) > 0 { // what ends at once needs no volume for itself, and names it all the same
		require.Len(p.t, p.plan.Volumes, len(op.Volumes))
	}
	for _, planned := range p.plan.Volumes {
		id := planned.ID
		require.Equal(p.t, planned.New, id.IsZero())
		if planned.New {
			id = op.Volumes[0]
		}
		require.Contains(p.t, op.Volumes, id)
		v, err := p.c.w.inv.Volume(ctx(p.t), id)
		if planned.Gone {
			require.True(p.t, errors.Is(err, inventory.ErrNotFound) || !v.DeletedAt.IsZero())
			continue
		}
		require.NoError(p.t, err)
		if op.Kind != "edit-volume" { // whose plan names the volume as it is known so far
			require.Equal(p.t, planned.Name, v.Name)
		}
		switch after := planned.HeadAfter; {
		case after.Unknown:
		case after.New:
			head, err := p.c.w.inv.Snapshot(ctx(p.t), v.Head)
			require.NoError(p.t, err)
			require.Equal(p.t, after.Name, head.Name)
			require.NotContains(p.t, p.before, "snapshot "+head.ID.String())
		default:
			require.Equal(p.t, after.Snapshot, v.Head)
		}
	}
}

// withVersion is the request with the plan's version.
func withVersion(req engine.Request, version string) engine.Request {
	v := reflect.New(reflect.TypeOf(req)).Elem()
	v.Set(reflect.ValueOf(req))
	v.FieldByName("IfVersion").SetString(version)
	changed, _ := reflect.TypeAssert[engine.Request](v)
	return changed
}
