package drivertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// trial is a check of either suite, ready to run.
type trial struct {
	name string
	why  string
	body func(r *recorder)
}

// terms are how the results of a run are judged.
type terms struct {
	deviations map[string]string
	strict     bool
	limit      time.Duration
}

// status is how a check ended.
type status string

const (
	passed   status = "ok"
	failed   status = "FAIL"
	skipped  status = "skip"
	deviates status = "deviates"
)

// result is one line of the table.
type result struct {
	name     string
	status   status
	took     time.Duration
	note     string
	messages []string
	// hung: the check is still running, so no other can be trusted.
	hung bool
}

// attempt runs one check to its end, cleanups included.
func attempt(tb testing.TB, tr trial, limit time.Duration) result {
	tb.Helper()
	r := &recorder{TB: tb}
	began := time.Now()
	ended := r.guard(limit, func() { tr.body(r) })
	ended = ended && r.clean(limit)
	r.mu.Lock()
	defer r.mu.Unlock()
	res := result{
		name: tr.name, status: passed, took: time.Since(began), hung: !ended,
		note: r.note, messages: slices.Clone(r.messages),
	}
	switch {
	case r.failed:
		res.status = failed
		res.messages = append(res.messages, "why it matters: "+tr.why)
	case r.skipped:
		res.status = skipped
	}
	return res
}

// judge applies what the harness said about deviations and skips.
func (m terms) judge(res result) result {
	reason, named := m.deviations[res.name]
	switch {
	case res.status == failed && named && !res.hung:
		res.status, res.note = deviates, reason
	case res.status == passed && named:
		res.status = failed
		res.messages = append(res.messages, fmt.Sprintf("passes, although Deviations names it (%s): remove it there", reason))
	case res.status == skipped && named:
		res.note += "; accepted: " + reason
	case res.status == skipped && m.strict:
		res.status = failed
		res.messages = append(res.messages, "skipped, which Strict forbids unless Deviations names it: "+res.note)
	}
	return res
}

// unknown returns the deviations that name no check: a misspelt one would hide nothing and look as if it did.
func (m terms) unknown(trials []trial) []string {
	names := maps.Clone(m.deviations)
	for _, tr := range trials {
		delete(names, tr.name)
	}
	return slices.Sorted(maps.Keys(names))
}

func runTrials(t *testing.T, m terms, trials []trial, header func() string) {
	t.Helper()
	if names := m.unknown(trials); len(names) > 0 {
		t.Errorf("drivertest: Deviations name checks that do not exist: %s", strings.Join(names, ", "))
	}
	var results []result
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			res := m.judge(attempt(t, tr, m.limit))
			results = append(results, res)
			tell(t, res)
		})
		if n := len(results); n > 0 && results[n-1].hung {
			t.Errorf("drivertest: %s hangs; the checks after it were not run", tr.name)
			break
		}
	}
	t.Log("\n" + header() + table(results))
}

// tell passes a judged result on to its subtest.
func tell(t *testing.T, res result) {
	t.Helper()
	if len(res.messages) > 0 {
		t.Log(strings.Join(res.messages, "\n"))
	}
	switch res.status {
	case failed:
		t.Fail()
	case skipped:
		t.Skip(res.note)
	case deviates:
		t.Skip("known deviation: " + res.note)
	case passed:
	}
}
