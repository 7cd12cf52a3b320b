package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
)

// pool is a hypervisor over an array, with the array's volume attached as disk.
type pool struct {
	*array

	hv   *drivertest.Hypervisor
	h    driver.Host
	disk driver.Disk
}

func newPool(t *testing.T, opts drivertest.BackendOptions, host drivertest.HostOptions) *pool {
	t.Helper()
	a := newArray(t, opts)
	a.fill(a.vol, 'a')
	hv := drivertest.NewHost(a.Backend, host)
	disk, err := hv.AddDisk(a.vol)
	require.NoError(t, err)
	return &pool{array: a, hv: hv, h: hv.Driver(), disk: disk}
}

func (p *pool) lun(id driver.VolumeID) driver.LUN {
	p.t.Helper()
	lun, err := p.LUN(id)
	require.NoError(p.t, err)
	return lun
}

func (p *pool) attachment() driver.Attachment {
	p.t.Helper()
	a, err := p.h.Attachments(p.ctx(), p.lun(p.vol))
	require.NoError(p.t, err)
	return a
}

func (p *pool) path(id driver.VolumeID) driver.Path {
	p.t.Helper()
	path, err := p.Path(id)
	require.NoError(p.t, err)
	return path
}

// sees requires that the host believes the disk to hold nothing but the letter.
func (p *pool) sees(disk driver.Disk, letter byte) {
	p.t.Helper()
	got, err := p.hv.Content(disk)
	require.NoError(p.t, err)
	require.Equal(p.t, strings.Repeat(string(letter), volSize), string(got))
}

func (p *pool) clean() {
	p.t.Helper()
	require.Empty(p.t, p.hv.Violations())
	require.Empty(p.t, p.Violations())
}

// introduceReq asks to show a clone, with access granted.
func (p *pool) introduceReq(clone driver.VolumeID) driver.IntroduceRequest {
	p.t.Helper()
	path, err := p.Allow(clone, p.hv.Initiators()...)
	require.NoError(p.t, err)
	return driver.IntroduceRequest{
		LUN: p.lun(clone), Path: path, Token: p.token(), Name: "clone", Clone: true, Source: p.lun(p.vol),
	}
}

func TestAttachmentSurvivesStorage(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	a := p.attachment()
	require.True(t, a.Known)
	require.True(t, a.Attached)
	require.Equal(t, p.disk, a.Disk)
	require.EqualValues(t, volSize, a.Size)
	doc, err := json.Marshal(a)
	require.NoError(t, err)
	var stored driver.Attachment
	require.NoError(t, json.Unmarshal(doc, &stored))
	require.NoError(t, p.h.Detach(p.ctx(), stored))
	require.Zero(t, p.hv.Attached(p.disk))
	disk, err := p.h.Attach(p.ctx(), stored, p.path(p.vol))
	require.NoError(t, err)
	require.Equal(t, p.disk, disk)
	require.Equal(t, 2, p.hv.Attached(p.disk))
	p.clean()
}

func TestUnknownLUN(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	a, err := p.h.Attachments(p.ctx(), p.lun(p.AddVolume(volSize)))
	require.NoError(t, err)
	require.False(t, a.Known)
	require.NoError(t, p.h.Detach(p.ctx(), a))
	disk, err := p.h.Attach(p.ctx(), a, driver.Path{})
	require.NoError(t, err)
	require.Empty(t, disk)
}

func TestHostCachesWhatItAttached(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	s := p.snap()
	require.NoError(t, p.hv.WriteAt(p.disk, []byte(strings.Repeat("b", volSize)), 0))
	p.holds(p.vol, 'b')
	p.sees(p.disk, 'b')
	a := p.attachment()

	_, err := p.d.Revert(p.ctx(), p.revertReq(s))
	require.NoError(t, err)
	require.NotEmpty(t, p.Violations(), "a revert under the host's feet")
	p.holds(p.vol, 'a')
	p.sees(p.disk, 'b')
	_, err = p.h.Attach(p.ctx(), a, p.path(p.vol))
	require.NoError(t, err)
	p.sees(p.disk, 'b')

	require.NoError(t, p.h.Detach(p.ctx(), a))
	_, err = p.hv.Content(p.disk)
	require.ErrorIs(t, err, driver.ErrUnavailable)
	_, err = p.h.Attach(p.ctx(), a, p.path(p.vol))
	require.NoError(t, err)
	p.sees(p.disk, 'a')
}

