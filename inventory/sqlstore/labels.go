package sqlstore

import (
	"encoding/json"
	"strings"
)

// labels reads a column of labels.
func labels(r *row, into *map[string]string) {
	raw := new(string)
	r.then(raw, func() error {
		*into = nil
		if *raw == "" {
			return nil
		}
		if m, ok := plainLabels(*raw); ok {
			*into = m
			return nil
		}
		return json.Unmarshal([]byte(*raw), into)
	})
}

func labelsValue(labels map[string]string) (string, error) { return jsonValue(len(labels), labels) }

// plainLabels reads an object of strings without escapes, as nearly all labels are, several times as fast as package json
// does: listings live on it. It reports false for anything else.
func plainLabels(text string) (map[string]string, bool) {
	body, ok := strings.CutPrefix(text, `{"`)
	if !ok || strings.Contains(body, `\`) {
		return nil, false
	}
	m := make(map[string]string, strings.Count(body, `":"`))
	for {
		key, rest, ok := strings.Cut(body, `":"`)
		if !ok || strings.Contains(key, `"`) {
			return nil, false
		}
		value, rest, ok := strings.Cut(rest, `"`)
		if !ok {
			return nil, false
		}
		m[key] = value
		if rest == "}" {
			return m, true
		}
		if body, ok = strings.CutPrefix(rest, `,"`); !ok {
			return nil, false
		}
	}
}
