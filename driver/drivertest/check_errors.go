package drivertest

import (
	"errors"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

func errorChecks() []check {
	return []check{
		{
			"errors/have-a-class",
			"the engine decides by the class alone; an error without one is taken for an unknown effect and waits for a person",
			errorClasses,
		},
		{
			"errors/say-what-and-where",
			"an operator reads the text at night and never sees the code",
			errorTexts,
		},
		{
			"errors/name-what-stands-in-the-way",
			"'in use' without by whom is a stuck delete that nobody can clear",
			func(p *probe) {
				p.none(p.suite.seen.read(&p.suite.seen.anonymous), "refusals with ErrInUse that name no Blockers")
			},
		},
		{
			"errors/calls-end-with-their-context",
			"a call that outlives its deadline races with the process that took over",
			func(p *probe) {
				p.none(p.suite.seen.read(&p.suite.seen.late), "calls that came back long after their deadline")
			},
		},
	}
}

// none fails the check if any call of this run was observed doing what it must not.
func (p *probe) none(seen []string, what string) {
	p.check(len(seen) == 0, "in this run there were %s:\n  %s", what, strings.Join(seen, "\n  "))
}

// provoke makes calls fail in every way that needs no preparation.
func (p *probe) provoke() map[string]error {
	v, ghost := p.volume(), p.ghost()
	canceled, cancel := p.cancelable()
	cancel()
	failures := map[string]error{}
	_, failures["Volume of an unknown id"] = p.d.Volume(p.ctx(), ghost)
	_, failures["Volume with a canceled context"] = p.d.Volume(canceled, v)
	_, failures["Describe with a canceled context"] = p.d.Describe(canceled)
	absent := driver.SnapshotRef{Volume: v, Token: p.token()}
	req := driver.CreateSnapshotRequest{Volume: ghost, Token: p.token()}
	_, failures["CreateSnapshot of an unknown volume"] = p.d.CreateSnapshot(p.ctx(), req)
	req = driver.CreateSnapshotRequest{Volume: v, Token: p.token()}
	_, failures["CreateSnapshot with a canceled context"] = p.d.CreateSnapshot(canceled, req)
	_, failures["Lookup of an unknown token"] = p.lookup(absent)
	_, failures["DeleteSnapshot with a canceled context"] = p.d.DeleteSnapshot(canceled, driver.DeleteSnapshotRequest{
		Snapshot: driver.SnapshotRef{Volume: v, Token: p.token()},
	})
	_, failures["Revert to an unknown snapshot"] = p.d.Revert(p.ctx(), p.unplanned(v, absent))
	for _, err := range p.d.Snapshots(p.ctx(), driver.ListRequest{Volume: ghost}) {
		failures["Snapshots of an unknown volume"] = err
	}
	return failures
}

func errorClasses(p *probe) {
	for what, err := range p.provoke() {
		if err == nil {
			continue // other checks demand the failure
		}
		p.check(classified(err), "%s: the error is no *driver.Error and wraps no driver.Class: %v (%T)", what, err, err)
	}
	p.none(p.suite.seen.read(&p.suite.seen.unclassified), "errors without a class")
}

func errorTexts(p *probe) {
	for what, err := range p.provoke() {
		if err == nil {
			continue
		}
		text := err.Error()
		p.check(!strings.ContainsAny(text, "\n\x00"), "%s: the error has more than one line: %q", what, text)
		e, ok := errors.AsType[*driver.Error](err)
		p.check(!ok || e.Err != nil && e.Err.Error() != "", "%s: the error says nothing but its class: %q", what, text)
		p.check(!ok || e.Op != "", "%s: the error does not say which call failed (Error.Op): %q", what, text)
	}
}
