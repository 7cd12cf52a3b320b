package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) snapshotCreate() *cobra.Command {
	var req engine.CreateRequest
	var labels []string
	var quiesce quiesceFlags
	var expires string
	c := a.changing("create VOLUME NAME", "Take a snapshot of a volume", "",
		"  ctl snapshot create web01 before-upgrade --label ticket=4711",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			v, err := s.volume(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req.Common, req.Volume, req.Name, req.Quiesce = common, v.ID, args[1], quiesce.wanted()
			if req.ExpiresAt, err = a.timeFrom("--expires", expires); err != nil {
				return change{}, err
			}
			req.Labels, err = labelsFrom(labels)
			return change{req: req, do: func(ctx context.Context) error {
				made, err := s.eng.Create(ctx, req)
				if err != nil {
					return err
				}
				return a.print(made, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "created snapshot %s@%s (%s)\n", safe(callName(v), 0), safe(made.Name, 0), made.ID)
					return err
				})
			}}, err
		})
	f := c.Flags()
	f.StringArrayVar(&labels, "label", nil, "a label, as `key=value`; may be given several times")
	f.StringVar(&req.Owner, "owner", "", "the account that it belongs to (default: the volume's)")
	f.StringVar(&expires, "expires", "", "`when` ctl snapshot expire may delete it: 2026-12-31, 36h or 90d (default: never)")
	quiesce.flags(c)
	return c
}

func (a *app) snapshotDelete() *cobra.Command {
	return a.changing("delete SNAPSHOT", "Delete a snapshot at the array",
		"Its children become children of its parent. It is refused while somebody holds it or something needs it.",
		"  ctl snapshot delete web01@before-upgrade --yes",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			called := s.called(ctx, one)
			req := engine.DeleteRequest{Common: common, Snapshot: one.ID}
			return change{
				req:   req,
				loses: "this deletes snapshot " + called,
				do: func(ctx context.Context) error {
					if err := s.eng.Delete(ctx, req); err != nil {
						return err
					}
					return a.print(removed{"snapshot", one.ID.String(), one.Name}, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "deleted snapshot %s (%s)\n", called, one.ID)
						return err
					})
				},
			}, err
		})
}

// called is what people call the snapshot: volume@name.
func (s *session) called(ctx context.Context, one snapshot.Snapshot) string {
	text := one.Name
	if text == "" {
		text = one.ID.Short()
	}
	return safe(s.volumeName(ctx, one.Volume)+"@"+text, 0)
}

// reverted is what a revert prints.
type reverted struct {
	Volume  inventory.Volume `json:"volume"`
	Kept    snapshot.ID      `json:"kept,omitzero"`
	Dropped []snapshot.ID    `json:"dropped,omitempty"`
}

func (a *app) snapshotRevert() *cobra.Command {
	var req engine.RevertRequest
	var assert string
	var siblings []string
	c := a.changing("revert SNAPSHOT", "Make a volume's content that of one of its snapshots, in place",
		"Hosts let go of the volume before, and have it again after. The content now is lost, unless --keep names a snapshot for it.",
		"  ctl snapshot revert web01@before-upgrade --keep before-revert",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req.Common, req.Volume, req.Snapshot, req.KeepCurrent = common, one.Volume, one.ID, req.KeepName != ""
			req.Siblings, err = s.volumes(ctx, siblings)
			if assert != "" {
				req.AssertDetached = &engine.Assertion{By: a.actor(), Reason: assert}
			}
			return change{req: req, loses: s.revertLoses(ctx, one, req), do: func(ctx context.Context) error {
				done, err := s.eng.Revert(ctx, req)
				return s.wasReverted(ctx, one, done, err)
			}}, err
		})
	f := c.Flags()
	f.StringVar(&req.KeepName, "keep", "", "take a snapshot of the content now first, under this `name`")
	f.BoolVar(&req.DropYounger, "drop-younger", false, "agree to lose the snapshots that the array drops with a revert")
	f.StringArrayVar(&siblings, "sibling", nil,
		"agree that this `volume` is rolled back too, where the array does that; may be given several times")
	f.StringVar(&assert, "assert-detached", "",
		"your word, with a `reason`, that nothing has the volume open, if neither array nor host can tell")
	return c
}

func (s *session) revertLoses(ctx context.Context, one snapshot.Snapshot, req engine.RevertRequest) string {
	text := "this reverts the volume to " + s.called(ctx, one)
	if !req.KeepCurrent {
		return text + "; what it contains now is lost (--keep NAME keeps it)"
	}
	return text + "; what it contains now is kept as snapshot " + safe(req.KeepName, 0)
}

func (s *session) wasReverted(ctx context.Context, one snapshot.Snapshot, done engine.Reverted, err error) error {
	if err != nil {
		return err
	}
	return s.app.print(reverted{done.Volume, done.Kept, done.Dropped}, func(w io.Writer) error {
		text := "reverted to " + s.called(ctx, one)
		if !done.Kept.IsZero() {
			text += "; the content before is snapshot " + done.Kept.String()
		}
		if len(done.Dropped) > 0 {
			text += fmt.Sprintf("; the array dropped %d younger snapshots", len(done.Dropped))
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

func (a *app) snapshotClone() *cobra.Command {
	var req engine.CloneRequest
	var labels []string
	var bytes string
	c := a.changing("clone SNAPSHOT NAME", "Make a new volume with a snapshot's content", "",
		"  ctl snapshot clone web01@before-upgrade web01-test --size 40GiB",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			if req.Size, err = sizeFrom(bytes); err != nil {
				return change{}, err
			}
			req.Common, req.Snapshot, req.Name = common, one.ID, args[1]
			req.Labels, err = labelsFrom(labels)
			return change{req: req, do: func(ctx context.Context) error {
				tell, end := a.part("clone")
				req.Progress = tell
				v, err := s.eng.Clone(ctx, req)
				end()
				return s.madeVolume("cloned", v, err)
			}}, err
		})
	f := c.Flags()
	f.StringVar(&bytes, "size", "", "size of the clone, as 20GiB or in bytes (default: the snapshot's)")
	f.StringVar(&req.Owner, "owner", "", "the account that it belongs to (default: the volume's)")
	f.StringVar(&req.ExternalID, "external-id", "", "an id of your own, unique in the inventory")
	f.StringVar(&req.Host, "host", "", "introduce it to this host")
	f.StringArrayVar(&labels, "label", nil, "a label, as `key=value`; may be given several times")
	return c
}

// sizeFrom reads a size in bytes, or with one of the units that lists show; "" is 0.
func sizeFrom(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, shift := strings.TrimSpace(text), 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if cut, found := strings.CutSuffix(number, unit); found {
			number, shift = strings.TrimSpace(cut), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n<<shift>>shift != n {
		return 0, usagef("size %q: want a whole number of bytes, KiB, MiB, GiB, TiB or PiB, as 20GiB", text)
	}
	return n << shift, nil
}
