package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// nameWidth is the most characters of a name in a table.
const nameWidth = 32

// tableWidth is how wide a table is at most: the last column is wrapped, and no other.
const tableWidth = 100

// table is rows of cells below a heading, in as few columns of the terminal as their texts need.
type table struct{ rows [][]string }

func newTable(heading ...string) *table { return &table{rows: [][]string{heading}} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table, or a sentence if it has no rows.
func (t *table) write(w io.Writer, none string) error {
	if len(t.rows) == 1 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	last := len(t.rows[0]) - 1
	widths, before := make([]int, last), 0
	for i := range widths {
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		before += widths[i] + len("  ")
	}
	var b strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, width := range widths {
			fmt.Fprintf(&line, "%-*s  ", width, row[i])
		}
		for _, part := range wrapped(row[last], tableWidth-before) {
			fmt.Fprintf(&line, "%s", part)
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
			line.Reset()
			fmt.Fprintf(&line, "%*s", before, "")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrapped cuts a text into lines at its spaces; a word that is longer than width stays whole.
func wrapped(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		line := &lines[len(lines)-1]
		switch {
		case *line == "":
			*line = word
		case utf8.RuneCountInString(*line)+1+utf8.RuneCountInString(word) <= width:
			*line += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// list is lines of "name: value" with the values below each other; empty values are left out.
type list struct{ lines [][2]string }

func (l *list) add(name, value string) {
	if value != "" {
		l.lines = append(l.lines, [2]string{name, value})
	}
}

func (l *list) write(w io.Writer) error {
	width := 0
	for _, line := range l.lines {
		width = max(width, len(line[0]))
	}
	for _, line := range l.lines {
		if _, err := fmt.Fprintf(w, "%-*s %s\n", width+1, line[0]+":", safe(line[1], 0)); err != nil {
			return err
		}
	}
	return nil
}

// safe makes a text that somebody else chose fit for a terminal: what cannot be printed is escaped, and what is longer than
// width characters is cut; 0 cuts nothing.
func safe(text string, width int) string {
	var b strings.Builder
	for _, r := range text {
		if r != utf8.RuneError && strconv.IsPrint(r) || r == '\n' && width == 0 {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	if width > 0 && utf8.RuneCountInString(b.String()) > width {
		return string([]rune(b.String())[:width-1]) + "…"
	}
	return b.String()
}

func name(text string) string {
	if text == "" {
		return "-"
	}
	return safe(text, nameWidth)
}

// stamp writes a time in UTC; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// minute is stamp for tables.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// size writes bytes with a binary unit, as package snapshot's trees do.
func size(n int64) string {
	unit, value := "B", float64(n)
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value < 1023.5 {
			break
		}
		unit, value = u, value/1024
	}
	if tenths := math.Round(value * 10); tenths < 100 && math.Mod(tenths, 10) != 0 {
		return fmt.Sprintf("%.1f %s", tenths/10, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
