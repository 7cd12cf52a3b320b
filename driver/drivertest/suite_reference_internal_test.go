package drivertest

import (
	"errors"
	"slices"
	"testing"

	"github.com/storagesnap/storagesnap/driver"
)

const testInitiator = "iqn.2026-01.org.example:suite"

// rig is a harness over a reference backend, as a vendor would write one over hardware.
type rig struct {
	b      *Backend
	faults *Faults
	// container, if set, holds all volumes.
	container driver.ContainerID
	// wrap changes what Open returns: a planted bug, or a pedant.
	wrap func(driver.Driver) driver.Driver
	// twin is the volume that gets a copy of whatever is written to the key.
	twin map[driver.VolumeID]driver.VolumeID
	// opened counts drivers; over is closed when the test is.
	opened int
	over   chan struct{}
}

func newRig(opts BackendOptions) *rig {
	return &rig{b: NewBackend(opts), faults: NewFaults(), over: make(chan struct{})}
}

func (r *rig) harness() Harness {
	h := Harness{
		Open:          r.open,
		NewVolume:     func(_ testing.TB, size int64) driver.VolumeID { return r.b.AddVolumeIn(r.container, size) },
		IO:            func(_ testing.TB, v driver.VolumeID) IO { return r.io(v) },
		HoldOpen:      r.holdOpen,
		Foreign:       func(_ testing.TB, v driver.VolumeID) driver.SnapshotRef { return r.b.AddForeignSnapshot(v, "by hand") },
		Proxy:         r.proxy,
		Initiators:    []driver.Initiator{{Protocol: "iscsi", Name: testInitiator}},
		MaxLimitProbe: 16,
	}
	return h
}

func (r *rig) open(testing.TB) driver.Driver {
	r.opened++
	d := driver.Wrap(r.b.Driver(), r.faults.Hook())
	if r.wrap != nil {
		d = r.wrap(d)
	}
	return d
}

func (r *rig) holdOpen(_ testing.TB, v driver.VolumeID) (func(), error) {
	if r.b.controlsAccess() && !slices.Contains(r.b.Access(v), testInitiator) {
		return nil, errors.New("the array refuses the login")
	}
	return r.b.OpenSession(v, testInitiator), nil
}

func (r *rig) proxy(testing.TB) Proxy {
	plant := func(when When) func() {
		return func() { r.faults.Add(Fault{Mutation: true, Call: 1, When: when}) }
	}
	interrupt := func(n int) {
		for _, v := range r.b.Volumes() {
			_ = r.b.InterruptReverts(v, n)
		}
	}
	return Proxy{
		LoseReply: plant(After), Refuse: plant(Before), Stall: plant(Hang),
		Tear: func() { interrupt(1) },
		Reset: func() {
			r.faults.Clear()
			interrupt(0)
		},
	}
}

// rigIO opens a session for as long as it is open, so that the backend notices a revert meanwhile.
type rigIO struct {
	b     *Backend
	v     driver.VolumeID
	twin  driver.VolumeID
	close func()
}

func (r *rig) io(v driver.VolumeID) IO {
	return &rigIO{r.b, v, r.twin[v], r.b.OpenSession(v, testInitiator)}
}

// mirror makes what is written to one volume appear on the other.
func (r *rig) mirror(a, b driver.VolumeID) { r.twin = map[driver.VolumeID]driver.VolumeID{a: b, b: a} }

func (f *rigIO) ReadAt(p []byte, off int64) (int, error) { return len(p), f.b.ReadAt(f.v, p, off) }

func (f *rigIO) WriteAt(p []byte, off int64) (int, error) {
	if f.twin != "" {
		_ = f.b.WriteAt(f.twin, p, off)
	}
	return len(p), f.b.WriteAt(f.v, p, off)
}

func (f *rigIO) Sync() error { return nil }

func (f *rigIO) Close() error {
	f.close()
	return nil
}

// evaluate runs checks and returns their results instead of failing the test; no names means all.
func evaluate(t testing.TB, h Harness, names ...string) []result {
	t.Helper()
	s := newSuite(t, h)
	var results []result
	for _, tr := range s.trials() {
		if len(names) == 0 || slices.Contains(names, tr.name) {
			results = append(results, attempt(t, tr, s.limit()))
		}
	}
	return results
}
