package inventorytest

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func fieldChecks() []check {
	return []check{
		{
			name: "VolumeFields", run: volumeFields,
			why: "every field comes back as it was written, set, changed and cleared: a store forgets new fields easily",
		},
		{
			name: "SnapshotFields", run: snapshotFields,
			why: "every field comes back as it was written, set, changed and cleared: a store forgets new fields easily",
		},
		{
			name: "OperationFields", run: operationFields,
			why: "recovery goes on from this row alone: a lost field is a lost step",
		},
		{
			name: "RecordFields", run: recordFields,
			why: "every field comes back as it was written, set, changed and cleared: a store forgets new fields easily",
		},
		{
			name: "TimesInUTCMicroseconds", run: timesInUTC,
			why: "times are compared across stores and processes: a zone or a rounding makes equal ones differ",
		},
		{
			name: "EmptyAndNil", run: emptyAndNil,
			why: "an empty list is not an error, and not a list with one empty element",
		},
		{
			name: "LongAndOddTexts", run: longAndOddTexts,
			why: "names come from people in every language, and attachments are long; cutting them off loses data",
		},
		{
			name: "NothingShared", run: nothingShared,
			why: "a caller who changes what it was given, or what it gave, must not change the store",
		},
	}
}

// volumeFields writes records with every field set, with every field set otherwise, and with none that may be empty.
func volumeFields(s *scene) {
	a, b := filled[inventory.Volume](1), filled[inventory.Volume](2)
	a.HeadUnknown = false
	b.Head = snapshot.ID{}
	b.ID = a.ID
	bare := inventory.Volume{ID: a.ID, Backend: "array"}
	for i, v := range []inventory.Volume{a, b, bare, a} {
		s.commit(writeIf(v, int64(i)))
		v.Version, v.SnapshotCount = int64(i)+1, 0
		require.Equal(s, canon(v), canon(s.volume(v.ID)))
		require.Equal(s, []inventory.Volume{canon(v)}, s.contents().Volumes)
	}
}

func snapshotFields(s *scene) {
	a, b := filled[snapshot.Snapshot](1), filled[snapshot.Snapshot](2)
	v := s.volumes(1)[0]
	a.Volume, b.Volume, b.ID = v.ID, v.ID, a.ID
	bare := snapshot.Snapshot{
		ID: a.ID, Volume: v.ID, State: snapshot.Creating, Lineage: snapshot.Recorded, Consistency: snapshot.CrashConsistent,
	}
	for i, r := range []snapshot.Snapshot{a, b, bare, a} {
		r.Version = int64(i)
		s.commit(put(r))
		r.Version++
		require.Equal(s, canon(r), canon(s.snapshot(r.ID)))
		require.Equal(s, []snapshot.Snapshot{canon(r)}, s.contents().Snapshots)
	}
}

func operationFields(s *scene) {
	a, b := filled[inventory.Operation](1), filled[inventory.Operation](2)
	b.ID = a.ID
	bare := inventory.Operation{ID: a.ID, Kind: "k", State: inventory.Queued}
	for i, o := range []inventory.Operation{a, b, bare, a} {
		c := inventory.OperationChange{Operation: o}
		c.Operation.Epoch = 1
		if i > 0 {
			c.IfEpoch = 1
		}
		if o.LeaseOwner != "" {
			c.LeaseTTL = long
		}
		s.commit(operate(c))
		got := s.operation(o.ID)
		require.Equal(s, []inventory.Operation{canon(got)}, s.contents().Operations)
		o.Epoch, o.Seq = 1, got.Seq
		require.Equal(s, c.LeaseTTL == 0, got.LeaseUntil.IsZero())
		o.LeaseUntil = got.LeaseUntil
		require.Equal(s, canon(o), canon(got))
	}
}

func recordFields(s *scene) {
	volumes := s.volumes(2)
	a, b := filled[inventory.Record](1), filled[inventory.Record](2)
	a.Volume, b.Volume = volumes[0].ID, volumes[1].ID
	b.Kind, b.ID = a.Kind, a.ID
	bare := inventory.Record{Kind: a.Kind, ID: a.ID}
	for i, r := range []inventory.Record{a, b, bare, a} {
		r.Version = int64(i)
		s.commit(keep(r))
		r.Version++
		require.Equal(s, canon(r), canon(s.record(key(r))))
		require.Equal(s, []inventory.Record{canon(r)}, s.contents().Records)
	}
}

