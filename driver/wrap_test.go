package driver_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// mutations are the calls that may change something, by the contract. Every other call is a read.
var mutations = []string{
	"CreateSnapshot", "Revert", "DeleteSnapshot", "Clone", "Discard", "CreateGroup", "DeleteGroup", "CreateVolume",
	"DeleteVolume", "ResizeVolume", "Revoke", "Grant", "SetExpiry", "Split",
	"Detach", "Attach", "Introduce", "Withdraw", "Quiesce", "Thaw",
}

var reads = []string{
	"Describe", "Volume", "Lookup", "Snapshots", "Close", "FindClone", "CheckGroup", "LookupGroup", "Volumes", "Sessions",
	"Check", "Attachments", "Initiators", "Impact",
}

// withEveryAbility sets each field of an Abilities struct to the fake; it fails for a new ability that the fake has not.
func withEveryAbility(t *testing.T, abilities, fake any) {
	t.Helper()
	v := reflect.ValueOf(abilities).Elem()
	for f, fv := range v.Fields() {
		if f.IsExported() {
			require.True(t, reflect.TypeOf(fake).Implements(f.Type), "the fake does not implement %s", f.Name)
			fv.Set(reflect.ValueOf(fake))
		}
	}
}

// hooked calls every method of an interface value with arguments of no meaning and asserts that each passes the hook once,
// under its own name, and reaches the fake inside once.
func hooked(t *testing.T, iface reflect.Type, value any, fake *recorder, seen *[]driver.Call) {
	t.Helper()
	v := reflect.ValueOf(value)
	for m := range iface.Methods() {
		if m.Name == "Abilities" { // constant and free, by contract: nothing to hook
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			fake.calls, *seen = nil, nil
			results := v.MethodByName(m.Name).Call(arguments(t, m.Type))
			if results[0].Kind() == reflect.Func { // a listing runs when it is ranged over
				for range results[0].Seq2() {
				}
			}
			require.Equal(t, []string{m.Name}, fake.calls, "one call inside")
			require.Len(t, *seen, 1, "one call through the hook: the wrapper does not know the method")
			call := (*seen)[0]
			require.Equal(t, m.Name, call.Method)
			require.Equal(t, slices.Contains(mutations, m.Name), call.Mutation)
			require.True(t, call.Mutation || slices.Contains(reads, m.Name), "say in this test whether it changes anything")
		})
	}
}

func arguments(t *testing.T, method reflect.Type) []reflect.Value {
	t.Helper()
	args := make([]reflect.Value, 0, method.NumIn())
	for in := range method.Ins() {
		switch in {
		case reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(t.Context()))
		case reflect.TypeOf(expiry):
			args = append(args, reflect.ValueOf(expiry))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}

func recording(seen *[]driver.Call) driver.Hook {
	return func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		err := next(ctx)
		*seen = append(*seen, *call)
		return err
	}
}

func TestWrapHooksEveryMethod(t *testing.T) {
	fake := &fakeDriver{}
	withEveryAbility(t, &fake.abilities, fake)
	var seen []driver.Call
	wrapped := driver.Wrap(fake, recording(&seen))
	hooked(t, reflect.TypeFor[driver.Driver](), wrapped, &fake.recorder, &seen)
	for f, ability := range reflect.ValueOf(wrapped.Abilities()).Fields() {
		if f.IsExported() {
			require.False(t, ability.IsNil(), "Wrap forgets the ability %s", f.Name)
			hooked(t, f.Type, ability.Interface(), &fake.recorder, &seen)
		}
	}
}

func TestWrapHostHooksEveryMethod(t *testing.T) {
	fake := &fakeHost{}
	withEveryAbility(t, &fake.abilities, fake)
	var seen []driver.Call
	wrapped := driver.WrapHost(fake, recording(&seen))
	hooked(t, reflect.TypeFor[driver.Host](), wrapped, &fake.recorder, &seen)
	for f, ability := range reflect.ValueOf(wrapped.Abilities()).Fields() {
		if f.IsExported() {
			require.False(t, ability.IsNil(), "WrapHost forgets the ability %s", f.Name)
			hooked(t, f.Type, ability.Interface(), &fake.recorder, &seen)
		}
	}
}

// TestWrapKeepsAbilities gives the driver one ability at a time: the wrapper has that one and no other.
func TestWrapKeepsAbilities(t *testing.T) {
	pass := recording(new([]driver.Call))
	fields := reflect.TypeFor[driver.Abilities]()
	for i := range fields.NumField() {
		fake := &fakeDriver{}
		if f := fields.Field(i); f.IsExported() {
			reflect.ValueOf(&fake.abilities).Elem().Field(i).Set(reflect.ValueOf(fake))
		}
		for f, ability := range reflect.ValueOf(driver.Wrap(fake, pass).Abilities()).Fields() {
			if f.IsExported() {
				require.Equal(t, f.Index[0] != i, ability.IsNil(), f.Name)
			}
		}
	}
	fields = reflect.TypeFor[driver.HostAbilities]()
	for i := range fields.NumField() {
		fake := &fakeHost{}
		if f := fields.Field(i); f.IsExported() {
			reflect.ValueOf(&fake.abilities).Elem().Field(i).Set(reflect.ValueOf(fake))
		}
		for f, ability := range reflect.ValueOf(driver.WrapHost(fake, pass).Abilities()).Fields() {
			if f.IsExported() {
				require.Equal(t, f.Index[0] != i, ability.IsNil(), f.Name)
			}
		}
	}
}

