package engine_test

import (
	"context"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// oracle knows what must be there without asking the engine. Every write of a guest stores a number that was never written
// before, and remembers which number it replaced: so the contents themselves say what descends from what, and the trees
// that the engines keep can be compared with that.
type oracle struct {
	s *soak

	mu       sync.Mutex
	last     uint64
	replaced map[uint64]uint64
	depth    map[uint64]int

	volumes   []snapshot.VolumeID
	natives   map[snapshot.VolumeID]map[place]bool
	forgotten map[place]bool
	strays    []engine.ImportRequest
	holds     map[string]map[string]bool // by snapshot, those that were promised
	groups    []snapshot.GroupID
	asserted  map[snapshot.VolumeID]bool
	reverts   map[driver.Token]*rollback
	made      map[string]string // by the id of what an acknowledged request made, the verb
	of        map[string]string // a snapshot's volume
	family    map[place]place   // what a volume's first id was
	first     map[holder]driver.Token
	chose     map[string]string // the operation that chose a token
	admitted  map[place]bool    // where the guest was let in
	removed   map[string]bool   // what succeeded operations have removed
	seen      int64             // the last operation that was looked at
}

// place is a volume's native id at an array.
type place struct {
	site   string
	native driver.VolumeID
}

// holder is a content of a volume, of which there may be several snapshots.
type holder struct {
	of    place
	value uint64
}

// rollback is what the array did for a revert's token.
type rollback struct {
	times int
	value uint64
}

func newOracle(s *soak) *oracle {
	return &oracle{
		s: s, replaced: make(map[uint64]uint64), depth: make(map[uint64]int),
		natives: make(map[snapshot.VolumeID]map[place]bool), forgotten: make(map[place]bool),
		asserted: make(map[snapshot.VolumeID]bool), reverts: make(map[driver.Token]*rollback),
		made: make(map[string]string), of: make(map[string]string),
		family: make(map[place]place), first: make(map[holder]driver.Token),
		holds: make(map[string]map[string]bool), chose: make(map[string]string), admitted: make(map[place]bool), removed: make(map[string]bool),
	}
}

// number is a fresh one, which will replace another.
func (o *oracle) number(replaces uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	o.replaced[o.last], o.depth[o.last] = replaces, o.depth[replaces]+1
	return o.last
}

// descends reports whether content b is a, or was written over it, directly or not.
func (o *oracle) descends(b, a uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.depth[b] > o.depth[a] {
		b = o.replaced[b]
	}
	return a == b
}

func contentWith(number uint64) []byte {
	p := make([]byte, soakSize)
	binary.BigEndian.PutUint64(p, number)
	binary.BigEndian.PutUint64(p[soakSize/2:], number)
	return p
}

// numberIn reads the number; false for a mixture of two.
func numberIn(p []byte) (uint64, bool) {
	n := binary.BigEndian.Uint64(p)
	return n, n == binary.BigEndian.Uint64(p[soakSize/2:])
}

// base gives a new volume its first content.
func (o *oracle) base(st *site, native driver.VolumeID) {
	require.NoError(o.s.t, st.array.WriteAt(native, contentWith(o.number(0)), 0))
}

// writeBy writes a fresh number over what is there. The caller has the site's turn.
func (o *oracle) writeBy(read, write func([]byte) error) {
	p := make([]byte, soakSize)
	if read(p) != nil {
		return
	}
	before, whole := numberIn(p)
	if !whole {
		o.s.t.Errorf("a guest reads a mixture of contents")
		return
	}
	_ = write(contentWith(o.number(before)))
}

// value is the number that a volume has now.
func (o *oracle) value(st *site, native driver.VolumeID) (uint64, bool) {
	p := make([]byte, soakSize)
	if err := st.array.ReadAt(native, p, 0); err != nil {
		return 0, false
	}
	return numberIn(p)
}

// effect watches what reaches the array.
func (o *oracle) effect(ctx context.Context, st *site, call *driver.Call, next func(context.Context) error) error {
	req, ok := call.Request.(driver.RevertRequest)
	if !ok {
		err := next(ctx)
		o.snapped(st, call)
		if call.Mutation {
			o.s.diary.note("%s: %s %+v: %v %v", st.name, call.Method, call.Request, call.Result, err)
		}
		return err
	}
	select {
	case st.turn <- struct{}{}:
		defer func() { <-st.turn }()
	case <-ctx.Done():
		return &driver.Error{Class: driver.ErrUnavailable, Op: call.Method, Err: ctx.Err()}
	}
	before, _ := o.value(st, req.Volume)
	err := next(ctx)
	if err != nil {
		return err
	}
	native := req.Volume
	if res, ok := call.Result.(driver.RevertResult); ok {
		native = res.Volume
	}
	after, whole := o.value(st, native)
	o.mu.Lock()
	defer o.mu.Unlock()
	if native != req.Volume {
		o.family[place{st.name, native}] = o.origin(place{st.name, req.Volume})
	}
	past := o.reverts[req.Token]
	if past == nil {
		past = &rollback{}
		o.reverts[req.Token] = past
	}
	if !whole {
		o.s.t.Errorf("%s: revert %s of %s left a mixture", st.name, req.Token, native)
	}
	if past.times > 0 && before != past.value && after != before && before != 0 {
		o.s.t.Errorf("%s: the revert %s of volume %s was repeated over what a guest wrote after it", st.name, req.Token, native)
	}
	past.times, past.value = past.times+1, after
	return nil
}

// snapped remembers which snapshot was the first of its content: only that one is above what was written later.
func (o *oracle) snapped(st *site, call *driver.Call) {
	var made []driver.Snapshot
	switch r := call.Result.(type) {
	case driver.Snapshot:
		made = append(made, r)
	case driver.Group:
		made = r.Members
	}
	for _, s := range made {
		p, err := st.array.SnapshotContent(s.Ref)
		if err != nil || !call.Mutation {
			continue
		}
		value, _ := numberIn(p)
		o.mu.Lock()
		h := holder{o.origin(place{st.name, s.Ref.Volume}), value}
		if o.first[h] == "" {
			o.first[h] = s.Ref.Token
		}
		o.mu.Unlock()
	}
}

func (o *oracle) origin(p place) place {
	if first, ok := o.family[p]; ok {
		return first
	}
	return p
}

// admit notes that the guest is let in, and reports whether it is for the first time.
func (o *oracle) admit(p place) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	p = o.origin(p)
	was := o.admitted[p]
	o.admitted[p] = true
	return !was
}