func TestDetachOfADiskInUse(t *testing.T) {
	for name, running := range map[string]bool{"running": true, "halted": false} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
			release, err := p.hv.Hold(p.disk, "vm-1", running)
			require.NoError(t, err)
			a := p.attachment()
			require.Len(t, a.Holders, 1)
			require.Equal(t, running, a.Holders[0].Running)
			impact, err := p.h.Abilities().Impact.Impact(p.ctx(), p.lun(p.vol))
			require.NoError(t, err)
			require.Equal(t, running, len(impact) == 1)

			err = p.h.Detach(p.ctx(), a)
			if running {
				require.ErrorIs(t, err, driver.ErrInUse)
				require.Equal(t, "vm-1", driver.BlockersOf(err)[0].ID)
				require.Equal(t, 2, p.hv.Attached(p.disk))
				release()
				err = p.h.Detach(p.ctx(), a)
			}
			require.NoError(t, err)
			require.NoError(t, p.h.Detach(p.ctx(), a), "repeatable")
		})
	}
}

func TestDetachAndAttachConverge(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{Members: 3})
	a := p.attachment()
	p.hv.InterruptNext(1)
	require.ErrorIs(t, p.h.Detach(p.ctx(), a), driver.ErrIndeterminate)
	require.Equal(t, 2, p.hv.Attached(p.disk))
	require.NoError(t, p.h.Detach(p.ctx(), a))
	require.Zero(t, p.hv.Attached(p.disk))

	p.hv.InterruptNext(2)
	_, err := p.h.Attach(p.ctx(), a, p.path(p.vol))
	require.ErrorIs(t, err, driver.ErrIndeterminate)
	require.Equal(t, 2, p.hv.Attached(p.disk))
	for range 2 {
		_, err = p.h.Attach(p.ctx(), a, p.path(p.vol))
		require.NoError(t, err)
		require.Equal(t, 3, p.hv.Attached(p.disk))
	}
	p.clean()
}

func TestAttachLeavesAloneWhatWasNotAttached(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	require.NoError(t, p.h.Detach(p.ctx(), p.attachment()))
	a := p.attachment()
	require.True(t, a.Known)
	require.False(t, a.Attached)
	disk, err := p.h.Attach(p.ctx(), a, p.path(p.vol))
	require.NoError(t, err)
	require.Equal(t, p.disk, disk)
	require.Zero(t, p.hv.Attached(p.disk))
}

func TestAttachVerifies(t *testing.T) {
	cases := map[string]struct {
		spoil func(p *pool, path *driver.Path)
		class driver.Class
	}{
		"another LUN answers": {func(p *pool, path *driver.Path) {
			p.Misroute(path.Target, p.AddVolume(volSize))
			for _, id := range p.Volumes() {
				_, err := p.Allow(id, p.hv.Initiators()...)
				require.NoError(p.t, err)
			}
		}, driver.ErrConflict},
		"it has grown": {func(p *pool, _ *driver.Path) {
			require.NoError(p.t, p.Grow(p.vol, 2*volSize))
		}, driver.ErrConflict},
		"no access": {func(p *pool, _ *driver.Path) {
			_, err := p.d.Abilities().Access.Revoke(p.ctx(), driver.RevokeRequest{Volume: p.vol, Token: p.token()})
			require.NoError(p.t, err)
		}, driver.ErrPermission},
		"nothing answers": {func(_ *pool, path *driver.Path) { path.Target += "-gone" }, driver.ErrNotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
			a, path := p.attachment(), p.path(p.vol)
			require.NoError(t, p.h.Detach(p.ctx(), a))
			c.spoil(p, &path)
			_, err := p.h.Attach(p.ctx(), a, path)
			require.ErrorIs(t, err, c.class)
			require.Zero(t, p.hv.Attached(p.disk))
		})
	}
}

func TestAttachAfterARevertThatChangedTheID(t *testing.T) {
	p := newPool(t, withFacts(driver.Facts{RevertChangesID: true}), drivertest.HostOptions{})
	s, a := p.snap(), p.attachment()
	require.NoError(t, p.h.Detach(p.ctx(), a))
	res, err := p.d.Revert(p.ctx(), p.revertReq(s))
	require.NoError(t, err)
	a.LUN = p.lun(res.Volume)
	disk, err := p.h.Attach(p.ctx(), a, p.path(res.Volume))
	require.NoError(t, err)
	require.Equal(t, p.disk, disk, "the disk stays the same to the host")
	p.sees(disk, 'a')
	p.clean()
}

