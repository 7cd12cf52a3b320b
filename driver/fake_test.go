package driver_test

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// recorder notes which methods of a fake were called, and answers each with its error.
type recorder struct {
	calls []string
	err   error
}

func (r *recorder) called(method string) error {
	r.calls = append(r.calls, method)
	return r.err
}

// fakeDriver is a driver with every ability. It is written out by hand, so that a new method of any interface does not
// compile until somebody has looked here, and at the wrapper.
type fakeDriver struct {
	recorder

	abilities driver.Abilities
	snapshots []driver.Snapshot
	closed    bool
}

func (f *fakeDriver) Abilities() driver.Abilities { return f.abilities }

func (f *fakeDriver) Describe(context.Context) (driver.Description, error) {
	return driver.Description{Product: "fake"}, f.called("Describe")
}

func (f *fakeDriver) Volume(_ context.Context, id driver.VolumeID) (driver.Volume, error) {
	return driver.Volume{ID: id, Name: "fake"}, f.called("Volume")
}

func (f *fakeDriver) CreateSnapshot(context.Context, driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	return driver.Snapshot{Name: "fake"}, f.called("CreateSnapshot")
}

func (f *fakeDriver) Lookup(context.Context, driver.LookupRequest) (driver.Snapshot, error) {
	return driver.Snapshot{Name: "fake"}, f.called("Lookup")
}

func (f *fakeDriver) Snapshots(context.Context, driver.ListRequest) iter.Seq2[driver.Snapshot, error] {
	return func(yield func(driver.Snapshot, error) bool) {
		err := f.called("Snapshots")
		for _, s := range f.snapshots {
			if !yield(s, nil) {
				f.closed = true
				return
			}
		}
		if err != nil {
			yield(driver.Snapshot{}, err)
		}
	}
}

func (f *fakeDriver) Revert(context.Context, driver.RevertRequest) (driver.RevertResult, error) {
	return driver.RevertResult{Volume: "fake"}, f.called("Revert")
}

func (f *fakeDriver) DeleteSnapshot(context.Context, driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	return driver.DeleteResult{Absent: true}, f.called("DeleteSnapshot")
}

func (f *fakeDriver) Close() error { return f.called("Close") }

func (f *fakeDriver) Clone(context.Context, driver.CloneRequest) (driver.Volume, error) {
	return driver.Volume{Name: "fake"}, f.called("Clone")
}

func (f *fakeDriver) FindClone(context.Context, driver.FindCloneRequest) (driver.Volume, error) {
	return driver.Volume{Name: "fake"}, f.called("FindClone")
}

func (f *fakeDriver) Discard(context.Context, driver.DiscardRequest) error {
	return f.called("Discard")
}

func (f *fakeDriver) CheckGroup(context.Context, []driver.VolumeID) error {
	return f.called("CheckGroup")
}

func (f *fakeDriver) CreateGroup(context.Context, driver.CreateGroupRequest) (driver.Group, error) {
	return driver.Group{ID: "fake"}, f.called("CreateGroup")
}

func (f *fakeDriver) LookupGroup(context.Context, driver.LookupGroupRequest) (driver.Group, error) {
	return driver.Group{ID: "fake"}, f.called("LookupGroup")
}

func (f *fakeDriver) DeleteGroup(context.Context, driver.DeleteGroupRequest) error {
	return f.called("DeleteGroup")
}

func (f *fakeDriver) CreateVolume(context.Context, driver.CreateVolumeRequest) (driver.Volume, error) {
	return driver.Volume{Name: "fake"}, f.called("CreateVolume")
}

func (f *fakeDriver) DeleteVolume(context.Context, driver.DeleteVolumeRequest) (driver.DeleteResult, error) {
	return driver.DeleteResult{Absent: true}, f.called("DeleteVolume")
}

func (f *fakeDriver) ResizeVolume(context.Context, driver.ResizeVolumeRequest) (driver.Volume, error) {
	return driver.Volume{Name: "fake"}, f.called("ResizeVolume")
}

func (f *fakeDriver) Volumes(context.Context) iter.Seq2[driver.Volume, error] {
	return func(yield func(driver.Volume, error) bool) {
		err := f.called("Volumes")
		if yield(driver.Volume{Name: "fake"}, nil) && err != nil {
			yield(driver.Volume{}, err)
		}
	}
}

func (f *fakeDriver) Revoke(context.Context, driver.RevokeRequest) (driver.AccessRecord, error) {
	return driver.AccessRecord(`{}`), f.called("Revoke")
}

func (f *fakeDriver) Grant(context.Context, driver.GrantRequest) (driver.Path, error) {
	return driver.Path{Target: "fake"}, f.called("Grant")
}

func (f *fakeDriver) Sessions(context.Context, driver.VolumeID) ([]driver.Session, error) {
	return []driver.Session{{Address: "fake"}}, f.called("Sessions")
}

func (f *fakeDriver) SetExpiry(_ context.Context, _ driver.SnapshotRef, at time.Time) error {
	if !at.Equal(expiry) {
		return errors.New("the time did not arrive")
	}
	return f.called("SetExpiry")
}

var expiry = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fakeDriver) Split(context.Context, driver.SplitRequest) error { return f.called("Split") }

func (f *fakeDriver) Check(context.Context) ([]driver.Finding, error) {
	return []driver.Finding{{Name: "fake"}}, f.called("Check")
}

// fakeHost is a host with every ability.
type fakeHost struct {
	recorder

	abilities driver.HostAbilities
	path      driver.Path
}

func (f *fakeHost) Abilities() driver.HostAbilities { return f.abilities }

func (f *fakeHost) Describe(context.Context) (driver.HostDescription, error) {
	return driver.HostDescription{Product: "fake"}, f.called("Describe")
}

func (f *fakeHost) Attachments(context.Context, driver.LUN) (driver.Attachment, error) {
	return driver.Attachment{Known: true}, f.called("Attachments")
}

func (f *fakeHost) Detach(context.Context, driver.Attachment) error { return f.called("Detach") }

func (f *fakeHost) Attach(_ context.Context, _ driver.Attachment, p driver.Path) (driver.Disk, error) {
	f.path = p
	return "fake", f.called("Attach")
}

func (f *fakeHost) Introduce(context.Context, driver.IntroduceRequest) (driver.Disk, error) {
	return "fake", f.called("Introduce")
}

func (f *fakeHost) Withdraw(context.Context, driver.WithdrawRequest) error {
	return f.called("Withdraw")
}

func (f *fakeHost) Initiators(context.Context) ([]driver.Initiator, error) {
	return []driver.Initiator{{Name: "fake"}}, f.called("Initiators")
}

func (f *fakeHost) Close() error { return f.called("Close") }

func (f *fakeHost) Quiesce(context.Context, driver.QuiesceRequest) (driver.QuiesceResult, error) {
	return driver.QuiesceResult{Consistent: true}, f.called("Quiesce")
}

func (f *fakeHost) Thaw(context.Context, driver.Token) error { return f.called("Thaw") }

func (f *fakeHost) Impact(context.Context, driver.LUN) ([]driver.Blocker, error) {
	return []driver.Blocker{{Kind: "fake"}}, f.called("Impact")
}

func (f *fakeHost) Check(context.Context) ([]driver.Finding, error) {
	return []driver.Finding{{Name: "fake"}}, f.called("Check")
}
