package engine

import (
	"context"
	"maps"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	stepCreate   = "CreateSnapshot"
	stepQuiesced = "CreateQuiesced"
)

// createKind: intent (the row in Creating, its token, Pending) → CreateSnapshot → outcome (Ready, the head moves). With a quiesce
// the snapshot is taken while the host holds the writes, and a step behind it makes sure that they go on.
func createKind() *kind {
	return &kind{
		name: kindCreate, format: 1, decode: decodeAs[CreateRequest],
		locate:  locateVolume(func(r CreateRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareCreate, outcome: createdOutcome, failed: createFailed,
		abandon: abandonCreate, leaves: createLeaves, explain: explainCreate, aim: "take {snapshot} of {volume}",
		steps: map[string]step{
			stepCreate:   {do: doCreate, undo: undoCreate, find: findCreated, tell: tellCreate},
			stepQuiesced: {do: doShots, find: findShots, tell: tellShots},
			stepThaw:     {do: doThaw, tell: tellThaw},
		},
		pivots: []string{stepCreate, stepQuiesced},
		ends:   says("the snapshot is in the tree, and the content descends from it"),
		after: func(r *run, _ inventory.Change, v *PlannedVolume) {
			req := r.req.(CreateRequest) //nolint:forcetypeassert,errcheck // the kind's own request
			v.HeadAfter = PlannedHead{New: true, Name: req.Name}
		},
	}
}

func prepareCreate(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(CreateRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if err := r.openVolume(ctx, req.Volume); err != nil {
		return inventory.Change{}, err
	}
	if err := r.live(); err != nil {
		return inventory.Change{}, err
	}
	if err := r.e.validExpiry(req.ExpiresAt); err != nil {
		return inventory.Change{}, err
	}
	if err := r.snapshotLimit(ctx, 1); err != nil {
		return inventory.Change{}, err
	}
	row, err := r.newRow(ctx, req.Name)
	if err != nil {
		return inventory.Change{}, err
	}
	row.Labels, row.ExpiresAt = maps.Clone(req.Labels), micro(req.ExpiresAt)
	if req.Owner != "" {
		row.Owner = req.Owner
	}
	r.p.Snapshot, r.p.Token = row.ID, driver.Token(row.Token)
	if err := r.prepareFreeze(ctx, req.Quiesce); err != nil {
		return inventory.Change{}, err
	}
	if r.d.Freeze == nil || len(r.d.Freeze.Hosts) == 0 {
		r.plan(stepCreate)
	} else {
		r.d.Shots = []shot{{Token: r.p.Token, Volumes: []snapshot.VolumeID{r.vol.ID}}}
		r.plan(stepQuiesced, stepThaw)
	}
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol)), Put: []snapshot.Snapshot{row}}, nil
}

// newRow is the record of a snapshot that is about to be made of the volume's content now.
func (r *run) newRow(ctx context.Context, name string) (snapshot.Snapshot, error) {
	token, err := r.e.newToken(ctx)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	lineage := snapshot.Recorded
	if r.vol.HeadUnknown {
		lineage = snapshot.Assumed // nobody knows what its content descends from
	}
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: r.vol.ID, Parent: r.vol.Head, Name: name, Owner: r.vol.Owner,
		State: snapshot.Creating, Token: string(token), NativeVolume: string(r.vol.Native),
		CreatedAt: r.e.now(), Size: r.vol.Size, Lineage: lineage, Consistency: snapshot.CrashConsistent,
	}, nil
}