func TestTwoHostsAttachOneVolume(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	other := drivertest.NewHost(p.Backend, drivertest.HostOptions{ID: "other"})
	_, err := other.AddDisk(p.vol)
	require.NoError(t, err)
	require.NotEmpty(t, p.Violations())
}

func TestIntroduceAClone(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	clone := p.clone(p.snap())
	book := new(notebook)
	req := p.introduceReq(clone.ID)
	req.Notes = book.notes()
	disk, err := p.h.Introduce(p.ctx(), req)
	require.NoError(t, err)
	require.NotEqual(t, p.disk, disk)
	require.Contains(t, string(book.last), string(disk))
	p.sees(disk, 'a')

	req.Attempt, req.Notes = resume(time.Now()), book.notes()
	again, err := p.h.Introduce(p.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, disk, again)
	require.Len(t, p.hv.Disks(), 2)
	p.clean()

	t.Run("and withdraw it", func(t *testing.T) {
		withdraw := driver.WithdrawRequest{LUN: req.LUN, Token: req.Token}
		release, err := p.hv.Hold(disk, "vm-1", true)
		require.NoError(t, err)
		require.ErrorIs(t, p.h.Withdraw(p.ctx(), withdraw), driver.ErrInUse)
		release()
		for range 2 {
			require.NoError(t, p.h.Withdraw(p.ctx(), withdraw))
			require.Equal(t, []driver.Disk{p.disk}, p.hv.Disks())
		}
		sessions, err := p.d.Abilities().Access.Sessions(p.ctx(), clone.ID)
		require.NoError(t, err)
		require.Empty(t, sessions)
	})
}

func TestIntroduceAnUnsignedClone(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	req := p.introduceReq(p.clone(p.snap()).ID)
	req.Clone = false
	_, err := p.h.Introduce(p.ctx(), req)
	require.ErrorIs(t, err, driver.ErrConflict)
	require.Len(t, p.hv.Violations(), 1)
	require.Len(t, p.hv.Disks(), 1)
}

func TestIntroduceWhereClonesCannotBeSigned(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{CannotResign: true})
	desc, err := p.h.Describe(p.ctx())
	require.NoError(t, err)
	require.False(t, desc.Resign)
	req := p.introduceReq(p.clone(p.snap()).ID)
	_, err = p.h.Introduce(p.ctx(), req)
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.Len(t, p.hv.Disks(), 1)
	p.clean()
}

func TestIntroduceIsInterrupted(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	book := new(notebook)
	req := p.introduceReq(p.clone(p.snap()).ID)
	req.Notes = book.notes()
	p.hv.InterruptNext(1)
	_, err := p.h.Introduce(p.ctx(), req)
	require.ErrorIs(t, err, driver.ErrIndeterminate)
	req.Attempt, req.Notes = resume(time.Now()), book.notes()
	disk, err := p.h.Introduce(p.ctx(), req)
	require.NoError(t, err)
	require.Equal(t, 2, p.hv.Attached(disk))
	require.Len(t, p.hv.Disks(), 2)
	p.clean()
}

func TestIntroduceWithoutANoteHasNoEffect(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	full := errors.New("the journal is full")
	req := p.introduceReq(p.clone(p.snap()).ID)
	req.Note = func(context.Context, json.RawMessage) error { return full }
	_, err := p.h.Introduce(p.ctx(), req)
	require.ErrorIs(t, err, full)
	require.Equal(t, driver.EffectNone, driver.EffectOf(err))
	require.Len(t, p.hv.Disks(), 1)
}

func TestIntroduceConflicts(t *testing.T) {
	cases := map[string]func(p *pool, req *driver.IntroduceRequest){
		"the LUN is known":      func(p *pool, req *driver.IntroduceRequest) { req.LUN, req.Path = p.lun(p.vol), p.path(p.vol) },
		"another LUN answers":   func(p *pool, req *driver.IntroduceRequest) { req.LUN = p.lun(p.AddVolume(volSize)) },
		"it has another size":   func(_ *pool, req *driver.IntroduceRequest) { req.LUN.Size++ },
		"the token is used":     func(p *pool, req *driver.IntroduceRequest) { introduceOther(p, req.Token) },
		"a LUN without a clone": func(_ *pool, req *driver.IntroduceRequest) { req.Clone = false },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
			req := p.introduceReq(p.clone(p.snap()).ID)
			spoil(p, &req)
			before := len(p.hv.Disks())
			_, err := p.h.Introduce(p.ctx(), req)
			require.ErrorIs(t, err, driver.ErrConflict)
			require.Len(t, p.hv.Disks(), before)
		})
	}
}

