package drivertest

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// job is a clone that the array is making.
type job struct {
	vol  *volume
	from *snap
	ends time.Time
}

// cloneNote is what Note stores: the id that the new volume will have.
type cloneNote struct {
	Volume driver.VolumeID `json:"volume"`
}

// Clone implements [driver.Cloner].
func (d *backendDriver) Clone(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
	via := route{method: "Clone", ability: "Cloner"}
	if req.Resume {
		v, err := settled(ctx, d, req.Attempt, func(again bool) (driver.Volume, error) {
			via.again = again
			return trip(ctx, d, via, func() (driver.Volume, error) { return d.b.findClone(req.Token) })
		})
		via.again = true
		switch driver.ClassOf(err) {
		case driver.ErrBusy:
			return d.awaitClone(ctx, req)
		case driver.ErrNotFound:
		default:
			return v, err
		}
	}
	v, err := trip(ctx, d, via, func() (*volume, error) { return d.b.reserveClone(req) })
	if err != nil {
		return driver.Volume{}, err
	}
	// The id is only reserved: should Note fail, nothing has happened that anybody must find again.
	if err := req.Save(ctx, cloneNote{v.id}); err != nil {
		return driver.Volume{}, &driver.Error{Class: driver.ErrUnavailable, Op: via.method, Err: err}
	}
	via.again = true
	if _, err := trip(ctx, d, via, func() (struct{}, error) { return struct{}{}, d.b.startClone(v, req) }); err != nil {
		return driver.Volume{}, err
	}
	return d.awaitClone(ctx, req)
}

// reserveClone checks the request and chooses the new volume's id.
func (b *Backend) reserveClone(req driver.CloneRequest) (*volume, error) {
	s, err := b.clonable(req)
	if err != nil {
		return nil, err
	}
	size := s.Size
	if req.Size > 0 {
		if size, err = b.roundSize(req.Size); err != nil {
			return nil, err
		}
	}
	content := s.images[s.vol]
	if size != content.size {
		content = content.resized(size)
	}
	v := b.newVolume(req.Token, req.Name, content)
	v.origin = s.Ref
	if note := (cloneNote{}); json.Unmarshal(req.Noted, &note) == nil && b.ever[note.Volume] == nil && note.Volume != "" {
		v.id = note.Volume
	}
	if b.facts.CloneDependence != driver.CloneIndependent {
		v.needs = s
	}
	return v, nil
}

func (b *Backend) clonable(req driver.CloneRequest) (*snap, error) {
	s, err := b.find(req.Snapshot)
	if err != nil {
		return nil, err
	}
	if req.Size != 0 && req.Size < s.Size {
		return nil, driver.Errorf(driver.ErrInvalid, "a clone of %d bytes: the snapshot has %d", req.Size, s.Size)
	}
	if err := b.checkName(req.Name, req.Token); err != nil {
		return nil, err
	}
	return s, b.roomForVolume()
}

// startClone starts the job.
func (b *Backend) startClone(v *volume, req driver.CloneRequest) error {
	s, err := b.clonable(req)
	if err != nil {
		return err
	}
	running := 0
	for _, j := range b.jobs {
		if j.from.vol == s.vol {
			running++
		}
	}
	l := b.opts.Limits
	if (l.Jobs > 0 && len(b.jobs) >= l.Jobs) || (l.JobsPerVolume > 0 && running >= l.JobsPerVolume) {
		e := driver.Errorf(driver.ErrBusy, "%d jobs run, %d of volume %s: no more at once", len(b.jobs), running, s.vol.id)
		e.RetryAfter = max(b.opts.CloneTime, time.Millisecond)
		return e
	}
	v.content.freeze()
	if slices.ContainsFunc(b.jobs, func(j *job) bool { return j.vol.token == v.token }) {
		b.violate("token %s started a second clone", v.token)
	}
	b.jobs = append(b.jobs, &job{vol: v, from: s, ends: b.opts.Now().Add(b.opts.CloneTime)})
	b.effects++
	b.finishJobs(b.opts.Now())
	return nil
}

// finishJobs publishes the volumes whose time has come.
func (b *Backend) finishJobs(now time.Time) {
	if b.held != nil {
		return
	}
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool {
		if j.ends.After(now) {
			return false
		}
		b.publish(j.vol)
		return true
	})
}

