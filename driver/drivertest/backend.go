package drivertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Backend is a storage array in memory: the reference implementation of the contract. It holds real bytes, copied on
// write, behaves as its facts and limits say, and outlives the drivers that are opened on it, as an array outlives the
// processes that use it.
//
// Methods of Backend are the array's console: they show and change what a driver cannot, without access checks, and
// tests build their invariants on them. It is safe for concurrent use.
type Backend struct {
	opts  BackendOptions
	facts driver.Facts

	mu         sync.Mutex
	seq        int
	last       time.Time
	ever       map[driver.VolumeID]*volume // by every id that a volume ever had
	volumes    []*volume                   // live ones, in order of creation
	snaps      map[string]*snap
	order      []*snap        // those of snaps, in order of creation
	timed      map[*snap]bool // those of snaps that the array removes by itself one day
	reverts    map[driver.Token]*revertRecord
	groups     map[driver.Token]*group
	jobs       []*job
	misrouted  map[string]driver.VolumeID // by the target of a path
	held       chan struct{}              // open while clone jobs are held
	inflight   int
	mutating   map[string]string
	counts     map[string]int
	effects    int
	violations []string
}

// BackendOptions configure a [Backend]. The zero value is the most comfortable array.
type BackendOptions struct {
	// ID is what Describe answers; empty is "backend-in-memory".
	ID driver.BackendID
	// Facts are what Describe answers, and what the array does.
	Facts driver.Facts
	// Limits are what Describe answers, and what the array enforces.
	Limits driver.Limits
	// Without names abilities that the driver does not have, by the names of the fields of [driver.Abilities].
	Without []string
	// Unlicensed names abilities whose every call answers ErrUnsupported.
	Unlicensed []string
	// Now is the array's clock; nil is time.Now.
	Now func() time.Time
	// Latency is how long each round trip takes; the effect comes at its end.
	Latency time.Duration
	// CloneTime is how long a clone's job takes at the array, whether or not anybody waits for it.
	CloneTime time.Duration
	// JobsCannotBeCanceled makes Discard answer ErrBusy until the job is over.
	JobsCannotBeCanceled bool
	// TrashTime is how long the trash keeps a snapshot where Facts.DeleteToTrash; zero is a day.
	TrashTime time.Duration
	// TrashCounts makes the trash count against the limits.
	TrashCounts bool
	// BetweenMembers, if not nil, is called between two members of a group snapshot where Facts.GroupNonAtomic, with the
	// array unlocked: the moment at which a guest writes.
	BetweenMembers func()
}

// volume is one volume of the array, through all changes of its id.
type volume struct {
	seq       int
	id        driver.VolumeID
	name      string
	serial    string
	lun       int
	container driver.ContainerID
	token     driver.Token
	origin    driver.SnapshotRef
	needs     *snap // the snapshot that the clone still depends on
	created   time.Time
	content   *image
	snaps     []*snap // in order of creation, trash included
	access    []string
	sessions  []*session
	gone      bool
	// interrupts is how many reverts will be interrupted; partial is the token of the one that was.
	interrupts int
	partial    driver.Token
}

type session struct {
	initiator string
	since     time.Time
}

// snap is one snapshot of the array.
type snap struct {
	driver.Snapshot

	seq int
	vol *volume
	// images has the content of each volume that the snapshot covers.
	images map[*volume]*image
	// trashed is when the trash gives it up; zero while it is not in the trash.
	trashed time.Time
}

// NewBackend makes an array without volumes. It panics if an option names an ability that does not exist, since that is a
// mistake in the test.
func NewBackend(opts BackendOptions) *Backend {
	for _, name := range slices.Concat(opts.Without, opts.Unlicensed) {
		if !slices.Contains(abilityNames(), name) {
			panic(fmt.Sprintf("drivertest: NewBackend: no ability %q; there are %v", name, abilityNames()))
		}
	}
	if opts.ID == "" {
		opts.ID = "backend-in-memory"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.TrashTime == 0 {
		opts.TrashTime = 24 * time.Hour
	}
	return &Backend{
		opts: opts, facts: opts.Facts,
		ever:      map[driver.VolumeID]*volume{},
		snaps:     map[string]*snap{},
		timed:     map[*snap]bool{},
		reverts:   map[driver.Token]*revertRecord{},
		groups:    map[driver.Token]*group{},
		mutating:  map[string]string{},
		counts:    map[string]int{},
		misrouted: map[string]driver.VolumeID{},
	}
}

// Driver returns a newly opened driver on the array. Several may be open, as from several processes.
func (b *Backend) Driver() driver.Driver { return newBackendDriver(b) }

// next returns the next number of anything that the array makes.
func (b *Backend) next() int {
	b.seq++
	return b.seq
}

// tick returns the array's time, later than any it returned before.
func (b *Backend) tick() time.Time {
	t := b.opts.Now().UTC().Round(0)
	if !t.After(b.last) {
		t = b.last.Add(1)
	}
	b.last = t
	return t
}

// live returns the volume that has the id now.
func (b *Backend) live(id driver.VolumeID) (*volume, error) {
	v := b.ever[id]
	if v == nil || v.gone || v.id != id {
		return nil, driver.Errorf(driver.ErrNotFound, "volume %q", string(id))
	}
	return v, nil
}

// contained reports whether the unit makes siblings share anything.
func (b *Backend) contained() bool {
	f := b.facts
	return f.SnapshotUnit == driver.UnitContainer || f.RevertUnit == driver.UnitContainer || f.LimitUnit == driver.UnitContainer
}

// covers is the unit of a snapshot: one that is rolled back by the container holds the container.
func (b *Backend) covers() driver.Unit {
	return max(b.facts.SnapshotUnit, b.facts.RevertUnit)
}

// scope returns the live volumes that an operation of the unit on v is about, v included.
func (b *Backend) scope(v *volume, unit driver.Unit) []*volume {
	if unit == driver.UnitVolume {
		return []*volume{v}
	}
	var all []*volume
	for _, o := range b.volumes {
		if o.container == v.container {
			all = append(all, o)
		}
	}
	return all
}

// violate records what no array would notice and no engine may do.
func (b *Backend) violate(format string, args ...any) {
	b.violations = append(b.violations, fmt.Sprintf(format, args...))
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
