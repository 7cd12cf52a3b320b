package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// session is what a command works with: the inventory, and an engine on it with every backend and host of the configuration.
type session struct {
	*settings

	app     *app
	inv     inventory.Inventory
	eng     *engine.Engine
	drivers map[string]driver.Driver
	hosts   map[string]driver.Host

	closers []func() error
}

// recovery says what a started engine takes up that waits, or that dead processes have left.
type recovery int

const (
	// asConfigured: all of it, unless the configuration has manual_recovery.
	asConfigured recovery = iota
	// onlyTold: only what it is told to, for a person's decision comes first.
	onlyTold
	// all of it.
	everything
)

// open opens everything that the configuration names, without a word to any array. The engine is not started: it can read,
// plan and explain, and takes nothing up that another process works on.
func (a *app) open(ctx context.Context, recovery recovery) (*session, error) {
	config, err := a.load()
	if err != nil {
		return nil, err
	}
	s := &session{settings: config, app: a, drivers: make(map[string]driver.Driver), hosts: make(map[string]driver.Host)}
	if err := s.openAll(ctx, recovery); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) openAll(ctx context.Context, recovery recovery) error {
	path, err := inventoryPath(s.Inventory)
	if err != nil {
		return err
	}
	inv, err := sqlite.Open(ctx, path, sqlite.Options{NoMigrate: true})
	if errors.Is(err, inventory.ErrSchema) {
		return &refusal{text: err.Error(), next: "ctl migrate makes the inventory, or brings it up to date"}
	}
	if err != nil {
		return err
	}
	s.closers = append(s.closers, inv.Close)
	s.inv = inv
	options := s.options(owner(s.Engine.Owner))
	options.Logger, options.OnEvent, options.Clock = s.app.logger(), s.app.steps(), s.app.now
	options.ManualRecovery = recovery == onlyTold || recovery == asConfigured && s.Engine.ManualRecovery
	if s.eng, err = engine.New(inv, options); err != nil {
		return err
	}
	return s.addAll()
}

// owner is this process's name in leases. No two processes may have one name, so a part of it is random.
func owner(prefix string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%s-%s", prefix, host, rand.Text()[:8])
}

func (s *session) addAll() error {
	for i, b := range s.Backends {
		d, err := s.app.registry.Open(b.Driver, s.app.openRequest(b))
		if err != nil {
			return badInstance("backends", i, b, err)
		}
		s.closers = append(s.closers, d.Close)
		s.drivers[b.Name] = d
		if err := s.eng.AddBackend(b.Name, d); err != nil {
			return badInstance("backends", i, b, err)
		}
	}
	for i, h := range s.Hosts {
		host, err := s.app.registry.OpenHost(h.Driver, s.app.openRequest(h))
		if err != nil {
			return badInstance("hosts", i, h, err)
		}
		s.closers = append(s.closers, host.Close)
		if err := s.eng.AddHost(h.Name, host); err != nil {
			return badInstance("hosts", i, h, err)
		}
		s.hosts[h.Name] = host
	}
	return nil
}

func (a *app) openRequest(i instance) driver.OpenRequest {
	return driver.OpenRequest{Config: i.Config, Env: driver.Env{Logger: a.logger()}}
}

func badInstance(field string, i int, in instance, err error) error {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		err = e.Err
	}
	return &usageError{
		text: fmt.Sprintf("%s[%d] %q (driver %q): %s", field, i, in.Name, in.Driver, err),
		next: "correct the configuration; ctl drivers lists the drivers, and ctl drivers NAME the fields of one",
	}
}

// logger writes to stderr if that was asked for.
func (a *app) logger() *slog.Logger {
	if !a.flags.verbose {
		return nil
	}
	return slog.New(slog.NewTextHandler(a.err, nil))
}

// close closes what was opened, the last first.
func (s *session) close() error {
	var all error
	for _, closer := range slices.Backward(s.closers) {
		all = errors.Join(all, closer())
	}
	s.closers = nil
	return all
}

// with runs f on an open session.
func (a *app) with(ctx context.Context, f func(s *session) error) (err error) {
	return a.recovering(ctx, asConfigured, f)
}

// recovering is with, for commands that start the engine.
func (a *app) recovering(ctx context.Context, recovery recovery, f func(s *session) error) (err error) {
	s, err := a.open(ctx, recovery)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return f(s)
}
