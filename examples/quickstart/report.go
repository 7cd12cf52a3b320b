package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// step is one step of the story, as it is printed.
type step struct {
	Step   int      `json:"step"`
	Did    string   `json:"did"`
	SHA256 string   `json:"sha256,omitempty"`
	Image  string   `json:"image,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	Tree   string   `json:"tree,omitempty"`
}

// report prints the steps, for people or for programs.
type report struct {
	out  io.Writer
	json bool
	n    int
}

func newReport(out io.Writer, asJSON bool) *report { return &report{out: out, json: asJSON} }

func (r *report) note(text string) {
	if !r.json {
		_, _ = fmt.Fprintln(r.out, text)
	}
}

func (r *report) step(s step) error {
	r.n++
	s.Step = r.n
	if r.json {
		return json.NewEncoder(r.out).Encode(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%2d  %s\n", s.Step, s.Did)
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "    %s\n", n)
	}
	if s.SHA256 != "" {
		fmt.Fprintf(&b, "    content sha256 %s\n", s.SHA256)
	}
	if s.Tree != "" {
		fmt.Fprintf(&b, "\n    %s\n", strings.ReplaceAll(strings.TrimRight(s.Tree, "\n"), "\n", "\n    "))
	}
	_, err := io.WriteString(r.out, b.String())
	return err
}
