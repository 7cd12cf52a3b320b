package drivertest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// mutant is a driver with one planted bug: the methods that are set replace those of the driver below.
type mutant struct {
	driver.Driver

	describe  func(ctx context.Context) (driver.Description, error)
	volume    func(ctx context.Context, id driver.VolumeID) (driver.Volume, error)
	create    func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error)
	lookup    func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error)
	list      func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error]
	revert    func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error)
	remove    func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error)
	abilities func(a driver.Abilities) driver.Abilities
	close     func() error
}

func (m *mutant) Describe(ctx context.Context) (driver.Description, error) {
	if m.describe != nil {
		return m.describe(ctx)
	}
	return m.Driver.Describe(ctx)
}

func (m *mutant) Volume(ctx context.Context, id driver.VolumeID) (driver.Volume, error) {
	if m.volume != nil {
		return m.volume(ctx, id)
	}
	return m.Driver.Volume(ctx, id)
}

func (m *mutant) CreateSnapshot(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	if m.create != nil {
		return m.create(ctx, req)
	}
	return m.Driver.CreateSnapshot(ctx, req)
}

func (m *mutant) Lookup(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) {
	if m.lookup != nil {
		return m.lookup(ctx, req)
	}
	return m.Driver.Lookup(ctx, req)
}

func (m *mutant) Snapshots(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	if m.list != nil {
		return m.list(ctx, req)
	}
	return m.Driver.Snapshots(ctx, req)
}

func (m *mutant) Revert(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
	if m.revert != nil {
		return m.revert(ctx, req)
	}
	return m.Driver.Revert(ctx, req)
}

func (m *mutant) DeleteSnapshot(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	if m.remove != nil {
		return m.remove(ctx, req)
	}
	return m.Driver.DeleteSnapshot(ctx, req)
}

func (m *mutant) Abilities() driver.Abilities {
	if m.abilities != nil {
		return m.abilities(m.Driver.Abilities())
	}
	return m.Driver.Abilities()
}

func (m *mutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Driver.Close()
}

// mutation is a bug and the checks that notice it.
type mutation struct {
	bug  string
	opts BackendOptions
	// container, if set, holds all volumes.
	container driver.ContainerID
	// with are checks that run before, in the same run.
	with   []string
	caught string
	// also are checks that notice it too.
	also  []string
	plant planting
}

// planting puts a bug into m, where d is the driver below and r the rig around it.
type planting = func(m *mutant, d driver.Driver, r *rig)

// Arrays on which some bugs show.
var (
	slowClones         = BackendOptions{CloneTime: time.Minute / 10, JobsCannotBeCanceled: true}
	untilSplit         = BackendOptions{Facts: driver.Facts{CloneDependence: driver.CloneUntilSplit}}
	dependentSnapshots = BackendOptions{Facts: driver.Facts{SnapshotsDependent: true}}
	dropsYounger       = BackendOptions{Facts: driver.Facts{RevertDropsYounger: true}}
	changesID          = BackendOptions{Facts: driver.Facts{RevertChangesID: true}}
	nonAtomic          = BackendOptions{Facts: driver.Facts{RevertNonAtomic: true}}
	fencedRevert       = BackendOptions{Facts: driver.Facts{RevertFenced: true}}
	settles            = BackendOptions{Facts: driver.Facts{Settle: 10 * time.Second}}
)

// The following plant a bug into one method.

func describing(bug func(ctx context.Context, d driver.Driver) (driver.Description, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.describe = func(ctx context.Context) (driver.Description, error) { return bug(ctx, d) }
	}
}

func reading(bug func(ctx context.Context, d driver.Driver, id driver.VolumeID) (driver.Volume, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.volume = func(ctx context.Context, id driver.VolumeID) (driver.Volume, error) { return bug(ctx, d, id) }
	}
}

func creating(bug func(ctx context.Context, d driver.Driver, req driver.CreateSnapshotRequest) (driver.Snapshot, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.create = func(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
			return bug(ctx, d, req)
		}
	}
}

func lookingUp(bug func(ctx context.Context, d driver.Driver, req driver.LookupRequest) (driver.Snapshot, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.lookup = func(ctx context.Context, req driver.LookupRequest) (driver.Snapshot, error) { return bug(ctx, d, req) }
	}
}

func listing(bug func(ctx context.Context, d driver.Driver, req driver.ListRequest) iter.Seq2[driver.Snapshot, error]) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.list = func(ctx context.Context, req driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
			return bug(ctx, d, req)
		}
	}
}

func reverting(bug func(ctx context.Context, d driver.Driver, req driver.RevertRequest) (driver.RevertResult, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.revert = func(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
			return bug(ctx, d, req)
		}
	}
}

func deleting(bug func(ctx context.Context, d driver.Driver, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error)) planting {
	return func(m *mutant, d driver.Driver, _ *rig) {
		m.remove = func(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
			return bug(ctx, d, req)
		}
	}
}

func mutations() []mutation {
	return slices.Concat(describeMutations, createMutations, lookupMutations, listMutations, foreignMutations, deleteMutations,
		revertMutations, revertFactMutations, cloneMutations, splitMutations, groupMutations, manageMutations, accessMutations,
		lostMutations, errorMutations)
}

// TestSuiteCatches plants bugs that drivers really have and shows that the named checks fail with each, and pass
// without it.
func TestSuiteCatches(t *testing.T) {
	for _, c := range mutations() {
		t.Run(c.bug, func(t *testing.T) {
			for _, name := range append([]string{c.caught}, c.also...) {
				synctest.Test(t, func(t *testing.T) { c.caughtBy(t, name) })
			}
		})
	}
}

func (c mutation) caughtBy(t *testing.T, name string) {
	t.Helper()
	names := append(slices.Clone(c.with), name)
	sound := lastOf(t, c.rig(), names)
	require.Equal(t, passed, sound.status, "without the bug %s is: %s %s", name, sound.note, strings.Join(sound.messages, "\n"))
	r := c.rig()
	defer close(r.over)
	r.wrap = func(d driver.Driver) driver.Driver {
		m := &mutant{Driver: d}
		c.plant(m, d, r)
		return m
	}
	caught := lastOf(t, r, names)
	require.Equal(t, failed, caught.status, "%s does not notice; note: %s", name, caught.note)
	require.Contains(t, strings.Join(caught.messages, "\n"), "why it matters: ", "the failure does not say why")
}

// TestEveryCheckCanFail proves that no check is decoration: each has a bug that it catches.
func TestEveryCheckCanFail(t *testing.T) {
	can := map[string]bool{}
	for _, c := range mutations() {
		can[c.caught] = true
		for _, name := range c.also {
			can[name] = true
		}
	}
	for _, c := range checks() {
		require.True(t, can[c.name], "no planted bug makes %s fail", c.name)
	}
}

func (c mutation) rig() *rig {
	r := newRig(c.opts)
	r.container = c.container
	return r
}

func lastOf(t *testing.T, r *rig, names []string) result {
	t.Helper()
	results := evaluate(t, r.harness(), names...)
	require.Len(t, results, len(names), "unknown check in %v", names)
	return results[len(results)-1]
}
