package drivertest

import (
	"fmt"
	"reflect"

	"github.com/storagesnap/storagesnap/driver"
)

func describeChecks() []check {
	return []check{
		{
			"describe/names-the-backend",
			"the engine recognises an array by its own id; without one, two configured names could mean the same array",
			describeNames,
		},
		{
			"describe/same-after-reopen",
			"another process plans by the facts that this one read; if they differ, one of them acts on wrong ones",
			describeReopen,
		},
		{
			"describe/facts-and-limits-make-sense",
			"the engine computes waiting times and refusals from these numbers before it asks the array",
			describeSense,
		},
		{
			"describe/abilities-are-constant",
			"the engine asks once what a driver can do; an ability that comes and goes breaks operations half way",
			describeAbilities,
		},
	}
}

func describeNames(p *probe) {
	p.check(p.desc.Backend != "", "Describe gives no Backend id")
	p.check(p.desc.Product != "", "Describe gives no Product, which logs and support lists show")
	repeated, err := p.d.Describe(p.ctx())
	p.ok(err, "Describe again")
	p.check(repeated.Backend == p.desc.Backend, "Backend was %q, is %q", p.desc.Backend, repeated.Backend)
}

func describeReopen(p *probe) {
	other, err := p.open().Describe(p.ctx())
	p.ok(err, "Describe of a second driver")
	p.check(other.Backend == p.desc.Backend, "Backend: %q, and %q when reopened", p.desc.Backend, other.Backend)
	p.check(reflect.DeepEqual(other.Facts, p.desc.Facts), "Facts: %s, and %s when reopened",
		fieldsSet(p.desc.Facts, true), fieldsSet(other.Facts, true))
	p.check(reflect.DeepEqual(other.Limits, p.desc.Limits), "Limits: %s, and %s when reopened",
		fieldsSet(p.desc.Limits, true), fieldsSet(other.Limits, true))
}

func describeSense(p *probe) {
	f, l := p.facts, p.desc.Limits
	p.check(f.Settle >= 0, "Facts.Settle is negative: %v", f.Settle)
	for name, unit := range map[string]driver.Unit{
		"SnapshotUnit": f.SnapshotUnit, "RevertUnit": f.RevertUnit, "LimitUnit": f.LimitUnit,
	} {
		p.check(unit == driver.UnitVolume || unit == driver.UnitContainer, "Facts.%s has no meaning: %d", name, unit)
	}
	p.check(f.CloneDependence >= driver.CloneIndependent && f.CloneDependence <= driver.CloneDependent,
		"Facts.CloneDependence has no meaning: %d", f.CloneDependence)
	p.check(f.GroupMemberDelete >= driver.MemberDeleteOK && f.GroupMemberDelete <= driver.MemberDeleteRefused,
		"Facts.GroupMemberDelete has no meaning: %d", f.GroupMemberDelete)
	for field, v := range reflect.ValueOf(l).Fields() {
		if field.IsExported() {
			p.check(v.Int() >= 0, "Limits.%s is negative: %d", field.Name, v.Int())
		}
	}
	p.check(l.MaxVolumeSize == 0 || l.MinVolumeSize <= l.MaxVolumeSize, "Limits: MinVolumeSize %d > MaxVolumeSize %d",
		l.MinVolumeSize, l.MaxVolumeSize)
	p.check(!f.TokenInName || l.NameLength == 0 || l.NameLength >= driver.TokenLength,
		"Facts.TokenInName, but a token of %d characters does not fit into Limits.NameLength %d", driver.TokenLength, l.NameLength)
	p.check(f.CloneDependence != driver.CloneUntilSplit || p.can.Cloner == nil || p.can.Splitter != nil,
		"Facts.CloneDependence is CloneUntilSplit, but the driver has no Splitter")
}

func describeAbilities(p *probe) {
	want := fieldsSet(p.raw.Abilities(), false)
	for i := range 3 {
		got := fieldsSet(p.raw.Abilities(), false)
		p.check(got == want, "Abilities call %d: %s, before: %s", i+2, got, want)
	}
	got := fieldsSet(p.open().Abilities(), false)
	p.check(got == want, "Abilities of a second driver: %s, of the first: %s", got, want)
	p.rec.remark(fmt.Sprintf("abilities: %s", want))
}
