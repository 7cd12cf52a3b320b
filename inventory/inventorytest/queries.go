package inventorytest

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func queryChecks() []check {
	return []check{
		{
			name: "VolumeQueries", run: volumeQueries,
			why: "each field of a query narrows it, alone and with others; one that is ignored shows a tenant another's disks",
		},
		{
			name: "SnapshotQueries", run: snapshotQueries,
			why: "each field of a query narrows it, alone and with others; one that is ignored shows a tenant another's disks",
		},
		{
			name: "OperationQueries", run: operationQueries,
			why: "recovery and the feed live on these queries; what they do not find waits for ever",
		},
		{
			name: "RecordQueries", run: recordQueries,
			why: "each field of a query narrows it, alone and with others",
		},
	}
}

// among picks one of the values, so that different columns repeat at different distances.
func among[V any](i int, values ...V) V { return values[i%len(values)] }

func volumeQueries(s *scene) {
	origins := []snapshot.ID{{}, snapshot.NewID[snapshot.ID](), {}, snapshot.NewID[snapshot.ID]()}
	for i := range 18 {
		v := s.newVolume()
		v.Owner, v.Host = among(i, "", "alice", "bob"), among(i, "pool-1", "", "pool-2", "pool-1")
		v.Backend = among(i, "array", "array-2")
		v.Native = driver.VolumeID(strconv.Itoa(i / 2))
		v.Origin = among(i/2, origins...)
		if i%5 == 0 {
			v.Former = []driver.VolumeID{"old", driver.VolumeID(strconv.Itoa(i))}
			v.ExternalID = fmt.Sprintf("vm-%d", i)
		}
		if i%4 == 0 {
			v.Pending = snapshot.NewID[inventory.OperationID]()
		}
		s.commit(write(v))
	}
	type Q = inventory.VolumeQuery
	type R = inventory.Volume
	selection[Q, R, snapshot.VolumeID]{
		rows: s.contents().Volumes,
		fields: []field[Q, R]{
			equal("Owner", func(q *Q) *string { return &q.Owner }, func(v R) string { return v.Owner }),
			equal("Backend", func(q *Q) *string { return &q.Backend }, func(v R) string { return v.Backend }),
			equal("Host", func(q *Q) *string { return &q.Host }, func(v R) string { return v.Host }),
			equal("ExternalID", func(q *Q) *string { return &q.ExternalID }, func(v R) string { return v.ExternalID }),
			equal("Origin", func(q *Q) *snapshot.ID { return &q.Origin }, func(v R) snapshot.ID { return v.Origin }),
			flagged("Pending", func(q *Q) *bool { return &q.Pending }, func(v R) bool { return !v.Pending.IsZero() }),
			{
				name: "Native",
				set:  func(q *Q, v R) bool { q.Native = v.Native; return true },
				like: func(row, v R) bool { return row.Native == v.Native || slices.Contains(row.Former, v.Native) },
			},
		},
		key:  func(v R) snapshot.VolumeID { return v.ID },
		page: func(q *Q) *inventory.Page[snapshot.VolumeID] { return &q.Page },
		list: func(q Q) iter.Seq2[R, error] { return s.inv.Volumes(s.Context(), q) },
	}.check(s)
}

func snapshotQueries(s *scene) {
	volumes := s.volumes(3)
	groups := []snapshot.GroupID{snapshot.NewID[snapshot.GroupID](), {}, snapshot.NewID[snapshot.GroupID](), {}, {}}
	var all []snapshot.Snapshot
	for i := range 24 {
		r := s.newSnapshot(volumes[i%3])
		r.Owner, r.Name = among(i, "alice", "", "bob", "alice"), among(i, "daily", "weekly", "", "daily", "")
		r.State = among(i, snapshot.Ready, snapshot.Creating, snapshot.Deleting, snapshot.Missing, snapshot.Ready)
		r.Token, r.Group = fmt.Sprintf("stoken%d", i/2), among(i, groups...)
		r.ExpiresAt = among(i, time.Time{}, longAgo().AddDate(0, 0, i), time.Now().AddDate(20, 0, 0))
		if i >= 6 {
			r.Parent = all[i%6].ID
		}
		if i%7 == 0 {
			r.Token = ""
		}
		s.commit(put(r))
		all = append(all, r)
	}
	type Q = inventory.SnapshotQuery
	type R = snapshot.Snapshot
	selection[Q, R, snapshot.ID]{
		rows: s.contents().Snapshots,
		fields: []field[Q, R]{
			equal("Volume", func(q *Q) *snapshot.VolumeID { return &q.Volume }, func(r R) snapshot.VolumeID { return r.Volume }),
			equal("Owner", func(q *Q) *string { return &q.Owner }, func(r R) string { return r.Owner }),
			equal("Parent", func(q *Q) *snapshot.ID { return &q.Parent }, func(r R) snapshot.ID { return r.Parent }),
			flagged("Roots", func(q *Q) *bool { return &q.Roots }, func(r R) bool { return r.Parent.IsZero() }),
			equal("Name", func(q *Q) *string { return &q.Name }, func(r R) string { return r.Name }),
			equal("Token", func(q *Q) *string { return &q.Token }, func(r R) string { return r.Token }),
			equal("State", func(q *Q) *snapshot.State { return &q.State }, func(r R) snapshot.State { return r.State }),
			equal("Group", func(q *Q) *snapshot.GroupID { return &q.Group }, func(r R) snapshot.GroupID { return r.Group }),
			flagged("Expired", func(q *Q) *bool { return &q.Expired },
				func(r R) bool { return !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(longAgo().AddDate(1, 0, 0)) }),
		},
		key:   func(r R) snapshot.ID { return r.ID },
		page:  func(q *Q) *inventory.Page[snapshot.ID] { return &q.Page },
		list:  func(q Q) iter.Seq2[R, error] { return s.inv.Snapshots(s.Context(), q) },
		count: func(q Q) (int64, error) { return s.inv.Count(s.Context(), q) },
	}.check(s)
}

