package driver

import (
	"context"
	"iter"
	"time"
)

// Call is one call of a driver or host on its way through a [Hook].
type Call struct {
	_ [0]func()

	// Method is the contract's name of it: "CreateSnapshot", "Detach".
	Method string
	// Request is the argument (the first of two): a request struct, a VolumeID, an Attachment; struct{}{} where there is
	// none. Never changed.
	Request any
	// Mutation: the call may change something at the array or host.
	Mutation bool
	// Result is what the call returned; nil before, after a failure, for listings and for calls that return an error only.
	Result any
}

// Hook is called around every call. It calls next at most once; the error that it returns is what the caller gets (a result
// beside an error is dropped). A listing is one call, from its first page to its end.
type Hook func(ctx context.Context, call *Call, next func(ctx context.Context) error) error

// Wrap returns a driver that sends every call of d through the hook and has exactly d's abilities. It is the only
// right way to wrap a driver: wrapping by embedding hides the abilities.
func Wrap(d Driver, hook Hook) Driver {
	w := &wrapped{Driver: d, hook: hook}
	a := d.Abilities()
	if a.Cloner != nil {
		w.abilities.Cloner = wrappedCloner{a.Cloner, hook}
	}
	if a.Groups != nil {
		w.abilities.Groups = wrappedGroups{a.Groups, hook}
	}
	if a.Volumes != nil {
		w.abilities.Volumes = wrappedVolumes{a.Volumes, hook}
	}
	if a.Access != nil {
		w.abilities.Access = wrappedAccess{a.Access, hook}
	}
	if a.Expiry != nil {
		w.abilities.Expiry = wrappedExpiry{a.Expiry, hook}
	}
	if a.Splitter != nil {
		w.abilities.Splitter = wrappedSplitter{a.Splitter, hook}
	}
	if a.Checker != nil {
		w.abilities.Checker = wrappedChecker{a.Checker, hook}
	}
	return w
}

const (
	read     = false
	mutation = true
)

// around sends one call with a result through the hook.
func around[A, R any](
	ctx context.Context, hook Hook, method string, mutates bool, arg A, f func(context.Context, A) (R, error),
) (R, error) {
	call := &Call{Method: method, Request: arg, Mutation: mutates}
	var result R
	err := hook(ctx, call, func(ctx context.Context) error {
		r, err := f(ctx, arg)
		if err == nil {
			result, call.Result = r, r
		}
		return err
	})
	if err != nil {
		var none R
		return none, err
	}
	return result, nil
}

// act sends one call without a result through the hook.
func act[A any](ctx context.Context, hook Hook, method string, mutates bool, arg A, f func(context.Context, A) error) error {
	return hook(ctx, &Call{Method: method, Request: arg, Mutation: mutates}, func(ctx context.Context) error {
		return f(ctx, arg)
	})
}