// jobOf returns the job that makes the volume.
func (b *Backend) jobOf(id driver.VolumeID) *job {
	for _, j := range b.jobs {
		if j.vol.id == id {
			return j
		}
	}
	return nil
}

// findClone returns the volume of the token, and ErrBusy while its job runs.
func (b *Backend) findClone(token driver.Token) (driver.Volume, error) {
	for _, j := range b.jobs {
		if j.vol.token == token {
			e := driver.Errorf(driver.ErrBusy, "clone %s is being made", j.vol.id)
			e.RetryAfter = max(j.ends.Sub(b.opts.Now()), time.Millisecond)
			return driver.Volume{}, e
		}
	}
	return b.madeBy(token)
}

// awaitClone polls until the job of the token is over.
func (d *backendDriver) awaitClone(ctx context.Context, req driver.CloneRequest) (driver.Volume, error) {
	via := route{method: "Clone", ability: "Cloner", again: true}
	for {
		v, err := trip(ctx, d, via, func() (driver.Volume, error) { return d.b.findClone(req.Token) })
		if driver.ClassOf(err) != driver.ErrBusy {
			if err == nil && req.Progress != nil {
				req.Progress(1)
			}
			if driver.ClassOf(err) == driver.ErrUnavailable { // the poll was not sent; the job was
				err = &driver.Error{Class: driver.ErrIndeterminate, Op: "Clone", Err: err}
			}
			return v, err
		}
		if req.Progress != nil {
			req.Progress(0)
		}
		if ended := d.b.pollPause(ctx); ended != nil {
			return driver.Volume{}, &driver.Error{Class: driver.ErrIndeterminate, Op: "Clone", Err: ended}
		}
	}
}

// pollPause waits until a job may be over, or ctx ends.
func (b *Backend) pollPause(ctx context.Context) error {
	b.mu.Lock()
	held := b.held
	b.mu.Unlock()
	if held == nil {
		return sleep(ctx, b.opts.CloneTime/4+1)
	}
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HoldClones keeps every clone job, running or started later, from ending until release is called. A second release does
// nothing. Only one hold at a time.
func (b *Backend) HoldClones() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := make(chan struct{})
	b.held = held
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.held == held {
			b.held = nil
			close(held)
		}
	}
}

// FindClone implements [driver.Cloner].
func (d *backendDriver) FindClone(ctx context.Context, req driver.FindCloneRequest) (driver.Volume, error) {
	return settled(ctx, d, req.Attempt, func(again bool) (driver.Volume, error) {
		via := route{method: "FindClone", ability: "Cloner", again: again}
		return trip(ctx, d, via, func() (driver.Volume, error) { return d.b.findClone(req.Token) })
	})
}

// Discard implements [driver.Cloner].
func (d *backendDriver) Discard(ctx context.Context, req driver.DiscardRequest) error {
	_, err := settled(ctx, d, req.Attempt, func(again bool) (struct{}, error) {
		via := route{method: "Discard", ability: "Cloner", again: again}
		return trip(ctx, d, via, func() (struct{}, error) { return struct{}{}, d.b.discard(req.Token) })
	})
	if driver.ClassOf(err) == driver.ErrNotFound {
		return nil
	}
	return err
}

// discard removes all that the token made; ErrNotFound if there is nothing.
func (b *Backend) discard(token driver.Token) error {
	_, err := b.findClone(token)
	if driver.ClassOf(err) == driver.ErrBusy {
		if b.opts.JobsCannotBeCanceled {
			return err
		}
		b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool { return j.vol.token == token })
		b.effects++
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range slices.Clone(b.volumes) {
		if v.token != token {
			continue
		}
		if blockers := sessionBlockers(v); len(blockers) > 0 {
			return driver.Blocked(driver.ErrInUse, blockers, "volume %s is open", v.id)
		}
		b.removeVolume(v)
	}
	return nil
}

// Split implements [driver.Splitter].
func (d *backendDriver) Split(ctx context.Context, req driver.SplitRequest) error {
	via := route{method: "Split", ability: "Splitter", volume: req.Volume}
	_, err := trip(ctx, d, via, func() (struct{}, error) {
		v, err := d.b.live(req.Volume)
		if err != nil {
			return struct{}{}, err
		}
		if v.needs != nil {
			v.needs = nil
			d.b.effects++
		}
		return struct{}{}, nil
	})
	return err
}