func operationQueries(s *scene) {
	volumes := s.volumes(3)
	for i := range 18 {
		o := s.newOperation(volumes[i%3:]...)
		o.Kind = among(i, "create", "revert")
		o.State = among(i, inventory.Running, inventory.Succeeded, inventory.Waiting, inventory.Failed, inventory.Queued,
			inventory.Abandoned, inventory.Succeeded)
		c := inventory.OperationChange{Operation: o}
		if i%3 == 0 {
			c.Operation.LeaseOwner, c.LeaseTTL = among(i/3, "p1", "p2"), long
		}
		s.commit(operate(c))
	}
	type Q = inventory.OperationQuery
	type R = inventory.Operation
	selection[Q, R, int64]{
		rows: s.contents().Operations,
		fields: []field[Q, R]{
			{
				name: "Volume",
				set:  func(q *Q, o R) bool { q.Volume = o.Volumes[0]; return true },
				like: func(row, o R) bool { return slices.Contains(row.Volumes, o.Volumes[0]) },
			},
			equal("Kind", func(q *Q) *string { return &q.Kind }, func(o R) string { return o.Kind }),
			equal("State", func(q *Q) *inventory.OperationState { return &q.State },
				func(o R) inventory.OperationState { return o.State }),
			flagged("Open", func(q *Q) *bool { return &q.Open }, func(o R) bool { return o.State.Open() }),
			flagged("LeaseExpired", func(q *Q) *bool { return &q.LeaseExpired }, func(o R) bool { return o.LeaseUntil.IsZero() }),
			equal("LeaseOwner", func(q *Q) *string { return &q.LeaseOwner }, func(o R) string { return o.LeaseOwner }),
		},
		key:  func(o R) int64 { return o.Seq },
		page: func(q *Q) *inventory.Page[int64] { return &q.Page },
		list: func(q Q) iter.Seq2[R, error] { return s.inv.Operations(s.Context(), q) },
	}.check(s)
}

func recordQueries(s *scene) {
	volumes := s.volumes(2)
	for i := range 18 {
		r := inventory.Record{Kind: among(i, "archive", "policy"), ID: strconv.Itoa(i / 2)}
		r.Due = among(i, time.Time{}, longAgo().AddDate(0, 0, i), time.Now().AddDate(20, 0, 0))
		if i%4 < 2 {
			r.Volume = volumes[i%4].ID
		}
		s.commit(keep(r))
	}
	type Q = inventory.RecordQuery
	type R = inventory.Record
	selection[Q, R, inventory.RecordKey]{
		rows: s.contents().Records,
		fields: []field[Q, R]{
			equal("Kind", func(q *Q) *string { return &q.Kind }, func(r R) string { return r.Kind }),
			equal("ID", func(q *Q) *string { return &q.ID }, func(r R) string { return r.ID }),
			equal("Volume", func(q *Q) *snapshot.VolumeID { return &q.Volume }, func(r R) snapshot.VolumeID { return r.Volume }),
			flagged("Due", func(q *Q) *bool { return &q.Due },
				func(r R) bool { return !r.Due.IsZero() && r.Due.Before(longAgo().AddDate(1, 0, 0)) }),
		},
		key:  key,
		page: func(q *Q) *inventory.Page[inventory.RecordKey] { return &q.Page },
		list: func(q Q) iter.Seq2[R, error] { return s.inv.Records(s.Context(), q) },
	}.check(s)
}
