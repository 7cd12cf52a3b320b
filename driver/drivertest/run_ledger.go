package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// ledger has what a check asked the array to make, in order, so that it can be removed even when the check failed or
// never learnt whether it was made.
type ledger struct {
	mu      sync.Mutex
	entries []*entry
	docs    map[driver.Token]json.RawMessage    // the last that Note was given
	first   map[driver.VolumeID]driver.VolumeID // the id before any revert, of volumes whose id a revert has changed
}

// entry is one object that may exist.
type entry struct {
	request any
	token   driver.Token
	sentAt  time.Time
	unknown bool            // the last reply was lost
	id      driver.VolumeID // of a clone or volume, once known
}

// sent notes a mutation that is about to be sent. Repetitions of one request are one entry.
func (l *ledger) sent(call *driver.Call, at time.Time) {
	token := made(call.Request)
	if token == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.find(call.Request) == nil {
		l.entries = append(l.entries, &entry{request: call.Request, token: token, sentAt: at})
	}
}

// returned notes how the mutation ended.
func (l *ledger) returned(call *driver.Call, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if req, ok := call.Request.(driver.RevertRequest); ok {
		if res, ok := call.Result.(driver.RevertResult); ok {
			l.renamed(req.Volume, res.Volume)
		}
	}
	e := l.find(call.Request)
	if e == nil {
		return
	}
	e.unknown = driver.EffectOf(err) == driver.EffectUnknown
	if v, ok := call.Result.(driver.Volume); ok {
		e.id = v.ID
	}
}

// note keeps a document as the engine's journal does.
func (l *ledger) note(token driver.Token, doc json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.docs == nil {
		l.docs = map[driver.Token]json.RawMessage{}
	}
	l.docs[token] = doc
}

func (l *ledger) noted(token driver.Token) json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.docs[token]
}

// notes is what a request of the token carries: a journal, and the last document in it.
func (p *probe) notes(token driver.Token) driver.Notes {
	return driver.Notes{
		Note: func(_ context.Context, doc json.RawMessage) error {
			p.made.note(token, doc)
			return nil
		},
		Noted: p.made.noted(token),
	}
}

func (l *ledger) renamed(from, to driver.VolumeID) {
	if from == to {
		return
	}
	if l.first == nil {
		l.first = map[driver.VolumeID]driver.VolumeID{}
	}
	if first, ok := l.first[from]; ok {
		from = first
	}
	if from != to {
		l.first[to] = from
	}
}

// origin returns the id that the volume had before any revert.
func (l *ledger) origin(v driver.VolumeID) driver.VolumeID {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first, ok := l.first[v]; ok {
		return first
	}
	return v
}

// found notes a snapshot that the harness made for the check.
func (l *ledger) found(ref driver.SnapshotRef) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, &entry{request: ref})
}

func (l *ledger) find(request any) *entry {
	token, on := made(request), volumeOf(request)
	i := slices.IndexFunc(l.entries, func(e *entry) bool { return e.token == token && volumeOf(e.request) == on })
	if token == "" || i < 0 {
		return nil
	}
	return l.entries[i]
}

// made returns the token of a request that makes an object.
func made(request any) driver.Token {
	switch r := request.(type) {
	case driver.CreateSnapshotRequest:
		return r.Token
	case driver.CloneRequest:
		return r.Token
	case driver.CreateGroupRequest:
		return r.Token
	case driver.CreateVolumeRequest:
		return r.Token
	}
	return ""
}

func volumeOf(request any) driver.VolumeID {
	if r, ok := request.(driver.CreateSnapshotRequest); ok {
		return r.Volume
	}
	return ""
}

// take empties the ledger and returns its entries, last first.
func (l *ledger) take() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.entries
	l.entries = nil
	slices.Reverse(all)
	return all
}

// sweep removes what the check made. What cannot be removed is remarked in the table: it is not what the check is about.
func (p *probe) sweep() {
	if p.proxy.Reset != nil {
		p.proxy.Reset()
	}
	left := p.made.take()
	if len(left) == 0 {
		return
	}
	d := p.h.Open(p)
	defer func() { _ = d.Close() }() // its errors are the business of the checks of Close
	// What depends on something is removed before it, but an array that is busy may want another round.
	for round := 0; len(left) > 0 && round < 3; round++ {
		var stay []*entry
		for _, e := range left {
			if err := p.remove(d, e); err != nil && !errors.Is(err, driver.ErrUnsupported) {
				p.Logf("sweep: %v", err)
				stay = append(stay, e)
			}
		}
		left = stay
	}
	for _, e := range left {
		p.rec.remark("left behind: token " + string(e.token))
	}
}

func (p *probe) remove(d driver.Driver, e *entry) error {
	ctx, cancel := p.cancelable()
	defer cancel()
	attempt := again(e.sentAt)
	switch r := e.request.(type) {
	case driver.SnapshotRef:
		_, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: r})
		return err
	case driver.CreateSnapshotRequest:
		return removeSnapshot(ctx, d, driver.SnapshotRef{Volume: r.Volume, Token: r.Token}, e)
	case driver.CloneRequest:
		return d.Abilities().Cloner.Discard(ctx, driver.DiscardRequest{
			Snapshot: r.Snapshot, Token: r.Token, Volume: e.id, Attempt: attempt, Notes: p.notes(e.token),
		})
	case driver.CreateGroupRequest:
		return d.Abilities().Groups.DeleteGroup(ctx, driver.DeleteGroupRequest{Token: r.Token, Members: refsOn(r), Attempt: attempt})
	case driver.CreateVolumeRequest:
		return p.removeVolume(ctx, d, e)
	}
	return nil
}

func removeSnapshot(ctx context.Context, d driver.Driver, ref driver.SnapshotRef, e *entry) error {
	attempt := again(e.sentAt)
	if e.unknown {
		if _, err := d.Lookup(ctx, driver.LookupRequest{Snapshot: ref, Attempt: attempt}); errors.Is(err, driver.ErrNotFound) {
			return nil
		}
	}
	_, err := d.DeleteSnapshot(ctx, driver.DeleteSnapshotRequest{Snapshot: ref, Attempt: attempt})
	return err
}

func (p *probe) removeVolume(ctx context.Context, d driver.Driver, e *entry) error {
	if e.id == "" {
		return nil // refused, or a lost reply: Volumes of the array still shows the token
	}
	_, err := d.Abilities().Volumes.DeleteVolume(ctx, driver.DeleteVolumeRequest{
		Volume: e.id, Token: e.token, Attempt: again(e.sentAt),
	})
	return err
}

// refsOn returns the references of a group's members by token.
func refsOn(r driver.CreateGroupRequest) []driver.SnapshotRef {
	refs := make([]driver.SnapshotRef, len(r.Volumes))
	for i, v := range r.Volumes {
		refs[i] = driver.SnapshotRef{Volume: v, Token: r.Token}
	}
	return refs
}
