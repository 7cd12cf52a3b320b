package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) snapshotHold() *cobra.Command {
	var req engine.HoldRequest
	var until string
	c := a.changing("hold SNAPSHOT NAME", "Forbid the deletion of a snapshot",
		"A snapshot may have several holds, each with a name; it can be deleted when all are released or have ended.",
		"  ctl snapshot hold web01@before-upgrade audit --reason 'case 4711' --until 90d",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req.Common, req.Snapshot, req.Name = common, one.ID, args[1]
			req.Until, err = a.timeFrom("--until", until)
			return change{req: req, do: func(ctx context.Context) error {
				one, err := s.eng.Hold(ctx, req)
				return s.changed(ctx, "held", one, err)
			}}, err
		})
	f := c.Flags()
	f.StringVar(&req.By, "by", "", "`who` decided it (default: the actor)")
	f.StringVar(&req.Reason, "reason", "", "why, for whoever wants to delete the snapshot")
	f.StringVar(&until, "until", "", "`when` the hold ends by itself: 2026-12-31, 2026-12-31T23:59:00Z, 36h or 90d (default: never)")
	return c
}

func (a *app) snapshotRelease() *cobra.Command {
	return a.changing("release SNAPSHOT NAME", "Take a hold away", "", "  ctl snapshot release web01@before-upgrade audit",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			req := engine.ReleaseRequest{Common: common, Snapshot: one.ID, Name: args[1]}
			return change{req: req, do: func(ctx context.Context) error {
				one, err := s.eng.Release(ctx, req)
				return s.changed(ctx, "released", one, err)
			}}, err
		})
}

// changed prints a snapshot whose record was changed.
func (s *session) changed(ctx context.Context, did string, one snapshot.Snapshot, err error) error {
	if err != nil {
		return err
	}
	return s.app.print(one, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s snapshot %s (%s)\n", did, s.called(ctx, one), one.ID)
		return err
	})
}

func (a *app) snapshotSetExpiry() *cobra.Command {
	return a.changing("set-expiry SNAPSHOT WHEN", "Say when a snapshot may be deleted by ctl snapshot expire, or never",
		"WHEN is a time as 2026-12-31 or 2026-12-31T23:59:00Z, a time from now as 36h or 90d, or never.",
		"  ctl snapshot set-expiry web01@nightly 14d",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req := engine.SetExpiryRequest{Common: common, Snapshot: one.ID}
			req.At, err = a.timeFrom("WHEN", args[1])
			return change{req: req, do: func(ctx context.Context) error {
				one, err := s.eng.SetExpiry(ctx, req)
				return s.changed(ctx, "set the expiry of", one, err)
			}}, err
		})
}

// timeFrom reads a time, or one from now; "" and "never" are the zero time.
func (a *app) timeFrom(what, text string) (time.Time, error) {
	if text == "" || text == "never" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return a.now().AddDate(0, 0, int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return a.now().Add(d), nil
	}
	return time.Time{}, usagef(
		"%s %q: want a time as 2026-12-31 or 2026-12-31T23:59:00Z (UTC), one from now as 36h or 90d, or never", what, text)
}
