package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

const (
	// copyChunk is the most that is copied between two looks at ctx, in bytes.
	copyChunk = 4 << 20
	// flushEvery is how much is written before it is made durable: it bounds how long the last flush takes, which nothing can
	// interrupt.
	flushEvery = 128 << 20
	// zeroBlock is the unit in which zeros become holes, in bytes.
	zeroBlock = 64 << 10
)

// fill says how a file's content is taken from another's.
type fill struct {
	// live is set when src is an image that somebody may be writing: then a full copy takes a fence.
	live bool
	// intact, if not nil, is asked after each chunk whether to go on.
	intact func() error
	// progress, if not nil, is told the part done, 0 to 1.
	progress func(done float64)
}

// taken says how it was done.
type taken struct {
	method string
	size   int64
	at     time.Time // the instant of the content
}

// fill makes the empty file dst a copy of src: by sharing blocks if it may and can, else in full with holes kept.
func (t *tree) fill(ctx context.Context, dst, src *os.File, how fill) (taken, error) {
	if t.config.Reflink != ReflinkNever {
		if err := t.tell("reflink", dst.Name()); err != nil {
			return taken{}, err
		}
		err := reflink(dst, src)
		if err == nil {
			return measured(dst, byReflink, time.Now())
		}
		if !errors.Is(err, errNoReflink) {
			return taken{}, err
		}
		if t.config.Reflink == ReflinkAlways {
			return taken{}, driver.Errorf(driver.ErrUnsupported, "%s: %w; set reflink to auto for full copies", src.Name(), err)
		}
	}
	if how.live {
		f, err := fenceOff(src, false)
		if err != nil {
			return taken{}, refused(err, src, "it can be copied only while nobody has it open for writing, for blocks are not shared here")
		}
		defer f.release()
		how.intact = f.intact
	}
	at := time.Now()
	if err := t.copyAll(ctx, dst, src, how); err != nil {
		return taken{}, err
	}
	return measured(dst, byCopy, at)
}

func measured(f *os.File, method string, at time.Time) (taken, error) {
	info, err := f.Stat()
	if err != nil {
		return taken{}, err
	}
	return taken{method, info.Size(), at}, nil
}

// copyAll copies in full, extent by extent.
func (t *tree) copyAll(ctx context.Context, dst, src *os.File, how fill) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if err := t.room(allocated(info)); err != nil {
		return err
	}
	if err := dst.Truncate(info.Size()); err != nil {
		return err
	}
	c := &copier{tree: t, dst: dst, src: src, how: how, size: info.Size(), byKernel: t.config.Reflink != ReflinkNever}
	for at := int64(0); at < c.size; {
		start, end, err := nextData(src, at, c.size)
		if err != nil {
			return err
		}
		if err := c.copyExtent(ctx, start, end); err != nil {
			return err
		}
		at = end
	}
	return c.goOn(ctx)
}

// copier is one copy under way.
type copier struct {
	*tree

	dst, src *os.File
	how      fill
	size     int64
	dirty    int64 // bytes since the last flush
	// byKernel is set while copy_file_range is worth a try. It may share blocks, so ReflinkNever does not use it.
	byKernel bool
	buf      []byte
}

func (c *copier) copyExtent(ctx context.Context, at, end int64) error {
	for at < end {
		if err := c.goOn(ctx); err != nil {
			return err
		}
		n, err := c.chunk(at, min(end-at, copyChunk))
		if err != nil {
			return err
		}
		at += n
		if c.dirty += n; c.dirty >= flushEvery {
			if err := c.sync(c.dst); err != nil {
				return err
			}
			c.dirty = 0
		}
		if c.how.progress != nil {
			c.how.progress(float64(at) / float64(c.size))
		}
	}
	return nil
}

// goOn returns why the copy must stop, if it must.
func (c *copier) goOn(ctx context.Context) error {
	if err := c.tell("copy", c.dst.Name()); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.how.intact == nil {
		return nil
	}
	if err := c.how.intact(); err != nil {
		return refused(err, c.src, "it was opened while it was being copied")
	}
	return nil
}

// chunk copies up to n bytes and returns how many.
func (c *copier) chunk(at, n int64) (int64, error) {
	if c.byKernel {
		done, err := copyRange(c.dst, c.src, at, n)
		if done > 0 || (err != nil && !errors.Is(err, errors.ErrUnsupported)) {
			return done, err
		}
		c.byKernel = false
	}
	if c.buf == nil {
		c.buf = make([]byte, copyChunk)
	}
	buf := c.buf[:n]
	if _, err := c.src.ReadAt(buf, at); err != nil {
		if errors.Is(err, io.EOF) {
			err = driver.Errorf(driver.ErrBusy, "%s became smaller while it was being copied", c.src.Name())
		}
		return 0, err
	}
	return n, writeSparse(c.dst, buf, at)
}

// writeSparse writes what is not zero.
func writeSparse(dst *os.File, buf []byte, at int64) error {
	zeros := make([]byte, zeroBlock)
	for len(buf) > 0 {
		n := min(len(buf), zeroBlock)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := dst.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		buf, at = buf[n:], at+int64(n)
	}
	return nil
}

// room refuses what would leave less than Config.MinFree after taking need bytes.
func (t *tree) room(need int64) error {
	free, err := freeSpace(t.root)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if free-need < t.config.MinFree {
		return driver.Errorf(driver.ErrExhausted, "%s has %d bytes free; %d are needed and min_free wants %d left",
			t.config.Dir, free, need, t.config.MinFree)
	}
	return nil
}