func doCreate(ctx context.Context, r *run, at driver.Attempt) error {
	req := r.req.(CreateRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var err error
	r.p.Made, err = r.takeSnapshot(ctx, r.p.Token, snapshot.Snapshot{
		Name: req.Name, Labels: req.Labels, ExpiresAt: micro(req.ExpiresAt),
	}, at)
	return r.withCandidates(ctx, err)
}

func tellCreate(r *run) PlannedStep {
	return PlannedStep{
		Does: "the array takes a snapshot of " + r.theVolume(), Undo: "the snapshot is deleted", Calls: r.sends("CreateSnapshot"),
	}
}

// takeSnapshot makes a snapshot at the array, with the name, labels and expiry of its record.
func (r *run) takeSnapshot(ctx context.Context, token driver.Token, row snapshot.Snapshot, at driver.Attempt) (*made, error) {
	s, err := ask(ctx, r, "CreateSnapshot", func(ctx context.Context) (driver.Snapshot, error) {
		return r.b.drv.CreateSnapshot(ctx, driver.CreateSnapshotRequest{
			Volume: r.p.Native, Token: token, Name: fitted(row.Name, r.desc.Limits), Labels: row.Labels,
			Expires: r.safetyNet(row.ExpiresAt), Attempt: at,
		})
	})
	if err != nil {
		return nil, err
	}
	if s.Ref.Token != token || s.Ref.ID == "" {
		return nil, badAnswer("CreateSnapshot", "the driver answered without the snapshot's id, or with another token")
	}
	return madeOf(s), nil
}

func findCreated(ctx context.Context, r *run, at driver.Attempt) (bool, error) {
	m, err := r.lookUp(ctx, driver.SnapshotRef{Volume: r.p.Native, Token: r.p.Token}, at)
	r.p.Made = m
	return m != nil, err
}

// lookUp returns what the array has under the reference, or nil if it conclusively has nothing.
func (r *run) lookUp(ctx context.Context, ref driver.SnapshotRef, at driver.Attempt) (*made, error) {
	s, err := r.atArray(ctx, ref, at)
	if s == nil {
		return nil, err
	}
	return madeOf(*s), nil
}

func undoCreate(ctx context.Context, r *run, at driver.Attempt) error {
	return r.discardSnapshot(ctx, r.p.Token, at)
}

// discardSnapshot removes what a create of unknown outcome may have made, now or later.
func (r *run) discardSnapshot(ctx context.Context, token driver.Token, at driver.Attempt) error {
	ref := driver.SnapshotRef{Volume: r.p.Native, Token: token}
	m, err := r.lookUp(ctx, ref, at)
	if err != nil || m == nil {
		return err
	}
	ref.ID = m.Native
	_, err = r.deleteSnapshot(ctx, ref, at)
	return absentIsDone(err)
}

// absentIsDone: where absence is the aim, what is not there is success.
func absentIsDone(err error) error {
	if driver.ClassOf(err) == driver.ErrNotFound {
		return nil
	}
	return err
}

func (r *run) deleteSnapshot(ctx context.Context, ref driver.SnapshotRef, at driver.Attempt) (driver.DeleteResult, error) {
	return ask(ctx, r, "DeleteSnapshot", func(ctx context.Context) (driver.DeleteResult, error) {
		return r.b.drv.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: ref, Attempt: at})
	})
}

func createdOutcome(ctx context.Context, r *run) (inventory.Change, any, error) {
	row, err := r.madeRow(ctx, r.p.Snapshot, r.p.Made)
	if err != nil {
		return inventory.Change{}, nil, err
	}
	vol := r.unpend()
	vol.Head, vol.HeadUnknown = row.ID, false
	return inventory.Change{Volumes: r.volumeChange(vol), Put: []snapshot.Snapshot{row}},
		Result{Snapshot: row.ID, Volume: vol.ID}, nil
}

// madeRow is the record of a snapshot that the array has made.
func (r *run) madeRow(ctx context.Context, id snapshot.ID, m *made) (snapshot.Snapshot, error) {
	row, err := r.rowNow(ctx, id)
	if err != nil {
		return row, err
	}
	row.State, row.Native, row.TakenAt = snapshot.Ready, m.Native, m.TakenAt
	if f := r.d.Freeze; f != nil {
		row.Quiesce, row.Frozen = f.Outcome, f.For
		if f.Flushed && f.Outcome == snapshot.QuiesceFrozen {
			row.Consistency = snapshot.ApplicationConsistent
		}
	}
	if m.Size > 0 {
		row.Size = m.Size
	}
	return row, nil
}

func createFailed(_ context.Context, r *run) (inventory.Change, error) {
	return inventory.Change{Volumes: r.volumeChange(r.unpend()), Drop: []snapshot.ID{r.p.Snapshot}}, nil
}
