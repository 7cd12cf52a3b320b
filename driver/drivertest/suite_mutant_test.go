package drivertest

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"

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

// bug plants itself into m; d is the driver below, r the rig around it.
type mutation struct {
	bug  string
	opts BackendOptions
	// with are checks that run before, in the same run.
	with   []string
	caught string
	plant  func(m *mutant, d driver.Driver, r *rig)
}

// TestSuiteCatches plants bugs that drivers really have and shows that the named check fails with each, and passes
// without it.
func TestSuiteCatches(t *testing.T) {
	var all []mutation
	for _, of := range []func() []mutation{
		describeMutations, createMutations, lookupMutations, listMutations, foreignMutations, deleteMutations, revertMutations,
		revertFactMutations, cloneMutations, groupMutations, manageMutations, accessMutations, lostMutations, errorMutations,
	} {
		all = append(all, of()...)
	}
	for _, c := range all {
		t.Run(c.bug, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sound := lastOf(t, newRig(c.opts), append(c.with, c.caught))
				require.Equal(t, passed, sound.status, "without the bug %s is: %s %s", c.caught, sound.note, strings.Join(sound.messages, "\n"))
				r := newRig(c.opts)
				r.wrap = func(d driver.Driver) driver.Driver {
					m := &mutant{Driver: d}
					c.plant(m, d, r)
					return m
				}
				caught := lastOf(t, r, append(c.with, c.caught))
				require.Equal(t, failed, caught.status, "%s does not notice; note: %s", c.caught, caught.note)
				require.Contains(t, strings.Join(caught.messages, "\n"), "why it matters: ", "the failure does not say why")
			})
		})
	}
}

func lastOf(t *testing.T, r *rig, names []string) result {
	t.Helper()
	results := evaluate(t, r.harness(), names...)
	require.Len(t, results, len(names), "unknown check in %v", names)
	return results[len(results)-1]
}
