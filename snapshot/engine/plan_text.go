package engine

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/storagesnap/storagesnap/driver"
)

// textMost is how many lines of one sort the text of a plan has before it only says how many more there are.
const textMost = 20

// String returns the plan as lines of text for a terminal; its form may change. Long lists are cut; none of their
// entries is missing in the plan itself.
func (p Plan) String() string {
	t := &planText{}
	t.line("plan: %s", p.Kind)
	for _, v := range p.Volumes {
		t.line("  %s", v)
	}
	if p.Refusal != nil {
		t.line("refused: %s", p.Refusal.Text)
		if p.Refusal.Next != "" {
			t.line("  next: %s", p.Refusal.Next)
		}
	}
	section(t, "before it", p.Queued, driver.Blocker.String)
	t.steps(p)
	section(t, "will be gone", p.Vanish, PlannedLoss.String)
	section(t, "hosts", p.Hosts, func(name string) string { return fmt.Sprintf("%q", name) })
	section(t, "in use by", p.Holders, holderText)
	section(t, "warnings", p.Warnings, func(text string) string { return text })
	t.line("version: %s", p.Version)
	return t.out.String()
}

type planText struct{ out strings.Builder }

// line writes a line. What others named may hold anything; a terminal must not meet it.
func (t *planText) line(format string, args ...any) {
	t.out.WriteString(strings.Map(printable, fmt.Sprintf(format, args...)))
	t.out.WriteByte('\n')
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// section writes a heading and a line for each item, if there are any.
func section[T any](t *planText, heading string, items []T, text func(T) string) {
	if len(items) == 0 {
		return
	}
	t.line("%s:", heading)
	for i, item := range items {
		if i == textMost {
			t.line("  … and %d more", len(items)-i)
			return
		}
		t.line("  %s", text(item))
	}
}

// steps writes what is done in two columns, the step's name and the sentences.
func (t *planText) steps(p Plan) {
	if len(p.Steps) == 0 {
		return
	}
	t.line("steps:")
	name, cut := 0, len(p.Steps) > 2*textMost
	for _, s := range p.Steps {
		name = max(name, len(s.Name))
	}
	for i, s := range p.Steps {
		if last := len(p.Steps) - 1; cut && i >= textMost && i < last {
			if i == textMost {
				t.line("      … and %d more", last-i)
			}
			continue
		}
		t.line("  %2d  %-*s  %s%s", i+1, name, s.Name, s.Does, callsText(s.Calls))
		if s.Undo != "" {
			t.line("      %-*s  if it goes back: %s", name, "", s.Undo)
		}
		if s.Pivot {
			t.line("      %-*s  from here on there is NO WAY BACK", name, "")
		}
	}
}

// callsText names the calls of array and host.
func callsText(calls []PlannedCall) string {
	var names []string
	for _, c := range calls {
		switch {
		case c.Target == TargetInventory:
		case c.Count == 1:
			names = append(names, c.Method)
		default:
			names = append(names, fmt.Sprintf("%d × %s", c.Count, c.Method))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " [" + strings.Join(names, ", ") + "]"
}

// String returns the volume as the text of a plan has it.
func (v PlannedVolume) String() string {
	text := fmt.Sprintf("volume %s of backend %q, %s", label(v.Name, v.ID.Short()), v.Backend, exactly(v.Size))
	switch {
	case v.New:
		return "new " + text
	case v.Gone:
		return text + ", will be gone"
	case v.HeadBefore.facet() == v.HeadAfter.facet():
		return fmt.Sprintf("%s, descends from %s", text, v.HeadBefore)
	}
	return fmt.Sprintf("%s, descends from %s, then from %s", text, v.HeadBefore, v.HeadAfter)
}

// exactly is a size in the largest unit that needs no fraction.
func exactly(size int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for size != 0 && size%1024 == 0 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	return fmt.Sprintf("%d %s", size, units[0])
}

// String returns the head as the text of a plan has it.
func (h PlannedHead) String() string {
	switch {
	case h.Unknown:
		return "a snapshot that is not known"
	case h.New:
		return fmt.Sprintf("%s (new)", label(h.Name, ""))
	case h.Snapshot.IsZero():
		return "no snapshot"
	}
	return label(h.Name, h.Snapshot.Short())
}

// String returns the loss as the text of a plan has it.
func (l PlannedLoss) String() string {
	id := l.ID[max(0, len(l.ID)-8):] // as the ids' Short
	text := fmt.Sprintf("%s %s", l.Kind, label(l.Name, id))
	if l.Kind == lossContent || l.Kind == lossRecord {
		text = fmt.Sprintf("the %s of volume %s", l.Kind, label(l.Name, id))
	}
	if !l.Since.IsZero() {
		text += " since " + stamp(l.Since)
	}
	return text + ": " + l.Why
}

func holderText(h driver.Holder) string {
	state := "not running"
	if h.Running {
		state = "running"
	}
	return fmt.Sprintf("%s, %s", h.Blocker, state)
}
