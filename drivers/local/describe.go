package local

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/storagesnap/storagesnap/driver"
)

// identity is what the folder says about itself.
type identity struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
}

// Describe returns the folder's id, which the first Describe of all makes, and tidies up after dead calls.
func (b *backend) Describe(ctx context.Context) (driver.Description, error) {
	return within(b, "Describe", func(t *tree) (driver.Description, error) {
		if err := t.ready(ctx); err != nil {
			return driver.Description{}, err
		}
		id, err := t.identify(ctx)
		if err != nil {
			return driver.Description{}, err
		}
		fenced, err := t.hasLeases()
		if err != nil {
			return driver.Description{}, err
		}
		t.sweepAll()
		name, err := fileSystem(t.root)
		if err != nil {
			return driver.Description{}, err
		}
		b.id.Store(&id)
		return driver.Description{
			Backend: driver.BackendID(id), Product: "image files", Version: version(name),
			Facts: driver.Facts{RevertFenced: fenced, RevertNeedsDetach: true},
			Limits: driver.Limits{
				SnapshotsPerVolume: b.config.MaxSnapshots, NameLength: nameRoom, MinVolumeSize: 1, VolumeGranularity: 1,
			},
			Time: time.Now(),
		}, nil
	})
}

func version(fileSystem string) string {
	if fileSystem == "" {
		return runtime.GOOS
	}
	return fileSystem + " on " + runtime.GOOS
}

// readID returns the folder's id; fs.ErrNotExist if it has none yet.
func (t *tree) readID() (string, error) {
	doc, err := read(t, backendFile, func(i identity) int { return i.Format })
	if err == nil && uuid.Validate(doc.ID) != nil {
		err = driver.Errorf(driver.ErrInvalid, "%s has no id", t.at(backendFile))
	}
	return doc.ID, err
}

// identify returns the folder's id and makes it if there is none.
func (t *tree) identify(ctx context.Context) (string, error) {
	id, err := t.readID()
	if !absent(err) {
		return id, err
	}
	l, err := t.lock(ctx, namesLock)
	if err != nil {
		return "", err
	}
	defer l.release()
	if id, err = t.readID(); !absent(err) {
		return id, err
	}
	random, err := uuid.NewRandom()
	if err != nil {
		return "", err
	}
	doc := identity{Format: recordFormat, ID: random.String()}
	if err := t.remove(backendFile + tempSuffix); err != nil {
		return "", err
	}
	if err := t.writeDocument(backendFile, doc); err != nil {
		return "", err
	}
	return doc.ID, t.syncDir(stateDir)
}

// hasLeases reports whether a fence here sees everybody who has a file open.
func (t *tree) hasLeases() (bool, error) {
	f, _, err := t.openRegular(backendFile, os.O_RDONLY)
	if errors.Is(err, driver.ErrBusy) {
		return true, nil // another Describe is trying a lease on it
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	return leases(f), nil
}