func timesInUTC(s *scene) {
	v := s.volumes(1)[0]
	zone := time.FixedZone("far", 9*3600+1800)
	for _, at := range []time.Time{
		time.Date(2026, 3, 29, 2, 30, 0, 123456789, zone),
		time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Now(),
	} {
		r := s.newSnapshot(v)
		r.CreatedAt, r.TakenAt, r.ExpiresAt = at, at, at
		r.Holds = []snapshot.Hold{{Name: "h", Since: at, Until: at}}
		r.Pins = []snapshot.Pin{{Operation: "o", Since: at}}
		o := s.newOperation(v)
		o.NextAt, o.CreatedAt, o.UpdatedAt = at, at, at
		o.Steps = []inventory.Step{{Name: "s", State: inventory.StepSent, SentAt: at}}
		w, rec := s.newVolume(), s.newRecord()
		w.CreatedAt, w.DeletedAt, rec.Due = at, at, at
		s.commit(put(r), begin(o), write(w), keep(rec))

		got, op, vol := s.snapshot(r.ID), s.operation(o.ID), s.volume(w.ID)
		for i, stored := range []time.Time{
			got.CreatedAt, got.TakenAt, got.ExpiresAt, got.Holds[0].Since, got.Holds[0].Until, got.Pins[0].Since,
			op.NextAt, op.CreatedAt, op.UpdatedAt, op.Steps[0].SentAt, vol.CreatedAt, vol.DeletedAt, s.record(key(rec)).Due,
		} {
			require.Equal(s, at.UTC().Truncate(time.Microsecond), stored, "time %d of %s", i, at)
		}
	}
}

func emptyAndNil(s *scene) {
	v := s.newVolume()
	v.Labels, v.Former = map[string]string{}, nil
	r := s.newSnapshot(v)
	r.Labels, r.Holds, r.Pins = map[string]string{}, []snapshot.Hold{}, []snapshot.Pin{}
	o := s.newOperation()
	o.Volumes, o.Steps, o.Args, o.Detail = []snapshot.VolumeID{}, []inventory.Step{}, json.RawMessage{}, nil
	rec := inventory.Record{Kind: "k", ID: "i", Data: json.RawMessage{}}
	s.commit(write(v), put(r), begin(o), keep(rec))
	require.Empty(s, s.volume(v.ID).Labels)
	got := s.snapshot(r.ID)
	require.Empty(s, got.Labels)
	require.Empty(s, got.Holds)
	require.Empty(s, got.Pins)
	op := s.operation(o.ID)
	require.Empty(s, op.Volumes)
	require.Empty(s, op.Steps)
	require.Empty(s, op.Args)
	require.Empty(s, op.Detail)
	require.Empty(s, s.record(key(rec)).Data)

	r.Version, r.Labels = 1, map[string]string{"": "", "empty": ""}
	s.commit(put(r))
	require.Equal(s, r.Labels, s.snapshot(r.ID).Labels)
}

func longAndOddTexts(s *scene) {
	v := s.volumes(1)[0]
	for _, text := range []string{
		strings.Repeat("n", 255), strings.Repeat("雪", 255), "日本語 ü😀", "a\nb\tc", `"'\%_;--`, "e\u0301", " leading and trailing ",
	} {
		r := s.newSnapshot(v)
		r.Name, r.Owner = text, text
		r.Labels = map[string]string{text: text}
		r.Holds = []snapshot.Hold{{Name: text, By: text, Reason: strings.Repeat(text, 100), Since: made()}}
		s.commit(put(r))
		r.Version = 1
		require.Equal(s, canon(r), canon(s.snapshot(r.ID)))
		got := collect(s, s.inv.Snapshots(s.Context(), inventory.SnapshotQuery{Name: text}))
		require.Len(s, got, 1, "%q", text)
	}
	big, err := json.Marshal(strings.Repeat("0123456789abcdef", 1<<14))
	require.NoError(s, err)
	rec, o := s.newRecord(), s.newOperation(v)
	rec.Data, o.Detail, o.Error = big, big, strings.Repeat("why ", 1<<12)
	s.commit(keep(rec), begin(o))
	require.Equal(s, string(big), string(s.record(key(rec)).Data))
	require.Equal(s, string(big), string(s.operation(o.ID).Detail))
	require.Equal(s, o.Error, s.operation(o.ID).Error)
}

func nothingShared(s *scene) {
	v := filled[inventory.Volume](1)
	v.HeadUnknown = false
	r := filled[snapshot.Snapshot](1)
	r.Volume, r.Version = v.ID, 0
	o := filled[inventory.Operation](1)
	o.Epoch = 1
	rec := filled[inventory.Record](1)
	rec.Volume, rec.Version = v.ID, 0
	given := changeOf(writeIf(v, 0), put(r), begin(o), keep(rec))
	require.NoError(s, s.inv.Commit(s.Context(), given))
	before := s.image()
	scribble(reflect.ValueOf(&given))
	scribble(reflect.ValueOf(&v))
	scribble(reflect.ValueOf(&r))
	scribble(reflect.ValueOf(&o))
	scribble(reflect.ValueOf(&rec))
	require.Equal(s, before, s.image(), "what was given to Commit is the caller's again")

	gotV, gotR, gotO, listed := s.volume(v.ID), s.snapshot(r.ID), s.operation(o.ID), s.contents()
	scribble(reflect.ValueOf(&gotV))
	scribble(reflect.ValueOf(&gotR))
	scribble(reflect.ValueOf(&gotO))
	scribble(reflect.ValueOf(&listed))
	require.Equal(s, before, s.image(), "what a method returned is the caller's")
}

// image returns all that the store lists as a text, which shares nothing with it.
func (s *scene) image() string {
	s.Helper()
	text, err := json.MarshalIndent(s.contents(), "", " ")
	require.NoError(s, err)
	return string(text)
}
