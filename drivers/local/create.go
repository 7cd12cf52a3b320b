package local

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// CreateSnapshot makes a snapshot by reflink or full copy. A token that already has a snapshot of the volume gets that one,
// with or without Resume.
func (b *backend) CreateSnapshot(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	const op = "CreateSnapshot"
	if err := req.Token.Validate(); err != nil {
		return driver.Snapshot{}, driver.In(op, err)
	}
	return changing(ctx, b, op, req.Volume, func(v *volume) (driver.Snapshot, error) {
		s, err := v.snapshot(v.id, req.Token)
		if !errors.Is(err, driver.ErrNotFound) {
			return s, err
		}
		return v.take(ctx, req)
	})
}

func (v *volume) take(ctx context.Context, req driver.CreateSnapshotRequest) (driver.Snapshot, error) {
	src, _, err := v.openRegular(string(v.id), os.O_RDONLY)
	if err != nil {
		return driver.Snapshot{}, err
	}
	defer func() { _ = src.Close() }()
	if err := v.mayGrow(); err != nil {
		return driver.Snapshot{}, err
	}
	if err := v.mkdir(v.dir); err != nil {
		return driver.Snapshot{}, err
	}
	temp := v.content(req.Token) + tempSuffix
	info, done, err := v.newFile(ctx, temp, src, fill{live: true}, readOnly)
	if err != nil {
		v.undo(temp)
		return driver.Snapshot{}, err
	}
	r := record{
		Format: recordFormat, Volume: v.id, Token: req.Token, Name: req.Name, Labels: req.Labels,
		Created: done.at.UTC(), Size: done.size, Method: done.method,
	}
	if err := v.publish(temp, r); err != nil {
		return driver.Snapshot{}, err
	}
	return r.snapshot(allocated(info)), nil
}

// publish makes the snapshot appear. Content first, record last: a snapshot exists from the moment of the second rename.
func (v *volume) publish(temp string, r record) error {
	err := v.rename(temp, v.content(r.Token))
	if err == nil {
		err = v.writeDocument(v.record(r.Token), r)
	}
	if err != nil {
		v.undo(v.record(r.Token), temp, v.content(r.Token))
		return err
	}
	return unknown(v.syncDir(v.dir))
}

// newFile makes a durable file with another's content.
func (v *volume) newFile(
	ctx context.Context, name string, src *os.File, how fill, finish func(*os.File) error,
) (info fs.FileInfo, done taken, err error) {
	dst, err := v.create(name)
	if err != nil {
		return nil, taken{}, err
	}
	defer func() {
		if closeErr := dst.Close(); err == nil {
			err = closeErr
		}
	}()
	if done, err = v.fill(ctx, dst, src, how); err != nil {
		return nil, taken{}, err
	}
	if err = finish(dst); err != nil {
		return nil, taken{}, err
	}
	if err = v.sync(dst); err != nil {
		return nil, taken{}, err
	}
	info, err = dst.Stat()
	return info, done, err
}

func readOnly(f *os.File) error { return f.Chmod(0o400) }

// undo removes the files of a call that has failed. What it cannot remove the next call sweeps.
func (v *volume) undo(names ...string) {
	for _, name := range names {
		_ = v.remove(name)
	}
	v.forget()
}

// mayGrow refuses one more snapshot where a limit says so.
func (v *volume) mayGrow() error {
	limit := v.config.MaxSnapshots
	if limit > 0 {
		count, err := v.countSnapshots(v.id)
		if err != nil {
			return err
		}
		if count >= limit {
			return driver.Errorf(driver.ErrExhausted, "volume %s has %d snapshots; max_snapshots is %d", v.id, count, limit)
		}
	}
	return v.room(0)
}

// DeleteSnapshot removes the record, then the content.
func (b *backend) DeleteSnapshot(ctx context.Context, req driver.DeleteSnapshotRequest) (driver.DeleteResult, error) {
	const op = "DeleteSnapshot"
	ref := req.Snapshot
	return changing(ctx, b, op, ref.Volume, func(v *volume) (driver.DeleteResult, error) {
		token, err := v.choose(ref)
		if err != nil || token == "" {
			return driver.DeleteResult{Absent: token == ""}, err
		}
		if err := v.remove(v.record(token)); err != nil {
			return driver.DeleteResult{}, err
		}
		err = v.remove(v.content(token))
		if err == nil {
			err = v.syncDir(v.dir)
		}
		v.forget()
		return driver.DeleteResult{}, unknown(err)
	})
}

// choose returns the token of the one snapshot that the reference is about, readable or not, or "" if there is none.
func (v *volume) choose(ref driver.SnapshotRef) (driver.Token, error) {
	s, err := v.lookup(ref)
	switch {
	case err == nil:
		return s.Ref.Token, nil
	case errors.Is(err, driver.ErrNotFound):
		return "", nil
	case !damaged(err):
		return "", err
	}
	// A record that cannot be read must not make its snapshot immortal. Its file name says whose it is.
	tokens := tokensOf(ref)
	if len(tokens) != 1 {
		return "", err
	}
	return tokens[0], nil
}
