package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// errInventory marks what ends an audit: without the inventory there is nothing to compare.
var errInventory = errors.New("the inventory cannot be read")

// stored marks an error of the inventory.
func stored(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errInventory, classified(err))
}

// scan is the audit of one backend.
type scan struct {
	r            *run // of no operation: it only asks
	req          AuditRequest
	out          *AuditedBackend
	installation driver.InstallationID
	ahead        time.Duration // how far the array's clock is ahead of ours

	// What the inventory has, read before the array is asked.
	volumes map[snapshot.VolumeID]auditedVolume
	natives map[driver.VolumeID]snapshot.VolumeID // by the ids now and the former ones
	seed    maphash.Seed
	rows    []noted
	shared  map[uint64]bool  // the hashes of their ids alone, where a snapshot may stand in the trees of several volumes
	index   map[uint64]int32 // of rows, by the hash of the volume's and the snapshot's native ids
	odd     []snapshot.ID    // records that an operation should be working on

	// What the array has, and the inventory perhaps not.
	suspects      []snapshot.VolumeID                   // of which the array says something else, or nothing
	gone          []snapshot.VolumeID                   // those that seem not to be there
	unmanaged     []driver.VolumeID                     // volumes that may be one of ours under another id
	once          map[driver.VolumeID][]driver.VolumeID // by a former id, the unmanaged volumes that had it; nil until needed
	clones        []driver.Volume                       // volumes with a token of ours that are none of ours by id
	orphanVolumes []driver.VolumeID                     // those that are orphans
	strangers     []driver.Snapshot                     // snapshots that are not among the rows
	doubtful      []snapshot.ID                         // rows of which the array says something else
	claimed       [][]byte                              // the journals of open operations
}

type auditedVolume struct {
	inventory.Volume

	seen   string // its name at the array
	locked bool   // its container is, by an operation that is not open
}

// noted is what is kept of a snapshot's record.
type noted struct {
	id      snapshot.ID
	size    int64
	token   uint64 // its hash
	missing bool
	seen    bool
}

// all looks at everything. The order is what makes races harmless: the records, the array, the journals, the records.
func (s *scan) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.readVolumes, s.readSnapshots, s.listVolumes, s.judgeVolumes, s.listSnapshots, s.judgeGone, s.readJournals,
		s.judgeUnknownVolumes, s.judgeDoubtful, s.judgeStrangers, s.judgeUnseen, s.judgeOdd,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) readVolumes(ctx context.Context) error {
	seen := make(map[string]string)
	for r, err := range s.r.e.inv.Records(ctx, inventory.RecordQuery{Kind: recordNameAtArray, Volume: s.req.Volume}) {
		if err != nil {
			return stored(err)
		}
		seen[r.ID] = nameIn(r)
	}
	locked, err := s.deadLocks(ctx)
	if err != nil {
		return stored(err)
	}
	for v, err := range s.r.e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: s.r.b.name}) {
		switch {
		case err != nil:
			return stored(err)
		case !s.req.Volume.IsZero() && v.ID != s.req.Volume:
			continue
		}
		s.volumes[v.ID] = auditedVolume{v, seen[v.ID.String()], locked[v.Container]}
		s.out.Volumes++
		for _, id := range v.Former {
			if _, taken := s.natives[id]; !taken {
				s.natives[id] = v.ID
			}
		}
	}
	for id, v := range s.volumes { // an id that was given to another volume since is that volume's
		if v.Native != "" {
			s.natives[v.Native] = id
		}
	}
	return nil
}

func (s *scan) readSnapshots(ctx context.Context) error {
	s.seed, s.index, s.shared = maphash.MakeSeed(), make(map[uint64]int32), make(map[uint64]bool)
	for id := range s.volumes {
		for row, err := range s.r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: id}) {
			if err != nil {
				return stored(err)
			}
			s.note(row)
		}
	}
	return nil
}

func (s *scan) note(row snapshot.Snapshot) {
	s.out.Snapshots++
	working := row.State == snapshot.Creating || row.State == snapshot.Deleting
	if working || len(row.Pins) > 0 {
		s.odd = append(s.odd, row.ID)
	}
	if working {
		return
	}
	if s.r.desc.Facts.SnapshotUnit == driver.UnitContainer {
		s.shared[maphash.String(s.seed, row.Native)] = true
	}
	s.index[s.key(refOf(row))] = int32(len(s.rows)) //nolint:gosec // two billion records do not fit into memory
	s.rows = append(s.rows, noted{
		id: row.ID, size: row.Size, token: maphash.String(s.seed, row.Token), missing: row.State == snapshot.Missing,
	})
}

// key stands for a snapshot at the array.
func (s *scan) key(ref driver.SnapshotRef) uint64 {
	return maphash.Comparable(s.seed, [2]string{string(ref.Volume), ref.ID})
}

