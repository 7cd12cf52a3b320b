package drivertest_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

// witness is a testing.TB that writes down what it is told.
type witness struct {
	testing.TB

	mu   sync.Mutex
	said []string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// watched is a pool whose driver and host are watched by a witness.
func watched(t *testing.T, opts drivertest.BackendOptions) (*pool, *witness) {
	t.Helper()
	w := &witness{TB: t}
	p := newPool(t, opts, drivertest.HostOptions{})
	pedant := drivertest.NewPedant(w, opts.Facts)
	p.d, p.h = pedant.Driver(p.d), pedant.Host(p.h)
	return p, w
}

func noted() driver.Notes { return new(notebook).notes() }

func TestPedanticIsContentWithAnHonestEngine(t *testing.T) {
	p, w := watched(t, drivertest.BackendOptions{Facts: driver.Facts{RevertDropsYounger: true}})
	_, err := p.d.Describe(p.ctx())
	require.NoError(t, err)
	create := p.createReq()
	s, err := p.d.CreateSnapshot(p.ctx(), create)
	require.NoError(t, err)
	create.Attempt = resume(time.Now())
	_, err = p.d.CreateSnapshot(p.ctx(), create)
	require.NoError(t, err)
	younger := p.snap()
	a := p.attachment()
	require.NoError(t, p.h.Detach(p.ctx(), a))
	revert := p.revertReq(s, younger.Ref)
	revert.Notes = noted()
	_, err = p.d.Revert(p.ctx(), revert)
	require.NoError(t, err)
	_, err = p.h.Attach(p.ctx(), a, p.path(p.vol))
	require.NoError(t, err)

	clone := p.cloneReq(s)
	clone.Notes = noted()
	v, err := p.d.Abilities().Cloner.Clone(p.ctx(), clone)
	require.NoError(t, err)
	introduce := p.introduceReq(v.ID)
	introduce.Notes = noted()
	_, err = p.h.Introduce(p.ctx(), introduce)
	require.NoError(t, err)
	require.NoError(t, p.h.Withdraw(p.ctx(), driver.WithdrawRequest{LUN: introduce.LUN, Token: introduce.Token}))
	require.NoError(t, p.d.Abilities().Cloner.Discard(p.ctx(), driver.DiscardRequest{Snapshot: s.Ref, Token: clone.Token}))
	_, err = p.del(s.Ref)
	require.NoError(t, err)
	require.Empty(t, p.list(""))
	require.NoError(t, p.h.Close())
	require.NoError(t, p.d.Close())
	require.NoError(t, p.d.Close())
	require.Empty(t, w.said)
	p.clean()
}

func TestPedanticIsContentWithHonestUseOfAbilities(t *testing.T) {
	p, w := watched(t, drivertest.BackendOptions{Facts: driver.Facts{CloneDependence: driver.CloneUntilSplit}})
	can, at := p.d.Abilities(), resume(time.Now())
	group := groupReq(p.array)
	require.NoError(t, can.Groups.CheckGroup(p.ctx(), group.Volumes))
	g, err := can.Groups.CreateGroup(p.ctx(), group)
	require.NoError(t, err)
	_, err = can.Groups.LookupGroup(p.ctx(), driver.LookupGroupRequest{Token: group.Token, Attempt: at})
	require.NoError(t, err)
	require.NoError(t, can.Expiry.SetExpiry(p.ctx(), g.Members[0].Ref, time.Now().Add(time.Hour)))

	clone := p.clone(g.Members[0])
	_, err = can.Cloner.FindClone(p.ctx(), driver.FindCloneRequest{Snapshot: g.Members[0].Ref, Token: clone.Token, Attempt: at})
	require.NoError(t, err)
	split := driver.SplitRequest{Volume: clone.ID, Token: p.token(), Notes: noted()}
	require.NoError(t, can.Splitter.Split(p.ctx(), split))
	del := driver.DeleteGroupRequest{ID: g.ID, Token: group.Token, Members: []driver.SnapshotRef{g.Members[0].Ref}, Attempt: at}
	require.NoError(t, can.Groups.DeleteGroup(p.ctx(), del))

	v, err := can.Volumes.CreateVolume(p.ctx(), driver.CreateVolumeRequest{Token: p.token(), Size: volSize})
	require.NoError(t, err)
	_, err = can.Volumes.ResizeVolume(p.ctx(), driver.ResizeVolumeRequest{Volume: v.ID, Size: 2 * volSize})
	require.NoError(t, err)
	revoke := driver.RevokeRequest{Volume: v.ID, Token: p.token(), Notes: noted()}
	record, err := can.Access.Revoke(p.ctx(), revoke)
	require.NoError(t, err)
	_, err = can.Access.Grant(p.ctx(), driver.GrantRequest{Volume: v.ID, Token: p.token(), Record: record, Attempt: at})
	require.NoError(t, err)
	_, err = can.Volumes.DeleteVolume(p.ctx(), driver.DeleteVolumeRequest{Volume: v.ID, Token: p.token(), Attempt: at})
	require.NoError(t, err)

	q := p.h.Abilities().Quiescer
	freeze := driver.QuiesceRequest{LUNs: []driver.LUN{p.lun(p.vol)}, Token: p.token(), Max: time.Minute, Attempt: at}
	_, err = q.Quiesce(p.ctx(), freeze)
	require.NoError(t, err)
	require.NoError(t, q.Thaw(p.ctx(), freeze.Token))
	_, err = p.h.Abilities().Impact.Impact(p.ctx(), p.lun(p.vol))
	require.NoError(t, err)
	require.Empty(t, w.said)
}

// called takes the results of a call that nobody looks at: the witness does.
func called[T any](T, error) {}

// complaint is a broken promise, and what the witness says of it.
type complaint struct {
	do   func(p *pool)
	says string
}

func (c complaint) check(t *testing.T) {
	t.Helper()
	p, w := watched(t, drivertest.BackendOptions{Limits: driver.Limits{NameLength: 10}, Without: []string{"Expiry"}})
	c.do(p)
	require.Len(t, w.said, 1, "%q", w.said)
	require.Contains(t, w.said[0], c.says)
	require.Contains(t, w.said[0], "the engine broke a promise in its call of ")
}

func TestPedanticAboutTokens(t *testing.T) {
	cases := map[string]complaint{
		"no deadline": {func(p *pool) { called(p.d.Volume(p.t.Context(), p.vol)) }, "no deadline"},
		"after Close": {func(p *pool) {
			_ = p.d.Close()
			called(p.d.Volume(p.ctx(), p.vol))
		}, "is closed"},
		"no token": {func(p *pool) {
			called(p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: p.vol}))
		}, `token ""`},
		"a malformed token": {func(p *pool) {
			called(p.d.CreateSnapshot(p.ctx(), driver.CreateSnapshotRequest{Volume: p.vol, Token: "Not A Token"}))
		}, "Not A Token"},
		"neither id nor token": {func(p *pool) { called(p.lookup(driver.SnapshotRef{Volume: p.vol})) }, "neither id nor token"},
		"sent before": {func(p *pool) {
			req := p.createReq()
			called(p.d.CreateSnapshot(p.ctx(), req))
			called(p.d.CreateSnapshot(p.ctx(), req))
		}, "was sent before"},
		"sent before, by another driver": {func(p *pool) {
			req := p.introduceReq(p.clone(p.snap()).ID)
			req.Notes = noted()
			called(p.h.Introduce(p.ctx(), req))
			called(p.h.Introduce(p.ctx(), req))
		}, "was sent before"},
		"resume without a time": {func(p *pool) {
			req := p.createReq()
			req.Resume = true
			called(p.d.CreateSnapshot(p.ctx(), req))
		}, "SentAt is not"},
		"a token for two methods": {func(p *pool) {
			s := p.snap()
			req := p.cloneReq(s)
			req.Token, req.Notes = s.Ref.Token, noted()
			called(p.d.Abilities().Cloner.Clone(p.ctx(), req))
		}, "stands for CreateSnapshot"},
		"a token for two reverts": {func(p *pool) {
			req := p.revertReq(p.snap())
			req.Notes = noted()
			called(p.d.Revert(p.ctx(), req))
			req.Snapshot = p.snap().Ref
			called(p.d.Revert(p.ctx(), req))
		}, "stands for Revert"},
		"a token for two groups": {func(p *pool) {
			req := groupReq(p.array)
			called(p.d.Abilities().Groups.CreateGroup(p.ctx(), req))
			req.Volumes = req.Volumes[:1]
			called(p.d.Abilities().Groups.CreateGroup(p.ctx(), req))
		}, "stands for CreateGroup"},
	}
	for name, c := range cases {
		t.Run(name, c.check)
	}
}

