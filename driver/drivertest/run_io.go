package drivertest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
)

// ioBlock is how much the suites write at a time, aligned.
const ioBlock = 4096

// spots are the offsets that the suites write to and look at: both ends and the middle of a volume of the size.
func spots(size int64) []int64 { return []int64{0, size / 2 / ioBlock * ioBlock, size - ioBlock} }

// pattern is what the suites write at the offset; never zeros, and different for each seed and offset.
func pattern(seed uint64, off int64) []byte {
	out := make([]byte, ioBlock)
	src := rand.New(rand.NewPCG(seed, uint64(off)))
	for i := range out {
		out[i] = byte(1 + src.IntN(255))
	}
	return out
}

// recognize says whose pattern a block is, for the reader of a failure.
func recognize(got []byte, off int64) string {
	if allZero(got) {
		return "zeros"
	}
	for seed := range uint64(16) {
		if bytes.Equal(got, pattern(seed, off)) {
			return fmt.Sprintf("those of state %d of this check", seed)
		}
	}
	return "bytes that this check never wrote"
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// put writes the seed's pattern, and closes f.
func (p *claims) put(f IO, seed uint64, size int64) {
	for _, off := range spots(size) {
		_, err := f.WriteAt(pattern(seed, off), off)
		p.ok(err, "IO.WriteAt")
	}
	p.ok(f.Sync(), "IO.Sync")
	p.ok(f.Close(), "IO.Close")
}

// get reads one block at each offset, and closes f.
func (p *claims) get(f IO, offs ...int64) [][]byte {
	var out [][]byte
	for _, off := range offs {
		b := make([]byte, ioBlock)
		if _, err := f.ReadAt(b, off); err != nil && err != io.EOF { //nolint:errorlint // io.ReaderAt returns io.EOF itself
			p.Fatalf("IO.ReadAt at %d: %v", off, err)
		}
		out = append(out, b)
	}
	p.ok(f.Close(), "IO.Close")
	return out
}

// expect fails the check unless f has the seed's pattern, and closes f.
func (p *claims) expect(f IO, seed uint64, size int64, what string) {
	offs := spots(size)
	for i, got := range p.get(f, offs...) {
		if !bytes.Equal(got, pattern(seed, offs[i])) {
			p.Errorf("%s has other bytes at offset %d than those of state %d: %s", what, offs[i], seed, recognize(got, offs[i]))
		}
	}
}