func TestWrapPassesArgumentsAndResults(t *testing.T) {
	var seen []driver.Call
	fake := &fakeDriver{}
	wrapped := driver.Wrap(fake, recording(&seen))
	volume, err := wrapped.Volume(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, driver.VolumeID("7"), volume.ID)
	require.Equal(t, driver.VolumeID("7"), seen[0].Request)
	require.Equal(t, volume, seen[0].Result)

	fake.err = driver.Errorf(driver.ErrBusy, "volume 7")
	volume, err = wrapped.Volume(t.Context(), "7")
	require.Same(t, fake.err, err)
	require.Zero(t, volume, "no result beside an error")
	require.Nil(t, seen[1].Result)

	host := &fakeHost{}
	_, err = driver.WrapHost(host, recording(&seen)).Attach(t.Context(), driver.Attachment{Disk: "d"}, driver.Path{Target: "iqn"})
	require.NoError(t, err)
	require.Equal(t, "iqn", host.path.Target)
	require.Equal(t, driver.Attachment{Disk: "d"}, seen[2].Request)
}

func TestHookDecides(t *testing.T) {
	refuse := errors.New("refused by the hook")
	fake := &fakeDriver{}
	withEveryAbility(t, &fake.abilities, fake)

	before := driver.Wrap(fake, func(context.Context, *driver.Call, func(context.Context) error) error { return refuse })
	_, err := before.CreateSnapshot(t.Context(), driver.CreateSnapshotRequest{})
	require.ErrorIs(t, err, refuse)
	require.ErrorIs(t, before.Abilities().Cloner.Discard(t.Context(), driver.DiscardRequest{}), refuse)
	require.ErrorIs(t, before.Close(), refuse)
	require.Empty(t, fake.calls, "refused before the call")

	after := driver.Wrap(fake, func(ctx context.Context, _ *driver.Call, next func(context.Context) error) error {
		return errors.Join(next(ctx), refuse)
	})
	snapshot, err := after.CreateSnapshot(t.Context(), driver.CreateSnapshotRequest{})
	require.ErrorIs(t, err, refuse, "as if the reply was lost")
	require.Zero(t, snapshot, "the result is dropped")
	require.Equal(t, []string{"CreateSnapshot"}, fake.calls)
}

func TestHookContextReachesTheCall(t *testing.T) {
	type key struct{}
	inner := driver.Wrap(&fakeDriver{}, func(ctx context.Context, _ *driver.Call, next func(context.Context) error) error {
		require.Equal(t, "span", ctx.Value(key{}))
		return next(ctx)
	})
	outer := driver.Wrap(inner, func(ctx context.Context, _ *driver.Call, next func(context.Context) error) error {
		return next(context.WithValue(ctx, key{}, "span"))
	})
	_, err := outer.Lookup(t.Context(), driver.LookupRequest{})
	require.NoError(t, err)
	require.Empty(t, names(t, outer.Snapshots(t.Context(), driver.ListRequest{})))
}

func TestListingIsOneCall(t *testing.T) {
	fake := &fakeDriver{snapshots: []driver.Snapshot{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	var seen []driver.Call
	wrapped := driver.Wrap(fake, recording(&seen))
	listing := wrapped.Snapshots(t.Context(), driver.ListRequest{Volume: "7"})
	require.Empty(t, seen, "nothing is called before somebody ranges")

	require.Equal(t, []string{"a", "b", "c"}, names(t, listing))
	require.Equal(t, []driver.Call{{Method: "Snapshots", Request: driver.ListRequest{Volume: "7"}}}, seen)

	require.Equal(t, []string{"a", "b", "c"}, names(t, listing), "ranging again asks again")
	require.Len(t, seen, 2)
}

func TestListingStopsEarly(t *testing.T) {
	fake := &fakeDriver{snapshots: []driver.Snapshot{{Name: "a"}, {Name: "b"}}}
	wrapped := driver.Wrap(fake, func(ctx context.Context, _ *driver.Call, next func(context.Context) error) error {
		require.NoError(t, next(ctx), "the caller's break is no error")
		return errors.New("too late: nobody listens")
	})
	for s, err := range wrapped.Snapshots(t.Context(), driver.ListRequest{}) {
		require.NoError(t, err)
		require.Equal(t, "a", s.Name)
		break
	}
	require.True(t, fake.closed, "the driver's listing was told to stop")
}

func TestListingYieldsOneErrorLast(t *testing.T) {
	lost := driver.Errorf(driver.ErrUnavailable, "page 2")
	fake := &fakeDriver{recorder: recorder{err: lost}, snapshots: []driver.Snapshot{{Name: "a"}}}
	pass := driver.Wrap(fake, recording(new([]driver.Call)))
	refuse := driver.Wrap(fake, func(context.Context, *driver.Call, func(context.Context) error) error { return lost })
	for name, test := range map[string]struct {
		d    driver.Driver
		want []string
	}{"of the driver": {pass, []string{"a", ""}}, "of the hook": {refuse, []string{""}}} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for s, err := range test.d.Snapshots(t.Context(), driver.ListRequest{}) {
				require.Equal(t, s.Name == "", err != nil)
				if err != nil {
					require.ErrorIs(t, err, driver.ErrUnavailable)
				}
				got = append(got, s.Name)
			}
			require.Equal(t, test.want, got)
		})
	}
}

func names(t *testing.T, listing func(func(driver.Snapshot, error) bool)) []string {
	t.Helper()
	var all []string
	for s, err := range listing {
		require.NoError(t, err)
		all = append(all, s.Name)
	}
	return all
}