// isFirst reports whether the snapshot is the first that was taken of its content.
func (o *oracle) isFirst(site string, s snapshot.Snapshot, value uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first[holder{o.origin(place{site, driver.VolumeID(s.NativeVolume)}), value}] == driver.Token(s.Token)
}

var tokens = regexp.MustCompile(`token":"([a-z0-9]+)"`)

// committed is told of every change that the inventory has taken.
func (o *oracle) committed(c inventory.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.Operation != nil {
		for _, m := range tokens.FindAllStringSubmatch(string(c.Operation.Operation.Detail), -1) {
			o.chose[m[1]] = c.Operation.Operation.ID.String()
		}
	}
	for _, id := range c.Drop {
		if c.Operation != nil {
			o.dropped(id, c.Operation.Operation.Kind)
		}
		if c.Operation == nil || c.Operation.Operation.Kind != "create" {
			o.removed[id.String()] = true
		}
	}
	for _, row := range c.Put {
		o.of[row.ID.String()] = row.Volume.String()
	}
	for _, v := range c.Volumes {
		id := v.Volume.ID
		if o.natives[id] == nil {
			o.natives[id] = make(map[place]bool)
			o.volumes = append(o.volumes, id)
		}
		for _, n := range append(slices.Clone(v.Volume.Former), v.Volume.Native) {
			o.natives[id][place{v.Volume.Backend, n}] = true
		}
		if !v.Delete {
			continue
		}
		o.removed[id.String()] = true
		o.volumes = slices.DeleteFunc(o.volumes, func(other snapshot.VolumeID) bool { return other == id })
		if c.Operation != nil && c.Operation.Operation.Kind == "forget" {
			for p := range o.natives[id] {
				o.forgotten[p] = true
			}
			if v.Volume.DeletedAt.IsZero() {
				o.strays = append(o.strays, engine.ImportRequest{
					Backend: v.Volume.Backend, Native: v.Volume.Native, Host: v.Volume.Host, Name: "found again",
				})
			}
		}
	}
}

func (o *oracle) managed() []snapshot.VolumeID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.volumes)
}

func (o *oracle) note(req engine.ImportRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.strays = append(o.strays, req)
	o.forgotten[place{req.Backend, req.Native}] = true // unless it is imported
}

func (o *oracle) stray(d *dice) (engine.ImportRequest, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return oneOf(d, o.strays)
}

// assert: until the next calm, no guest writes to the volume; somebody has given his word.
func (o *oracle) assert(id snapshot.VolumeID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asserted[id] = true
}

func (o *oracle) isAsserted(id snapshot.VolumeID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asserted[id]
}

func (o *oracle) acknowledge(verb, made string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case made == "":
	case verb == "hold":
		id, name, _ := strings.Cut(made, " ")
		if !o.removed[id] && !o.removed[o.of[id]] {
			o.keep(id, name)
		}
	case verb == "create group":
		if id, err := snapshot.ParseID[snapshot.GroupID](made); err == nil {
			o.groups = append(o.groups, id)
		}
	default:
		o.made[made] = verb
	}
}
