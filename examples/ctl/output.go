package main

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The forms of the output.
const (
	outputText = "text"
	outputJSON = "json"
	outputYAML = "yaml"
)

func (a *app) checkOutput() error {
	switch a.flags.output {
	case outputText, outputJSON, outputYAML:
		return nil
	}
	wrong := a.flags.output
	a.flags.output = outputText // for the error
	return usagef("-o %q: want text, json or yaml", wrong)
}

// print writes a value in the form that was asked for; text is called for text.
func (a *app) print(value any, text func(w io.Writer) error) error {
	if a.flags.output != outputText {
		return encode(a.out, a.flags.output, value)
	}
	var b bytes.Buffer
	if err := text(&b); err != nil {
		return err
	}
	_, err := a.out.Write(b.Bytes())
	return err
}

// encode writes the value with the field names of its JSON tags.
func encode(w io.Writer, form string, value any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	if form == outputYAML {
		var err error
		if b, err = yamlOf(b.Bytes()); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// yamlOf writes JSON as YAML, in the same order.
func yamlOf(doc []byte) (bytes.Buffer, error) {
	var b bytes.Buffer
	var node yaml.Node
	if err := yaml.Unmarshal(doc, &node); err != nil { // JSON is YAML
		return b, err
	}
	block(&node)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return b, err
	}
	return b, enc.Close()
}

// bare are texts that every reader of YAML takes for texts without quotes, but for some words.
var (
	bare  = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9 ./_@-]*[A-Za-z0-9]$`)
	words = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
)

// block lays the nodes out one below the other, and takes away quotes that are not needed.
func block(n *yaml.Node) {
	text := n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle
	switch {
	case n.Kind != yaml.ScalarNode && len(n.Content) > 0,
		text && bare.MatchString(n.Value) && !slices.Contains(words, strings.ToLower(n.Value)):
		n.Style = 0
	}
	for _, below := range n.Content {
		block(below)
	}
}
