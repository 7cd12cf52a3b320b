package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) volumeCommands() *cobra.Command {
	return a.group("volume", "List, import, edit, forget, split and delete volumes", "",
		a.volumeList(), a.completes(a.volumeShow(), volumeWords), a.completes(a.volumeImport(), backendWords),
		a.completes(a.volumeForget(), volumeWords), a.completes(a.volumeDelete(), volumeWords),
		a.completes(a.volumeSplit(), volumeWords), a.completes(a.volumeEdit(), volumeWords))
}

func (a *app) volumeList() *cobra.Command {
	var q inventory.VolumeQuery
	c := a.command("list", "List the volumes of the inventory", "", "  ctl volume list --backend images\n  ctl volume list -o json",
		func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error { return s.listVolumes(c.Context(), q) })
		})
	f := c.Flags()
	f.StringVar(&q.Backend, "backend", "", "only those of this backend")
	f.StringVar(&q.Host, "host", "", "only those that this host has attached")
	f.StringVar(&q.Owner, "owner", "", "only those of this account")
	f.BoolVar(&q.Pending, "busy", false, "only those with an open operation")
	f.IntVar(&q.Limit, "limit", 0, "at most so many; 0 is all")
	return c
}

func (s *session) listVolumes(ctx context.Context, q inventory.VolumeQuery) error {
	all := []inventory.Volume{}
	t := newTable("ID", "NAME", "VOLUME AT THE ARRAY", "SIZE", "SNAPS", "STATE")
	for v, err := range s.inv.Volumes(ctx, q) {
		if err != nil {
			return err
		}
		all = append(all, v)
		t.row(v.ID.Short(), name(v.Name), name(v.Backend+"/"+string(v.Native)), size(v.Size),
			strconv.Itoa(v.SnapshotCount), volumeState(v))
	}
	return s.app.print(all, func(w io.Writer) error { return t.write(w, "There are no such volumes.") })
}

func volumeState(v inventory.Volume) string {
	switch {
	case !v.DeletedAt.IsZero():
		return "deleted"
	case !v.Pending.IsZero():
		return "busy: op " + v.Pending.Short()
	case v.Host != "":
		return "at host " + v.Host
	}
	return "idle"
}

func (a *app) volumeShow() *cobra.Command {
	return a.command("show VOLUME", "Show all that is known of a volume", "", "  ctl volume show web01",
		func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				v, err := s.volume(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.print(v, func(w io.Writer) error { return volumeDetails(v).write(w) })
			})
		})
}

func volumeDetails(v inventory.Volume) *list {
	var l list
	l.add("volume", v.ID.String())
	l.add("name", v.Name)
	l.add("external id", v.ExternalID)
	l.add("owner", v.Owner)
	l.add("labels", labelsOf(v.Labels))
	l.add("backend", v.Backend)
	l.add("native id", string(v.Native))
	for _, former := range v.Former {
		l.add("former id", string(former))
	}
	l.add("serial", v.Serial)
	l.add("container", string(v.Container))
	l.add("host", v.Host)
	l.add("disk", string(v.Disk))
	l.add("size", fmt.Sprintf("%s (%d bytes)", size(v.Size), v.Size))
	l.add("snapshots", strconv.Itoa(v.SnapshotCount))
	l.add("head", v.Head.String())
	if v.HeadUnknown {
		l.add("head", "nobody knows what the content descends from")
	}
	l.add("cloned from", v.Origin.String())
	l.add("busy with", v.Pending.String())
	l.add("created", stamp(v.CreatedAt))
	l.add("deleted", stamp(v.DeletedAt))
	return &l
}

func (a *app) volumeImport() *cobra.Command {
	var req engine.ImportRequest
	var labels []string
	c := a.changing("import BACKEND NATIVE-ID", "Put a volume of a backend under management",
		"The volume's snapshots that are at the array come with it; the array itself is not changed.",
		"  ctl volume import images disk.raw --name web01",
		func(_ context.Context, s *session, common engine.Common, args []string) (change, error) {
			req.Common, req.Backend, req.Native = common, args[0], driver.VolumeID(args[1])
			var err error
			if req.Labels, err = labelsFrom(labels); err != nil {
				return change{}, err
			}
			return change{req: req, do: func(ctx context.Context) error {
				v, err := s.eng.Import(ctx, req)
				return s.madeVolume("imported", v, err)
			}}, nil
		})
	f := c.Flags()
	f.StringVar(&req.Name, "name", "", "what people call it (default: the array's name of it)")
	f.StringVar(&req.Owner, "owner", "", "the account that it belongs to")
	f.StringVar(&req.ExternalID, "external-id", "", "an id of your own, unique in the inventory")
	f.StringVar(&req.Host, "host", "", "the host that has it attached")
	f.StringArrayVar(&labels, "label", nil, "a label, as `key=value`; may be given several times")
	f.BoolVar(&req.WithoutSnapshots, "without-snapshots", false, "leave the array's snapshots of it alone")
	return c
}

