package driver

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// OpenRequest is what a driver or host is opened with.
type OpenRequest struct {
	_ [0]func()

	// Config is the driver's configuration: one JSON object.
	Config json.RawMessage
	Env    Env
}

// Env is what the program around a driver gives it. The zero value works.
type Env struct {
	_ [0]func()

	// Logger receives the driver's log records; nil discards them.
	Logger *slog.Logger
	// Transport replaces the network, in tests and for proxies; nil is the driver's own.
	Transport http.RoundTripper
	// Secrets resolves {"ref": …} secrets; nil refuses them.
	Secrets SecretResolver
}

// Log returns the logger, never nil.
func (e Env) Log() *slog.Logger {
	if e.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return e.Logger
}

// Opener opens drivers (T is [Driver]) or hosts (T is [Host]) of one type, and knows the fields of their configuration.
// Make one with [Typed].
type Opener[T any] struct {
	open  func(OpenRequest) (T, error)
	shape *shape
}

// Open validates the configuration and makes the driver. It does no I/O: an array that is down must not stop the program
// that opens its driver. Errors: ErrInvalid, which names the field.
func (o Opener[T]) Open(req OpenRequest) (T, error) {
	if o.open == nil {
		var none T
		return none, Errorf(ErrInvalid, "the opener is empty; make it with driver.Typed")
	}
	return o.open(req)
}

// Fields describes the configuration, in the order of the struct: for forms, documentation and redaction.
func (o Opener[T]) Fields() []Field {
	if o.shape == nil {
		return nil
	}
	return o.shape.fieldsOf("")
}

// Registry maps names to openers of drivers and hosts. Its zero value is empty and ready; it is safe for concurrent use.
// Most programs use the package's own, which drivers join in init: see [Register]. The engine never sees a registry.
type Registry struct {
	mu      sync.RWMutex
	drivers map[string]Opener[Driver]
	hosts   map[string]Opener[Host]
}

// Default is the registry that the package's functions use.
var Default Registry //nolint:gochecknoglobals // the one place where init functions meet, as in database/sql

// Register adds a driver to [Default]. It panics as [Registry.Register] does.
func Register(name string, opener Opener[Driver]) { Default.Register(name, opener) }

// RegisterHost adds a host to [Default]. It panics as [Registry.RegisterHost] does.
func RegisterHost(name string, opener Opener[Host]) { Default.RegisterHost(name, opener) }

// Open opens a driver of [Default] by name.
func Open(name string, req OpenRequest) (Driver, error) { return Default.Open(name, req) }

// OpenHost opens a host of [Default] by name.
func OpenHost(name string, req OpenRequest) (Host, error) { return Default.OpenHost(name, req) }

// Register adds a driver. The name is [a-z][a-z0-9-]*. A malformed or taken name and an empty opener are mistakes in the
// program, found when it starts: Register panics and names the driver.
func (r *Registry) Register(name string, opener Opener[Driver]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	register(&r.drivers, "driver", name, opener)
}

// RegisterHost adds a host; names of hosts and of drivers do not collide. It panics as Register does.
func (r *Registry) RegisterHost(name string, opener Opener[Host]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	register(&r.hosts, "host", name, opener)
}

// Open opens a driver by name. Errors: ErrInvalid for an unknown name (with those that are known) or a bad configuration.
func (r *Registry) Open(name string, req OpenRequest) (Driver, error) {
	o, err := r.Driver(name)
	if err != nil {
		return nil, err
	}
	return o.Open(req)
}

// OpenHost opens a host by name, with Open's errors.
func (r *Registry) OpenHost(name string, req OpenRequest) (Host, error) {
	o, err := r.Host(name)
	if err != nil {
		return nil, err
	}
	return o.Open(req)
}

// Driver returns the opener of that name. Error: ErrInvalid for an unknown one.
func (r *Registry) Driver(name string) (Opener[Driver], error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return find(r.drivers, "driver", name)
}

// Host returns the opener of that name. Error: ErrInvalid for an unknown one.
func (r *Registry) Host(name string) (Opener[Host], error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return find(r.hosts, "host", name)
}

// Drivers returns the names of the drivers, sorted.
func (r *Registry) Drivers() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.drivers))
}

// Hosts returns the names of the hosts, sorted.
func (r *Registry) Hosts() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.hosts))
}

func register[T any](m *map[string]Opener[T], kind, name string, opener Opener[T]) {
	if !registrable(name) {
		panic(fmt.Sprintf("driver: register %s %q: a name is [a-z][a-z0-9-]*", kind, name))
	}
	if opener.open == nil {
		panic(fmt.Sprintf("driver: register %s %q: the opener is empty; make it with driver.Typed", kind, name))
	}
	if _, taken := (*m)[name]; taken {
		panic(fmt.Sprintf("driver: register %s %q: registered twice", kind, name))
	}
	if *m == nil {
		*m = make(map[string]Opener[T])
	}
	(*m)[name] = opener
}

func registrable(name string) bool {
	return wellFormed(strings.ReplaceAll(name, "-", "0"))
}

func find[T any](m map[string]Opener[T], kind, name string) (Opener[T], error) {
	o, ok := m[name]
	if ok {
		return o, nil
	}
	known := "none"
	if len(m) > 0 {
		known = strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	}
	return Opener[T]{}, Errorf(ErrInvalid, "unknown %s %q (forgotten import?); registered: %s", kind, name, known)
}