// list sends one listing through the hook.
func list[A, R any](
	ctx context.Context, hook Hook, method string, arg A, f func(context.Context, A) iter.Seq2[R, error],
) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		stopped := false
		err := hook(ctx, &Call{Method: method, Request: arg}, func(ctx context.Context) error {
			for r, err := range f(ctx, arg) {
				if err != nil {
					return err
				}
				if !yield(r, nil) {
					stopped = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			var none R
			yield(none, err)
		}
	}
}

type wrapped struct {
	Driver

	hook      Hook
	abilities Abilities
}

func (w *wrapped) Abilities() Abilities { return w.abilities }

func (w *wrapped) Describe(ctx context.Context) (Description, error) {
	return around(ctx, w.hook, "Describe", read, struct{}{}, func(ctx context.Context, _ struct{}) (Description, error) {
		return w.Driver.Describe(ctx)
	})
}

func (w *wrapped) Volume(ctx context.Context, id VolumeID) (Volume, error) {
	return around(ctx, w.hook, "Volume", read, id, w.Driver.Volume)
}

func (w *wrapped) CreateSnapshot(ctx context.Context, req CreateSnapshotRequest) (Snapshot, error) {
	return around(ctx, w.hook, "CreateSnapshot", mutation, req, w.Driver.CreateSnapshot)
}

func (w *wrapped) Lookup(ctx context.Context, req LookupRequest) (Snapshot, error) {
	return around(ctx, w.hook, "Lookup", read, req, w.Driver.Lookup)
}

func (w *wrapped) Snapshots(ctx context.Context, req ListRequest) iter.Seq2[Snapshot, error] {
	return list(ctx, w.hook, "Snapshots", req, w.Driver.Snapshots)
}

func (w *wrapped) Revert(ctx context.Context, req RevertRequest) (RevertResult, error) {
	return around(ctx, w.hook, "Revert", mutation, req, w.Driver.Revert)
}

func (w *wrapped) DeleteSnapshot(ctx context.Context, req DeleteSnapshotRequest) (DeleteResult, error) {
	return around(ctx, w.hook, "DeleteSnapshot", mutation, req, w.Driver.DeleteSnapshot)
}

func (w *wrapped) Close() error {
	return act(context.Background(), w.hook, "Close", read, struct{}{}, func(context.Context, struct{}) error {
		return w.Driver.Close()
	})
}

type wrappedCloner struct {
	c    Cloner
	hook Hook
}

func (w wrappedCloner) Clone(ctx context.Context, req CloneRequest) (Volume, error) {
	return around(ctx, w.hook, "Clone", mutation, req, w.c.Clone)
}

func (w wrappedCloner) FindClone(ctx context.Context, req FindCloneRequest) (Volume, error) {
	return around(ctx, w.hook, "FindClone", read, req, w.c.FindClone)
}

func (w wrappedCloner) Discard(ctx context.Context, req DiscardRequest) error {
	return act(ctx, w.hook, "Discard", mutation, req, w.c.Discard)
}

type wrappedGroups struct {
	g    GroupSnapshotter
	hook Hook
}

func (w wrappedGroups) CheckGroup(ctx context.Context, volumes []VolumeID) error {
	return act(ctx, w.hook, "CheckGroup", read, volumes, w.g.CheckGroup)
}

func (w wrappedGroups) CreateGroup(ctx context.Context, req CreateGroupRequest) (Group, error) {
	return around(ctx, w.hook, "CreateGroup", mutation, req, w.g.CreateGroup)
}

func (w wrappedGroups) LookupGroup(ctx context.Context, req LookupGroupRequest) (Group, error) {
	return around(ctx, w.hook, "LookupGroup", read, req, w.g.LookupGroup)
}

func (w wrappedGroups) DeleteGroup(ctx context.Context, req DeleteGroupRequest) error {
	return act(ctx, w.hook, "DeleteGroup", mutation, req, w.g.DeleteGroup)
}

type wrappedVolumes struct {
	v    VolumeManager
	hook Hook
}

func (w wrappedVolumes) CreateVolume(ctx context.Context, req CreateVolumeRequest) (Volume, error) {
	return around(ctx, w.hook, "CreateVolume", mutation, req, w.v.CreateVolume)
}

func (w wrappedVolumes) DeleteVolume(ctx context.Context, req DeleteVolumeRequest) (DeleteResult, error) {
	return around(ctx, w.hook, "DeleteVolume", mutation, req, w.v.DeleteVolume)
}

func (w wrappedVolumes) ResizeVolume(ctx context.Context, req ResizeVolumeRequest) (Volume, error) {
	return around(ctx, w.hook, "ResizeVolume", mutation, req, w.v.ResizeVolume)
}

func (w wrappedVolumes) Volumes(ctx context.Context) iter.Seq2[Volume, error] {
	return list(ctx, w.hook, "Volumes", struct{}{}, func(ctx context.Context, _ struct{}) iter.Seq2[Volume, error] {
		return w.v.Volumes(ctx)
	})
}

type wrappedAccess struct {
	a    AccessController
	hook Hook
}

func (w wrappedAccess) Revoke(ctx context.Context, req RevokeRequest) (AccessRecord, error) {
	return around(ctx, w.hook, "Revoke", mutation, req, w.a.Revoke)
}

func (w wrappedAccess) Grant(ctx context.Context, req GrantRequest) (Path, error) {
	return around(ctx, w.hook, "Grant", mutation, req, w.a.Grant)
}

func (w wrappedAccess) Sessions(ctx context.Context, volume VolumeID) ([]Session, error) {
	return around(ctx, w.hook, "Sessions", read, volume, w.a.Sessions)
}

type wrappedExpiry struct {
	e    ExpirySetter
	hook Hook
}

func (w wrappedExpiry) SetExpiry(ctx context.Context, snapshot SnapshotRef, at time.Time) error {
	return act(ctx, w.hook, "SetExpiry", mutation, snapshot, func(ctx context.Context, s SnapshotRef) error {
		return w.e.SetExpiry(ctx, s, at)
	})
}

type wrappedSplitter struct {
	s    Splitter
	hook Hook
}

func (w wrappedSplitter) Split(ctx context.Context, req SplitRequest) error {
	return act(ctx, w.hook, "Split", mutation, req, w.s.Split)
}

type wrappedChecker struct {
	c    Checker
	hook Hook
}

func (w wrappedChecker) Check(ctx context.Context) ([]Finding, error) {
	return around(ctx, w.hook, "Check", read, struct{}{}, func(ctx context.Context, _ struct{}) ([]Finding, error) {
		return w.c.Check(ctx)
	})
}
