package drivertest

import (
	"slices"

	"github.com/storagesnap/storagesnap/driver"
)

func hostSelfChecks() []hostCheck {
	return []hostCheck{
		{
			"host/names-itself",
			"the engine recognises a host by its own id, or two names would mean the same pool",
			hostNames,
		},
		{
			"host/abilities-are-constant",
			"the engine asks once what a host can do; an ability that comes and goes breaks operations half way",
			hostAbilities,
		},
		{
			"host/initiators",
			"access is granted to these names; one that is wrong or missing is a disk that does not appear",
			hostInitiators,
		},
		{
			"host/impact-changes-nothing",
			"a plan that stops a machine is no plan",
			hostImpact,
		},
		{
			"host/findings",
			"a support person reads this list first, by stable names, and does what the hint says",
			func(p *hostProbe) {
				p.need(p.can.Checker != nil, "the host has no Checker")
				first, err := p.can.Checker.Check(p.ctx())
				p.supported(err, "Check")
				second, err := p.can.Checker.Check(p.ctx())
				p.ok(err, "Check again")
				checkFindings(p, first, second)
			},
		},
	}
}

func hostNames(p *hostProbe) {
	p.check(p.desc.HostID != "", "Describe gives no HostID")
	p.check(p.desc.Product != "", "Describe gives no Product")
	other, err := p.login().Describe(p.ctx())
	p.ok(err, "Describe by another login")
	p.check(fieldsSet(other, true) == fieldsSet(p.desc, true), "Describe says %+v, and %+v by another login", p.desc, other)
}

func hostAbilities(p *hostProbe) {
	want := fieldsSet(p.can, false)
	for range 3 {
		got := fieldsSet(p.raw.Abilities(), false)
		p.check(got == want, "Abilities are %s, were %s", got, want)
	}
	got := fieldsSet(p.login().Abilities(), false)
	p.check(got == want, "Abilities are %s by another login, were %s", got, want)
}

func hostInitiators(p *hostProbe) {
	read := func(d driver.Host) []string {
		all, err := d.Initiators(p.ctx())
		p.ok(err, "Initiators")
		var names []string
		for _, i := range all {
			p.check(i.Name != "" && i.Protocol != "", "an initiator without name or protocol: %+v", i)
			names = append(names, i.Protocol+" "+i.Name)
		}
		slices.Sort(names)
		p.check(len(slices.Compact(slices.Clone(names))) == len(names), "an initiator comes twice: %v", names)
		return names
	}
	first, second := read(p.d), read(p.login())
	p.check(len(first) > 0, "the host has no initiators")
	p.check(slices.Equal(first, second), "Initiators: %v, and %v by another login", first, second)
}

func hostImpact(p *hostProbe) {
	p.need(p.can.Impact != nil, "the host has no Impact")
	t, _ := p.disk()
	before := p.attachment(t.LUN)
	blockers, err := p.can.Impact.Impact(p.ctx(), t.LUN)
	p.supported(err, "Impact")
	for _, b := range blockers {
		p.check(b.Kind != "" && b.ID != "", "an impact without kind or id: %+v", b)
	}
	p.attached(t.LUN, "after Impact")
	p.same(before, p.attachment(t.LUN), "Impact")
	_, err = p.can.Impact.Impact(p.ctx(), p.lun().LUN)
	p.ok(err, "Impact of a LUN that the host does not know")
}
