package snapshot

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// glyphs are the characters to draw with.
type glyphs struct {
	ascii                           bool
	node, now, line, fork, ellipsis string
}

func glyphsOf(ascii bool) glyphs {
	if ascii {
		return glyphs{ascii: true, node: "o", now: "*", line: "| ", fork: "|-", ellipsis: "..."}
	}
	return glyphs{node: "○", now: "●", line: "│ ", fork: "├─", ellipsis: "…"}
}

// maxMarks is how many combining marks one character may bear; living scripts need no more.
const maxMarks = 4

// safe makes a text that somebody else chose fit for a terminal: what is not printable (control and escape characters,
// marks that turn the writing direction, bytes that are no UTF-8) is written as an escape, and what is wider than limit
// columns is cut. It returns the width too.
func (g glyphs) safe(text string, limit int) (safe string, width int) {
	var b strings.Builder
	room := max(0, limit-utf8.RuneCountInString(g.ellipsis))
	cut, cutWidth := 0, 0
	marks := maxMarks // a mark without a character before it would join what we wrote ourselves
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		piece, columns := g.piece(text[:size], r, marks <= maxMarks)
		text = text[size:]
		if width+columns > limit {
			return b.String()[:cut] + g.ellipsis, cutWidth + utf8.RuneCountInString(g.ellipsis)
		}
		b.WriteString(piece)
		if width += columns; width <= room {
			cut, cutWidth = b.Len(), width
		}
	}
	return b.String(), width
}

// piece returns one character, or its escape, with its width.
func (g glyphs) piece(raw string, r rune, plain bool) (text string, width int) {
	invalid := r == utf8.RuneError && len(raw) == 1
	if plain && !invalid && strconv.IsPrint(r) && (!g.ascii || r < utf8.RuneSelf) {
		return raw, columns(r)
	}
	text = strconv.QuoteToASCII(raw)
	return text[1 : len(text)-1], len(text) - len(`""`)
}

// columns is how wide a terminal draws a printable character: 0 for marks that join the one before, 2 for the wide ones of
// East Asia and for pictures. It goes by blocks; a terminal may differ in rare ones, which shifts a line and no more.
func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, // Hangul Jamo
		r >= 0x2e80 && r <= 0x303e, // radicals, CJK punctuation
		r >= 0x3041 && r <= 0xa4cf, // kana, CJK, Yi
		r >= 0xa960 && r <= 0xa97f, // Hangul Jamo
		r >= 0xac00 && r <= 0xd7a3, // Hangul
		r >= 0xf900 && r <= 0xfaff, // CJK
		r >= 0xfe30 && r <= 0xfe6f, // CJK forms
		r >= 0xff00 && r <= 0xff60, // full-width forms
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f, // pictures
		r >= 0x1f680 && r <= 0x1f6ff,
		r >= 0x1f900 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd: // CJK
		return 2
	}
	return 1
}
