package drivertest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

func TestAttempt(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    func(r *recorder)
		want    status
		message string
		note    string
	}{
		{name: "passes", body: func(*recorder) {}, want: passed},
		{name: "error goes on", body: func(r *recorder) { r.Error("one"); r.Errorf("t%s", "wo") }, want: failed, message: "one\ntwo\nwhy it matters: why"},
		{name: "fatal ends", body: func(r *recorder) { r.Fatalf("one"); r.Error("two") }, want: failed, message: "one\nwhy it matters: why"},
		{name: "fatal in words", body: func(r *recorder) { r.Fatal("a", 1) }, want: failed, message: "a 1\n"},
		{name: "skip ends and notes", body: func(r *recorder) { r.Skipf("no %s", "IO"); r.Error("two") }, want: skipped, note: "no IO"},
		{name: "skip without words", body: func(r *recorder) { r.SkipNow() }, want: skipped},
		{name: "a failure beats a skip", body: func(r *recorder) { r.Error("one"); r.Skip("then") }, want: failed, message: "one", note: "then"},
		{name: "panic fails", body: func(*recorder) { panic("boom") }, want: failed, message: "panic: boom\n"},
		{name: "log is kept", body: func(r *recorder) { r.Log("said") }, want: passed, message: "said"},
		{name: "remarks are joined once", body: func(r *recorder) { r.remark("a"); r.remark("b"); r.remark("a") }, want: passed, note: "a; b"},
		{
			name: "a cleanup can fail", want: failed, message: "late",
			body: func(r *recorder) { r.Cleanup(func() { r.Fatal("late") }) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := attempt(t, trial{"group/name", "why", c.body}, time.Minute)
			require.Equal(t, "group/name", res.name)
			require.Equal(t, c.want, res.status)
			require.Equal(t, c.note, res.note)
			require.Contains(t, strings.Join(res.messages, "\n"), c.message)
			require.False(t, res.hung)
		})
	}
}

func TestAttemptCleansUpLastFirst(t *testing.T) {
	var order []string
	res := attempt(t, trial{body: func(r *recorder) {
		r.Cleanup(func() { order = append(order, "first") })
		r.Cleanup(func() {
			r.Cleanup(func() { order = append(order, "added") })
			panic("in between")
		})
		r.Cleanup(func() { order = append(order, "last") })
		r.FailNow()
	}}, time.Minute)
	require.Equal(t, []string{"last", "added", "first"}, order)
	require.Equal(t, failed, res.status)
}

func TestAttemptGivesUpOnWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cleaned := false
		res := attempt(t, trial{name: "a/b", body: func(r *recorder) {
			r.Cleanup(func() { cleaned = true })
			<-release
		}}, time.Hour)
		require.True(t, res.hung)
		require.Equal(t, failed, res.status)
		require.Equal(t, time.Hour, res.took)
		require.Contains(t, res.messages[0], "still running after 1h0m0s")
		require.False(t, cleaned, "a cleanup ran beside the check")
		close(release)
	})
}

func TestJudge(t *testing.T) {
	deviations := map[string]string{"a/known": "firmware 1.2"}
	for _, c := range []struct {
		name   string
		check  string
		status status
		strict bool
		want   status
		note   string
	}{
		{name: "passes", check: "a/other", status: passed, want: passed},
		{name: "fails", check: "a/other", status: failed, want: failed},
		{name: "skips", check: "a/other", status: skipped, want: skipped},
		{name: "skips under strict", check: "a/other", status: skipped, strict: true, want: failed},
		{name: "known failure", check: "a/known", status: failed, want: deviates, note: "firmware 1.2"},
		{name: "known failure that passes", check: "a/known", status: passed, want: failed},
		{name: "known skip", check: "a/known", status: skipped, want: skipped, note: "; accepted: firmware 1.2"},
		{name: "known skip under strict", check: "a/known", status: skipped, strict: true, want: skipped, note: "; accepted: firmware 1.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := terms{deviations: deviations, strict: c.strict}.judge(result{name: c.check, status: c.status})
			require.Equal(t, c.want, res.status)
			require.Equal(t, c.note, res.note)
		})
	}
	hung := terms{deviations: deviations}.judge(result{name: "a/known", status: failed, hung: true})
	require.Equal(t, failed, hung.status, "a check that hangs is never a deviation")
}

func TestUnknownDeviations(t *testing.T) {
	m := terms{deviations: map[string]string{"a/b": "", "a/c": "", "a/misspelt": ""}}
	require.Equal(t, []string{"a/misspelt"}, m.unknown([]trial{{name: "a/b"}, {name: "a/c"}, {name: "a/d"}}))
}

