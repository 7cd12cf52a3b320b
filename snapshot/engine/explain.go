package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// Explanation says, for a person, how something stands, why, what stands in the way and what would help. It is made from
// the inventory alone, so it works while arrays and hosts are down.
type Explanation struct {
	_ [0]func()

	// Subject names the thing, State how it stands, in one word.
	Subject string `json:"subject"`
	State   string `json:"state"`
	// About says what the names in the other texts stand for: our ids, those of the array and the host, tokens.
	About []string `json:"about,omitempty"`
	// Happened are sentences about what took place so far, in order; Now about how things stand, and who works on them.
	Happened []string `json:"happened"`
	Now      []string `json:"now,omitempty"`
	// Blockers are what stands in the way.
	Blockers []driver.Blocker `json:"blockers,omitempty"`
	// Safe is what a person can do without harm; DoNot what must not be done by hand, and why.
	Safe  []string `json:"safe,omitempty"`
	DoNot []string `json:"do_not,omitempty"`
	// Choices are for [Engine.Resolve].
	Choices []Choice `json:"choices,omitempty"`
	// Next are sentences about what would help, or what happens by itself.
	Next []string `json:"next"`
}

// String returns the explanation as lines of text.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", x.Subject, x.State)
	paragraph(&b, "What it is about", x.About)
	paragraph(&b, "What happened", x.Happened)
	paragraph(&b, "How it stands", x.Now)
	blockers := make([]string, len(x.Blockers))
	for i, bl := range x.Blockers {
		blockers[i] = bl.String()
	}
	paragraph(&b, "In the way", blockers)
	paragraph(&b, "Safe to do", x.Safe)
	paragraph(&b, "Do not", x.DoNot)
	choices := make([]string, len(x.Choices))
	for i, c := range x.Choices {
		choices[i] = c.String()
	}
	paragraph(&b, "Choices", choices)
	paragraph(&b, "Next", x.Next)
	return b.String()
}

func paragraph(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  - %s\n", line)
	}
}

// String returns the choice as lines of text, all but the first indented.
func (c Choice) String() string {
	text := string(c.Name)
	if c.Safe {
		text += " (safe)"
	}
	text += ": " + c.Does
	if c.Check != "" {
		text += "\n      before: " + c.Check
	}
	if c.Consequence != "" {
		text += "\n      after: " + c.Consequence
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
