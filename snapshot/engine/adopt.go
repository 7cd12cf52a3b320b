package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const kindAdopt = "adopt"

// AdoptRequest asks for a record of an orphan: a snapshot at the array that has a token of this installation and is in no
// record. Nothing is touched at the array. (An orphan volume is adopted by [ImportRequest].)
type AdoptRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
	// Snapshot is how the array knows it; with the token.
	Snapshot driver.SnapshotRef `json:"snapshot"`
}

func (AdoptRequest) kind() string { return kindAdopt }

func (r AdoptRequest) validate() error {
	if r.Volume.IsZero() {
		return needs("volume")
	}
	return validOrphan(r.Snapshot)
}

// validOrphan refuses what nobody could recognise as ours.
func validOrphan(ref driver.SnapshotRef) error {
	if ref.Volume == "" {
		return needs("native volume id")
	}
	return ref.Token.Validate()
}

// Adopt gives an orphan snapshot a record, in state Ready and with assumed lineage. Name, labels and time are the array's.
//
// Its place in the tree is a guess by time. One that is younger than all others of its volume becomes a child of the head,
// as if it had been made just now, and the head moves to it. An older one becomes a child of the youngest that is not younger
// than itself, and the head stays. So adopt the oldest first.
// Errors: ErrConflict if it is no orphan (any more), or another installation's; ErrNotFound if the array does not have it.
func (e *Engine) Adopt(ctx context.Context, req AdoptRequest) (snapshot.Snapshot, error) {
	return e.snapshotVerb(ctx, req)
}

// adoptKind: the row and the head, in one commit.
func adoptKind() *kind {
	return &kind{
		name: kindAdopt, format: 1, decode: decodeAs[AdoptRequest],
		locate:  locateVolume(func(r AdoptRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareAdopt, outcome: inventoryOnly,
		ends: says("the snapshot has a record; its place in the tree is assumed from the time"),
	}
}

// inventoryOnly is the outcome of kinds whose intent is all that they do.
func inventoryOnly(_ context.Context, r *run) (inventory.Change, any, error) {
	return inventory.Change{}, Result{Volume: r.vol.ID, Snapshot: r.p.Snapshot}, nil
}

func prepareAdopt(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(AdoptRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openVolume(ctx, req.Volume); err != nil {
		return none, err
	}
	found, err := r.orphan(ctx, req.Snapshot)
	if err != nil {
		return none, err
	}
	if !found.Ready {
		return none, driver.Errorf(driver.ErrBusy, "the array still makes snapshot %s", found.Ref.ID)
	}
	row := r.importedRow(*found, snapshot.Snapshot{})
	vol, err := r.place(ctx, &row)
	if err != nil {
		return none, err
	}
	r.p.Snapshot, r.p.Ref = row.ID, found.Ref
	return inventory.Change{Volumes: r.volumeChange(vol), Put: []snapshot.Snapshot{row}}, nil
}

// orphan makes sure that the array has a snapshot of the volume with that token of ours, and the inventory no record of it.
// The array is asked first: what is made has its record before the array has it.
func (r *run) orphan(ctx context.Context, ref driver.SnapshotRef) (*driver.Snapshot, error) {
	installation, err := r.e.installationID(ctx)
	switch {
	case err != nil:
		return nil, err
	case !ref.Token.Of(installation):
		return nil, driver.Errorf(driver.ErrConflict, "token %s is another installation's: its snapshot is not touched", ref.Token)
	case ref.Volume != r.vol.Native && !slices.Contains(r.vol.Former, ref.Volume):
		return nil, driver.Errorf(driver.ErrConflict, "volume %s is not and was not %q at the array", r.vol.ID, ref.Volume)
	}
	found, err := r.atArray(ctx, ref, driver.Attempt{})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, driver.Errorf(driver.ErrNotFound, "the array has no snapshot %s with token %s", ref.ID, ref.Token)
	case found.Ref.Token != ref.Token:
		return nil, driver.Errorf(driver.ErrConflict, "snapshot %s has no longer token %s", found.Ref.ID, ref.Token)
	}
	row, known, err := r.recorded(ctx, r.vol.ID, found.Ref)
	if err == nil && known {
		err = driver.Errorf(driver.ErrConflict, "it is no orphan: its record is snapshot %s (%s)", row.ID, row.State)
	}
	return found, err
}

// place gives an adopted snapshot its parent, and returns the header with the head that follows from it.
//
// Where a revert changes the volume's id, ids tell more than times: what was taken under a former id was taken before the
// last revert, so the head is not its; and the youngest that was taken under the present id is the head for certain.
func (r *run) place(ctx context.Context, row *snapshot.Snapshot) (inventory.Volume, error) {
	vol := r.vol
	here := func(s snapshot.Snapshot) bool {
		return vol.DeletedAt.IsZero() && (!r.desc.Facts.RevertChangesID || s.NativeVolume == string(vol.Native))
	}
	var before snapshot.Snapshot // the youngest that is not younger
	youngest, youngestHere := true, true
	for s, err := range r.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: vol.ID}) {
		switch {
		case err != nil:
			return vol, classified(err)
		case s.State == snapshot.Creating:
			continue // nobody knows whether it has a content
		case contentTime(s).After(contentTime(*row)):
			youngest = false
			youngestHere = youngestHere && !here(s)
		case before.ID.IsZero() || contentTime(s).After(contentTime(before)):
			before = s
		}
	}
	row.Parent, row.Lineage = before.ID, snapshot.Assumed
	switch {
	case vol.HeadUnknown && r.desc.Facts.RevertChangesID && here(*row) && youngestHere:
		vol.Head, vol.HeadUnknown = row.ID, false
	case !vol.HeadUnknown && youngest && here(*row):
		row.Parent, vol.Head = vol.Head, row.ID
	}
	return vol, nil
}

// plainName is the array's name of something, without the token that it may begin with.
func plainName(name string, token driver.Token) string {
	rest, ok := strings.CutPrefix(name, string(token))
	if token == "" || !ok {
		return name
	}
	return strings.TrimLeft(rest, "._-:/ ")
}