// TestDeviationsAreReported runs the real thing with a driver that has a known bug.
func TestDeviationsAreReported(t *testing.T) {
	r := newRig(BackendOptions{Without: abilityNames()})
	r.wrap = func(d driver.Driver) driver.Driver {
		return &mutant{Driver: d, close: func() func() error {
			closed := false
			return func() error {
				if closed {
					return errors.New("closed already")
				}
				closed = true
				return d.Close()
			}
		}()}
	}
	h := r.harness()
	h.Deviations = map[string]string{"close/twice": "the session is gone by then"}
	Run(t, h)
}

func TestTable(t *testing.T) {
	text := describeBackend(driver.Description{
		Backend: "serial-1", Product: "Array", Version: "2",
		Facts: driver.Facts{RevertFenced: true, Settle: time.Second}, Limits: driver.Limits{GroupSize: 3},
	}, driver.Abilities{Cloner: mutantCloner{}}) + table([]result{
		{name: "a/b", status: passed, took: 1500 * time.Millisecond},
		{name: "a/longer", status: deviates, note: "firmware"},
		{name: "a/c", status: skipped, note: "no IO"},
		{name: "a/d", status: failed},
	})
	require.Equal(t, strings.TrimLeft(`
backend:   serial-1 (Array 2)
facts:     Settle=1s, RevertFenced
limits:    GroupSize=3
abilities: Cloner
check     result    seconds  note
a/b       ok        1.500    
a/longer  deviates  0.000    firmware
a/c       skip      0.000    no IO
a/d       FAIL      0.000    
4 checks: 1 ok, 1 FAIL, 1 skip, 1 deviates
`, "\n"), text)
}

// TestNames: a name is for ever, since vendors write it into their deviations.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	judge := func(name, why string) {
		require.Regexp(t, `^[a-z]+/[a-z]+(-[a-z]+)*$`, name)
		require.False(t, seen[name], "two checks are named %s", name)
		seen[name] = true
		require.Greater(t, len(why), 30, "%s does not say why", name)
		require.NotContains(t, why, "\n")
	}
	for _, c := range checks() {
		judge(c.name, c.why)
	}
	clear(seen)
	for _, c := range hostChecks() {
		judge(c.name, c.why)
	}
}

func TestHarnessIsChecked(t *testing.T) {
	sound := newRig(BackendOptions{}).harness()
	for name, spoil := range map[string]func(h *Harness){
		"no Open":          func(h *Harness) { h.Open = nil },
		"no NewVolume":     func(h *Harness) { h.NewVolume = nil },
		"odd size":         func(h *Harness) { h.Size = 1000 },
		"bad installation": func(h *Harness) { h.Installation = "X" },
	} {
		t.Run(name, func(t *testing.T) {
			h := sound
			spoil(&h)
			res := attempt(t, trial{body: func(r *recorder) { newSuite(r, h) }}, time.Minute)
			require.Equal(t, failed, res.status)
		})
	}
}

// TestBareHarness: with nothing but the two required functions the suite still runs, and says what it did not look at.
func TestBareHarness(t *testing.T) {
	full := newRig(BackendOptions{}).harness()
	results := evaluate(t, Harness{Open: full.Open, NewVolume: full.NewVolume})
	counts := map[status]int{}
	for _, res := range results {
		require.NotEqual(t, failed, res.status, "%s: %v", res.name, res.messages)
		require.True(t, res.status != skipped || res.note != "", "%s is skipped without a reason", res.name)
		counts[res.status]++
	}
	require.Greater(t, counts[passed], 60)
	require.Greater(t, counts[skipped], 20)
}

// TestSuitesKeepTheEnginesPromises: a vendor's driver may rely on them in the suite as in production.
func TestSuitesKeepTheEnginesPromises(t *testing.T) {
	awkward := factCases()[len(factCases())-1]
	for name, opts := range map[string]BackendOptions{"comfortable": {}, "awkward": awkward.opts} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(opts)
				pedant := NewPedant(t, opts.Facts)
				r.wrap = pedant.Driver
				var names []string
				for _, c := range checks() {
					if c.name != "close/a-call-afterwards-does-no-harm" { // which breaks one on purpose
						names = append(names, c.name)
					}
				}
				evaluate(t, r.harness(), names...)
			})
		})
	}
	t.Run("host", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newHostRig(HostOptions{})
			r.wrap = NewPedant(t, driver.Facts{}).Host
			evaluateHost(t, r.harness())
		})
	})
}