func TestPedanticAboutRequests(t *testing.T) {
	cases := map[string]complaint{
		"no volume": {func(p *pool) { called(p.d.Volume(p.ctx(), "")) }, "volume's id is empty"},
		"a reference without volume": {func(p *pool) {
			called(p.del(driver.SnapshotRef{Token: p.token()}))
		}, "snapshot's volume is empty"},
		"a revert that may drop its own snapshot": {func(p *pool) {
			s := p.snap()
			req := p.revertReq(s, s.Ref)
			req.Notes = noted()
			called(p.d.Revert(p.ctx(), req))
		}, "MayDrop"},
		"no note": {func(p *pool) { called(p.d.Revert(p.ctx(), p.revertReq(p.snap()))) }, "Note is nil"},
		"an empty group": {func(p *pool) {
			_ = p.d.Abilities().Groups.CheckGroup(p.ctx(), nil)
		}, "no volumes"},
		"a volume twice": {func(p *pool) {
			_ = p.d.Abilities().Groups.CheckGroup(p.ctx(), []driver.VolumeID{p.vol, p.vol})
		}, "twice"},
		"a volume of nothing": {func(p *pool) {
			called(p.d.Abilities().Volumes.CreateVolume(p.ctx(), driver.CreateVolumeRequest{Token: p.token()}))
		}, "Size is 0"},
		"a clone of nothing": {func(p *pool) {
			req := driver.CloneRequest{Token: p.token(), Snapshot: driver.SnapshotRef{Volume: p.vol}, Notes: noted()}
			called(p.d.Abilities().Cloner.Clone(p.ctx(), req))
		}, "neither id nor token"},
		"a clone of a negative size": {func(p *pool) {
			req := p.cloneReq(p.snap())
			req.Size, req.Notes = -1, noted()
			called(p.d.Abilities().Cloner.Clone(p.ctx(), req))
		}, "Size is -1"},
		"a resize to nothing": {func(p *pool) {
			called(p.d.Abilities().Volumes.ResizeVolume(p.ctx(), driver.ResizeVolumeRequest{Volume: p.vol}))
		}, "Size is 0"},
		"a deletion without token": {func(p *pool) {
			req := driver.DeleteVolumeRequest{Volume: p.AddVolume(volSize)}
			called(p.d.Abilities().Volumes.DeleteVolume(p.ctx(), req))
		}, `token ""`},
		"a discard without token": {func(p *pool) {
			_ = p.d.Abilities().Cloner.Discard(p.ctx(), driver.DiscardRequest{})
		}, `token ""`},
		"a revocation that nobody could undo": {func(p *pool) {
			called(p.d.Abilities().Access.Revoke(p.ctx(), driver.RevokeRequest{Volume: p.vol, Token: p.token()}))
		}, "Note is nil"},
		"a name that is too long": {func(p *pool) {
			called(p.d.Describe(p.ctx()))
			req := p.createReq()
			req.Name = "eleven chars"
			called(p.d.CreateSnapshot(p.ctx(), req))
		}, "at most 10 fit"},
		"an expiry that nobody keeps": {func(p *pool) {
			req := p.createReq()
			req.Expires = time.Now().Add(time.Hour)
			called(p.d.CreateSnapshot(p.ctx(), req))
		}, "no ExpirySetter"},
	}
	for name, c := range cases {
		t.Run(name, c.check)
	}
}

