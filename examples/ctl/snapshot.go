package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func (a *app) snapshotCommands() *cobra.Command {
	return a.group("snapshot", "Take, list, revert to, clone, hold, edit and delete snapshots", "",
		a.completes(a.snapshotCreate(), volumeWords), a.completes(a.snapshotList(), volumeWords),
		a.completes(a.snapshotShow(), snapshotWords), a.completes(a.snapshotRevert(), snapshotWords),
		a.completes(a.snapshotClone(), snapshotWords), a.completes(a.snapshotDelete(), snapshotWords),
		a.completes(a.snapshotHold(), snapshotWords), a.completes(a.snapshotRelease(), snapshotWords, holdWords),
		a.completes(a.snapshotEdit(), snapshotWords), a.completes(a.snapshotSetExpiry(), snapshotWords), a.snapshotExpire())
}

func (a *app) snapshotList() *cobra.Command {
	var q inventory.SnapshotQuery
	var state string
	c := a.command("list [VOLUME]", "List the snapshots of a volume, or of all", "",
		"  ctl snapshot list web01\n  ctl snapshot list --state missing -o json",
		func(c *cobra.Command, args []string) error {
			if q.State = snapshot.State(state); state != "" && !q.State.Valid() {
				return usagef("--state %q: want creating, ready, deleting or missing", state)
			}
			return a.with(c.Context(), func(s *session) error {
				if len(args) > 0 {
					v, err := s.volume(c.Context(), args[0])
					if err != nil {
						return err
					}
					q.Volume = v.ID
				}
				return s.listSnapshots(c.Context(), q)
			})
		})
	f := c.Flags()
	f.StringVar(&q.Name, "name", "", "only those of this name")
	f.StringVar(&state, "state", "", "only those in this `state`: creating, ready, deleting or missing")
	f.StringVar(&q.Owner, "owner", "", "only those of this account")
	f.IntVar(&q.Limit, "limit", 0, "at most so many; 0 is all")
	a.complete(c, "state", string(snapshot.Creating), string(snapshot.Ready), string(snapshot.Deleting), string(snapshot.Missing))
	return c
}

func (s *session) listSnapshots(ctx context.Context, q inventory.SnapshotQuery) error {
	all, err := s.snapshots(ctx, q, nil)
	if err != nil {
		return err
	}
	return s.app.print(all, func(w io.Writer) error {
		volume := s.names(ctx)
		t := newTable("ID", "NAME", "VOLUME", "CREATED (UTC)", "SIZE", "STATE")
		for _, one := range all {
			t.row(one.ID.Short(), name(one.Name), name(volume(one.Volume)), minute(one.CreatedAt), size(one.Size), s.snapshotState(one))
		}
		return t.write(w, "There are no such snapshots.")
	})
}

// snapshotState is the state, and what stands in the way of a deletion.
func (s *session) snapshotState(one snapshot.Snapshot) string {
	words := []string{string(one.State)}
	for _, h := range one.Holds {
		if h.Active(s.app.now()) {
			words = append(words, "held")
			break
		}
	}
	if len(one.Pins) > 0 {
		words = append(words, "in use")
	}
	if !one.ExpiresAt.IsZero() {
		words = append(words, "expires "+minute(one.ExpiresAt))
	}
	return strings.Join(words, ", ")
}

func (a *app) snapshotShow() *cobra.Command {
	return a.command("show SNAPSHOT", "Show all that is known of a snapshot", "", "  ctl snapshot show web01@before-upgrade",
		func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				one, err := s.snapshot(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.print(one, func(w io.Writer) error { return s.snapshotDetails(c.Context(), one).write(w) })
			})
		})
}

func (s *session) snapshotDetails(ctx context.Context, one snapshot.Snapshot) *list {
	var l list
	l.add("snapshot", one.ID.String())
	l.add("name", one.Name)
	l.add("volume", fmt.Sprintf("%s (%s)", one.Volume, s.volumeName(ctx, one.Volume)))
	l.add("parent", one.Parent.String())
	l.add("lineage", string(one.Lineage))
	l.add("state", string(one.State))
	l.add("owner", one.Owner)
	l.add("labels", labelsOf(one.Labels))
	l.add("native id", one.Native)
	l.add("token", one.Token)
	l.add("created", stamp(one.CreatedAt))
	l.add("taken", stamp(one.TakenAt))
	l.add("expires", stamp(one.ExpiresAt))
	l.add("size", fmt.Sprintf("%s (%d bytes)", size(one.Size), one.Size))
	l.add("consistency", string(one.Consistency))
	l.add("quiesce", string(one.Quiesce))
	if one.Frozen > 0 {
		l.add("writes held", one.Frozen.String())
	}
	l.add("group", one.Group.String())
	for _, h := range one.Holds {
		l.add("held", holdText(h))
	}
	for _, p := range one.Pins {
		l.add("in use", fmt.Sprintf("%s, by operation %s", p.Reason, p.Operation))
	}
	return &l
}

func holdText(h snapshot.Hold) string {
	text := h.Name
	if h.By != "" {
		text += " by " + h.By
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	text += ", since " + stamp(h.Since)
	if !h.Until.IsZero() {
		text += ", until " + stamp(h.Until)
	}
	return text
}