// madeVolume prints a volume that a verb returned.
func (s *session) madeVolume(did string, v inventory.Volume, err error) error {
	if err != nil {
		return err
	}
	return s.app.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s volume %s (%s) as %s/%s, %s, with %d snapshots\n",
			did, safe(callName(v), 0), v.ID, v.Backend, v.Native, size(v.Size), v.SnapshotCount)
		return err
	})
}

func (a *app) volumeForget() *cobra.Command {
	return a.changing("forget VOLUME", "Drop a volume and its snapshots from the inventory",
		"The array keeps the volume and its snapshots. What the inventory knows of them is lost: their tree, names, labels and holds.",
		"  ctl volume forget web01 --yes",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			v, err := s.volume(ctx, args[0])
			req := engine.ForgetRequest{Common: common, Volume: v.ID}
			return change{
				req: req,
				loses: fmt.Sprintf("this forgets volume %s with the tree of its %d snapshots; the array keeps them",
					safe(callName(v), 0), v.SnapshotCount),
				do: func(ctx context.Context) error {
					return s.removedVolume("forgot", v, s.eng.Forget(ctx, req))
				},
			}, err
		})
}

func (a *app) volumeDelete() *cobra.Command {
	var snapshots string
	c := a.changing("delete VOLUME", "Delete a volume at the array",
		"A volume with snapshots is refused, unless --snapshots says what becomes of them.",
		"  ctl volume delete scratch --snapshots delete",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			v, err := s.volume(ctx, args[0])
			req := engine.DeleteVolumeRequest{Common: common, Volume: v.ID, Snapshots: engine.SnapshotsPolicy(snapshots)}
			return change{
				req: req,
				loses: fmt.Sprintf("this deletes volume %s (%s) at the array; it has %d snapshots, to %s",
					safe(callName(v), 0), size(v.Size), v.SnapshotCount, snapshots),
				do: func(ctx context.Context) error { return s.removedVolume("deleted", v, s.eng.DeleteVolume(ctx, req)) },
			}, err
		})
	c.Flags().StringVar(&snapshots, "snapshots", string(engine.SnapshotsRefuse),
		"what becomes of its snapshots: `refuse`, keep or delete")
	a.complete(c, "snapshots", string(engine.SnapshotsRefuse), string(engine.SnapshotsKeep), string(engine.SnapshotsDelete))
	return c
}

func (a *app) volumeSplit() *cobra.Command {
	return a.changing("split VOLUME", "Make a clone independent of the snapshot that it came from", "",
		"  ctl volume split web01-test",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			v, err := s.volume(ctx, args[0])
			req := engine.SplitRequest{Common: common, Volume: v.ID}
			return change{req: req, do: func(ctx context.Context) error {
				tell, end := a.part("split")
				req.Progress = tell
				v, err := s.eng.Split(ctx, req)
				end()
				return s.madeVolume("split", v, err)
			}}, err
		})
}

// removed is what a verb that removes something prints.
type removed struct {
	Removed string `json:"removed"`
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
}

func (s *session) removedVolume(did string, v inventory.Volume, err error) error {
	if err != nil {
		return err
	}
	return s.app.print(removed{"volume", v.ID.String(), v.Name}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s volume %s (%s)\n", did, safe(callName(v), 0), v.ID)
		return err
	})
}

// labelsFrom reads "key=value" texts.
func labelsFrom(texts []string) (map[string]string, error) {
	if len(texts) == 0 {
		return nil, nil //nolint:nilnil // no labels
	}
	labels := make(map[string]string, len(texts))
	for _, text := range texts {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return nil, usagef("--label %q: want key=value", text)
		}
		labels[key] = value
	}
	return labels, nil
}
