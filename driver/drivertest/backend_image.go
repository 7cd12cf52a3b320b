package drivertest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// blockSize is the unit of sharing in bytes.
const blockSize = 4096

type block [blockSize]byte

// image is a volume's content. Blocks are immutable and shared; the map of blocks is shared once the image is frozen, and
// copied by the next write. An absent block reads as zeros.
type image struct {
	size   int64
	blocks map[int64]*block
	frozen bool
	// signature is what a host has written into the content to know it again; copies carry it.
	signature string
}

func newImage(size int64) *image { return &image{size: size, blocks: map[int64]*block{}} }

// freeze makes the image immutable and returns it: what a snapshot keeps.
func (m *image) freeze() *image {
	m.frozen = true
	return m
}

// writable returns the image, or a copy of it if others share it.
func (m *image) writable() *image {
	if !m.frozen {
		return m
	}
	return &image{size: m.size, blocks: maps.Clone(m.blocks), signature: m.signature}
}

// resized returns a writable image of the size, with the part behind it zero.
func (m *image) resized(size int64) *image {
	w := m.writable()
	w.size = size
	return w
}

// write stores p at off, which lies within the image; the image is not frozen.
func (m *image) write(p []byte, off int64) {
	for len(p) > 0 {
		i, at := off/blockSize, off%blockSize
		next := new(block)
		if old := m.blocks[i]; old != nil {
			*next = *old
		}
		n := copy(next[at:], p)
		m.blocks[i] = next
		p, off = p[n:], off+int64(n)
	}
}

// read fills p from off, which lies within the image.
func (m *image) read(p []byte, off int64) {
	for len(p) > 0 {
		i, at := off/blockSize, off%blockSize
		n := min(len(p), int(blockSize-at))
		if b := m.blocks[i]; b != nil {
			copy(p[:n], b[at:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// bytes returns the whole content.
func (m *image) bytes() []byte {
	p := make([]byte, m.size)
	m.read(p, 0)
	return p
}

// mixture returns what an interrupted rollback from m to target leaves: every other block is already the target's.
func (m *image) mixture(target *image) *image {
	mixed := &image{size: target.size, blocks: map[int64]*block{}, signature: target.signature}
	for i := range (target.size + blockSize - 1) / blockSize {
		from := m
		if i%2 == 0 {
			from = target
		}
		if b := from.blocks[i]; b != nil {
			mixed.blocks[i] = b
		}
	}
	return mixed
}

// hash depends on size and content only, not on the signature: blocks of zeros count as absent.
func (m *image) hash() string {
	h := sha256.New()
	var number [8]byte
	put := func(n int64) {
		binary.BigEndian.PutUint64(number[:], uint64(n))
		h.Write(number[:])
	}
	put(m.size)
	for _, i := range slices.Sorted(maps.Keys(m.blocks)) {
		if b := m.blocks[i]; *b != (block{}) {
			put(i)
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
