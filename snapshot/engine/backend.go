package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// The kinds of the records that remember which array or host a name stands for.
const (
	recordBackend   = "backend"
	recordBackendID = "backend-id"
	recordHost      = "host"
	recordHostID    = "host-id"
)

// BackendState says whether a backend could be reached last.
type BackendState string

// The states of a backend.
const (
	BackendUnknown BackendState = "unknown"
	BackendUp      BackendState = "up"
	BackendDown    BackendState = "down"
)

// BackendStatus is what the engine knows of a backend.
type BackendStatus struct {
	_ [0]func()

	Name  string
	State BackendState
	// Description is the last one; Since when it was got or missed.
	Description driver.Description
	Since       time.Time
	// Err is why it is down.
	Err error
}

type backend struct {
	name string
	drv  driver.Driver
	able driver.Abilities
	// sharing: its volumes are touched by each other's operations, as far as it was described.
	sharing atomic.Bool

	mu     sync.Mutex
	status BackendStatus
	// last is status as it was after the backend was asked last; it can be read while the backend is being asked.
	last  atomic.Pointer[BackendStatus]
	slots chan struct{} // nil until the first description says how many
}

type hostEntry struct {
	name string
	host driver.Host

	mu   sync.Mutex
	desc driver.HostDescription
	ok   bool
}

