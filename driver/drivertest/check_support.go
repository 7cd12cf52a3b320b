package drivertest

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"github.com/storagesnap/storagesnap/driver"
)

func supportChecks() []check {
	return []check{{
		"support/findings",
		"a support person reads this list first, by stable names, and does what the hint says",
		func(p *probe) {
			p.need(p.can.Checker != nil, "the driver has no Checker")
			var first []driver.Finding
			p.act("Check", nil, func(ctx context.Context) (err error) {
				first, err = p.can.Checker.Check(ctx)
				return err
			})
			second, err := p.can.Checker.Check(p.ctx())
			p.ok(err, "Check again")
			checkFindings(p, first, second)
		},
	}}
}

// checkFindings judges two readings of a Checker's list.
func checkFindings(t testing.TB, first, second []driver.Finding) {
	t.Helper()
	wellNamed := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	if len(first) == 0 {
		t.Error("Check found nothing to say: not even that all is well")
	}
	seen := map[string]bool{}
	for _, f := range first {
		if !wellNamed.MatchString(f.Name) {
			t.Errorf("finding %q: a name is lower case with dashes", f.Name)
		}
		if seen[f.Name] {
			t.Errorf("finding %q comes twice", f.Name)
		}
		seen[f.Name] = true
		if !slices.Contains([]driver.Status{driver.StatusOK, driver.StatusWarn, driver.StatusFail, driver.StatusSkip}, f.Status) {
			t.Errorf("finding %s: status %q has no meaning", f.Name, f.Status)
		}
		if (f.Status == driver.StatusWarn || f.Status == driver.StatusFail) && f.Hint == "" {
			t.Errorf("finding %s: %s, but no hint what to do", f.Name, f.Status)
		}
		if f.Status == driver.StatusSkip && f.Detail == "" {
			t.Errorf("finding %s: skipped, but no reason", f.Name)
		}
	}
	name := func(f driver.Finding) string { return f.Name }
	if a, b := mapped(first, name), mapped(second, name); !slices.Equal(a, b) {
		t.Errorf("Check twice: findings %v, then %v", a, b)
	}
}

func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}