// listSnapshots streams what the array has past what the inventory has, and keeps what does not fit.
func (s *scan) listSnapshots(ctx context.Context) error {
	var of []driver.VolumeID
	if !s.req.Volume.IsZero() {
		v := s.volumes[s.req.Volume]
		if v.Native == "" { // gone: the array may still know its snapshots by what it was
			of = v.Former[max(0, len(v.Former)-1):]
		} else {
			of = []driver.VolumeID{v.Native}
		}
		if len(of) == 0 {
			return nil
		}
	} else {
		of = []driver.VolumeID{""}
	}
	_, err := askLong(ctx, s.r, "Snapshots", func(ctx context.Context) (struct{}, error) {
		for found, err := range s.r.b.drv.Snapshots(ctx, driver.ListRequest{Volume: of[0]}) {
			if err != nil {
				return struct{}{}, err
			}
			s.out.ListedSnapshots++
			s.see(found)
		}
		return struct{}{}, nil
	})
	if !s.req.Volume.IsZero() {
		err = absentIsDone(err)
	}
	return err
}

func (s *scan) see(found driver.Snapshot) {
	i, known := s.index[s.key(found.Ref)]
	if !known && s.shared[maphash.String(s.seed, found.Ref.ID)] {
		return // listed as a sibling's; a record that is not seen is looked up
	}
	if !known {
		_, ours := s.natives[found.Ref.Volume]
		if ours || s.req.Volume.IsZero() && found.Ref.Token.Of(s.installation) {
			s.strangers = append(s.strangers, found)
		}
		return
	}
	row := &s.rows[i]
	row.seen = true
	if row.missing || found.Size > 0 && found.Size != row.size || maphash.String(s.seed, string(found.Ref.Token)) != row.token {
		s.doubtful = append(s.doubtful, row.id)
	}
}

// readJournals remembers what open operations may be making, after the array was listed and before the records are read
// again: what has ended by then is in the records, or gone.
func (s *scan) readJournals(ctx context.Context) error {
	for op, err := range s.r.e.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
		if err != nil {
			return stored(err)
		}
		s.claimed = append(s.claimed, op.Detail, op.Args)
		for _, step := range op.Steps {
			s.claimed = append(s.claimed, step.Note, step.Result)
		}
	}
	return nil
}

// isClaimed reports whether an open operation's journal names the token. Tokens are random, so it is enough that the
// text is there, whatever the kind of operation.
func (s *scan) isClaimed(token driver.Token) bool {
	return slices.ContainsFunc(s.claimed, func(doc []byte) bool { return bytes.Contains(doc, []byte(token)) })
}

// young reports whether an object is not older than the grace, by the array's clock. One of unknown age is old.
func (s *scan) young(made time.Time) bool {
	return !made.IsZero() && s.r.e.now().Add(s.ahead).Sub(made) < s.req.Grace
}

// steady looks at a volume that no operation is open on, from before the look to after it. What f finds is then about one
// state of the inventory.
func (s *scan) steady(ctx context.Context, id snapshot.VolumeID, f func(vol inventory.Volume, stuck bool) error) error {
	for range 3 {
		before, err := s.r.e.inv.Volume(ctx, id)
		if errors.Is(err, inventory.ErrNotFound) {
			return nil
		}
		if err != nil {
			return stored(err)
		}
		stuck := false
		if !before.Pending.IsZero() {
			open, err := s.r.e.operationOpen(ctx, before.Pending)
			if err != nil {
				return stored(err)
			}
			if open {
				break
			}
			stuck = true
		}
		found := len(s.out.Findings)
		if err := f(before, stuck); err != nil {
			return err
		}
		after, err := s.r.e.inv.Volume(ctx, id)
		if err == nil && after.Version == before.Version {
			return nil
		}
		s.out.Findings = s.out.Findings[:found]
		if err != nil && !errors.Is(err, inventory.ErrNotFound) {
			return stored(err)
		}
	}
	s.out.Busy++
	return nil
}

// found adds a finding, with what can be done about it.
func (s *scan) found(f Finding, without ...AuditAction) {
	f.Backend = s.r.b.name
	f.Actions = slices.DeleteFunc(f.Kind.actions(), func(a AuditAction) bool { return slices.Contains(without, a) })
	s.out.Findings = append(s.out.Findings, f)
}

// deadLocks returns the backend's containers that are marked as had by operations which are not open.
func (s *scan) deadLocks(ctx context.Context) (map[driver.ContainerID]bool, error) {
	dead := make(map[driver.ContainerID]bool)
	for rec, err := range s.r.e.inv.Records(ctx, inventory.RecordQuery{Kind: recordContainer}) {
		if err != nil {
			return nil, err
		}
		container, ours := strings.CutPrefix(rec.ID, containerKey(s.r.b.name, ""))
		if !ours {
			continue
		}
		version, err := s.r.deadLock(ctx, driver.ContainerID(container))
		if err != nil {
			return nil, err
		}
		dead[driver.ContainerID(container)] = version > 0
	}
	return dead, nil
}
