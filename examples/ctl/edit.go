package main

import (
	"context"
	"maps"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// edits are the flags of commands that edit a record.
type edits struct {
	name, owner, external string
	labels, remove        []string
}

func (e *edits) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&e.name, "name", "", "a new name")
	f.StringVar(&e.owner, "owner", "", "another account")
	f.StringArrayVar(&e.labels, "label", nil, "set a label, as `key=value`; may be given several times")
	f.StringArrayVar(&e.remove, "remove-label", nil, "take the label with this `key` away; may be given several times")
}

// given returns the text if its flag was given.
func given(c *cobra.Command, flag, text string) *string {
	if !c.Flags().Changed(flag) {
		return nil
	}
	return &text
}

// labelled returns all the labels there shall be, or nil if they stay.
func (e *edits) labelled(now map[string]string) (map[string]string, error) {
	if len(e.labels)+len(e.remove) == 0 {
		return nil, nil //nolint:nilnil // they stay
	}
	set, err := labelsFrom(e.labels)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	maps.Copy(all, now)
	maps.Copy(all, set)
	for _, key := range e.remove {
		delete(all, key)
	}
	return all, nil
}

func (a *app) snapshotEdit() *cobra.Command {
	var e edits
	var c *cobra.Command
	c = a.changing("edit SNAPSHOT", "Change a snapshot's name, labels or owner in the inventory", "",
		"  ctl snapshot edit web01@first --name installed --label checked=yes --remove-label ticket",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			one, err := s.snapshot(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req := engine.EditRequest{
				Common: common, Snapshot: one.ID, Name: given(c, "name", e.name), Owner: given(c, "owner", e.owner),
			}
			req.Labels, err = e.labelled(one.Labels)
			return change{req: req, do: func(ctx context.Context) error {
				one, err := s.eng.Edit(ctx, req)
				return s.changed(ctx, "edited", one, err)
			}}, err
		})
	e.flags(c)
	return c
}

func (a *app) volumeEdit() *cobra.Command {
	var e edits
	var c *cobra.Command
	c = a.changing("edit VOLUME", "Change a volume's name, labels, owner or external id in the inventory", "",
		"  ctl volume edit images/disk.raw --name web01 --external-id vm-7",
		func(ctx context.Context, s *session, common engine.Common, args []string) (change, error) {
			v, err := s.volume(ctx, args[0])
			if err != nil {
				return change{}, err
			}
			req := engine.EditVolumeRequest{
				Common: common, Volume: v.ID, Name: given(c, "name", e.name), Owner: given(c, "owner", e.owner),
				ExternalID: given(c, "external-id", e.external),
			}
			req.Labels, err = e.labelled(v.Labels)
			return change{req: req, do: func(ctx context.Context) error {
				v, err := s.eng.EditVolume(ctx, req)
				return s.madeVolume("edited", v, err)
			}}, err
		})
	e.flags(c)
	c.Flags().StringVar(&e.external, "external-id", "", "an id of your own, unique in the inventory; '' takes it away")
	return c
}
