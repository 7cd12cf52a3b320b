package drivertest

import (
	"context"
	"errors"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

// revertRecord is what the array remembers of a revert's token.
type revertRecord struct {
	vol    *volume
	to     *snap
	done   bool
	result driver.RevertResult
}

// Revert implements [driver.Driver].
func (d *backendDriver) Revert(ctx context.Context, req driver.RevertRequest) (driver.RevertResult, error) {
	return trip(ctx, d, route{method: "Revert", volume: req.Volume}, func() (driver.RevertResult, error) {
		b := d.b
		past := b.reverts[req.Token]
		if past != nil && past.vol != b.ever[req.Volume] {
			return driver.RevertResult{}, driver.Errorf(driver.ErrConflict, "token %s reverted another volume", req.Token)
		}
		// Where the id changes the array finds the token on what it made: it cannot do it twice.
		if past != nil && past.done && (b.facts.RevertFenced || b.facts.RevertChangesID) {
			return past.answer(), nil
		}
		v, err := b.live(req.Volume)
		if err != nil {
			return driver.RevertResult{}, err
		}
		s, err := b.find(req.Snapshot)
		if err != nil {
			return driver.RevertResult{}, err
		}
		if err := b.revertible(v, s, past, req); err != nil {
			return driver.RevertResult{}, err
		}
		if past == nil {
			past = &revertRecord{vol: v, to: s}
			b.reverts[req.Token] = past
		}
		return b.revert(past, req.Token)
	})
}

func (r *revertRecord) answer() driver.RevertResult {
	out := r.result
	out.Dropped = slices.Clone(out.Dropped)
	return out
}

// revertible says what forbids the rollback; nothing is touched.
func (b *Backend) revertible(v *volume, s *snap, past *revertRecord, req driver.RevertRequest) error {
	if s.images[v] == nil {
		return driver.Errorf(driver.ErrConflict, "snapshot %s is not of volume %s", s.Ref.ID, v.id)
	}
	if past != nil && past.to != s {
		return driver.Errorf(driver.ErrConflict, "token %s reverted to another snapshot", req.Token)
	}
	if blockers := b.openFor(v); len(blockers) > 0 {
		return driver.Blocked(driver.ErrInUse, blockers, "volume %s must not be open", v.id)
	}
	if !b.facts.RevertDropsYounger {
		return nil
	}
	var unwanted []*snap
	var clones []driver.Blocker
	for _, y := range b.younger(s) {
		if !allowed(y, req.MayDrop) {
			unwanted = append(unwanted, y)
		}
		clones = append(clones, b.clonesOf(y)...)
	}
	if len(unwanted) > 0 {
		return driver.Blocked(driver.ErrConflict, snapBlockers(unwanted), "the revert would drop snapshots that it may not")
	}
	if len(clones) > 0 {
		return driver.Blocked(driver.ErrInUse, clones, "the revert would drop snapshots that clones need")
	}
	return nil
}

// openFor names what has the volumes open that a revert of v rolls back, as far as the array cares.
func (b *Backend) openFor(v *volume) []driver.Blocker {
	var out []driver.Blocker
	for _, o := range b.scope(v, b.facts.RevertUnit) {
		if b.facts.RevertNeedsDetach || b.facts.RevertFenced {
			out = append(out, sessionBlockers(o)...)
		}
		if b.facts.RevertNeedsDetach && b.controlsAccess() {
			for _, name := range o.access {
				out = append(out, driver.Blocker{Kind: "access", ID: name})
			}
		}
	}
	return out
}

func allowed(s *snap, may []driver.SnapshotRef) bool {
	return slices.ContainsFunc(may, func(r driver.SnapshotRef) bool {
		return r.Volume == s.Ref.Volume && (r.ID == s.Ref.ID || r.ID == "" && r.Token != "" && r.Token == s.Ref.Token)
	})
}

// revert rolls back, or half of it if an interruption is due.
func (b *Backend) revert(r *revertRecord, token driver.Token) (driver.RevertResult, error) {
	v := r.vol
	b.effects++
	for _, o := range b.scope(v, b.facts.RevertUnit) {
		if len(o.sessions) > 0 {
			b.violate("volume %s was reverted while %s had it open", o.id, o.sessions[0].initiator)
		}
	}
	r.result.Dropped = append(r.result.Dropped, b.dropYounger(r.to)...)
	if b.facts.RevertNonAtomic && v.interrupts > 0 {
		v.interrupts--
		v.partial = token
		v.content = v.content.mixture(r.to.images[v])
		return driver.RevertResult{}, &driver.Error{Class: driver.ErrPartial, Err: errors.New("the rollback was interrupted")}
	}
	for _, o := range b.scope(v, b.facts.RevertUnit) {
		if m := r.to.images[o]; m != nil {
			o.content, o.partial = m, ""
		}
	}
	if b.facts.RevertChangesID {
		b.name(v)
		b.ever[v.id] = v
	}
	r.done, r.result.Volume, r.result.Size = true, v.id, v.content.size
	return r.answer(), nil
}

// dropYounger removes what the revert to s removes where Facts.RevertDropsYounger, the trash's too.
func (b *Backend) dropYounger(s *snap) []driver.SnapshotRef {
	var dropped []driver.SnapshotRef
	if b.facts.RevertDropsYounger {
		for _, y := range b.younger(s) {
			dropped = append(dropped, y.Ref)
			b.leaveGroup(y)
			b.purge(y)
		}
	}
	return dropped
}