func introduceOther(p *pool, token driver.Token) {
	req := p.introduceReq(p.AddVolume(volSize))
	req.Clone, req.Token = false, token
	_, err := p.h.Introduce(p.ctx(), req)
	require.NoError(p.t, err)
}

func TestWithdrawOfAnotherLUN(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	req := driver.WithdrawRequest{LUN: p.lun(p.AddVolume(volSize)), Disk: p.disk, Token: p.token()}
	require.ErrorIs(t, p.h.Withdraw(p.ctx(), req), driver.ErrConflict)
	require.Len(t, p.hv.Disks(), 1)
}

func TestQuiesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
		q := p.h.Abilities().Quiescer
		req := driver.QuiesceRequest{LUNs: []driver.LUN{p.lun(p.vol)}, Token: p.token(), Max: time.Minute}
		first, err := q.Quiesce(p.ctx(), req)
		require.NoError(t, err)
		require.True(t, first.Consistent)
		elapse(time.Second)
		again, err := q.Quiesce(p.ctx(), req)
		require.NoError(t, err)
		require.Equal(t, first, again, "the same token does not prolong it")
		require.ErrorIs(t, p.hv.WriteAt(p.disk, []byte("x"), 0), driver.ErrBusy)
		require.Equal(t, []driver.Token{req.Token}, p.hv.Frozen())

		second := req
		second.Token = p.token()
		_, err = q.Quiesce(p.ctx(), second)
		require.ErrorIs(t, err, driver.ErrBusy)
		for range 2 {
			require.NoError(t, q.Thaw(p.ctx(), req.Token))
		}
		require.NoError(t, p.hv.WriteAt(p.disk, []byte("x"), 0))

		_, err = q.Quiesce(p.ctx(), second)
		require.NoError(t, err)
		elapse(time.Minute)
		require.NoError(t, p.hv.WriteAt(p.disk, []byte("x"), 0), "the host thaws by itself")
		require.NoError(t, q.Thaw(p.ctx(), second.Token))
		require.Equal(t, drivertest.FreezeStats{Started: 2, Thawed: 1, Expired: 1}, p.hv.Freezes())
	})
}

func TestQuiesceThatIsCrashConsistentOnly(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{CrashOnly: true})
	res, err := p.h.Abilities().Quiescer.Quiesce(p.ctx(), driver.QuiesceRequest{Token: p.token(), Max: time.Minute})
	require.NoError(t, err)
	require.False(t, res.Consistent)
}

func TestHostDriver(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{ID: "pool", Members: 3, Without: []string{"Quiescer"}})
	require.Nil(t, p.h.Abilities().Quiescer)
	require.NotNil(t, p.h.Abilities().Impact)
	findings, err := p.h.Abilities().Checker.Check(p.ctx())
	require.NoError(t, err)
	require.NotEmpty(t, findings)
	ends, err := p.h.Initiators(p.ctx())
	require.NoError(t, err)
	require.Len(t, ends, 3)
	desc, err := p.h.Describe(p.ctx())
	require.NoError(t, err)
	require.Equal(t, "pool", desc.HostID)
	require.Equal(t, 1, p.hv.Counts()["Describe"])

	require.NoError(t, p.h.Close())
	require.NoError(t, p.h.Close())
	_, err = p.h.Describe(p.ctx())
	require.ErrorIs(t, err, driver.ErrUnavailable)
	_, err = p.hv.Driver().Describe(p.ctx())
	require.NoError(t, err)
	require.Panics(t, func() { drivertest.NewHost(p.Backend, drivertest.HostOptions{Without: []string{"quiescer"}}) })
}

func TestGuestsOfADiskThatIsNotThere(t *testing.T) {
	p := newPool(t, drivertest.BackendOptions{}, drivertest.HostOptions{})
	require.ErrorIs(t, p.hv.WriteAt("disk-0", []byte("x"), 0), driver.ErrNotFound)
	require.ErrorIs(t, p.hv.ReadAt("", make([]byte, 1), 0), driver.ErrNotFound)
	require.ErrorIs(t, p.hv.ReadAt(p.disk, make([]byte, 1), volSize), driver.ErrInvalid)
	_, err := p.hv.Hold("disk-0", "vm", true)
	require.ErrorIs(t, err, driver.ErrNotFound)
	_, err = p.hv.AddDisk(p.vol)
	require.ErrorIs(t, err, driver.ErrConflict)
}
