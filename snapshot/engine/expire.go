package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// expireVolumes is how many volumes Expire works on at once.
const expireVolumes = 8

// ExpireReport says what became of everything that has expired.
type ExpireReport struct {
	_ [0]func()

	// Deleted are the snapshots that Expire has deleted.
	Deleted []snapshot.ID `json:"deleted"`
	// Kept are those that have expired and are still there, each with the reason, in the order of their ids.
	Kept []Unexpired `json:"kept"`
	// Down are the backends that could not be reached; their snapshots are only counted.
	Down []DownBackend `json:"down"`
}

// Unexpired is a snapshot that has expired and could not be deleted.
type Unexpired struct {
	_ [0]func()

	Snapshot  snapshot.ID       `json:"snapshot"`
	Volume    snapshot.VolumeID `json:"volume"`
	Name      string            `json:"name,omitempty"`
	ExpiresAt time.Time         `json:"expires_at"`
	// Reason is for people; Blockers are what it names: holds, operations, clones, younger snapshots.
	Reason   string           `json:"reason"`
	Blockers []driver.Blocker `json:"blockers,omitempty"`
	// Err has the class: ErrInUse for what must be kept, ErrBusy for what is busy now.
	Err error `json:"-"`
}

// DownBackend is a backend that could not be reached, or is not known to this engine.
type DownBackend struct {
	_ [0]func()

	Backend string `json:"backend"`
	// Snapshots is how many have expired there.
	Snapshots int    `json:"snapshots"`
	Reason    string `json:"reason"`
	Err       error  `json:"-"`
}

// Expire deletes every snapshot that is Ready and whose ExpiresAt has passed by the inventory's clock, by ordinary delete
// operations of the actor "expiry": those of one volume one after the other and youngest first, and several volumes at once.
// A snapshot without ExpiresAt is never touched. What is held, used by an operation or needed by others is kept, and so is
// all of a volume on which an operation is open; the report says why. One that cannot be deleted does not stop the rest.
// Call it now and then, from as many processes as you like. It holds a few words of each expired snapshot in memory.
//
// Each deletion has an operation id made from the snapshot and its expiry, so that processes which expire at once share
// it, and one that fails every night leaves one operation in the journal, not many.
//
// Errors: the inventory's, and ctx's, with the report so far.
func (e *Engine) Expire(ctx context.Context) (ExpireReport, error) {
	x := &expiration{e: e, down: make(map[string]*DownBackend)}
	volumes, err := x.due(ctx)
	if err != nil {
		return x.result(), err
	}
	next := make(chan []Unexpired)
	var wg sync.WaitGroup
	for range min(expireVolumes, len(volumes)) {
		wg.Go(func() {
			for due := range next {
				x.volume(ctx, due)
			}
		})
	}
	for _, due := range volumes {
		if ctx.Err() == nil {
			next <- due
		}
	}
	close(next)
	wg.Wait()
	return x.result(), ctx.Err()
}

// expiration is one call of Expire.
type expiration struct {
	e *Engine

	mu     sync.Mutex
	report ExpireReport
	down   map[string]*DownBackend
}

// due returns what has expired, by volume, youngest first.
func (x *expiration) due(ctx context.Context) ([][]Unexpired, error) {
	at := make(map[snapshot.VolumeID]int)
	var volumes [][]Unexpired
	for s, err := range x.e.inv.Snapshots(ctx, inventory.SnapshotQuery{Expired: true, State: snapshot.Ready}) {
		if err != nil {
			return nil, classified(err)
		}
		i, known := at[s.Volume]
		if !known {
			i = len(volumes)
			at[s.Volume] = i
			volumes = append(volumes, nil)
		}
		volumes[i] = append(volumes[i], Unexpired{Snapshot: s.ID, Volume: s.Volume, Name: s.Name, ExpiresAt: s.ExpiresAt})
	}
	for _, due := range volumes {
		slices.Reverse(due)
	}
	return volumes, nil
}

// volume deletes what has expired of one volume.
func (x *expiration) volume(ctx context.Context, due []Unexpired) {
	vol, err := x.e.Volume(ctx, due[0].Volume)
	if err != nil {
		for _, u := range due {
			x.keep(u, err)
		}
		return
	}
	if err := x.reach(ctx, vol.Backend, false); err != nil {
		x.miss(vol.Backend, err, len(due))
		return
	}
	for i, u := range due {
		if ctx.Err() != nil {
			return
		}
		err := x.delete(ctx, u)
		if driver.ClassOf(err) == driver.ErrUnavailable && ctx.Err() == nil {
			if down := x.reach(ctx, vol.Backend, true); down != nil {
				x.miss(vol.Backend, down, len(due)-i)
				return
			}
		}
		x.ended(ctx, u, err)
	}
}

