package drivertest

import (
	"context"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

func deleteChecks() []check {
	return []check{
		{
			"delete/removes-it",
			"a delete that reports success and leaves the snapshot fills the array until it stops",
			deleteRemoves,
		},
		{
			"delete/absent-is-success",
			"a delete whose reply was lost is sent again; if that is an error, the record can never be removed",
			deleteAbsent,
		},
		{
			"delete/by-token-and-by-id",
			"the undo of a create knows the token only; an import knows the id only",
			deleteWays,
		},
		{
			"delete/two-snapshots-are-a-conflict",
			"a stale id beside another's token: deleting either is deleting the wrong one half of the time",
			deleteConflict,
		},
		{
			"delete/keeps-volumes-apart",
			"a group's members share their token; deleting one must not take another volume's",
			deleteOtherVolume,
		},
		{
			"delete/goes-to-the-trash-as-told",
			"people are told until when a mistake can be undone, and space and limits are computed by it",
			deleteTrash,
		},
		{
			"delete/with-a-canceled-context",
			"a delete that was given up converges when it is repeated, whatever became of the first",
			deleteCanceled,
		},
	}
}

func deleteRemoves(p *probe) {
	v := p.volume()
	s := p.create(v)
	res := p.delete(s.Ref)
	p.check(!res.Absent, "DeleteSnapshot says that the snapshot was absent")
	p.gone(s.Ref, "after its delete")
	p.lists(v, "after the only snapshot's delete")
	next := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: s.Name})
	p.lists(v, "after a delete and a create of the same name", next)
}

func deleteAbsent(p *probe) {
	v := p.volume()
	kept := p.create(v)
	s := p.create(v)
	p.delete(s.Ref)
	for _, d := range []driver.Driver{p.d, p.d, p.open()} {
		res, err := d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref, Attempt: again(time.Now())})
		p.ok(err, "DeleteSnapshot of what is deleted")
		p.check(res.Absent, "DeleteSnapshot of what is deleted does not say Absent")
	}
	for what, ref := range map[string]driver.SnapshotRef{
		"a token that was never sent": {Volume: v, Token: p.token()},
		"an unknown volume":           {Volume: p.ghost(), Token: p.token()},
	} {
		res, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: ref})
		p.ok(err, "DeleteSnapshot of "+what)
		p.check(res.Absent, "DeleteSnapshot of %s does not say Absent", what)
	}
	p.lists(v, "after deletes of what is absent", kept)
}

func deleteWays(p *probe) {
	v := p.volume()
	snaps := p.states(v, 3)
	p.delete(driver.SnapshotRef{Volume: v, Token: snaps[2].Ref.Token})
	p.lists(v, "after a delete by token", snaps[:2]...)
	p.delete(driver.SnapshotRef{Volume: v, ID: snaps[1].Ref.ID})
	p.lists(v, "after a delete by id", snaps[:1]...)
	_, err := p.open().DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: snaps[0].Ref, Attempt: again(time.Now())})
	p.ok(err, "DeleteSnapshot by id and token, by another driver")
	p.lists(v, "after all three deletes")
}

func deleteConflict(p *probe) {
	v := p.volume()
	snaps := p.states(v, 3)
	mixed := driver.SnapshotRef{Volume: v, ID: snaps[1].Ref.ID, Token: snaps[2].Ref.Token}
	_, err := p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: mixed})
	p.want(err, "DeleteSnapshot with the id of one and the token of another", driver.ErrConflict)
	p.lists(v, "after the conflict", snaps...)
	p.delete(snaps[2].Ref)
	stale := driver.SnapshotRef{Volume: v, ID: snaps[2].Ref.ID, Token: snaps[1].Ref.Token}
	_, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: stale})
	if err != nil {
		p.want(err, "DeleteSnapshot with a stale id and another's token", driver.ErrConflict)
		p.lists(v, "after the second conflict", snaps[:2]...)
	} else {
		// The id is on no object, so the token alone may speak.
		p.lists(v, "after a delete with a stale id and a token", snaps[0])
	}
}

func deleteOtherVolume(p *probe) {
	a, b, token := p.volume(), p.volume(), p.token()
	onA := p.createAs(driver.CreateSnapshotRequest{Volume: a, Token: token})
	onB := p.createAs(driver.CreateSnapshotRequest{Volume: b, Token: token, Attempt: again(time.Now().Add(-p.facts.Settle))})
	if p.facts.SnapshotsDependent {
		onA, onB = onB, onA // the youngest goes first, in case they share a container
	}
	p.delete(driver.SnapshotRef{Volume: onA.Ref.Volume, Token: token})
	p.gone(onA.Ref, "after its delete by token")
	p.there(onB, "after another volume's snapshot with the same token was deleted")
}

func deleteTrash(p *probe) {
	v := p.volume()
	res := p.delete(p.create(v).Ref)
	p.check(res.RecoverableUntil.IsZero() != p.facts.DeleteToTrash, "RecoverableUntil is %v, but Facts.DeleteToTrash is %t",
		res.RecoverableUntil, p.facts.DeleteToTrash)
	p.check(res.RecoverableUntil.IsZero() || p.desc.Time.IsZero() || res.RecoverableUntil.After(p.desc.Time),
		"RecoverableUntil %v is before the array's own time %v", res.RecoverableUntil, p.desc.Time)
}

func deleteCanceled(p *probe) {
	v := p.volume()
	kept := p.create(v)
	for _, after := range []time.Duration{0, 10 * time.Microsecond, time.Millisecond} {
		s := p.create(v)
		sent := time.Now()
		ctx, cancel := context.WithTimeout(p.ctx(), after)
		_, err := p.d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: s.Ref})
		cancel()
		if _, absent := p.lookup(s.Ref); absent != nil {
			p.want(absent, "Lookup after a delete that was given up", driver.ErrNotFound)
			p.check(driver.EffectOf(err) != driver.EffectNone,
				"the delete said that it had no effect (%v), but the snapshot is gone", err)
		}
		_, err = p.d.DeleteSnapshot(p.ctx(), driver.DeleteSnapshotRequest{Snapshot: s.Ref, Attempt: again(sent)})
		p.ok(err, "DeleteSnapshot again")
		p.gone(s.Ref, "after the second delete")
	}
	p.lists(v, "after three deletes that were given up and repeated", kept)
}
