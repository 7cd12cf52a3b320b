package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// versionPrefix begins every version of a plan, with the number of the form.
const versionPrefix = "p1"

// facet is one part of a plan that its version has a digest of, in words: so what tells plans apart also tells people how.
type facet struct{ name, text string }

// facets are what a plan that was shown and one that would run must have in common. Names and warnings are not among them,
// nor are snapshots that stay, so that a label, or a hold on another snapshot, makes no plan outdated.
func facets(argsHash string, p Plan) []facet {
	var volumes, steps, vanish, hosts []string
	for _, v := range p.Volumes {
		volumes = append(volumes, v.facet())
	}
	for _, s := range p.Steps {
		steps = append(steps, s.facet())
	}
	if p.Refusal != nil {
		steps = append(steps, "refused: "+p.Refusal.Code)
	}
	for _, l := range p.Vanish {
		vanish = append(vanish, l.Kind+" "+l.ID)
	}
	for _, h := range p.Hosts {
		hosts = append(hosts, "host "+h)
	}
	for _, h := range p.Holders {
		hosts = append(hosts, fmt.Sprintf("%s %s (running: %t)", h.Kind, h.ID, h.Running))
	}
	return []facet{
		{"request", argsHash},
		{"volumes", listed(volumes)},
		{"steps", listed(steps)},
		{"losses", listed(vanish)},
		{"hosts", listed(hosts)},
	}
}

func listed(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}

func (v PlannedVolume) facet() string {
	id := v.ID.String()
	if v.New {
		id = "(new)"
	}
	return fmt.Sprintf("%s of backend %s, native %q, version %d, %d bytes, head %s", id, v.Backend, v.Native, v.Version, v.Size,
		v.HeadBefore.facet())
}

func (h PlannedHead) facet() string {
	switch {
	case h.Unknown:
		return "unknown"
	case h.New:
		return "new"
	case h.Snapshot.IsZero():
		return "none"
	}
	return h.Snapshot.String()
}

func (s PlannedStep) facet() string {
	calls := make([]string, len(s.Calls))
	for i, c := range s.Calls {
		calls[i] = strings.TrimPrefix(fmt.Sprintf("%d× %s", c.Count, c.Method), "1× ")
	}
	return fmt.Sprintf("%s (%s)", s.Name, strings.Join(calls, " "))
}

// versionOf is compact: a digest of each facet.
func versionOf(argsHash string, p Plan) string {
	parts := []string{versionPrefix}
	for _, f := range facets(argsHash, p) {
		parts = append(parts, f.digest())
	}
	return strings.Join(parts, ".")
}

func (f facet) digest() string {
	sum := sha256.Sum256([]byte(f.text))
	return hex.EncodeToString(sum[:4])
}

// asPlanned compares what is about to run with the plan that the request goes by, if it goes by one.
func (r *run) asPlanned(ctx context.Context, change inventory.Change) error {
	if r.d.IfVersion == "" {
		return nil
	}
	now, err := r.depict(ctx, change)
	if err != nil {
		return err
	}
	was := strings.Split(r.d.IfVersion, ".")
	all := facets(r.argsHash, now)
	if len(was) != len(all)+1 || was[0] != versionPrefix {
		return outdated("its version, %.80q, is none of this program's", r.d.IfVersion)
	}
	if all[0].digest() != was[1] {
		return outdated("it was made for another request")
	}
	var changed []string
	for i, f := range all {
		if f.digest() != was[i+1] {
			changed = append(changed, fmt.Sprintf("the %s changed, now: %.600s", f.name, f.text))
		}
	}
	if len(changed) > 0 {
		return outdated("%s", strings.Join(changed, "; "))
	}
	return nil
}

// outdated is the error of a request whose plan is not what would run.
func outdated(format string, args ...any) error {
	return driver.Errorf(driver.ErrConflict, "the plan is outdated (%w): %w", inventory.ErrStale, fmt.Errorf(format, args...))
}

func isOutdated(err error) bool {
	return driver.ClassOf(err) == driver.ErrConflict && errors.Is(err, inventory.ErrStale)
}

// nextOf is the advice that goes with an error of a request, if its text does not give it.
func nextOf(err error) string {
	if known, ok := errors.AsType[*Error](err); ok {
		return known.Next
	}
	if isOutdated(err) {
		return "plan again, and decide again"
	}
	return ""
}
