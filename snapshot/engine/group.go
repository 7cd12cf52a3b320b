package engine

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// GroupMost is the most volumes that a group may have. Where each lies in a container of its own that the array shares between
// volumes, it is fewer: all that an operation changes must fit into one commit.
const GroupMost = 38

const recordGroup = "group"

// Group is a set of snapshots of several volumes that were taken at one instant, as far as Consistency says.
type Group struct {
	_ [0]func()

	ID        snapshot.GroupID  `json:"id"`
	Name      string            `json:"name,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Owner     string            `json:"owner,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	// Consistency is what the members have together; Quiesce what came of the wish to hold writes, for how long Frozen.
	Consistency snapshot.Consistency `json:"consistency"`
	Quiesce     snapshot.Quiesce     `json:"quiesce,omitempty"`
	Frozen      time.Duration        `json:"frozen,omitempty"`
	// Skew is how far apart the members' instants may be: by the array's times where one call took all, else the time that
	// the calls took, by our clock. Writes that were held make it harmless.
	Skew time.Duration `json:"skew,omitempty"`
	// Volumes are those that it was made of.
	Volumes []snapshot.VolumeID `json:"volumes"`
	// Members are the snapshots that are left, in the order of Volumes. Degraded: some are missing or were deleted.
	Members  []snapshot.Snapshot `json:"members"`
	Degraded bool                `json:"degraded,omitempty"`
}

// groupDoc is the content of a group's record: the group but for its members, and the calls that took them.
type groupDoc struct {
	Group
	Shots []shot `json:"shots"`
}

// Group returns a group with the members that are left. Error: ErrNotFound.
func (e *Engine) Group(ctx context.Context, id snapshot.GroupID) (Group, error) {
	doc, version, err := e.groupDoc(ctx, id)
	switch {
	case err != nil:
		return Group{}, err
	case version == 0:
		return Group{}, driver.Errorf(driver.ErrNotFound, "group %s", id)
	}
	return e.groupOf(ctx, id, doc)
}

// GroupQuery selects groups; every set field must match. Zero selects all.
type GroupQuery struct {
	_ [0]func()

	Owner  string
	Volume snapshot.VolumeID
	// After goes on behind a group that was seen; Limit is the most to list, zero for no limit.
	After snapshot.GroupID
	Limit int
}

// Groups lists groups in the order of their ids, which is that of their making. One error at most is yielded, last.
func (e *Engine) Groups(ctx context.Context, q GroupQuery) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		rq := inventory.RecordQuery{Kind: recordGroup}
		if !q.After.IsZero() {
			rq.After = inventory.RecordKey{Kind: recordGroup, ID: q.After.String()}
		}
		n := 0
		for rec, err := range e.inv.Records(ctx, rq) {
			var g Group
			if err == nil {
				g, err = e.listedGroup(ctx, rec, q)
			}
			switch {
			case err != nil:
				yield(Group{}, classified(err))
				return
			case g.ID.IsZero():
				continue
			case !yield(g, nil):
				return
			}
			if n++; n == q.Limit {
				return
			}
		}
	}
}

// listedGroup returns the zero group for one that the query does not select.
func (e *Engine) listedGroup(ctx context.Context, rec inventory.Record, q GroupQuery) (Group, error) {
	doc, err := decodeGroup(rec)
	if err != nil || q.Owner != "" && doc.Owner != q.Owner || !q.Volume.IsZero() && !slices.Contains(doc.Volumes, q.Volume) {
		return Group{}, err
	}
	id, err := snapshot.ParseID[snapshot.GroupID](rec.ID)
	if err != nil {
		return Group{}, driver.Errorf(driver.ErrInvalid, "record %s %q: %w", recordGroup, rec.ID, err)
	}
	return e.groupOf(ctx, id, doc)
}

func (e *Engine) groupOf(ctx context.Context, id snapshot.GroupID, doc groupDoc) (Group, error) {
	g := doc.Group
	g.ID = id
	rows, err := e.groupRows(ctx, id)
	if err != nil {
		return g, err
	}
	ready := 0
	for _, v := range doc.Volumes {
		for _, s := range rows {
			if s.Volume == v {
				g.Members = append(g.Members, s)
			}
			if s.Volume == v && s.State == snapshot.Ready {
				ready++
			}
		}
	}
	g.Degraded = ready < len(doc.Volumes)
	return g, nil
}

func (e *Engine) groupRows(ctx context.Context, id snapshot.GroupID) ([]snapshot.Snapshot, error) {
	var rows []snapshot.Snapshot
	for s, err := range e.inv.Snapshots(ctx, inventory.SnapshotQuery{Group: id}) {
		if err != nil {
			return nil, classified(err)
		}
		rows = append(rows, s)
	}
	return rows, nil
}

// groupDoc returns version 0 for a group that there is not.
func (e *Engine) groupDoc(ctx context.Context, id snapshot.GroupID) (groupDoc, int64, error) {
	for rec, err := range e.inv.Records(ctx, inventory.RecordQuery{Kind: recordGroup, ID: id.String()}) {
		if err != nil {
			return groupDoc{}, 0, classified(err)
		}
		doc, err := decodeGroup(rec)
		return doc, rec.Version, err
	}
	return groupDoc{}, 0, nil
}

func decodeGroup(rec inventory.Record) (groupDoc, error) {
	var doc groupDoc
	if err := json.Unmarshal(rec.Data, &doc); err != nil {
		return doc, driver.Errorf(driver.ErrInvalid, "record %s %q cannot be read: %w", rec.Kind, rec.ID, err)
	}
	return doc, nil
}

// locateGroup locks the volumes of a group's members.
func locateGroup(ctx context.Context, e *Engine, id snapshot.GroupID, more ...snapshot.VolumeID) ([]snapshot.VolumeID, error) {
	g, err := e.Group(ctx, id)
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(more)
	for _, s := range g.Members {
		ids = append(ids, s.Volume)
	}
	return sortedIDs(ids), nil
}

// CreateGroup takes snapshots of several volumes at one instant.
func (e *Engine) CreateGroup(ctx context.Context, req CreateGroupRequest) (Group, error) {
	res, err := e.do(ctx, req)
	if err != nil {
		return Group{}, err
	}
	g, err := e.Group(context.WithoutCancel(ctx), res.Group)
	return g, res.unread(req.kind(), err)
}

// RevertGroup rolls the volumes of a group back to its members, in one operation: all are checked first, and once the first was
// rolled back the others follow, whatever it takes.
func (e *Engine) RevertGroup(ctx context.Context, req RevertGroupRequest) (Group, error) {
	res, err := e.do(ctx, req)
	if err != nil {
		return Group{}, err
	}
	g, err := e.Group(context.WithoutCancel(ctx), res.Group)
	return g, res.unread(req.kind(), err)
}

// DeleteGroup deletes all members of a group that are left, and the group. Whatever stands in the way of one is named before
// any is deleted.
func (e *Engine) DeleteGroup(ctx context.Context, req DeleteGroupRequest) error {
	_, err := e.do(ctx, req)
	return err
}
