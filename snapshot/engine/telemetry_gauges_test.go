package engine_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// clock is one that the test moves.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func TestGaugesOfNothing(t *testing.T) {
	_, _, read := observed(t, settings{})
	require.Equal(t, map[string]int64{
		"storagesnap.operation.waiting{waits_for=retry}":  0,
		"storagesnap.operation.waiting{waits_for=person}": 0,
		"storagesnap.operation.quiesced{}":                0,
		"storagesnap.operation.oldest_age{}":              0,
		"storagesnap.inventory.up{}":                      1,
		"storagesnap.backend.up{backend=array}":           1,
	}, read.scrape(t))
}

func TestGaugesOfWhatWaits(t *testing.T) {
	for want, fault := range map[string]drivertest.Fault{
		"retry":  {Method: "Revert", When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "lost")},
		"person": {Method: "Grant", Err: driver.Errorf(driver.ErrPermission, "no")}, // after the pivot
	} {
		t.Run(want, func(t *testing.T) {
			c := newClock()
			w, _, read := observed(t, settings{opts: engine.Options{Clock: c.now, Poll: time.Hour}})
			one := w.create("one")
			c.advance(time.Minute)
			w.faults.Add(fault)
			_, err := w.eng.Revert(ctx(t), engine.RevertRequest{Volume: w.volume.ID, Snapshot: one.ID})
			require.Error(t, err)
			c.advance(90 * time.Second)
			waits := read.scrape(t)
			require.EqualValues(t, 1, waits["storagesnap.operation.open{operation.kind=revert,operation.state=waiting}"])
			for _, reason := range []string{"retry", "person"} {
				n := map[bool]int64{true: 1}[reason == want]
				require.Equal(t, n, waits["storagesnap.operation.waiting{waits_for="+reason+"}"], reason)
			}
			require.EqualValues(t, 90, waits["storagesnap.operation.oldest_age{}"])
			require.EqualValues(t, 150, waits["storagesnap.backend.last_create_age{backend=array}"])

			w.faults.Clear()
			require.NoError(t, w.eng.Retry(ctx(t), w.pending(w.volume.ID)))
			require.NoError(t, w.eng.Idle(ctx(t)))
			after := read.scrape(t)
			require.Zero(t, after["storagesnap.operation.oldest_age{}"])
			require.NotContains(t, after, "storagesnap.operation.open{operation.kind=revert,operation.state=waiting}")
		})
	}
}

// pending is the operation that is open on the volume.
func (w *world) pending(id snapshot.VolumeID) inventory.OperationID {
	w.t.Helper()
	v, err := w.inv.Volume(ctx(w.t), id)
	require.NoError(w.t, err)
	return v.Pending
}

func TestGaugeOfABackend(t *testing.T) {
	w, _, read := observed(t, settings{})
	const up = "storagesnap.backend.up{backend=array}"
	require.EqualValues(t, 1, read.scrape(t)[up])
	w.faults.Add(drivertest.Fault{Method: "Describe", Err: driver.Errorf(driver.ErrUnavailable, "no route")})
	_, err := w.eng.Backend(ctx(t), "array")
	require.NoError(t, err)
	require.EqualValues(t, 0, read.scrape(t)[up])
	require.Contains(t, read.scrape(t), up)

	require.NoError(t, w.eng.Forget(ctx(t), engine.ForgetRequest{Volume: w.volume.ID}))
	require.NoError(t, w.eng.RemoveBackend(ctx(t), "array"))
	require.NotContains(t, read.scrape(t), up, "it is no backend any more")
}

// sick is an inventory whose listing of operations fails, or hangs until its context ends.
type sick struct {
	inventory.Inventory

	err   error
	hangs bool
}

func (s *sick) Operations(ctx context.Context, q inventory.OperationQuery) iter.Seq2[inventory.Operation, error] {
	if s.err == nil && !s.hangs {
		return s.Inventory.Operations(ctx, q)
	}
	return func(yield func(inventory.Operation, error) bool) {
		err := s.err
		if s.hangs {
			<-ctx.Done()
			err = ctx.Err()
		}
		yield(inventory.Operation{}, err)
	}
}

// TestScrapeWithoutAnInventory: a scrape ends soon, does not fail, and says what it does not know by leaving it out.
func TestScrapeWithoutAnInventory(t *testing.T) {
	for name, s := range map[string]sick{"down": {err: errors.New("no connection")}, "hanging": {hangs: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inv := &sick{Inventory: memory.New()}
				read := newReadings()
				eng, err := engine.New(inv, engine.Options{MeterProvider: read, Poll: 1000 * time.Hour, LeaseTTL: 1000 * time.Hour})
				require.NoError(t, err)
				require.NoError(t, eng.AddBackend("array", drivertest.NewBackend(drivertest.BackendOptions{}).Driver()))
				require.NoError(t, eng.Start(t.Context()))
				_, err = eng.Backend(t.Context(), "array")
				require.NoError(t, err)
				inv.err, inv.hangs = s.err, s.hangs
				began := time.Now()
				require.Equal(t, map[string]int64{
					"storagesnap.inventory.up{}": 0, "storagesnap.backend.up{backend=array}": 1,
				}, read.scrape(t))
				require.LessOrEqual(t, time.Since(began), 2*time.Second)
				require.NoError(t, eng.Close(t.Context()))
			})
		})
	}
}

