package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) groupCommands() *cobra.Command {
	return a.group("group", "Take, list, revert to and delete snapshots of several volumes at one instant", "",
		a.completes(a.groupCreate(), nil, volumeWords), a.groupList(), a.completes(a.groupShow(), groupWords),
		a.completes(a.groupRevert(), groupWords), a.completes(a.groupDelete(), groupWords))
}

func groupWords(ctx context.Context, s *session, add func(word, explanation string) bool) error {
	for g, err := range s.eng.Groups(ctx, engine.GroupQuery{}) {
		if err != nil {
			return err
		}
		if !add(word(g.Name, g.ID.Short()), minute(g.CreatedAt)) {
			return nil
		}
	}
	return nil
}

// groupNamed finds a group by its id, by what a list shows of that, or by its name.
func (s *session) groupNamed(ctx context.Context, ref string) (engine.Group, error) {
	var found []engine.Group
	for g, err := range s.eng.Groups(ctx, engine.GroupQuery{}) {
		if err != nil {
			return g, err
		}
		if g.ID.String() == ref || g.ID.Short() == ref || g.Name == ref {
			found = append(found, g)
		}
	}
	return only("group", ref, "ctl group list", found, func(g engine.Group) driver.Blocker {
		return driver.Blocker{Kind: "group", ID: g.ID.String(), Name: g.Name, Since: g.CreatedAt}
	})
}

func (a *app) groupCreate() *cobra.Command {
	var req engine.CreateGroupRequest
	var labels []string
	var expires string
	var quiesce quiesceFlags
	c := a.changing("create NAME VOLUME...", "Take a snapshot of each volume at one instant", "",
		"  ctl group create before-upgrade web01 db01 --quiesce",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			req.Common, req.Name, req.Quiesce = common, args[0], quiesce.wanted()
			var err, labelsErr error
			if req.ExpiresAt, err = a.timeFrom("--expires", expires); err != nil {
				return change{}, err
			}
			req.Volumes, err = s.volumes(ctx, args[1:])
			req.Labels, labelsErr = labelsFrom(labels)
			return change{req: req, do: func(ctx context.Context) error {
				g, err := s.eng.CreateGroup(ctx, req)
				if err != nil {
					return err
				}
				return a.print(g, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "created group %s (%s) of %d snapshots, consistency: %s\n",
						safe(g.Name, 0), g.ID, len(g.Members), g.Consistency)
					return err
				})
			}}, errors.Join(err, labelsErr)
		})
	f := c.Flags()
	f.StringArrayVar(&labels, "label", nil, "a label, as `key=value`; may be given several times")
	f.StringVar(&req.Owner, "owner", "", "the account that it belongs to (default: the volumes')")
	f.StringVar(&expires, "expires", "",
		"`when` ctl snapshot expire may delete its members: 2026-12-31, 36h or 90d (default: never)")
	quiesce.flags(c)
	return c
}

func (a *app) groupList() *cobra.Command {
	var volume string
	c := a.command("list", "List groups", "", "  ctl group list --volume web01", func(c *cobra.Command, _ []string) error {
		return a.with(c.Context(), func(s *session) error {
			var q engine.GroupQuery
			if volume != "" {
				v, err := s.volume(c.Context(), volume)
				if err != nil {
					return err
				}
				q.Volume = v.ID
			}
			return s.listGroups(c.Context(), q)
		})
	})
	c.Flags().StringVar(&volume, "volume", "", "only those with a snapshot of this volume")
	return c
}

func (s *session) listGroups(ctx context.Context, q engine.GroupQuery) error {
	all := []engine.Group{}
	t := newTable("ID", "NAME", "CREATED (UTC)", "VOLUMES", "CONSISTENCY", "STATE")
	for g, err := range s.eng.Groups(ctx, q) {
		if err != nil {
			return err
		}
		all = append(all, g)
		t.row(g.ID.Short(), name(g.Name), minute(g.CreatedAt), strconv.Itoa(len(g.Volumes)), string(g.Consistency), groupState(g))
	}
	return s.app.print(all, func(w io.Writer) error { return t.write(w, "There are no such groups.") })
}

