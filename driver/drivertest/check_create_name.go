package drivertest

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/storagesnap/storagesnap/driver"
)

func createNameChecks() []check {
	return []check{
		{
			"create/equal-names",
			"names are for people, who call every snapshot the same; identity is the token",
			createEqualNames,
		},
		{
			"create/odd-names",
			"a name that breaks a query, a path or a look-up loses the snapshot or worse",
			createOddNames,
		},
		{
			"create/longest-name",
			"Limits.NameLength is what the engine cuts names to; if that does not fit, every such create fails",
			createLongName,
		},
		{
			"create/labels",
			"labels may be dropped by an array that cannot hold them, but never altered",
			createLabels,
		},
	}
}

func createEqualNames(p *probe) {
	v := p.volume()
	first := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: "same"})
	second := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: "same"})
	p.check(first.Ref.ID != second.Ref.ID, "two creates with one name and two tokens returned one snapshot, %s", first.Ref.ID)
	p.lists(v, "after two creates with one name", first, second)
}

func createOddNames(p *probe) {
	v := p.volume()
	names := []string{
		"", " ", ".", "..", "-rf", "a/b\\c", `"quoted" 'twice'`, "50%_off*?", "<b>&amp;</b>",
		"; drop table x", "ümläut 日本 🦊", "$(id)`id`",
	}
	for _, name := range names {
		name = p.cut(name)
		req := driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: name}
		s, err := p.d.CreateSnapshot(p.ctx(), req)
		p.ok(err, "CreateSnapshot with name "+name)
		req.Attempt = again(time.Now())
		repeated, err := p.d.CreateSnapshot(p.ctx(), req)
		p.ok(err, "CreateSnapshot with Resume and name "+name)
		p.check(repeated.Ref == s.Ref, "name %q: Resume returned %+v, the first call %+v", name, repeated.Ref, s.Ref)
		p.lists(v, "with name "+name, s)
		p.delete(s.Ref)
	}
	p.lists(v, "after deleting every odd name")
}

// cut shortens a name to what the limits leave for it, as the engine does.
func (p *probe) cut(name string) string {
	most := p.nameRoom()
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// nameRoom is how long a name may be.
func (p *probe) nameRoom() int {
	most := p.desc.Limits.NameLength
	switch {
	case most == 0:
		return 255
	case p.facts.TokenInName:
		return max(most-driver.TokenLength, 0)
	}
	return max(most, 0)
}

func createLongName(p *probe) {
	v := p.volume()
	name := strings.Repeat("n", p.nameRoom())
	s := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: name})
	got, err := p.lookup(driver.SnapshotRef{Volume: v, Token: s.Ref.Token})
	p.ok(err, "Lookup by token of a snapshot with a long name")
	p.check(got.Ref == s.Ref, "Lookup returned %+v, want %+v", got.Ref, s.Ref)
}

func createLabels(p *probe) {
	v := p.volume()
	labels := map[string]string{"app": "shop", "empty": "", "odd": `ü"=,/ `}
	s := p.createAs(driver.CreateSnapshotRequest{Volume: v, Token: p.token(), Name: "labels", Labels: labels})
	got, err := p.lookup(s.Ref)
	p.ok(err, "Lookup")
	kept := 0
	for key, value := range got.Labels {
		want, asked := labels[key]
		p.check(!asked || value == want, "label %q is %q, want %q", key, value, want)
		if asked {
			kept++
		}
	}
	switch kept {
	case 0:
		p.rec.remark("the array stores no labels")
	case len(labels):
	default:
		p.Errorf("of %d labels the array kept %d", len(labels), kept)
	}
}