// AddBackend makes a driver known by a name, which volumes refer to. It does no I/O: whether the array is the one that the
// name stood for before is checked when it is first reached. Errors: ErrInvalid (name), ErrConflict (name taken).
func (e *Engine) AddBackend(name string, drv driver.Driver) error {
	if err := validName("backend name", name); err != nil {
		return err
	}
	if drv == nil {
		return driver.Errorf(driver.ErrInvalid, "backend %q: no driver", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.backends[name]; taken {
		return driver.Errorf(driver.ErrConflict, "backend %q was added before", name)
	}
	e.backends[name] = &backend{
		name: name, drv: drv, able: drv.Abilities(), status: BackendStatus{Name: name, State: BackendUnknown},
	}
	return nil
}

// AddHost makes a host known by a name. Errors as AddBackend's.
func (e *Engine) AddHost(name string, host driver.Host) error {
	if err := validName("host name", name); err != nil {
		return err
	}
	if host == nil {
		return driver.Errorf(driver.ErrInvalid, "host %q: no host", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.hosts[name]; taken {
		return driver.Errorf(driver.ErrConflict, "host %q was added before", name)
	}
	e.hosts[name] = &hostEntry{name: name, host: host}
	return nil
}

// RemoveBackend forgets a backend and which array it was. It is refused with ErrInUse, and how many, while the inventory
// has volumes on it. The driver stays open.
func (e *Engine) RemoveBackend(ctx context.Context, name string) error {
	if _, err := e.backend(name); err != nil {
		return err
	}
	volumes, snapshots := 0, 0
	for v, err := range e.inv.Volumes(ctx, inventory.VolumeQuery{Backend: name}) {
		if err != nil {
			return classified(err)
		}
		volumes++
		snapshots += v.SnapshotCount
	}
	if volumes > 0 {
		return driver.Errorf(driver.ErrInUse,
			"backend %q still has %d volumes with %d snapshots in the inventory; forget or delete them first", name, volumes, snapshots)
	}
	if err := e.forgetIdentity(ctx, recordBackend, recordBackendID, name); err != nil {
		return classified(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.backends, name)
	e.tel.forget(name)
	return nil
}

// Backend asks the backend how it is, now.
// Errors: ErrNotFound for a name that was not added; a backend that is down is a status, not an error.
func (e *Engine) Backend(ctx context.Context, name string) (BackendStatus, error) {
	b, err := e.backend(name)
	if err != nil {
		return BackendStatus{}, err
	}
	_, _ = e.describe(ctx, b, true)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status, nil
}

func (e *Engine) backend(name string) (*backend, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.backends[name]
	if !ok {
		return nil, driver.Errorf(driver.ErrNotFound, "backend %q was not added to this engine", name)
	}
	return b, nil
}

func (e *Engine) hostByName(name string) (*hostEntry, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.hosts[name]
	if !ok {
		return nil, driver.Errorf(driver.ErrNotFound, "host %q was not added to this engine", name)
	}
	return h, nil
}

// describe returns the backend's description, at most DescribeEvery old, and makes sure that the array is the one that
// the name stands for.
func (e *Engine) describe(ctx context.Context, b *backend, fresh bool) (driver.Description, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := e.now()
	if b.status.State == BackendUp && !fresh && now.Sub(b.status.Since) < e.opts.DescribeEvery {
		return b.status.Description, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.CallTimeout)
	defer cancel()
	desc, err := described(ctx, e, attribute.String(AttrBackend, b.name), b.drv.Describe)
	if err == nil && desc.Backend == "" {
		err = driver.Errorf(driver.ErrInvalid, "the driver reports an empty backend id")
	}
	if err == nil {
		err = e.identify(ctx, recordBackend, recordBackendID, b.name, string(desc.Backend))
	}
	e.tel.answered(b.name, err)
	b.status.Since = now
	b.status.Err = err
	defer func() {
		status := b.status
		b.last.Store(&status)
	}()
	if err != nil {
		b.status.State = BackendDown
		e.log.WarnContext(ctx, "backend cannot be used", "backend", b.name, "error", err)
		return driver.Description{}, driver.In("Describe", fmt.Errorf("backend %q: %w", b.name, err))
	}
	if b.status.State != BackendUp {
		e.log.InfoContext(ctx, "backend is up", "backend", b.name, "product", desc.Product, "version", desc.Version, "id", desc.Backend)
	}
	b.status.State, b.status.Description = BackendUp, desc
	if shares(desc.Facts) {
		b.sharing.Store(true)
		e.sharing.Store(true)
	}
	if b.slots == nil {
		slots := e.opts.Requests
		if desc.Limits.Requests > 0 {
			slots = desc.Limits.Requests
		}
		b.slots = make(chan struct{}, slots)
	}
	return desc, nil
}

func (e *Engine) describeHost(ctx context.Context, h *hostEntry) (driver.HostDescription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ok {
		return h.desc, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.CallTimeout)
	defer cancel()
	desc, err := described(ctx, e, attribute.String(AttrHost, h.name), h.host.Describe)
	if err == nil && desc.HostID == "" {
		err = driver.Errorf(driver.ErrInvalid, "the host reports an empty id")
	}
	if err == nil {
		err = e.identify(ctx, recordHost, recordHostID, h.name, desc.HostID)
	}
	if err != nil {
		return driver.HostDescription{}, driver.In("Describe", fmt.Errorf("host %q: %w", h.name, err))
	}
	h.desc, h.ok = desc, true
	return desc, nil
}

type identity struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// identify stores at first use which array or host a name stands for, and refuses another one later, and two names for one.
func (e *Engine) identify(ctx context.Context, kind, idKind, name, id string) error {
	for range 3 { // another process may store it in the same moment
		known, version, err := e.identityOf(ctx, kind, name)
		switch {
		case err != nil:
			return err
		case version > 0 && known.ID == id:
			return nil
		case version > 0:
			return driver.Errorf(driver.ErrConflict, "%s %q was %s before and is %s now; give the new one another name",
				kind, name, known.ID, id)
		}
		other, version, err := e.identityOf(ctx, idKind, id)
		if err != nil {
			return err
		}
		if version > 0 {
			return driver.Errorf(driver.ErrConflict, "%s %q and %q are one and the same: %s", kind, name, other.Name, id)
		}
		err = e.inv.Commit(ctx, inventory.Change{ID: snapshot.NewID[inventory.ChangeID](), Records: []inventory.RecordChange{
			{Record: identityRecord(kind, name, identity{ID: id})},
			{Record: identityRecord(idKind, id, identity{Name: name})},
		}})
		if !errors.Is(err, inventory.ErrStale) && !errors.Is(err, inventory.ErrConflict) {
			return classified(err)
		}
	}
	return driver.Errorf(driver.ErrBusy, "the identity of %s %q keeps changing", kind, name)
}

func identityRecord(kind, id string, content identity) inventory.Record {
	doc, _ := json.Marshal(content) //nolint:errchkjson // two strings
	return inventory.Record{Kind: kind, ID: id, Data: doc}
}

// identityOf returns version 0 if nothing is stored.
func (e *Engine) identityOf(ctx context.Context, kind, id string) (identity, int64, error) {
	for r, err := range e.inv.Records(ctx, inventory.RecordQuery{Kind: kind, ID: id}) {
		if err != nil {
			return identity{}, 0, classified(err)
		}
		var content identity
		if err := json.Unmarshal(r.Data, &content); err != nil {
			return identity{}, 0, driver.Errorf(driver.ErrInvalid, "record %s %q cannot be read: %w", kind, id, err)
		}
		return content, r.Version, nil
	}
	return identity{}, 0, nil
}

func (e *Engine) forgetIdentity(ctx context.Context, kind, idKind, name string) error {
	known, version, err := e.identityOf(ctx, kind, name)
	if err != nil || version == 0 {
		return err
	}
	_, idVersion, err := e.identityOf(ctx, idKind, known.ID)
	if err != nil {
		return err
	}
	change := inventory.Change{ID: snapshot.NewID[inventory.ChangeID](), Records: []inventory.RecordChange{
		{Record: inventory.Record{Kind: kind, ID: name}, IfVersion: version, Delete: true},
	}}
	if idVersion > 0 {
		change.Records = append(change.Records, inventory.RecordChange{
			Record: inventory.Record{Kind: idKind, ID: known.ID}, IfVersion: idVersion, Delete: true,
		})
	}
	return e.inv.Commit(ctx, change)
}
