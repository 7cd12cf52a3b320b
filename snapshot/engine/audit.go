package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// AuditRequest asks to compare the inventory with the arrays. The zero value looks at everything and changes nothing.
type AuditRequest struct {
	_ [0]func()

	// Actor is who asks, for the journals of what is done.
	Actor string `json:"actor,omitempty"`
	// Backends are the names of those to look at; none means all. Volume limits the audit to one of our volumes.
	Backends []string          `json:"backends,omitempty"`
	Volume   snapshot.VolumeID `json:"volume,omitzero"`
	// Grace is how old, by the array's clock, an unknown object of ours must be to be called an orphan. Default 15 min.
	Grace time.Duration `json:"grace,omitempty"`
	// Apply acts on the findings; without it the audit is a dry run.
	Apply bool `json:"apply,omitempty"`
	// Actions says what to do about findings of a kind; kinds that are left out get their default, which loses nothing:
	//
	//	orphan, orphan-volume                    adopt      or drop (orphan only), report
	//	missing                                  repair     or drop, report
	//	expired-at-array                         drop       or repair, report; repair where a hold or a pin keeps it
	//	there-again, size-changed, renamed,
	//	native-id-changed, stuck                 repair     or report
	//	volume-gone, head-unknown                report     or repair
	//	foreign                                  report     and nothing else, ever
	Actions map[FindingKind]AuditAction `json:"actions,omitempty"`
	// Head is the snapshot that the content of Volume descends from, to repair an unknown head.
	Head snapshot.ID `json:"head,omitzero"`
}

// DefaultAuditGrace is the grace of an audit that names none.
const DefaultAuditGrace = 15 * time.Minute

func (r AuditRequest) validate() error {
	if r.Grace < 0 {
		return driver.Errorf(driver.ErrInvalid, "grace %s is negative", r.Grace)
	}
	if !r.Head.IsZero() && r.Volume.IsZero() {
		return driver.Errorf(driver.ErrInvalid, "a head without the volume whose head it is")
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Actions)) {
		if err := kind.validate(r.Actions[kind]); err != nil {
			return err
		}
	}
	return nil
}

// Audit compares the inventory with the arrays in both directions, reports what differs and, if asked to, acts on it.
//
// # What is trusted
//
// The token says whose a snapshot is, the inventory what should be there, the array what is there. A listing is trusted only
// to say where to look: every finding is confirmed by a look at that object and at its record, and every action repeats
// both when it begins. "Not there" is taken from Lookup and Volume alone, whose ErrNotFound is conclusive; if one of them
// fails in another way, the audit of that backend ends with what it has found so far. A backend that is down does not
// stop the others.
//
// # Races
//
// An audit locks nothing, and operations go on meanwhile, in this process and in others. Nothing that they do becomes a
// finding: what is called an orphan was listed by the array before the inventory was read, and every create has its record
// before its snapshot; a token in the journal of an open operation is that operation's; what is called missing was in the
// inventory before the array was asked, and its volume was free, and unchanged, before and after. Records that an operation
// is changing are counted as busy. The grace covers what no inventory can tell, as a mutation that an array applies late.
//
// # Actions
//
// Each action is an operation of its own on the volume (adopt, repair, drop, import), with a journal, locked against all
// others, and refused if the finding no longer holds. Its failure is in the finding; the others go on. What is adopted is
// found again, but not all that was known of it: names and labels are the array's, owners the volume's; holds, groups,
// consistency and the order of branches are lost.
//
// # Cost
//
// One listing of the snapshots and one of the volumes for each backend (or a read for each volume, where the array does not
// list them), a read of the backend's records, and one or two reads for each difference. In memory are about 100 bytes for
// each snapshot record of the backend under audit, the headers of its volumes, and the findings; the array's listing is
// not kept. Two records of a million are taken for one with a chance below 1 in 10 million, other ones in each audit.
//
// Errors: ErrInvalid, ErrNotFound (an unknown backend or volume), the inventory's, ctx's; the report is then what was found
// and done so far. What goes wrong with a backend or an action is in the report.
func (e *Engine) Audit(ctx context.Context, req AuditRequest) (AuditReport, error) {
	report := AuditReport{Applied: req.Apply}
	if err := req.validate(); err != nil {
		return report, fmt.Errorf("engine: audit: %w", err)
	}
	if req.Grace == 0 {
		req.Grace = DefaultAuditGrace
	}
	names, err := e.audited(ctx, req)
	if err != nil {
		return report, fmt.Errorf("engine: audit: %w", err)
	}
	for _, name := range names {
		found, err := e.auditBackend(ctx, name, req)
		order(found.Findings)
		if err == nil && req.Apply {
			err = e.act(ctx, req, found.Findings)
		}
		report.Backends = append(report.Backends, found)
		if err != nil {
			return report, fmt.Errorf("engine: audit of backend %q: %w", name, err)
		}
	}
	return report, nil
}

// audited returns the names of the backends to look at, sorted.
func (e *Engine) audited(ctx context.Context, req AuditRequest) ([]string, error) {
	names := slices.Clone(req.Backends)
	if len(names) == 0 {
		e.mu.Lock()
		names = slices.Collect(maps.Keys(e.backends))
		e.mu.Unlock()
	}
	for _, name := range names {
		if _, err := e.backend(name); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if req.Volume.IsZero() {
		return names, nil
	}
	vol, err := e.Volume(ctx, req.Volume)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(names, vol.Backend):
		return nil, driver.Errorf(driver.ErrNotFound, "volume %s is of backend %q, which is not audited", vol.ID, vol.Backend)
	}
	return []string{vol.Backend}, nil
}

// auditBackend finds the differences. The error is the inventory's or ctx's; the array's is in the report.
func (e *Engine) auditBackend(ctx context.Context, name string, req AuditRequest) (AuditedBackend, error) {
	out := AuditedBackend{Name: name, State: BackendDown, Findings: []Finding{}}
	b, err := e.backend(name)
	if err != nil {
		return out, err
	}
	desc, err := e.describe(ctx, b, true)
	if err != nil {
		out.Err = err.Error()
		return out, ctx.Err()
	}
	out.State = BackendUp
	s := &scan{
		r: newRun(e, &kind{name: "audit"}), req: req, out: &out,
		volumes: make(map[snapshot.VolumeID]auditedVolume), natives: make(map[driver.VolumeID]snapshot.VolumeID),
	}
	s.r.b, s.r.desc, s.r.enter, s.r.op.Kind = b, desc, entryNew, "audit"
	if !desc.Time.IsZero() {
		s.ahead = desc.Time.Sub(e.now())
	}
	if s.installation, err = e.installationID(ctx); err != nil {
		return out, err
	}
	err = s.all(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errInventory) {
		out.Err, err = err.Error(), nil
	}
	return out, err
}
