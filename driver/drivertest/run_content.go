package drivertest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// fill writes the seed's pattern to the volume; without Harness.IO it does nothing.
func (p *probe) fill(v driver.VolumeID, seed uint64) { p.fillTo(v, seed, p.size()) }

func (p *probe) fillTo(v driver.VolumeID, seed uint64, size int64) {
	if p.h.IO != nil {
		p.put(p.h.IO(p, v), seed, size)
	}
}

// holds fails the check unless the volume has the seed's pattern; without Harness.IO it does nothing.
func (p *probe) holds(v driver.VolumeID, seed uint64, when string) {
	if p.h.IO != nil {
		p.expect(p.h.IO(p, v), seed, p.size(), fmt.Sprintf("%s: volume %s", when, v))
	}
}

// zeros fails the check unless the volume reads as zeros from off to size.
func (p *probe) zeros(v driver.VolumeID, off, size int64, when string) {
	for i, got := range p.get(p.h.IO(p, v), off, size-ioBlock) {
		p.check(allZero(got), "%s: volume %s does not read as zeros (block %d of 2)", when, v, i+1)
	}
}

const contentMark = ", content "

// picture is the state of some volumes as far as a call without effect must leave it: our snapshots, sizes, content.
type picture map[driver.VolumeID]string

func (p *probe) picture(volumes ...driver.VolumeID) picture {
	return p.pictureOf(p.h.IO != nil, volumes...)
}

// pictureOf looks at the content only if it is asked to: on real hardware that takes an attach.
func (p *probe) pictureOf(content bool, volumes ...driver.VolumeID) picture {
	pic := picture{}
	for _, v := range volumes {
		vol, err := p.raw.Volume(p.ctx(), v)
		p.ok(err, "Volume")
		var refs []string
		for _, s := range p.list(v) {
			refs = append(refs, fmt.Sprintf("%s (token %s)", s.Ref.ID, s.Ref.Token))
		}
		slices.Sort(refs)
		pic[v] = fmt.Sprintf("%d bytes, snapshots [%s]", vol.Size, strings.Join(refs, ", "))
		if content {
			sum := sha256.Sum256(bytes.Join(p.get(p.h.IO(p, v), spots(p.size())...), nil))
			pic[v] += fmt.Sprintf(contentMark+"%x", sum[:8])
		}
	}
	return pic
}

// unchanged fails the check unless the volumes are as they were.
func (p *probe) unchanged(before picture, what string) {
	for v, was := range before {
		is := p.pictureOf(strings.Contains(was, contentMark), v)[v]
		p.check(is == was, "%s changed volume %s:\n  before: %s\n  after:  %s", what, v, was, is)
	}
}