// delete does not queue behind an operation that is open on the volume: it comes again.
func (x *expiration) delete(ctx context.Context, u Unexpired) error {
	vol, err := x.e.Volume(ctx, u.Volume)
	if err != nil {
		return err
	}
	id := expireID(u)
	if err := x.idle(ctx, vol, id); err != nil {
		return err
	}
	err = x.e.Delete(ctx, DeleteRequest{
		Common: Common{OperationID: id, Actor: "expiry"}, Snapshot: u.Snapshot, IfExpiresAt: u.ExpiresAt,
	})
	if driver.ClassOf(err) == driver.ErrUnsupported {
		return x.deleteGroup(ctx, u, err)
	}
	return err
}

// idle refuses a volume on which another operation is open.
func (x *expiration) idle(ctx context.Context, vol inventory.Volume, id inventory.OperationID) error {
	if vol.Pending.IsZero() || vol.Pending == id {
		return nil
	}
	b := driver.Blocker{Kind: "operation", ID: vol.Pending.String()}
	if op, err := x.e.inv.Operation(ctx, vol.Pending); err == nil {
		b.Name, b.Since = op.Kind, op.CreatedAt
	}
	return driver.Blocked(driver.ErrBusy, []driver.Blocker{b}, "an operation is open on volume %s", vol.ID)
}

// deleteGroup is for a member that goes only with its group: then all must have expired.
func (x *expiration) deleteGroup(ctx context.Context, u Unexpired, refusal error) error {
	s, err := x.e.Snapshot(ctx, u.Snapshot)
	if err != nil || s.Group.IsZero() {
		return refusal
	}
	rows, err := x.e.groupRows(ctx, s.Group)
	if err != nil {
		return err
	}
	for _, row := range rows {
		vol, err := x.e.Volume(ctx, row.Volume)
		if err == nil {
			err = x.idle(ctx, vol, expireID(u))
		}
		if err != nil {
			return err
		}
	}
	return x.e.DeleteGroup(ctx, DeleteGroupRequest{
		Common: Common{OperationID: expireID(u), Actor: "expiry"}, Group: s.Group, IfExpiresAt: u.ExpiresAt,
	})
}

// expireID is the id of the deletion.
func expireID(u Unexpired) inventory.OperationID {
	name := fmt.Sprintf("expire %d", u.ExpiresAt.UnixMicro())
	return inventory.OperationID(uuid.NewSHA1(uuid.UUID(u.Snapshot), []byte(name)))
}

// ended puts the snapshot into the report, unless it is gone by somebody else's doing or its expiry was changed.
func (x *expiration) ended(ctx context.Context, u Unexpired, err error) {
	if err == nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.report.Deleted = append(x.report.Deleted, u.Snapshot)
		return
	}
	if now, look := x.e.Snapshot(context.WithoutCancel(ctx), u.Snapshot); driver.ClassOf(look) == driver.ErrNotFound ||
		look == nil && !now.ExpiresAt.Equal(u.ExpiresAt) {
		return
	}
	x.keep(u, err)
}

func (x *expiration) keep(u Unexpired, err error) {
	u.Reason, u.Blockers, u.Err = err.Error(), driver.BlockersOf(err), err
	x.e.log.Warn("expired snapshot is kept", "snapshot", u.Snapshot.String(), "volume", u.Volume.String(), "error", err)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.Kept = append(x.report.Kept, u)
}

// reach returns why the backend cannot be used. One that was found to be down is not asked again.
func (x *expiration) reach(ctx context.Context, name string, fresh bool) error {
	x.mu.Lock()
	known := x.down[name]
	x.mu.Unlock()
	if known != nil {
		return known.Err
	}
	b, err := x.e.backend(name)
	if err == nil {
		_, err = x.e.describe(ctx, b, fresh)
	}
	return err
}

// miss counts snapshots of a backend that is down.
func (x *expiration) miss(name string, err error, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d := x.down[name]
	if d == nil {
		d = &DownBackend{Backend: name, Reason: err.Error(), Err: err}
		x.down[name] = d
	}
	d.Snapshots += n
}

// result puts the report in order.
func (x *expiration) result() ExpireReport {
	for _, d := range x.down {
		x.report.Down = append(x.report.Down, *d)
	}
	slices.SortFunc(x.report.Down, func(a, b DownBackend) int { return strings.Compare(a.Backend, b.Backend) })
	slices.SortFunc(x.report.Kept, func(a, b Unexpired) int { return strings.Compare(a.Snapshot.String(), b.Snapshot.String()) })
	slices.SortFunc(x.report.Deleted, func(a, b snapshot.ID) int { return strings.Compare(a.String(), b.String()) })
	return x.report
}