func TestPedanticAboutHosts(t *testing.T) {
	cases := map[string]complaint{
		"a host after Close": {func(p *pool) {
			_ = p.h.Close()
			called(p.h.Initiators(p.ctx()))
		}, "is closed"},
		"a LUN without serial": {func(p *pool) {
			called(p.h.Attachments(p.ctx(), driver.LUN{Volume: p.vol, Size: 1}))
		}, "serial number is empty"},
		"a clone of itself": {func(p *pool) {
			req := p.introduceReq(p.vol)
			req.Notes = noted()
			called(p.h.Introduce(p.ctx(), req))
		}, "are one LUN"},
		"a freeze without end": {func(p *pool) {
			req := driver.QuiesceRequest{LUNs: []driver.LUN{p.lun(p.vol)}, Token: p.token()}
			called(p.h.Abilities().Quiescer.Quiesce(p.ctx(), req))
		}, "must have an end"},
		"a thaw of nothing": {func(p *pool) { _ = p.h.Abilities().Quiescer.Thaw(p.ctx(), "") }, `token ""`},
	}
	for name, c := range cases {
		t.Run(name, c.check)
	}
}

func TestPedanticSeesTwoMutationsAtOnce(t *testing.T) {
	cases := map[string]struct {
		facts      driver.Facts
		same       bool
		complaints int
	}{
		"of one volume":           {driver.Facts{}, true, 1},
		"of two":                  {driver.Facts{}, false, 0},
		"of two in one container": {driver.Facts{RevertUnit: driver.UnitContainer}, false, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, w := watched(t, drivertest.BackendOptions{Facts: c.facts, Latency: time.Second})
				first := p.AddVolumeIn("shared", volSize)
				second := first
				if !c.same {
					second = p.AddVolumeIn("shared", volSize)
				}
				for _, id := range []driver.VolumeID{first, second} {
					_, err := p.d.Volume(p.ctx(), id)
					require.NoError(t, err)
				}
				var wg sync.WaitGroup
				wg.Go(func() { p.snapOf(first) })
				wg.Go(func() { p.snapOf(second) })
				wg.Wait()
				require.Len(t, w.said, c.complaints)
				p.snapOf(first)
				require.Len(t, w.said, c.complaints, "what is over is over")
			})
		})
	}
}

func TestPedanticFollowsAVolumeThroughItsIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, w := watched(t, drivertest.BackendOptions{Facts: driver.Facts{RevertChangesID: true}, Latency: time.Second})
		s, other := p.snap(), p.snap()
		req := p.revertReq(s)
		req.Notes = noted()
		res, err := p.d.Revert(p.ctx(), req)
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { p.snapOf(res.Volume) })
		wg.Go(func() { called(p.del(other.Ref)) })
		wg.Wait()
		require.Len(t, w.said, 1)
		require.Contains(t, w.said[0], "one mutation at a time")
	})
}

func TestPedanticConvenience(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	w := &witness{TB: t}
	_, err := drivertest.Pedantic(w, p.d, driver.Facts{}).Volume(t.Context(), p.vol)
	require.NoError(t, err, "the call goes on")
	_, err = drivertest.PedanticHost(w, p.h).Describe(t.Context())
	require.NoError(t, err)
	require.Len(t, w.said, 2)
}
