package drivertest

func cloneContentChecks() []check {
	return []check{
		{
			"clone/has-the-snapshots-content",
			"a restore from a clone of the wrong day is found out when the right day is gone",
			cloneContent,
		},
		{
			"clone/independent-both-ways",
			"two machines that write to one another's disk destroy both",
			cloneIndependent,
		},
		{
			"clone/larger-ends-in-zeros",
			"what lies behind the copied part must not be somebody's old data",
			cloneLarger,
		},
		{
			"clone/of-a-clone",
			"a clone is snapshotted and cloned like any volume, and the first source has no part in it",
			cloneOfClone,
		},
		{
			"clone/survives-a-revert-of-its-source",
			"a test machine must not jump back because production did",
			cloneRevert,
		},
	}
}

func cloneContent(p *probe) {
	p.needIO()
	v := p.volume()
	snaps := p.states(v, 3)
	c := p.clone(snaps[1])
	p.holds(c.ID, 2, "a clone of the middle snapshot")
	p.holds(v, 4, "the source after the clone")
}

func cloneIndependent(p *probe) {
	p.needIO()
	v := p.volume()
	p.fill(v, 1)
	s := p.create(v)
	c := p.clone(s)
	p.fill(v, 2)
	p.holds(c.ID, 1, "the clone after its source was written")
	p.fill(c.ID, 3)
	p.holds(v, 2, "the source after its clone was written")
	p.holds(c.ID, 3, "the clone after it was written")
	again := p.clone(s)
	p.holds(again.ID, 1, "a second clone after the first was written")
}

func cloneLarger(p *probe) {
	p.needIO()
	v := p.volume()
	s := p.states(v, 1)[0]
	req := p.cloneRequest(s)
	req.Size = s.Size + max(p.desc.Limits.VolumeGranularity, 1<<20)
	c := p.cloneAs(req)
	p.must(c.Size >= req.Size, "the clone has %d bytes, %d were asked for", c.Size, req.Size)
	p.holds(c.ID, 1, "a larger clone")
	p.zeros(c.ID, s.Size, req.Size, "a larger clone, behind the snapshot's size,")
}

func cloneOfClone(p *probe) {
	v := p.volume()
	s := p.states(v, 1)[0]
	c := p.clone(s)
	p.fill(c.ID, 5)
	onClone := p.create(c.ID)
	p.check(onClone.Ref.Volume == c.ID, "a snapshot of the clone has Ref.Volume %s", onClone.Ref.Volume)
	p.fill(c.ID, 6)
	second := p.clone(onClone)
	p.holds(second.ID, 5, "a clone of the clone's snapshot")
	p.holds(v, 2, "the first source")
	now := p.revert(c.ID, onClone).Volume
	p.holds(now, 5, "the clone after its revert")
	p.lists(v, "the first source", s)
}

func cloneRevert(p *probe) {
	p.needIO()
	v := p.volume()
	snaps := p.states(v, 1)
	c := p.clone(snaps[0])
	p.fill(c.ID, 4)
	now := p.revert(v, snaps[0]).Volume
	p.holds(now, 1, "the source after its revert")
	p.holds(c.ID, 4, "the clone after its source's revert")
}
