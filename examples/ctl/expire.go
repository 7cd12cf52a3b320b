package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) snapshotExpire() *cobra.Command {
	var flags changeFlags
	c := a.acting("expire", "Delete every snapshot whose expiry has passed",
		"What is held or needed is kept, and named with the reason. Run it now and then, for instance from cron.",
		"  ctl snapshot expire -n\n  ctl snapshot expire --yes", &flags,
		func(ctx context.Context, s *session, _ engine.Common, _ []string) (change, error) {
			due := inventory.SnapshotQuery{Expired: true, State: snapshot.Ready}
			n, err := s.inv.Count(ctx, due)
			ch := change{
				plan: func(ctx context.Context) error { return s.listSnapshots(ctx, due) },
				do:   s.expire,
			}
			if n > 0 {
				ch.loses = fmt.Sprintf("this deletes %d snapshots that have expired, but for those that are held or needed", n)
			}
			return ch, err
		})
	c.Flags().BoolVarP(&flags.dryRun, "dry-run", "n", false, "list what has expired, and do nothing")
	return c
}

func (s *session) expire(ctx context.Context) error {
	report, err := s.eng.Expire(ctx)
	if err != nil {
		return err
	}
	if err := s.app.print(report, func(w io.Writer) error { return expired(report, w) }); err != nil {
		return err
	}
	if len(report.Down) > 0 {
		return fmt.Errorf("%d backends could not be reached", len(report.Down))
	}
	return nil
}

func expired(report engine.ExpireReport, w io.Writer) error {
	_, _ = fmt.Fprintf(w, "deleted %d snapshots, kept %d\n", len(report.Deleted), len(report.Kept))
	for _, k := range report.Kept {
		_, _ = fmt.Fprintf(w, "  kept %s (%s): %s\n", k.Snapshot, safe(k.Name, 0), safe(k.Reason, 0))
	}
	for _, d := range report.Down {
		_, _ = fmt.Fprintf(w, "  backend %s: %d have expired, and it cannot be reached: %s\n",
			d.Backend, d.Snapshots, safe(d.Reason, 0))
	}
	return nil
}
