package engine

import (
	"context"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

const (
	kindSplit = "split"
	stepSplit = "Split"
)

// SplitRequest asks to make a clone independent of the snapshot that it came from, which can be deleted then. It copies what the
// clone still shares: that takes time and space.
type SplitRequest struct {
	_ [0]func()

	Common
	Volume snapshot.VolumeID `json:"volume"`
	// Progress, if not nil, is told the part done, 0 to 1. It is not kept over a restart.
	Progress func(done float64) `json:"-"`
}

func (SplitRequest) kind() string { return kindSplit }

func (r SplitRequest) validate() error {
	if r.Volume.IsZero() {
		return needs("volume")
	}
	return nil
}

// splitKind: intent → Split → outcome. What was begun is gone on with: half a split is no loss, and cannot be taken back.
func splitKind() *kind {
	return &kind{
		name: kindSplit, format: 1, decode: decodeAs[SplitRequest],
		locate:  locateVolume(func(r SplitRequest) snapshot.VolumeID { return r.Volume }),
		prepare: prepareSplit, outcome: splitOutcome, failed: splitFailed,
		abandon: splitFailed, leaves: splitLeaves, explain: explainSplit, aim: "make {volume} independent of {snapshot}",
		steps:  map[string]step{stepSplit: {do: doSplit, repeat: true, several: true, tell: tellSplit}},
		pivots: []string{stepSplit},
		ends:   says("the clone needs its snapshot no more"),
	}
}

func prepareSplit(ctx context.Context, r *run) (inventory.Change, error) {
	req := r.req.(SplitRequest) //nolint:forcetypeassert,errcheck // the kind's own request
	var none inventory.Change
	if err := r.openLive(ctx, req.Volume); err != nil {
		return none, err
	}
	switch {
	case r.vol.Origin.IsZero():
		return none, driver.Errorf(driver.ErrInvalid, "volume %s is no clone", r.vol.ID)
	case r.vol.Independent || r.desc.Facts.CloneDependence == driver.CloneIndependent:
		if r.vol.Independent {
			return none, nil
		}
		vol := r.vol
		vol.Independent = true
		return inventory.Change{Volumes: r.volumeChange(vol)}, nil
	case r.b.able.Splitter == nil:
		return none, driver.Errorf(driver.ErrUnsupported, "backend %q cannot make a clone independent of its snapshot", r.b.name)
	}
	if err := r.chooseTokens(ctx); err != nil {
		return none, err
	}
	r.plan(stepSplit)
	return inventory.Change{Volumes: r.volumeChange(r.pend(r.vol))}, nil
}

func doSplit(ctx context.Context, r *run, at driver.Attempt) error {
	var progress func(float64)
	if req, ok := r.req.(SplitRequest); ok {
		progress = req.Progress
	}
	_, err := askLong(ctx, r, "Split", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.b.able.Splitter.Split(ctx, driver.SplitRequest{
			Volume: r.p.Native, Token: r.p.Token, Progress: progress, Attempt: at, Notes: r.notes(),
		})
	})
	return err
}

func tellSplit(r *run) PlannedStep {
	return PlannedStep{Does: "the array makes the clone independent of its snapshot", Calls: r.sends("Split")}
}

func splitOutcome(_ context.Context, r *run) (inventory.Change, any, error) {
	vol := r.unpend()
	vol.Independent = true
	return inventory.Change{Volumes: r.volumeChange(vol)}, Result{Volume: vol.ID}, nil
}

func splitFailed(_ context.Context, r *run) (inventory.Change, error) {
	return inventory.Change{Volumes: r.volumeChange(r.unpend())}, nil
}

// Split makes a clone independent of its snapshot.
func (e *Engine) Split(ctx context.Context, req SplitRequest) (inventory.Volume, error) {
	return e.volumeVerb(ctx, req)
}
