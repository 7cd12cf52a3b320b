package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) auditCommand() *cobra.Command {
	var req engine.AuditRequest
	var flags changeFlags
	var volume, head string
	var actions []string
	c := a.acting("audit [BACKEND...]", "Compare the inventory with the arrays, and repair what differs",
		"Without --apply it only reports. With it, each finding is acted upon, by default so that nothing is lost: what only the\n"+
			"array has is adopted, what it has no more is marked missing. Foreign snapshots are never touched.",
		"  ctl audit\n  ctl audit images --apply --action orphan=drop --yes", &flags,
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			req.Actor, req.Backends = common.Actor, args
			if err := s.auditOf(ctx, &req, volume, head, actions); err != nil {
				return change{}, err
			}
			ch := change{reads: !req.Apply, do: func(ctx context.Context) error { return s.audit(ctx, req) }}
			drops := func(text string) bool { return strings.HasSuffix(text, "="+string(engine.ActionDrop)) }
			if i := slices.IndexFunc(actions, drops); i >= 0 && req.Apply {
				ch.loses = "this drops what the audit finds: " + actions[i]
			}
			return ch, nil
		})
	f := c.Flags()
	f.BoolVar(&req.Apply, "apply", false, "act on the findings")
	f.StringArrayVar(&actions, "action", nil, "what to do about findings of a kind, as `kind=action`; may be given several times")
	f.StringVar(&volume, "volume", "", "only this volume")
	f.StringVar(&head, "head", "", "the `snapshot` that the volume's content descends from, to repair an unknown head")
	f.DurationVar(&req.Grace, "grace", engine.DefaultAuditGrace, "how old an unknown object of ours must be to be an orphan")
	return a.completes(c, backendWords)
}

// auditOf completes the request from the command line.
func (s *session) auditOf(ctx context.Context, req *engine.AuditRequest, volume, head string, actions []string) error {
	if volume != "" {
		v, err := s.volume(ctx, volume)
		if err != nil {
			return err
		}
		req.Volume = v.ID
	}
	if head != "" {
		one, err := s.snapshot(ctx, head)
		if err != nil {
			return err
		}
		req.Head = one.ID
	}
	req.Actions = make(map[engine.FindingKind]engine.AuditAction)
	for _, text := range actions {
		kind, action, found := strings.Cut(text, "=")
		if !found {
			return usagef("--action %q: want kind=action, as orphan=drop", text)
		}
		req.Actions[engine.FindingKind(kind)] = engine.AuditAction(action)
	}
	return nil
}

func (s *session) audit(ctx context.Context, req engine.AuditRequest) error {
	report, err := s.eng.Audit(ctx, req)
	if err != nil && len(report.Backends) == 0 {
		return err
	}
	printed := s.app.print(report, func(w io.Writer) error {
		_, err := io.WriteString(w, safe(report.String(), 0))
		return err
	})
	return errors.Join(err, printed, auditFailed(report))
}

func auditFailed(report engine.AuditReport) error {
	unfinished, failed := 0, 0
	for _, b := range report.Backends {
		if b.Err != "" {
			unfinished++
		}
		for _, f := range b.Findings {
			if f.Err != "" {
				failed++
			}
		}
	}
	if unfinished+failed == 0 {
		return nil
	}
	return fmt.Errorf("%d backends were not audited to the end, and %d actions failed", unfinished, failed)
}
