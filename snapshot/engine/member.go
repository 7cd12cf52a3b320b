package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// member is one of the volumes that a run works on: its header as we committed it last, its backend and host, and what the
// journal remembers of it. Most operations have one. Steps work on the member in focus, so that they need not know whether
// there are others.
type member struct {
	vol  inventory.Volume
	b    *backend
	h    *hostEntry
	desc driver.Description
	p    *part
	// names are what the volume, its snapshots and its host are called, for texts.
	names *strings.Replacer
}

// reset forgets all members but an empty main one, and their part of the journal.
func (r *run) reset() {
	r.d = detail{IfVersion: r.d.IfVersion}
	r.fore = nil
	if r.planning || r.d.IfVersion != "" {
		r.fore = &forecast{}
	}
	r.member = &member{p: &r.d.part}
	r.members = []*member{r.member}
}

// enlist adds a member and puts it into focus.
func (r *run) enlist() {
	p := &part{}
	r.d.Others = append(r.d.Others, p)
	r.member = &member{p: p}
	r.members = append(r.members, r.member)
}

// restore makes the members that the journal tells of, without reaching any backend or host. A backend that this engine does
// not have is noted in lacks.
func (r *run) restore() {
	r.member = &member{p: &r.d.part}
	r.members = []*member{r.member}
	for _, p := range r.d.Others {
		r.members = append(r.members, &member{p: p})
	}
	if r.p.Volume.IsZero() && len(r.op.Volumes) > 0 {
		r.p.Volume = r.op.Volumes[0]
	}
	for _, m := range r.members {
		if m.p.Backend == "" {
			continue
		}
		var err error
		if m.b, err = r.e.backend(m.p.Backend); err != nil {
			r.lacks = err
		}
	}
}

// focus puts the member into focus whose volume it is; the zero id is the main one's.
func (r *run) focus(volume snapshot.VolumeID) {
	i := slices.IndexFunc(r.members, func(m *member) bool { return m.p.Volume == volume })
	r.member = r.members[max(i, 0)]
}

// each calls f with every member in focus, in the order in which they were enlisted, and then puts back which was.
func (r *run) each(f func() error) error {
	defer func(was *member) { r.member = was }(r.member)
	for _, m := range r.members {
		r.member = m
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// volumeIDs returns the members' volumes, in order.
func (r *run) volumeIDs() []snapshot.VolumeID {
	ids := make([]snapshot.VolumeID, len(r.members))
	for i, m := range r.members {
		ids[i] = m.p.Volume
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

func compareIDs(a, b snapshot.VolumeID) int { return cmp.Compare(a.String(), b.String()) }

// headers returns one change for every member's header: what of says that it becomes.
func (r *run) headers(of func(m *member) inventory.Volume) []inventory.VolumeChange {
	changes := make([]inventory.VolumeChange, len(r.members))
	for i, m := range r.members {
		changes[i] = inventory.VolumeChange{Volume: of(m), IfVersion: m.vol.Version}
	}
	return changes
}

// pended is what an intent writes of a member, released what an outcome does that changes nothing else.
func (r *run) pended(m *member) inventory.Volume {
	v := m.vol
	v.Pending = r.id
	return v
}

func (r *run) released(m *member) inventory.Volume {
	v := m.vol
	v.Pending = inventory.OperationID{}
	return v
}

// wrote notes that a change of all headers was committed.
func (r *run) wrote() {
	for _, m := range r.members {
		m.vol.Version++
		m.vol.Pending = r.id
	}
}

// reload reads the headers of the operation's volumes anew; errLost if one is not ours any more.
func (r *run) reload(ctx context.Context) error {
	for _, m := range r.members {
		vol, err := r.e.inv.Volume(ctx, m.p.Volume)
		switch {
		case errors.Is(err, inventory.ErrNotFound):
			return errLost
		case err != nil:
			return err
		case vol.Pending != r.id:
			return errLost
		}
		m.vol = vol
	}
	return nil
}