// TestScrapeWhileABackendHangs: what an array does not answer keeps no scrape waiting.
func TestScrapeWhileABackendHangs(t *testing.T) {
	w, _, read := observed(t, settings{})
	hanging, release := make(chan struct{}), make(chan struct{})
	array := drivertest.NewBackend(drivertest.BackendOptions{ID: "another"})
	require.NoError(t, w.eng.AddBackend("hung", driver.Wrap(array.Driver(),
		func(ctx context.Context, _ *driver.Call, next func(context.Context) error) error {
			close(hanging)
			<-release
			return next(ctx)
		})))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = w.eng.Backend(ctx(t), "hung")
	}()
	<-hanging
	require.NotContains(t, read.scrape(t), "storagesnap.backend.up{backend=hung}", "nobody knows yet")
	close(release)
	<-done
	require.EqualValues(t, 1, read.scrape(t)["storagesnap.backend.up{backend=hung}"])
}

func TestGaugesEndWithTheEngine(t *testing.T) {
	w, _, read := observed(t, settings{})
	require.NotEmpty(t, read.scrape(t))
	w.close()
	require.Empty(t, read.scrape(t), "the inventory may be closed now")
	w.open()
	require.EqualValues(t, 1, read.scrape(t)["storagesnap.inventory.up{}"], "the next one's")
}

// TestQuiescedIsReadFromTheJournal: a freeze counts from before it is sent until its end is written, whoever does that.
func TestQuiescedIsReadFromTheJournal(t *testing.T) {
	for name, tt := range map[string]struct {
		step   inventory.StepState
		detail string
		want   int64
	}{
		"sent":          {inventory.StepSent, `{"freeze":{"max":1,"hosts":[{"host":"pool"}]}}`, 1},
		"not sent":      {inventory.StepPlanned, `{"freeze":{"max":1,"hosts":[{"host":"pool"}]}}`, 0},
		"thawed":        {inventory.StepSent, `{"freeze":{"max":1,"hosts":[{"host":"pool"}],"thawed":true}}`, 0},
		"no host could": {inventory.StepSent, `{"freeze":{"max":1}}`, 0},
		"none asked":    {inventory.StepSent, `{}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, read := observed(t, settings{})
			op := inventory.Operation{
				ID: snapshot.NewID[inventory.OperationID](), Kind: "unknown-to-us", Format: 1, State: inventory.Running, Epoch: 1,
				Steps:     []inventory.Step{{Name: "Quiesce", State: tt.step}},
				Detail:    []byte(tt.detail),
				CreatedAt: time.Now().UTC().Truncate(time.Microsecond), UpdatedAt: time.Now().UTC().Truncate(time.Microsecond),
			}
			require.NoError(t, w.inv.Commit(ctx(t), inventory.Change{
				ID: snapshot.NewID[inventory.ChangeID](), Operation: &inventory.OperationChange{Operation: op},
			}))
			require.Equal(t, tt.want, read.scrape(t)["storagesnap.operation.quiesced{}"])
		})
	}
}

func TestUnitsOfMetrics(t *testing.T) {
	read := newReadings()
	_, err := engine.New(memory.New(), engine.Options{MeterProvider: read})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		engine.MetricOutcomes: "{operation}", engine.MetricTakeOvers: "{operation}", engine.MetricOpen: "{operation}",
		engine.MetricWaiting: "{operation}", engine.MetricQuiesced: "{operation}",
		engine.MetricOperationDuration: "s", engine.MetricStepDuration: "s", engine.MetricCallDuration: "s",
		engine.MetricOldestAge: "s", engine.MetricLastCreateAge: "s",
		engine.MetricInventoryUp: "", engine.MetricBackendUp: "",
	}, read.units)
}

// TestMeterThatRefuses: a program learns when it starts that it would have no metrics, before anything is worked on.
func TestMeterThatRefuses(t *testing.T) {
	for _, name := range []string{
		engine.MetricOutcomes, engine.MetricCallDuration, engine.MetricWaiting, engine.MetricOldestAge, "callback",
	} {
		t.Run(name, func(t *testing.T) {
			read := newReadings()
			read.refuses = name
			eng, err := engine.New(memory.New(), engine.Options{MeterProvider: read})
			if name == "callback" {
				require.NoError(t, err)
				err = eng.Start(t.Context())
				require.NoError(t, eng.Close(t.Context()))
			}
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, name+" is refused")
		})
	}
}
