package snapshot_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

// full has every field set; a test below asserts that it does.
func full() snapshot.Snapshot {
	at := time.Date(2026, time.April, 1, 2, 3, 4, 5, time.UTC)
	return snapshot.Snapshot{
		ID: id("a"), Volume: volume, Parent: id("p"), Name: "name", Labels: map[string]string{"k": "v"}, Owner: "owner",
		State: snapshot.Ready, Token: "token", Native: "12", NativeVolume: "34", CreatedAt: at, TakenAt: at.Add(time.Second),
		Size: 1 << 40, Lineage: snapshot.Assumed, Consistency: snapshot.GroupConsistent, Quiesce: snapshot.QuiesceFrozen, Frozen: time.Millisecond,
		Group: snapshot.GroupID(id("g")), ExpiresAt: at.Add(time.Hour),
		Holds:   []snapshot.Hold{{Name: "legal", By: "ann", Reason: "case 17", Since: at, Until: at.Add(time.Minute)}},
		Pins:    []snapshot.Pin{{Operation: "op", Reason: "clone", Since: at}},
		Version: 7,
	}
}

// eachField calls do with a full record in which one field, or one field of a hold or pin, is another.
func eachField(t *testing.T, do func(name string, changed snapshot.Snapshot)) {
	t.Helper()
	var visit func(path string, of func(*snapshot.Snapshot) reflect.Value)
	visit = func(path string, of func(*snapshot.Snapshot) reflect.Value) {
		s := full()
		v := of(&s)
		require.False(t, v.IsZero(), "%s is not set in full()", path)
		switch v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Nanosecond)))
		case map[string]string:
			v.Set(reflect.ValueOf(map[string]string{"k": "w"}))
		default:
			switch v.Kind() {
			case reflect.String:
				v.SetString(v.String() + "x")
			case reflect.Int64:
				v.SetInt(v.Int() + 1)
			case reflect.Array:
				v.Index(0).SetUint(v.Index(0).Uint() + 1)
			case reflect.Slice:
				for i := range v.Index(0).NumField() {
					visit(path+"."+v.Index(0).Type().Field(i).Name, func(s *snapshot.Snapshot) reflect.Value { return of(s).Index(0).Field(i) })
				}
				v.Set(reflect.Zero(v.Type()))
			default:
				require.Fail(t, "no way to change "+path)
			}
		}
		do(path, s)
	}
	for f := range reflect.TypeFor[snapshot.Snapshot]().Fields() {
		visit(f.Name, func(s *snapshot.Snapshot) reflect.Value { return reflect.ValueOf(s).Elem().FieldByIndex(f.Index) })
	}
}

func TestSnapshotEqualLooksAtEveryField(t *testing.T) {
	require.True(t, full().Equal(full()))
	fields := 0
	eachField(t, func(name string, changed snapshot.Snapshot) {
		fields++
		require.False(t, full().Equal(changed), name)
		require.False(t, changed.Equal(full()), name)
	})
	require.Greater(t, fields, 25)
}

func TestSnapshotEqualGoesByMeaning(t *testing.T) {
	a, b := full(), full()
	b.CreatedAt = b.CreatedAt.In(time.FixedZone("far", 5*3600))
	require.True(t, a.Equal(b), "the same instant in another zone")
	a.Labels, a.Holds, a.Pins = nil, nil, nil
	b.Labels, b.Holds, b.Pins = map[string]string{}, []snapshot.Hold{}, []snapshot.Pin{}
	require.True(t, a.Equal(b), "nil and empty")
}

func TestCloneSharesNothing(t *testing.T) {
	s := full()
	c := s.Clone()
	require.Equal(t, s, c)
	c.Labels["k"], c.Holds[0].Name, c.Pins[0].Operation = "x", "x", "x"
	require.Equal(t, full(), s)
	require.Equal(t, snapshot.Snapshot{}, snapshot.Snapshot{}.Clone(), "what is nil stays nil")
}

func TestSnapshotJSONKeepsEveryField(t *testing.T) {
	text, err := json.Marshal(full())
	require.NoError(t, err)
	var read snapshot.Snapshot
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, full(), read)
	eachField(t, func(name string, changed snapshot.Snapshot) {
		other, err := json.Marshal(changed)
		require.NoError(t, err)
		require.NotEqual(t, string(text), string(other), name)
	})
}

func TestSnapshotJSONLeavesOutWhatIsNotSet(t *testing.T) {
	text, err := json.Marshal(snapshot.Snapshot{ID: id("a"), Volume: volume, State: snapshot.Creating, Lineage: snapshot.Recorded})
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"id":%q, "volume":%q, "state":"creating", "created_at":"0001-01-01T00:00:00Z", "size":0,
		"lineage":"recorded", "consistency":"", "version":0}`, id("a"), volume), string(text))
}

func TestValid(t *testing.T) {
	for _, s := range []snapshot.State{snapshot.Creating, snapshot.Ready, snapshot.Deleting, snapshot.Missing} {
		require.True(t, s.Valid(), s)
	}
	for _, l := range []snapshot.Lineage{snapshot.Recorded, snapshot.Assumed} {
		require.True(t, l.Valid(), l)
	}
	for _, c := range []snapshot.Consistency{snapshot.CrashConsistent, snapshot.GroupConsistent, snapshot.ApplicationConsistent} {
		require.True(t, c.Valid(), c)
	}
	require.False(t, snapshot.State("").Valid() || snapshot.State("READY").Valid())
	require.False(t, snapshot.Lineage("").Valid() || snapshot.Lineage("x").Valid())
	require.False(t, snapshot.Consistency("").Valid() || snapshot.Consistency("x").Valid())
}

func TestHoldActive(t *testing.T) {
	require.True(t, snapshot.Hold{}.Active(day), "for ever")
	until := snapshot.Hold{Until: day}
	require.True(t, until.Active(day.Add(-1)))
	require.False(t, until.Active(day), "the end is not part of it")
	require.False(t, until.Active(day.Add(1)))
}
