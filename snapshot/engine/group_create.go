package engine

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	kindCreateGroup = "create-group"
	stepGroup       = "CreateGroup"
)

// CreateGroupRequest asks for snapshots of several volumes at one instant. Volumes that one call of their array can take
// together need nothing else. Others, on several backends or where the array cannot, need a quiesce that holds all their writes
// while they are taken one after the other; without one they are refused.
type CreateGroupRequest struct {
	_ [0]func()

	Common
	Volumes []snapshot.VolumeID `json:"volumes"`
	// Name is the group's and its members'.
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Owner is the embedder's account; empty means each volume's, and the first one's for the group.
	Owner string `json:"owner,omitempty"`
	// ExpiresAt, in the future, is when [Engine.Expire] may delete the members; zero for never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Quiesce, if not nil, holds the guests' writes meanwhile. Where several calls are needed it is always required.
	Quiesce *Quiesce `json:"quiesce,omitempty"`
}

func (CreateGroupRequest) kind() string { return kindCreateGroup }

func (r CreateGroupRequest) validate() error {
	switch n := len(r.Volumes); {
	case n == 0:
		return needs("volumes")
	case n > GroupMost:
		return driver.Errorf(driver.ErrInvalid, "a group of %d volumes; the most is %d", n, GroupMost)
	}
	seen := make(map[snapshot.VolumeID]bool)
	for _, id := range r.Volumes {
		if id.IsZero() || seen[id] {
			return driver.Errorf(driver.ErrInvalid, "volume %q is empty or named twice", id)
		}
		seen[id] = true
	}
	return errors.Join(validName("name", r.Name), validLabels(r.Labels), validText("owner", r.Owner), r.Quiesce.validate())
}