func groupState(g engine.Group) string {
	if g.Degraded {
		return fmt.Sprintf("degraded: %d left", len(g.Members))
	}
	return "whole"
}

func (a *app) groupShow() *cobra.Command {
	return a.command("show GROUP", "Show a group and its snapshots", "", "  ctl group show before-upgrade",
		func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				g, err := s.groupNamed(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.print(g, func(w io.Writer) error { return s.groupDetails(c.Context(), g).write(w) })
			})
		})
}

func (s *session) groupDetails(ctx context.Context, g engine.Group) *list {
	var l list
	l.add("group", g.ID.String())
	l.add("name", g.Name)
	l.add("owner", g.Owner)
	l.add("labels", labelsOf(g.Labels))
	l.add("created", stamp(g.CreatedAt))
	l.add("consistency", string(g.Consistency))
	l.add("quiesce", string(g.Quiesce))
	if g.Frozen > 0 {
		l.add("frozen", g.Frozen.String())
	}
	if g.Skew > 0 {
		l.add("skew", g.Skew.String())
	}
	l.add("state", groupState(g))
	for _, m := range g.Members {
		l.add("snapshot", fmt.Sprintf("%s (%s), %s", m.ID, s.called(ctx, m), s.snapshotState(m)))
	}
	return &l
}

func (a *app) groupRevert() *cobra.Command {
	var req engine.RevertGroupRequest
	var assert string
	var siblings []string
	c := a.changing("revert GROUP", "Make the volumes' contents those of a group's snapshots, in place",
		"Hosts let go of all volumes before, and have them again after. The contents now are lost, unless --keep names\n"+
			"snapshots for them.",
		"  ctl group revert before-upgrade --keep before-revert",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			g, err := s.groupNamed(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req.Common, req.Group, req.KeepCurrent = common, g.ID, req.KeepName != ""
			req.Siblings, err = s.volumes(ctx, siblings)
			if assert != "" {
				req.AssertDetached = &engine.Assertion{By: a.actor(), Reason: assert}
			}
			loses := fmt.Sprintf("this reverts %d volumes to group %s", len(g.Members), safe(g.Name, 0))
			if !req.KeepCurrent {
				loses += "; what they contain now is lost (--keep NAME keeps it)"
			}
			return change{req: req, loses: loses, do: func(ctx context.Context) error {
				done, err := s.eng.RevertGroup(ctx, req)
				if err != nil {
					return err
				}
				return a.print(done, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "reverted %d volumes to group %s\n", len(done.Members), safe(done.Name, 0))
					return err
				})
			}}, err
		})
	f := c.Flags()
	f.StringVar(&req.KeepName, "keep", "", "take snapshots of the contents now first, under this `name`")
	f.BoolVar(&req.Partial, "partial", false, "agree to revert only the volumes whose snapshots are left")
	f.BoolVar(&req.DropYounger, "drop-younger", false, "agree to lose the snapshots that the array drops with a revert")
	f.StringArrayVar(&siblings, "sibling", nil,
		"agree that this `volume` is rolled back too, where the array does that; may be given several times")
	f.StringVar(&assert, "assert-detached", "",
		"your word, with a `reason`, that nothing has the volumes open, if neither array nor host can tell")
	return c
}

func (a *app) groupDelete() *cobra.Command {
	return a.changing("delete GROUP", "Delete a group with its snapshots at the array", "",
		"  ctl group delete before-upgrade --yes",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			g, err := s.groupNamed(ctx, args[0])
			req := engine.DeleteGroupRequest{Common: common, Group: g.ID}
			return change{
				req:   req,
				loses: fmt.Sprintf("this deletes group %s with its %d snapshots", safe(g.Name, 0), len(g.Members)),
				do: func(ctx context.Context) error {
					if err := s.eng.DeleteGroup(ctx, req); err != nil {
						return err
					}
					return a.print(removed{"group", g.ID.String(), g.Name}, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "deleted group %s (%s)\n", safe(g.Name, 0), g.ID)
						return err
					})
				},
			}, err
		})
}
