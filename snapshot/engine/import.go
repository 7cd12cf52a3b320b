package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const stepImport = "Snapshots"

// importKind: intent (the volume's record, pending) → its snapshots' records → outcome (the head). Nothing is touched at
// the array.
func importKind() *kind {
	return &kind{
		name: kindImport, format: 1, decode: decodeAs[ImportRequest], locate: locateNothing,
		prepare: prepareImport, outcome: importedOutcome, failed: importFailed,
		steps:   map[string]step{stepImport: {do: doImport, tell: tellImport}},
		ends:    endsImport,
		after:   afterImport,
		touches: func(*run) bool { return false },
		explain: explainImport, aim: "put {volume} under management",
	}
}

func prepareImport(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(ImportRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openBackend(ctx, req.Backend); err != nil {
		return none, err
	}
	v, err := ask(ctx, r, "Volume", func(ctx context.Context) (driver.Volume, error) { return r.b.drv.Volume(ctx, req.Native) })
	if err != nil {
		return none, err
	}
	if err := r.unknown(ctx, req); err != nil {
		return none, err
	}
	r.vol = inventory.Volume{
		ID: snapshot.NewID[snapshot.VolumeID](), Backend: req.Backend, Native: v.ID, Name: req.Name, ExternalID: req.ExternalID,
		Owner: req.Owner, Labels: maps.Clone(req.Labels), Host: req.Host, Serial: v.Serial, Size: v.Size, Container: v.Container,
		CreatedAt: r.e.now(),
	}
	if r.vol.Name == "" {
		r.vol.Name = plainName(v.Name, v.Token)
	}
	if err := errors.Join(r.unclaimed(ctx, v), r.origin(ctx, v)); err != nil {
		return none, err
	}
	r.p.Now = nowOf(v)
	r.p.Volume = r.vol.ID
	r.op.Volumes, r.op.Owner, r.d.Native = []snapshot.VolumeID{r.vol.ID}, req.Owner, v.ID
	if err := r.openHost(ctx); err != nil {
		return none, err
	}
	if r.d.Attachment != nil {
		r.vol.Disk = r.d.Attachment.Disk
	}
	r.plan(stepImport)
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol))}, nil
}

// unknown refuses a volume that is under management already, by naming it.
func (r *run) unknown(ctx context.Context, req ImportRequest) error {
	for v, err := range r.e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: req.Backend, Native: req.Native}) {
		if err != nil {
			return classified(err)
		}
		if !v.DeletedAt.IsZero() {
			continue // the id was another volume's, of which only the history is left
		}
		return driver.Errorf(driver.ErrConflict,
			"volume %q of backend %q is in the inventory already, as %s", req.Native, req.Backend, v.ID)
	}
	return nil
}

// doImport writes a record of each snapshot that the array has of the volume, chained by time. After an interruption it
// finds its own records by their native ids.
func doImport(ctx context.Context, r *run, _ driver.Attempt) error {
	req := r.req.(ImportRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if req.WithoutSnapshots {
		return nil
	}
	known := make(map[string]snapshot.Snapshot)
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: r.vol.ID}) {
		if err != nil {
			return classified(err)
		}
		known[s.Native] = s
	}
	found, err := r.snapshotsOf(ctx, r.d.Native)
	if err != nil {
		return err
	}
	rows := make([]snapshot.Snapshot, 0, len(found))
	for _, s := range found {
		if s.Ready {
			rows = append(rows, r.importedRow(s, known[s.Ref.ID]))
		}
	}
	snapshot.ChainByTime(rows)
	if len(rows) > 0 {
		r.d.Snapshot = rows[len(rows)-1].ID
	}
	for chunk := range slices.Chunk(rows, inventory.MaxChange-1) {
		if err := r.commit(ctx, inventory.Change{Put: chunk}); err != nil {
			return errors.Join(errLost, err)
		}
	}
	return nil
}

func tellImport(r *run) PlannedStep {
	req := r.req.(ImportRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if req.WithoutSnapshots {
		return PlannedStep{Does: "the array's snapshots of the volume are left alone"}
	}
	return PlannedStep{
		Does: "the array's snapshots of the volume get records, chained by time", Undo: "",
		Calls: append(r.sends("Snapshots"), some()),
	}
}

func endsImport(r *run) string {
	req := r.req.(ImportRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	if req.WithoutSnapshots {
		return "the volume is in the inventory"
	}
	return "the volume is in the inventory; its content descends from the youngest of the array's snapshots, if it has any"
}

// afterImport: which snapshot is the youngest is known once they are listed.
func afterImport(r *run, _ inventory.Change, v *PlannedVolume) {
	req := r.req.(ImportRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	v.HeadAfter = PlannedHead{Unknown: !req.WithoutSnapshots}
}

// importedRow returns the record that an interrupted import has written, with what people did to it since, or a new one.
func (r *run) importedRow(s driver.Snapshot, known snapshot.Snapshot) snapshot.Snapshot {
	if !known.ID.IsZero() {
		return known
	}
	return snapshot.Snapshot{
		ID: snapshot.NewID[snapshot.ID](), Volume: r.vol.ID, Name: plainName(s.Name, s.Ref.Token), Labels: s.Labels,
		Owner: r.vol.Owner, State: snapshot.Ready,
		Native: s.Ref.ID, NativeVolume: string(s.Ref.Volume), Token: string(s.Ref.Token),
		CreatedAt: micro(s.CreatedAt), TakenAt: micro(s.CreatedAt), Size: s.Size,
		Consistency: snapshot.CrashConsistent, ExpiresAt: micro(s.Expires),
	}
}

func importedOutcome(_ context.Context, r *run) (inventory.Change, any, error) {
	vol := r.unpend()
	vol.Head = r.d.Snapshot
	change := inventory.Change{Volumes: r.volumeChange(vol)}
	if r.d.Now != nil { // a journal of an older program has none
		change.Records = []inventory.RecordChange{nameSeen(vol.ID, r.d.Now.Name, 0)}
	}
	return change, Result{Volume: vol.ID}, nil
}

func importFailed(_ context.Context, r *run) (inventory.Change, error) {
	gone := r.volumeChange(r.vol)
	gone[0].Delete = true
	return inventory.Change{Volumes: gone}, nil
}