// createGroupKind: one intent over all volumes → CreateGroup (under a freeze, if there is one) → [Thaw] → outcome.
func createGroupKind() *kind {
	return &kind{
		name: kindCreateGroup, format: 1, decode: decodeAs[CreateGroupRequest],
		locate: func(_ context.Context, _ *Engine, req Request) ([]snapshot.VolumeID, error) {
			return sortedIDs(slices.Clone(req.(CreateGroupRequest).Volumes)), nil //nolint:forcetypeassert,errcheck // its own
		},
		prepare: prepareCreateGroup, outcome: groupCreatedOutcome, failed: createGroupFailed,
		abandon: createGroupFailed, leaves: createLeaves, explain: explainCreate,
		aim: "take snapshots of several volumes at one instant",
		steps: map[string]step{
			stepGroup: {do: doShots, find: findShots, several: true, tell: tellShots},
			stepThaw:  {do: doThaw, tell: tellThaw},
		},
		pivots: []string{stepGroup},
		ends:   says("the group's snapshots are in their trees, and the contents descend from them"),
		after: func(r *run, _ inventory.Change, v *PlannedVolume) {
			req := r.req.(CreateGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
			v.HeadAfter = PlannedHead{New: true, Name: req.Name}
		},
	}
}

func prepareCreateGroup(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(CreateGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	change := inventory.Change{}
	if err := r.e.validExpiry(req.ExpiresAt); err != nil {
		return change, err
	}
	for i, id := range req.Volumes {
		if i > 0 {
			r.enlist()
		}
		if err := r.openLive(ctx, id); err != nil {
			return change, err
		}
		if err := r.snapshotLimit(ctx, 1); err != nil {
			return change, err
		}
	}
	r.member = r.members[0]
	q, err := r.planShots(ctx, req.Quiesce)
	if err != nil {
		return change, err
	}
	if err := r.prepareFreeze(ctx, q); err != nil {
		return change, err
	}
	r.d.Group = snapshot.NewID[snapshot.GroupID]()
	err = r.each(func() error {
		row, err := r.groupRow(ctx, req)
		change.Put = append(change.Put, row)
		return err
	})
	r.planFor(stepGroup)
	if r.d.Freeze != nil && len(r.d.Freeze.Hosts) > 0 {
		r.planFor(stepThaw)
	}
	change.Volumes = r.headers(r.pended)
	if n := 3*len(r.members) + len(r.containers()) + 2; n > inventory.MaxChange {
		return change, driver.Errorf(driver.ErrExhausted, "%d volumes in %d containers are too many for one group",
			len(r.members), len(r.containers()))
	}
	return change, err
}

// groupRow is the record of the member in focus.
func (r *run) groupRow(ctx context.Context, req CreateGroupRequest) (snapshot.Snapshot, error) {
	row, err := r.newRow(ctx, req.Name)
	if err != nil {
		return row, err
	}
	i := slices.IndexFunc(r.d.Shots, func(s shot) bool { return slices.Contains(s.Volumes, r.vol.ID) })
	row.Token, row.Group, row.Labels = string(r.d.Shots[i].Token), r.d.Group, maps.Clone(req.Labels)
	row.ExpiresAt = micro(req.ExpiresAt)
	if req.Owner != "" {
		row.Owner = req.Owner
	}
	r.p.Snapshot, r.p.Token = row.ID, driver.Token(row.Token)
	return row, nil
}

// planShots finds the fewest calls that take all members, and what holds the writes if there are several.
func (r *run) planShots(ctx context.Context, q *Quiesce) (*Quiesce, error) {
	var why error
	for _, name := range r.backends() {
		var volumes []snapshot.VolumeID
		var natives []driver.VolumeID
		for _, m := range r.members {
			if m.p.Backend == name {
				r.member = m
				volumes, natives = append(volumes, m.p.Volume), append(natives, m.p.Native)
			}
		}
		err := r.together(ctx, natives)
		if err != nil && driver.ClassOf(err) != driver.ErrUnsupported && driver.ClassOf(err) != driver.ErrExhausted {
			return nil, err
		}
		if err == nil {
			r.d.Shots = append(r.d.Shots, shot{Volumes: volumes, Grouped: len(volumes) > 1})
			continue
		}
		why = err
		for _, id := range volumes {
			r.d.Shots = append(r.d.Shots, shot{Volumes: []snapshot.VolumeID{id}})
		}
	}
	r.member = r.members[0]
	for i := range r.d.Shots {
		var err error
		if r.d.Shots[i].Token, err = r.e.newToken(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case len(r.d.Shots) == 1:
		return q, nil
	case q != nil:
		required := *q
		required.Required = true
		return &required, nil
	case why != nil:
		return nil, driver.Blocked(driver.ErrUnsupported, driver.BlockersOf(why),
			"the volumes cannot be taken in one call (%w), so they are of one instant only if a quiesce holds their writes; ask for one",
			why)
	}
	return nil, driver.Errorf(driver.ErrUnsupported, "the volumes are on %d backends, so they are of one instant only if a quiesce "+
		"holds their writes; ask for one", len(r.backends()))
}

// together says whether one call of the backend in focus can take the volumes.
func (r *run) together(ctx context.Context, natives []driver.VolumeID) error {
	switch most := r.desc.Limits.GroupSize; {
	case len(natives) == 1:
		return nil
	case r.b.able.Groups == nil:
		return driver.Errorf(driver.ErrUnsupported, "backend %q takes no snapshots of several volumes together", r.b.name)
	case most > 0 && len(natives) > most:
		return driver.Errorf(driver.ErrExhausted, "backend %q takes at most %d volumes together", r.b.name, most)
	}
	return act(ctx, r, "CheckGroup", func(ctx context.Context) error { return r.b.able.Groups.CheckGroup(ctx, natives) })
}

// backends returns the names of the members' backends, each once.
func (r *run) backends() []string {
	var names []string
	for _, m := range r.members {
		if !slices.Contains(names, m.p.Backend) {
			names = append(names, m.p.Backend)
		}
	}
	return names
}

func groupCreatedOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	req := r.req.(CreateGroupRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	change := inventory.Change{Volumes: r.headers(func(m *member) inventory.Volume {
		vol := r.released(m)
		vol.Head, vol.HeadUnknown = m.p.Snapshot, false
		return vol
	})}
	consistency := r.groupConsistency()
	err := r.each(func() error {
		row, err := r.madeRow(ctx, r.p.Snapshot, r.p.Made)
		row.Consistency = consistency
		change.Put = append(change.Put, row)
		return err
	})
	if err != nil {
		return change, nil, err
	}
	doc := groupDoc{Shots: r.d.Shots, Group: Group{
		ID: r.d.Group, Name: req.Name, Labels: req.Labels, Owner: req.Owner, CreatedAt: r.op.CreatedAt, Consistency: consistency,
		Skew: r.skew(), Volumes: req.Volumes,
	}}
	if doc.Owner == "" {
		doc.Owner = r.vol.Owner
	}
	if f := r.d.Freeze; f != nil {
		doc.Quiesce, doc.Frozen = f.Outcome, f.For
	}
	data, err := json.Marshal(doc)
	change.Records = []inventory.RecordChange{{
		Record: inventory.Record{Kind: recordGroup, ID: r.d.Group.String(), Data: data},
	}}
	return change, Result{Group: r.d.Group}, err
}

// groupConsistency is what all members have together.
func (r *run) groupConsistency() snapshot.Consistency {
	f := r.d.Freeze
	frozen := f != nil && f.Outcome == snapshot.QuiesceFrozen
	switch {
	case frozen && f.Flushed:
		return snapshot.ApplicationConsistent
	case frozen, len(r.d.Shots) == 1 && (len(r.members) == 1 || !r.desc.Facts.GroupNonAtomic):
		return snapshot.GroupConsistent
	}
	return snapshot.CrashConsistent
}

// skew is how far apart the members' instants are at most.
func (r *run) skew() time.Duration {
	if len(r.d.Shots) > 1 {
		return r.d.Skew
	}
	first, last := r.p.Made.TakenAt, r.p.Made.TakenAt
	for _, m := range r.members {
		if t := m.p.Made.TakenAt; t.Before(first) {
			first = t
		} else if t.After(last) {
			last = t
		}
	}
	return last.Sub(first)
}

func createGroupFailed(_ context.Context, r *run) (inventory.Change, error) {
	change := inventory.Change{Volumes: r.headers(r.released)}
	for _, m := range r.members {
		change.Drop = append(change.Drop, m.p.Snapshot)
	}
	return change, nil
}
