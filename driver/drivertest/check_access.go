package drivertest

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func accessChecks() []check {
	return []check{
		{
			"access/revoke-lets-nobody-in",
			"revoked access is the fence of a revert: one host that still gets in writes into the rolled-back volume",
			accessRevoke,
		},
		{
			"access/record-brings-it-back",
			"after the revert exactly those hosts must get in that did before; the record may be all that remembers them",
			accessRecordRestores,
		},
		{
			"access/revoke-again-returns-the-record",
			"asked again after a crash, an empty record would lock every host out for ever",
			accessRevokeAgain,
		},
		{
			"access/revoke-of-nobodys-volume",
			"a volume that nobody can reach is fenced already",
			accessNobody,
		},
		{
			"access/grant-says-the-path",
			"a host finds the volume by this path only",
			accessPath,
		},
		{
			"access/sessions-are-seen",
			"an empty list is the engine's proof that nobody writes; one that is always empty proves nothing",
			accessSessions,
		},
		{
			"access/unknown-volume",
			"a volume deleted meanwhile must fail for certain",
			accessUnknown,
		},
	}
}

// granted returns a volume that the harness's first initiator may open.
func (p *probe) granted() driver.VolumeID {
	p.access()
	p.need(len(p.h.Initiators) > 0, "no Harness.Initiators")
	v := p.volume()
	p.openTo(v)
	return v
}

// revoke takes all access away.
func (p *probe) revoke(v driver.VolumeID) (req driver.RevokeRequest, record driver.AccessRecord) {
	req = p.revokeRequest(v)
	p.act("Revoke", []driver.VolumeID{v}, func(ctx context.Context) (err error) {
		record, err = p.access().Revoke(ctx, req)
		return err
	})
	p.check(len(record) == 0 || json.Valid(record), "the AccessRecord is not JSON: %q", record)
	return req, record
}

func accessRevoke(p *probe) {
	p.need(p.h.HoldOpen != nil, "no Harness.HoldOpen")
	v := p.granted()
	release, err := p.h.HoldOpen(p, v)
	p.ok(err, "Harness.HoldOpen of a volume with access")
	release()
	_, record := p.revoke(v)
	if release, err = p.h.HoldOpen(p, v); err == nil {
		release()
		p.Errorf("after Revoke, an initiator could open the volume")
	}
	sessions, err := p.access().Sessions(p.ctx(), v)
	p.ok(err, "Sessions")
	p.check(len(sessions) == 0, "after Revoke there are sessions: %+v", sessions)
	p.grantRecord(v, record)
}

func (p *probe) grantRecord(v driver.VolumeID, record driver.AccessRecord) driver.Path {
	path, err := p.access().Grant(p.ctx(), driver.GrantRequest{Volume: v, Token: p.token(), Record: record})
	p.ok(err, "Grant of the record")
	return path
}

func accessRecordRestores(p *probe) {
	p.need(p.h.HoldOpen != nil, "no Harness.HoldOpen")
	v := p.granted()
	_, record := p.revoke(v)
	p.must(len(record) > 0, "a host had access, but the record is empty")
	other := p.open().Abilities().Access
	for range 2 {
		_, err := other.Grant(p.ctx(), driver.GrantRequest{Volume: v, Token: p.token(), Record: record, Attempt: again(time.Now())})
		p.ok(err, "Grant of the record by another driver")
	}
	release, err := p.h.HoldOpen(p, v)
	p.ok(err, "Harness.HoldOpen after the record was granted")
	release()
	_, same := p.revoke(v)
	p.check(len(same) > 0, "the second record is empty")
	p.grantRecord(v, same)
}

func accessRevokeAgain(p *probe) {
	v := p.granted()
	sent := time.Now()
	req, record := p.revoke(v)
	req.Attempt, req.Notes = again(sent), p.notes(req.Token)
	for _, d := range []driver.Driver{p.d, p.open()} {
		repeated, err := d.Abilities().Access.Revoke(p.ctx(), req)
		p.ok(err, "Revoke with Resume")
		p.check(bytes.Equal(repeated, record), "Resume returned record %s, the first call %s", repeated, record)
	}
	p.grantRecord(v, record)
	if p.h.HoldOpen != nil {
		release, err := p.h.HoldOpen(p, v)
		p.ok(err, "Harness.HoldOpen after the record was granted")
		release()
	}
}

func accessNobody(p *probe) {
	v := p.granted()
	_, first := p.revoke(v)
	_, second := p.revoke(v)
	p.grantRecord(v, second)
	if p.h.HoldOpen != nil {
		if release, err := p.h.HoldOpen(p, v); err == nil {
			release()
			p.Errorf("a record of nobody's access let an initiator in: %s", second)
		}
	}
	p.grantRecord(v, first)
}

func accessPath(p *probe) {
	v := p.granted()
	path := p.openTo(v)
	p.check(path.Protocol != "" && path.Target != "", "Grant returned %+v, want a protocol and a target", path)
	raw, err := json.Marshal(path)
	p.ok(err, "json.Marshal of the path")
	same := p.openTo(v)
	repeated, err := json.Marshal(same)
	p.ok(err, "json.Marshal of the path")
	p.check(bytes.Equal(raw, repeated), "granted twice: path %s, then %s", raw, repeated)
}

func accessSessions(p *probe) {
	p.need(p.h.HoldOpen != nil, "no Harness.HoldOpen")
	v := p.granted()
	count := func() int {
		sessions, err := p.access().Sessions(p.ctx(), v)
		p.ok(err, "Sessions")
		for _, s := range sessions {
			p.check(s.Initiator != "" || s.Address != "", "a session without initiator and address: %+v", s)
		}
		return len(sessions)
	}
	before := count()
	release, err := p.h.HoldOpen(p, v)
	p.ok(err, "Harness.HoldOpen")
	open := count()
	release()
	p.check(open > before, "Sessions has %d entries while the volume is open, %d before", open, before)
	after := count()
	p.check(after == before, "Sessions has %d entries after the volume was closed, %d before it was opened", after, before)
}

func accessUnknown(p *probe) {
	a, ghost := p.access(), p.ghost()
	_, err := a.Revoke(p.ctx(), p.revokeRequest(ghost))
	p.want(err, "Revoke of an unknown volume", driver.ErrNotFound, driver.ErrUnsupported)
	_, err = a.Grant(p.ctx(), driver.GrantRequest{Volume: ghost, Token: p.token(), Initiators: p.h.Initiators})
	p.want(err, "Grant on an unknown volume", driver.ErrNotFound, driver.ErrUnsupported)
	_, err = a.Sessions(p.ctx(), ghost)
	p.want(err, "Sessions of an unknown volume", driver.ErrNotFound, driver.ErrUnsupported)
}
