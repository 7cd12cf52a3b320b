package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/drivers/local"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// order is what a child does: it opens the site, takes up what was left there, acts the scene, if one is named, and ends
// when nothing is left to do.
type order struct {
	Root  string
	Owner string
	Scene string
	Known known
	// DieAt is the point at which the child kills itself, counted from 1; 0 is never.
	DieAt int
	// StopAt is the point at which it stops itself until it is woken, and HangAt names one at which only the call waits,
	// as a long one does. Both wait for a line of the standard input, too.
	StopAt int
	HangAt string
	// LeaseTTL and Poll are the engine's; zero is its default. With Serve, the child works until its input ends.
	LeaseTTL time.Duration
	Poll     time.Duration
	Serve    bool
}

// known are the ids that a scene needs.
type known struct {
	Disk, Bare snapshot.VolumeID
	One        snapshot.ID
	Op         inventory.OperationID
}

func (k known) common() engine.Common { return engine.Common{OperationID: k.Op} }

func databaseOf(root string) string { return filepath.Join(root, "inventory.db") }
func imagesOf(root string) string   { return filepath.Join(root, "images") }

// process is the engine of one process on a site.
type process struct {
	*engine.Engine

	inv *sqlite.Store
	drv driver.Driver
}

func (o order) open(ctx context.Context, p *points) (*process, error) {
	inv, err := sqlite.Open(ctx, databaseOf(o.Root), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	drv, err := local.Open(local.Config{Dir: imagesOf(o.Root)}, driver.Env{})
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(mortal{inv, p}, engine.Options{Owner: o.Owner, LeaseTTL: o.LeaseTTL, Poll: o.Poll})
	if err != nil {
		return nil, err
	}
	if err := eng.AddBackend("folder", driver.Wrap(drv, p.hook)); err != nil {
		return nil, err
	}
	return &process{eng, inv, drv}, eng.Start(ctx)
}

func (p *process) close(ctx context.Context) error {
	return errors.Join(p.Engine.Close(ctx), p.drv.Close(), p.inv.Close())
}

// run is the life of a child.
func (o order) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p := newPoints(o)
	proc, err := o.open(ctx, p)
	if err != nil {
		return err
	}
	if o.Scene != "" {
		err := scenes()[o.Scene].act(ctx, proc.Engine, o.Known)
		if err != nil && o.StopAt == 0 { // of one that was stopped, others decide what becomes
			return fmt.Errorf("scene %s: %w", o.Scene, err)
		}
	}
	if o.Serve {
		fmt.Println("serving")
		p.wait()
	}
	if err := proc.Idle(ctx); err != nil {
		return err
	}
	return proc.close(ctx)
}
