package snapshot

import (
	"fmt"
	"strings"
	"time"
)

// TextOptions says how [Tree.Text] draws. The zero value is good for a terminal.
type TextOptions struct {
	_ [0]func()

	// Now makes times into ages ("3d ago") and hides holds that have ended. Zero: times in UTC, all holds.
	Now time.Time
	// ASCII draws with ASCII characters only and writes all others as \u escapes.
	ASCII bool
	// NameWidth is the most columns that a name takes before it is cut; 0 means 40.
	NameWidth int
}

// String draws the tree with the zero [TextOptions].
func (t *Tree) String() string { return t.Text(TextOptions{}) }

// Text draws the tree, one line per snapshot, for people; its form may change. A line that goes on straight down is drawn
// in one column; other branches are set off to the right. The line that leads to the present content is always the
// leftmost and the last. Whatever names contain, the text holds no control characters but line ends.
//
// Elsewhere the child with the most descendants goes on straight down. So even a million snapshots never need more than 21
// columns, however deep the tree is, and the price stays near proportional to their number.
func (t *Tree) Text(opts TextOptions) string {
	p := newPainter(t, opts)
	p.title()
	for r := range p.layout.rows() {
		if r.apart {
			p.out.WriteByte('\n')
		}
		if r.node == present {
			p.present(r)
		} else {
			p.snapshot(r)
		}
	}
	return p.out.String()
}

// painter writes the lines of one text.
type painter struct {
	tree   *Tree
	opts   TextOptions
	layout layout
	glyphs glyphs
	out    strings.Builder
	// labels is the width of the widest graph with its name behind it; named, whether any snapshot has a name.
	labels int
	named  bool
}

func newPainter(t *Tree, opts TextOptions) *painter {
	if opts.NameWidth <= 0 {
		opts.NameWidth = 40
	}
	p := &painter{tree: t, opts: opts, layout: newLayout(t), glyphs: glyphsOf(opts.ASCII)}
	for r := range p.layout.rows() {
		if r.node != present {
			_, width := p.label(t.nodes.at(r.node))
			p.labels = max(p.labels, int(r.level)*len("| ")+width)
			p.named = p.named || t.nodes.at(r.node).Name != ""
		}
	}
	return p
}

func (p *painter) title() {
	plural := "s"
	if len(p.tree.index) == 1 {
		plural = ""
	}
	fmt.Fprintf(&p.out, "volume %s: %d snapshot%s\n", p.tree.volume, len(p.tree.index), plural)
}

// graph draws the lines left of a row. Every column that a branch was set off from goes on below it.
func (p *painter) graph(r row) {
	columns := int(r.level)
	if r.branch {
		columns--
	}
	for range columns {
		p.out.WriteString(p.glyphs.line)
	}
	if r.branch {
		p.out.WriteString(p.glyphs.fork)
	}
}

func (p *painter) present(r row) {
	head := p.tree.head
	p.graph(r)
	switch i, ok := p.tree.index[head.Snapshot]; {
	case head.Unknown:
		p.out.WriteString("? now (nobody knows what the content descends from)\n")
	case !ok:
		p.out.WriteString(p.glyphs.now + " now (content descends from no snapshot)\n")
	default:
		name, _ := p.label(p.tree.nodes.at(i))
		p.out.WriteString(p.glyphs.now + " now (content descends from " + name + ")\n")
	}
}

func (p *painter) snapshot(r row) {
	s := p.tree.nodes.at(r.node)
	p.graph(r)
	label, width := p.label(s)
	p.out.WriteString(p.glyphs.node + " " + label)
	pad := p.labels - int(r.level)*len("| ") - width
	if p.named {
		id := s.ID.Short()
		if s.Name == "" {
			id = "" // it is the label
		}
		fmt.Fprintf(&p.out, "%*s  %-8s", pad, "", id)
		pad = 0
	}
	fmt.Fprintf(&p.out, "%*s  %s  %8s  %s", pad, "", p.when(s), sizeText(s.Size), p.remarks(s))
	p.out.WriteByte('\n')
}

// label is the name, or the short id of a snapshot without one, with its width in columns.
func (p *painter) label(s *Snapshot) (text string, width int) {
	if s.Name == "" {
		return s.ID.Short(), len(s.ID.Short())
	}
	return p.glyphs.safe(s.Name, p.opts.NameWidth)
}

func (p *painter) when(s *Snapshot) string {
	if p.opts.Now.IsZero() {
		return s.CreatedAt.UTC().Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("%8s", ageText(p.opts.Now, s.CreatedAt))
}

// remarks is the state, and what else a person should know before doing something.
func (p *painter) remarks(s *Snapshot) string {
	remarks := []string{string(s.State)}
	if s.Lineage == Assumed {
		remarks = append(remarks, "parent assumed")
	}
	for _, h := range s.Holds {
		if !p.opts.Now.IsZero() && !h.Active(p.opts.Now) {
			continue
		}
		name, _ := p.glyphs.safe(h.Name, p.opts.NameWidth)
		if h.Reason != "" {
			reason, _ := p.glyphs.safe(h.Reason, p.opts.NameWidth)
			name += " (" + reason + ")"
		}
		remarks = append(remarks, "held: "+name)
	}
	return strings.Join(remarks, ", ")
}
