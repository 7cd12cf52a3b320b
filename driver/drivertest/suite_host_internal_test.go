package drivertest

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// hostRig is a harness over the reference host and a reference backend.
type hostRig struct {
	b      *Backend
	hv     *Hypervisor
	faults *Faults
	wrap   func(driver.Host) driver.Host
}

func newHostRig(opts HostOptions) *hostRig {
	b := NewBackend(BackendOptions{})
	return &hostRig{b: b, hv: NewHost(b, opts), faults: NewFaults()}
}

func (r *hostRig) harness() HostHarness {
	return HostHarness{
		Open:     r.open,
		NewLUN:   func(t testing.TB, size int64) Target { return r.target(t, r.b.AddVolume(size)) },
		CloneLUN: r.clone,
		ArrayIO:  func(_ testing.TB, lun driver.LUN) IO { return arrayIO{r.b, lun.Volume} },
		HostIO:   func(_ testing.TB, disk driver.Disk) IO { return hostIO{r.hv, disk} },
		RunOn: func(t testing.TB, disk driver.Disk) func() {
			stop, err := r.hv.Hold(disk, "vm-1", true)
			require.NoError(t, err)
			t.Cleanup(stop)
			return stop
		},
		Impostor: func(t testing.TB, target Target) {
			other := r.target(t, r.b.AddVolume(target.LUN.Size))
			r.b.Misroute(target.Path.Target, other.LUN.Volume)
			t.Cleanup(func() { r.b.Misroute(target.Path.Target, "") })
		},
		Grow: func(t testing.TB, target Target) Target {
			require.NoError(t, r.b.Grow(target.LUN.Volume, target.LUN.Size+1<<20))
			return r.target(t, target.LUN.Volume)
		},
		Proxy: func(testing.TB) Proxy {
			return Proxy{
				LoseReply: func() { r.faults.Add(Fault{Mutation: true, Call: 1, When: After}) },
				Refuse:    func() { r.faults.Add(Fault{Mutation: true, Call: 1, When: Before}) },
				Tear:      func() { r.hv.InterruptNext(1) },
				Reset: func() {
					r.faults.Clear()
					r.hv.InterruptNext(-1)
				},
			}
		},
	}
}

func (r *hostRig) open(testing.TB) driver.Host {
	h := driver.WrapHost(r.hv.Driver(), r.faults.Hook())
	if r.wrap != nil {
		h = r.wrap(h)
	}
	return h
}

func (r *hostRig) target(t testing.TB, v driver.VolumeID) Target {
	t.Helper()
	path, err := r.b.Allow(v, r.hv.Initiators()...)
	require.NoError(t, err)
	lun, err := r.b.LUN(v)
	require.NoError(t, err)
	return Target{LUN: lun, Path: path}
}

func (r *hostRig) clone(t testing.TB, source Target) Target {
	t.Helper()
	ctx, d := t.Context(), r.b.Driver()
	s, err := d.CreateSnapshot(ctx, driver.CreateSnapshotRequest{Volume: source.LUN.Volume, Token: rigToken(t)})
	require.NoError(t, err)
	v, err := d.Abilities().Cloner.Clone(ctx, driver.CloneRequest{Snapshot: s.Ref, Token: rigToken(t)})
	require.NoError(t, err)
	return r.target(t, v.ID)
}

func rigToken(t testing.TB) driver.Token {
	t.Helper()
	token, err := driver.NewToken("suiterig")
	require.NoError(t, err)
	return token
}

type arrayIO struct {
	b *Backend
	v driver.VolumeID
}

func (f arrayIO) ReadAt(p []byte, off int64) (int, error) { return len(p), f.b.ReadAt(f.v, p, off) }

func (f arrayIO) WriteAt(p []byte, off int64) (int, error) { return len(p), f.b.WriteAt(f.v, p, off) }
func (f arrayIO) Sync() error                              { return nil }
func (f arrayIO) Close() error                             { return nil }

type hostIO struct {
	h    *Hypervisor
	disk driver.Disk
}

func (f hostIO) ReadAt(p []byte, off int64) (int, error) { return len(p), f.h.ReadAt(f.disk, p, off) }

func (f hostIO) WriteAt(p []byte, off int64) (int, error) { return len(p), f.h.WriteAt(f.disk, p, off) }
func (f hostIO) Sync() error                              { return nil }
func (f hostIO) Close() error                             { return nil }

func evaluateHost(t testing.TB, h HostHarness, names ...string) []result {
	t.Helper()
	s := newHostSuite(t, h)
	var results []result
	for _, tr := range s.trials() {
		if len(names) == 0 || slices.Contains(names, tr.name) {
			results = append(results, attempt(t, tr, 10*s.h.Timeout))
		}
	}
	return results
}

// TestReferenceHost is the suite as a vendor runs it.
func TestReferenceHost(t *testing.T) {
	RunHost(t, newHostRig(HostOptions{}).harness())
}

func TestHostSuiteOverOptions(t *testing.T) {
	for name, opts := range map[string]HostOptions{
		"one member":     {Members: 1},
		"three members":  {Members: 3},
		"cannot re-sign": {CannotResign: true},
		"bare":           {Without: hostAbilityNames()},
		"crash only":     {CrashOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newHostRig(opts)
				for _, res := range evaluateHost(t, r.harness()) {
					require.NotEqual(t, failed, res.status, "%s:\n%s", res.name, strings.Join(res.messages, "\n"))
					require.NotContains(t, res.note, "left behind", res.name)
				}
				require.Empty(t, r.hv.Disks(), "the suite left disks behind")
				require.Empty(t, r.hv.Frozen(), "the suite left a freeze behind")
				require.Empty(t, r.hv.Violations())
				require.Empty(t, r.b.Violations())
			})
		})
	}
}
