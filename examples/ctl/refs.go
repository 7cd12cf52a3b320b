package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// candidatesMost is how many of the things are listed that an ambiguous name may mean.
const candidatesMost = 10

// volume finds a volume by its id, by what a list shows of that, or by a name: its own, the embedder's, backend/native.
func (s *session) volume(ctx context.Context, ref string) (inventory.Volume, error) {
	if id, err := snapshot.ParseID[snapshot.VolumeID](ref); err == nil {
		v, err := s.inv.Volume(ctx, id)
		return known("volume", ref, "ctl volume list", v, err)
	}
	var found []inventory.Volume
	for v, err := range s.inv.Volumes(ctx, inventory.VolumeQuery{}) {
		if err != nil {
			return v, err
		}
		if v.ID.Short() == ref || v.Name == ref || v.ExternalID == ref || v.Backend+"/"+string(v.Native) == ref {
			found = append(found, v)
		}
	}
	return only("volume", ref, "ctl volume list", found, func(v inventory.Volume) driver.Blocker {
		return driver.Blocker{Kind: "volume", ID: v.ID.String(), Name: v.Name, Since: v.CreatedAt}
	})
}

// volumes finds each of them.
func (s *session) volumes(ctx context.Context, refs []string) ([]snapshot.VolumeID, error) {
	var found []snapshot.VolumeID
	for _, ref := range refs {
		v, err := s.volume(ctx, ref)
		if err != nil {
			return nil, err
		}
		found = append(found, v.ID)
	}
	return found, nil
}

// snapshot finds a snapshot by its id, by what a list shows of that, by its name, or as VOLUME@NAME.
func (s *session) snapshot(ctx context.Context, ref string) (snapshot.Snapshot, error) {
	if id, err := snapshot.ParseID[snapshot.ID](ref); err == nil {
		one, err := s.inv.Snapshot(ctx, id)
		return known("snapshot", ref, "ctl snapshot list", one, err)
	}
	found, err := s.snapshotsNamed(ctx, ref)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return only("snapshot", ref, "ctl snapshot list", found, func(one snapshot.Snapshot) driver.Blocker {
		return driver.Blocker{Kind: "snapshot", ID: one.ID.String(), Name: s.called(ctx, one), Since: one.CreatedAt}
	})
}

func (s *session) snapshotsNamed(ctx context.Context, ref string) ([]snapshot.Snapshot, error) {
	found, err := s.snapshots(ctx, inventory.SnapshotQuery{Name: ref}, nil)
	if err != nil || len(found) > 0 {
		return found, err
	}
	if i := strings.LastIndex(ref, "@"); i > 0 && i < len(ref)-1 {
		v, err := s.volume(ctx, ref[:i])
		if err != nil {
			return nil, err
		}
		return s.snapshots(ctx, inventory.SnapshotQuery{Volume: v.ID}, func(one snapshot.Snapshot) bool {
			return one.Name == ref[i+1:] || one.ID.Short() == ref[i+1:]
		})
	}
	if !shortID(ref) {
		return nil, nil
	}
	return s.snapshots(ctx, inventory.SnapshotQuery{}, func(one snapshot.Snapshot) bool { return one.ID.Short() == ref })
}

// snapshots lists those that the query selects and keep, if not nil, keeps.
func (s *session) snapshots(
	ctx context.Context, q inventory.SnapshotQuery, keep func(snapshot.Snapshot) bool,
) ([]snapshot.Snapshot, error) {
	found := []snapshot.Snapshot{}
	for one, err := range s.inv.Snapshots(ctx, q) {
		if err != nil {
			return nil, err
		}
		if keep == nil || keep(one) {
			found = append(found, one)
		}
	}
	return found, nil
}

// operation finds an operation by its id, or by what a list shows of that.
func (s *session) operation(ctx context.Context, ref string) (inventory.Operation, error) {
	if id, err := snapshot.ParseID[inventory.OperationID](ref); err == nil {
		op, err := s.inv.Operation(ctx, id)
		return known("operation", ref, "ctl op list", op, err)
	}
	var found []inventory.Operation
	for op, err := range s.inv.Operations(ctx, inventory.OperationQuery{}) {
		if err != nil {
			return op, err
		}
		if op.ID.Short() == ref {
			found = append(found, op)
		}
	}
	return only("operation", ref, "ctl op list", found, func(op inventory.Operation) driver.Blocker {
		return driver.Blocker{Kind: "operation", ID: op.ID.String(), Name: op.Kind, Since: op.CreatedAt}
	})
}

func shortID(text string) bool {
	return len(text) == 8 && strings.Trim(text, "0123456789abcdef") == ""
}

// known says of an id or name that is not there where those are that are.
func known[T any](kind, ref, where string, found T, err error) (T, error) {
	if errors.Is(err, inventory.ErrNotFound) {
		err = &refusal{text: fmt.Sprintf("there is no %s %q in the inventory", kind, ref), next: where + " lists those that are"}
	}
	return found, err
}

// only returns the one that was found, or says that there is none, or which they are.
func only[T any](kind, ref, where string, found []T, describe func(T) driver.Blocker) (T, error) {
	var none T
	switch len(found) {
	case 0:
		return known(kind, ref, where, none, inventory.ErrNotFound)
	case 1:
		return found[0], nil
	}
	e := &refusal{
		text: fmt.Sprintf("%s %q is ambiguous: %d of them match", kind, ref, len(found)), next: "give the id of the one that is meant",
	}
	for _, f := range found[:min(len(found), candidatesMost)] {
		e.candidates = append(e.candidates, describe(f))
	}
	return none, e
}

// volumeName is what people call the volume: its name, else its native id, else the short id.
func (s *session) volumeName(ctx context.Context, id snapshot.VolumeID) string {
	v, err := s.inv.Volume(ctx, id)
	if err != nil {
		return id.Short()
	}
	return callName(v)
}

func callName(v inventory.Volume) string { return cmp.Or(v.Name, string(v.Native), v.ID.Short()) }

// names remembers the names of volumes while a table is made.
func (s *session) names(ctx context.Context) func(snapshot.VolumeID) string {
	known := make(map[snapshot.VolumeID]string)
	return func(id snapshot.VolumeID) string {
		if _, ok := known[id]; !ok {
			known[id] = s.volumeName(ctx, id)
		}
		return known[id]
	}
}

// labelsOf writes labels in order.
func labelsOf(labels map[string]string) string {
	var all []string
	for k, v := range labels {
		all = append(all, k+"="+v)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
